import type {
  Application,
  AppName,
  Config,
  ConfigProblem,
  DeploymentName,
  LoadResult,
  VolumeMount,
} from '../model/config.ts';
import { containerFields, toSettings } from '../model/container/fields.ts';
import { defined } from '../model/defined.ts';
import { namedVolumeId } from '../model/names.ts';
import { readApplicationFile } from './application-file.ts';
import { plainValue } from './compose/export-compose.ts';
import { folderOf } from './compose/paths.ts';
import { crossCheck } from './cross-check.ts';
import { type DeployedNode, nothingRemoved, readDeploymentFile } from './deployment-file.ts';
import { nameOfFolder, readProjectName } from './deployment-name.ts';
import type { Draft, Drafts } from './draft.ts';
import { type DroverFile, nothingSaid, readDroverFile } from './drover-file.ts';
import { createFileContext } from './env/file-context.ts';
import { createNamedFiles, type NamedFiles } from './env/named-files.ts';
import { entriesOf, type Place, rootPlace } from './fields.ts';
import { createFileReport, type FileReport, type Report } from './problems.ts';
import { knownNodeNames, mergeInventories, mergeSettings, resolveNodes, substituteFor } from './resolve-nodes.ts';
import { configRevision } from './revision.ts';
import { readStandbys } from './standby.ts';
import { parseYaml } from './yaml/parse-yaml.ts';
import { isNothing } from './yaml/yaml-node.ts';

/** A file as read, or the reason it could not be. */
export interface SourceFile {
  /** As shown to people. */
  readonly path: string;
  /** Absent if the file does not exist. */
  readonly text: string | undefined;
  /** Why an existing file has no text. */
  readonly unreadable?: { readonly message: string; readonly hint?: string };
}

/** All files of one configuration; of several settings files the first wins. */
export interface SourceFiles {
  readonly application: SourceFile;
  readonly deployment: SourceFile;
  readonly drover?: readonly SourceFile[];
}

/** What belongs to a Compose file besides the file itself. */
export interface ComposeChoice {
  /** Compose files that are merged over the application file, as shown to people. */
  readonly overrides?: readonly string[];
  /** The application file was found by the name of a Compose file: the override file next to it counts. */
  readonly isFound?: boolean;
  /** Further Compose files in the folder, which are not used. */
  readonly unused?: readonly string[];
  /** Files that set variables, in place of `.env`. */
  readonly envFiles?: readonly string[];
  /** Profiles of Compose services that are enabled. Default: those of COMPOSE_PROFILES. */
  readonly profiles?: readonly string[];
}

export interface LoadOptions extends ComposeChoice {
  /** The result has the values of the application file as well. */
  readonly keepsTree?: boolean;
  /** What `~` stands for in drover.yml. */
  readonly home?: string;
  /** The folder of the application file, in full: it names a deployment that no file names. */
  readonly folder?: string;
  /** Variables of this process, for Compose files. Default: none. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Files that the application file names. Default: none of them exists. */
  readonly namedFiles?: NamedFiles;
}

/** Both files (and settings) as one configuration, or every problem in them, sorted by file and place. Pure. */
export function loadConfig(files: SourceFiles, options: LoadOptions = {}): LoadResult {
  const application = openFile(files.application);
  const deployment = openFile(files.deployment, nothingRemoved);
  const drover = (files.drover ?? []).map((file) => ({ ...openFile(file), directory: folderOf(file.path) }));
  const namedFiles = options.namedFiles ?? createNamedFiles(new Map());
  const further: FileReport[] = [];
  const reporting = (file: FileReport): Report => {
    further.push(file);
    return guarded(file);
  };
  let projectName: string | undefined;
  const context = createFileContext({
    directory: folderOf(files.application.path),
    envFiles: options.envFiles,
    home: options.home,
    environment: options.environment ?? {},
    otherwise: (name) => (name === 'COMPOSE_PROJECT_NAME' ? projectName : undefined),
    namedFiles,
  });
  const content = unlessTooMany(() => {
    const settings = drover.map(({ root, directory }) =>
      root === undefined ? nothingSaid : readDroverFile(root, { directory, ...defined({ home: options.home }) }),
    );
    const own = settings.find((file) => file.name !== undefined)?.name;
    projectName = own ?? nameIn(application.root) ?? nameOfFolder(options.folder ?? '');
    const first = application.root === undefined ? undefined : { path: files.application.path, root: application.root };
    const read = first && readApplicationFile(first, context, namedFiles, { ...options, reporting });
    // From here on only what is set counts.
    projectName = undefined;
    const set = own ?? (read?.format === 'compose' ? readProjectName(context, application.root) : undefined);
    const identity = identityOf(set ?? read?.deploymentName, options);
    const drafts = read && nameVolumes(read, identity.name);
    const inventory = mergeInventories(settings);
    const names = knownNodeNames(inventory);
    const deployed = deployment.root === undefined ? [] : readDeploymentFile(deployment.root, drafts, names);
    const nodes = resolveNodes(deployed, inventory);
    crossCheck(drafts?.drafts ?? [], deployed, drafts?.format);
    const standbyAt = deployment.root && entriesOf(deployment.root).get('standby');
    const standbys = readStandbys(standbyAt, { applications: drafts, drafts: drafts?.drafts ?? [], nodes });
    for (const file of [deployment, ...drover]) file.refuseMergeTags();
    if (drafts?.format !== 'compose') application.refuseMergeTags();
    return { drafts, deployed, nodes, settings, standbys, identity };
  });
  const read = [application, deployment, ...drover].map(({ file }) => file);
  const all = [...read.slice(0, 1), ...further, ...context.reports(), ...read.slice(1)];
  const problems = all.flatMap((file) => file.problems());
  const paths = namedFiles.sources();
  const sources = paths.length === 0 ? {} : { sources: paths };
  if (problems.length > 0 || content?.drafts === undefined)
    return { ok: false, problems: orUnknown(problems), ...sources };
  const { drafts, deployed, nodes, settings, standbys, identity } = content;
  const config = assemble(
    { ...identity, ...(Object.keys(standbys).length === 0 ? {} : { standbys }) },
    drafts,
    deployed,
    nodes,
    settings,
  );
  const notes = all.flatMap((file) => file.notes());
  const tree = options.keepsTree === true ? { tree: plainValue(drafts.tree) } : {};
  return { ok: true, config: notes.length === 0 ? config : { ...config, notes }, ...sources, ...tree };
}

/** `name` is the one that a file or a variable sets. */
const identityOf = (
  name: string | undefined,
  { folder = '' }: LoadOptions,
): Pick<Config, 'name' | 'isNamedByFolder'> =>
  name === undefined ? { name: nameOfFolder(folder), isNamedByFolder: true } : { name };

/** No configuration without a problem would be a bug here; it must not look like success. */
function orUnknown(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  if (problems.length > 0) return problems;
  throw new Error('the application file gave neither applications nor a problem');
}

interface OpenFile {
  readonly file: FileReport;
  readonly root?: Place;
  /** Reports the tags that only Compose files have. */
  readonly refuseMergeTags: () => void;
}

/** `consequence` is added where the file is empty or broken off. */
function openFile(source: SourceFile, consequence?: string): OpenFile {
  const file = createFileReport(source.path, source.text ?? '');
  const suffix = consequence === undefined ? '' : `; ${consequence}`;
  if (source.text === undefined) {
    const why = source.unreadable ?? { message: 'the file does not exist' };
    file.report({ path: '', message: `${why.message}${suffix}`, ...defined({ hint: why.hint }) });
    return { file, refuseMergeTags: () => undefined };
  }
  const { root, problems, mergeTags = [] } = parseYaml(source.text);
  const refuseMergeTags = (): void => {
    for (const tag of mergeTags) file.report({ ...tag, path: '' });
  };
  for (const { offset, message, hint } of problems) {
    file.report({
      offset,
      path: '',
      message: root === undefined ? `${message}${suffix}` : message,
      ...defined({ hint }),
    });
  }
  if (root === undefined || isNothing(root)) {
    if (problems.length === 0) reportEmpty(file, source.path, suffix);
    return { file, refuseMergeTags };
  }
  return { file, root: rootPlace(root, guarded(file)), refuseMergeTags };
}

/** Reports until there are too many problems. */
const guarded =
  (file: FileReport): Report =>
  (finding) => {
    file.report(finding);
    if (file.isFull()) throw new TooManyProblems();
  };

/** The name that a Compose file gives its project, as far as it needs no variables. */
function nameIn(root: Place | undefined): string | undefined {
  const node = root === undefined ? undefined : entriesOf(root).get('name')?.node;
  return node?.kind === 'scalar' && node.type === 'text' && !node.value.includes('$') ? node.value : undefined;
}

/** Ends the reading of all files: what comes of them is known, and garbage must not take its time. */
class TooManyProblems extends Error {}

function unlessTooMany<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof TooManyProblems) return undefined;
    throw error;
  }
}

function reportEmpty(file: FileReport, path: string, suffix: string): void {
  const optional = /drover[^/]*$/.test(path);
  if (optional) return;
  file.report({ offset: 0, path: '', message: `the file is empty: it must be a mapping${suffix}` });
}

/** The named volumes of a Compose file with their ids, which begin with the name of the deployment. */
function nameVolumes<T extends Drafts>(drafts: T, deployment: DeploymentName): T {
  const named = (volume: VolumeMount): VolumeMount =>
    volume.name === undefined || volume.hasFixedId === true
      ? volume
      : { ...volume, id: namedVolumeId(deployment, volume.name) };
  return {
    ...drafts,
    drafts: drafts.drafts.map((draft) => ({
      ...draft,
      volumes: draft.volumes.map(({ place, value }) => ({ place, value: named(value) })),
    })),
  };
}

function assemble(
  identity: Pick<Config, 'name' | 'isNamedByFolder' | 'standbys'>,
  { format, drafts }: Drafts,
  deployed: readonly DeployedNode[],
  nodes: readonly (readonly [string, Config['nodes'][string]])[],
  files: readonly DroverFile[],
): Config {
  const content = {
    ...identity,
    format,
    applications: Object.fromEntries(drafts.map((draft) => [draft.name, toApplication(draft, files)])),
    deployment: Object.fromEntries(deployed.map(({ name, applications }) => [name, namesOf(applications)])),
    nodes: Object.fromEntries(nodes),
    settings: mergeSettings(files),
  };
  return { revision: configRevision(content), ...content };
}

const namesOf = (applications: DeployedNode['applications']): AppName[] =>
  applications.map(({ value }) => value).sort();

/** Sorted, with all the addresses of a port in one mapping. */
function portsOf({ ports }: Draft): Application['ports'] {
  const byKey = new Map<string, Application['ports'][number]>();
  for (const { value } of ports) {
    const key = `${value.external}/${value.protocol}`;
    const addresses = [...(byKey.get(key)?.addresses ?? []), ...(value.addresses ?? [])];
    const earlier = byKey.get(key);
    const { isLocal = false, ...rest } = value;
    const local = isLocal && (earlier === undefined || earlier.isLocal === true);
    const all = addresses.length === 0 ? rest : { ...rest, addresses: [...new Set(addresses)].sort() };
    byKey.set(key, local ? { ...all, isLocal } : all);
  }
  return [...byKey.values()].sort((a, b) => a.external - b.external || (a.protocol < b.protocol ? -1 : 1));
}

/** Sorted, each once. */
function exposesOf({ exposes = [] }: Draft): Pick<Application, 'exposes'> {
  if (exposes.length === 0) return {};
  const byKey = new Map(exposes.map(({ value }) => [`${value.port}/${value.protocol}`, value]));
  return { exposes: [...byKey.values()].sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1)) };
}

function toApplication(draft: Draft, files: readonly DroverFile[]): Application {
  if (draft.image === undefined) throw new Error(`the application "${draft.name}" has no image and no problem`);
  const substitute = substituteFor(draft.image, files);
  return {
    name: draft.name,
    image: substitute ?? draft.image,
    ...defined({ insteadOf: substitute === undefined ? undefined : draft.image }),
    ports: portsOf(draft),
    ...exposesOf(draft),
    links: draft.links.map(({ value }) => value),
    environment: Object.fromEntries(draft.environment),
    volumes: draft.volumes.map(({ value }) => value),
    ...defined({
      binds: draft.binds?.map(({ value }) => value),
      tmpfs:
        draft.tmpfs &&
        Object.fromEntries(draft.tmpfs.map(({ value: { mountpoint, options } }) => [mountpoint, options])),
    }),
    ...toSettings(containerFields.map(({ name }) => [name, draft[name]])),
    restartPolicy: draft.restartPolicy,
    ...defined({
      staysDown: draft.staysDown,
      pullPolicy: draft.pullPolicy,
      networks: draft.networks,
      nicknames: draft.nicknames,
      dependsOn: draft.dependsOn?.map(({ value }) => value),
      files: draft.files?.map(({ value }) => value),
      hidesCommand: draft.hidesCommand,
      options: draft.options,
      hooks: draft.hooks,
      mayEnd: draft.mayEnd,
    }),
  };
}
