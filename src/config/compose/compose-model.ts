import type { FileContext } from '../env/file-context.ts';
import type { NamedFiles } from '../env/named-files.ts';
import { type Place, rootPlace } from '../fields.ts';
import type { FileReport, Report } from '../problems.ts';
import { quote, type YamlMap, type YamlNode } from '../yaml/yaml-node.ts';
import { resolveExtends } from './extends.ts';
import { type Included, resolveIncludes } from './include.ts';
import { type Merging, mergeNodes, withoutTags } from './merge.ts';
import { entryOf } from './merge-lists.ts';
import { type ComposeFiles, type ComposeSource, createComposeFiles, type FirstFile } from './open-file.ts';
import { folderOf } from './paths.ts';
import { type DisabledServices, enableProfiles } from './profiles.ts';

/** What is read besides the first file. */
export interface ComposeOptions {
  /** Files that are merged over the first one, as shown to people. */
  readonly overrides?: readonly string[] | undefined;
  /** The first file was found by its name: the override file next to it counts. */
  readonly isFound?: boolean | undefined;
  /** Further files that would have been found, which are not used. */
  readonly unused?: readonly string[] | undefined;
  /** Default: those of COMPOSE_PROFILES. */
  readonly profiles?: readonly string[] | undefined;
  /** Called once for each further file; ends the reading of one with too many problems. */
  readonly reporting: (file: FileReport) => Report;
}

/** All Compose files of a deployment as one. */
export interface ComposeModel {
  /** Undefined after reporting why the files cannot be read. */
  readonly root?: Place;
  readonly disabled: DisabledServices;
}

/** Names that Compose files are looked for by, the first one winning. */
export const composeNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'] as const;

const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/**
 * Reads a Compose file with all that belongs to it, by the rules of the Compose Specification: variables are replaced
 * file by file, `include` and `extends` are resolved, files are merged in their order, and services whose profiles are
 * not enabled are left out. Each value keeps its place in its own file.
 */
export function readComposeModel(
  first: FirstFile,
  context: FileContext,
  namedFiles: NamedFiles,
  options: ComposeOptions,
): ComposeModel {
  const files = createComposeFiles(namedFiles, first, options.reporting);
  const merging: Merging = { reportOf: files.reportOf, copied: 0 };
  const folder = folderOf(first.path);
  const overrides = options.overrides ?? (options.isFound === true ? findOverride(first, folder, namedFiles) : []);
  const paths = [
    { path: first.path, named: first.root },
    ...overrides.map((path) => ({ path, named: namedBy(path, files, namedFiles) })),
  ];
  const model = loadModel({ files, merging }, { paths, folder, context, chain: [first.path] });
  if (model === undefined) return { disabled: new Map() };
  const root: Place = { ...rootPlace(withoutTags(model), first.root.report), reportOf: files.reportOf };
  const profiles = options.profiles ?? (context.lookup('COMPOSE_PROFILES') ?? '').split(',').map((name) => name.trim());
  const enabled = enableProfiles(root, profiles);
  return { root: { ...root, node: enabled.node }, disabled: enabled.disabled };
}

interface Reading {
  readonly files: ComposeFiles;
  readonly merging: Merging;
}

function loadModel(reading: Reading, included: Included): YamlMap | undefined {
  const { files, merging } = reading;
  let model: YamlNode | undefined;
  for (const { path, named } of included.paths) {
    const source = files.open(path, included.folder, included.context, named);
    if (source === undefined) continue;
    const whole: ComposeSource = {
      ...source,
      root: resolveIncludes(source, included.chain, merging, (entry) => loadModel(reading, entry)),
    };
    const before = model === undefined ? undefined : entryOf(model, 'services');
    const root = resolveExtends(whole, files, merging, before);
    model = model === undefined ? root : mergeNodes(model, root, [], merging);
  }
  return model?.kind === 'map' ? model : undefined;
}

/** Where it is said that a file cannot be read which no file names. */
function namedBy(path: string, files: ComposeFiles, namedFiles: NamedFiles): Place {
  const isRead = namedFiles.read(path, 'compose').kind === 'bytes';
  return isRead ? rootPlace({ kind: 'list', items: [], offset: 0 }, files.reportOf(undefined)) : files.unread(path);
}

/** The override file next to a file that was found by its name; notes which of several is used. */
function findOverride(first: FirstFile, folder: string, namedFiles: NamedFiles): readonly string[] {
  const found = overrideNames
    .map((name) => `${folder}${name}`)
    .filter((path) => namedFiles.read(path, 'compose').kind !== 'absent');
  const [used, ...others] = found;
  if (used === undefined) return [];
  if (others.length > 0)
    note(first, `${quote(used)} is merged with this file, and not ${others.map(quote).join(', ')}`);
  return [used];
}

const note = ({ root }: FirstFile, message: string): void =>
  root.report({ offset: root.node.offset, path: '', message, isNote: true });
