import { defined } from '../../model/defined.ts';
import { decodeText, type FileContext } from '../env/file-context.ts';
import type { NamedFiles, Reading } from '../env/named-files.ts';
import { complain, isExtension, mustBe, type Place, type ReportOf, rootPlace } from '../fields.ts';
import { createFileReport, type FileReport, type Report } from '../problems.ts';
import { parseYaml } from '../yaml/parse-yaml.ts';
import { isNothing, quote, type YamlMap, type YamlNode } from '../yaml/yaml-node.ts';
import { substituteVariables } from './variables.ts';

/** Compose files that one deployment may be made of, and their size together. */
const maxFiles = 100;
const maxBytes = 10 * 1024 * 1024;

/** A Compose file with its variables replaced. */
export interface ComposeSource {
  /** As shown to people; absent for the first file. */
  readonly file: string | undefined;
  readonly root: YamlMap;
  /** Where its relative paths begin. */
  readonly folder: string;
  readonly context: FileContext;
}

/** The Compose files of a deployment: each is read once, and has one report. */
export interface ComposeFiles {
  readonly reportOf: ReportOf;
  /** `path` as shown to people. Undefined after reporting why not: at `named`, where the file cannot be read. */
  open(path: string, folder: string, context: FileContext, named: Place): ComposeSource | undefined;
  /** The file without anything to read in it: for what is wrong with the file itself. */
  unread(path: string): Place;
}

export interface FirstFile {
  readonly path: string;
  readonly root: Place;
}

interface OpenFile {
  readonly report: Report;
  /** Absent for a file that cannot be read as YAML. */
  readonly node?: YamlNode;
}

/** `reporting` is called once for each further file, and ends the reading of one with too many problems. */
export function createComposeFiles(
  namedFiles: NamedFiles,
  first: FirstFile,
  reporting: (file: FileReport) => Report,
): ComposeFiles {
  const { report, node } = first.root;
  const opened = new Map<string, OpenFile>([[first.path, { report, node: withoutExtensions(node) }]]);
  const substituted = new Map<FileContext, Map<string, YamlNode>>();
  let bytes = 0;
  const read = (path: string, named: Place): OpenFile | undefined => {
    const known = opened.get(path);
    if (known !== undefined) return known;
    if (opened.size >= maxFiles) return complain(named, `more than ${maxFiles} Compose files belong together`);
    const reading = namedFiles.read(path, 'compose');
    if (reading.kind === 'bytes') bytes += reading.bytes.length;
    if (bytes > maxBytes) {
      return complain(named, `the Compose files are larger than ${maxBytes / 1024 / 1024} MiB together`);
    }
    const text = reading.kind === 'bytes' ? decodeText(reading.bytes) : undefined;
    if (text === undefined) return complain(named, whyUnread(path, reading));
    const file = createFileReport(path, text);
    const one: OpenFile = { report: reporting(file), ...defined({ node: parse(text, path, file) }) };
    opened.set(path, one);
    return one;
  };
  const reportOf: ReportOf = (file) => (file === undefined ? report : (opened.get(file)?.report ?? report));
  return {
    reportOf,
    open(path, folder, context, named) {
      const one = read(path, named);
      if (one?.node === undefined) return undefined;
      const root: Place = { ...rootPlace(one.node, one.report), reportOf };
      if (one.node.kind !== 'map') return mustBe(root, 'a Compose file', 'a mapping');
      const known = substituted.get(context) ?? new Map<string, YamlNode>();
      substituted.set(context, known);
      const own = known.get(path) ?? substituteVariables(root, context).node;
      known.set(path, own);
      return own.kind === 'map' ? { file: one.node.file, root: own, folder, context } : undefined;
    },
    unread(path) {
      const report = reporting(createFileReport(path, ''));
      return rootPlace({ kind: 'scalar', type: 'null', value: null, source: '', offset: 0 }, report);
    },
  };
}

/** The tree, of which every value says which file it is from. */
function parse(text: string, path: string, file: FileReport): YamlNode | undefined {
  const { root, problems } = parseYaml(text);
  for (const problem of problems) file.report({ ...problem, path: '' });
  const isEmpty = root === undefined || isNothing(root);
  if (!isEmpty) return ofFile(withoutExtensions(root), path);
  return problems.length > 0 ? undefined : { kind: 'map', entries: [], offset: 0, file: path };
}

function whyUnread(path: string, reading: Reading): string {
  if (reading.kind === 'absent') return `there is no file ${quote(path)}`;
  const why = reading.kind === 'unreadable' ? reading.why : 'it is not UTF-8 text';
  return `the file ${quote(path)} cannot be read: ${why}`;
}

/** Says of each value which file it is from. */
function ofFile(node: YamlNode, file: string): YamlNode {
  if (node.kind === 'scalar') return { ...node, file };
  if (node.kind === 'list') return { ...node, file, items: node.items.map((item) => ofFile(item, file)) };
  const entries = node.entries.map(({ key, value }) => ({ key: { ...key, file }, value: ofFile(value, file) }));
  return { ...node, file, entries };
}

/** Mappings whose keys are names that people choose; in all others a key with `x-` means nothing. */
const named = new Set([
  ...['services', 'networks', 'volumes', 'secrets', 'configs', 'models'],
  ...['additional_contexts', 'annotations', 'args', 'depends_on', 'driver_opts', 'environment', 'extra_hosts'],
  ...['labels', 'options', 'storage_opt', 'sysctls', 'ulimits'],
]);

/** drover's own key. */
const own = 'x-drover';

/** A Compose file without its extensions: keys that begin with `x-`, which hold parts for aliases and other programs. */
function withoutExtensions(node: YamlNode, name?: string): YamlNode {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') {
    const items = node.items.map((item) => withoutExtensions(item));
    return items.every((item, index) => item === node.items[index]) ? node : { ...node, items };
  }
  const isNamed = name !== undefined && named.has(name);
  const kept = node.entries.filter(({ key: { source } }) => isNamed || !isExtension(source) || source === own);
  const entries = kept.map((entry) => {
    // What a person named is not the name of a kind of mapping.
    const value = withoutExtensions(entry.value, isNamed ? undefined : entry.key.source);
    return value === entry.value ? entry : { key: entry.key, value };
  });
  const isSame = kept.length === node.entries.length && entries.every((entry, index) => entry === node.entries[index]);
  return isSame ? node : { ...node, entries };
}
