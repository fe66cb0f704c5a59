import { isDeepStrictEqual } from 'node:util';
import type { FileContext } from '../env/file-context.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  type Place,
  readAt,
  readItems,
  readName,
  refuseOthers,
  required,
} from '../fields.ts';
import { isNothing, quote, type YamlEntry, type YamlMap, type YamlNode } from '../yaml/yaml-node.ts';
import { type Merging, mergeNodes, placeOf } from './merge.ts';
import { asMap, entryOf } from './merge-lists.ts';
import type { ComposeSource } from './open-file.ts';
import { asFolder, folderOf, isRemote, moveDevice, moveFile, movePaths, pathIn, prefixBetween } from './paths.ts';

/** Files that may include each other in a row. */
const maxDepth = 20;

const sections = ['services', 'volumes', 'networks', 'secrets', 'configs', 'models'] as const;

/** One entry of `include`: files that are merged to one model, in a folder and with variables of their own. */
export interface Included {
  readonly paths: readonly { readonly path: string; readonly named: Place }[];
  readonly folder: string;
  readonly context: FileContext;
  /** Files whose `include` led here. */
  readonly chain: readonly string[];
}

/** Reads the model of an entry; undefined after reporting why there is none. */
export type LoadIncluded = (included: Included) => YamlMap | undefined;

/**
 * The file with all that it includes: the services, volumes and so on of the other files, next to its own. What it says
 * itself of one of them is merged over the included one.
 */
export function resolveIncludes(
  source: ComposeSource,
  chain: readonly string[],
  merging: Merging,
  load: LoadIncluded,
): YamlMap {
  const { root, folder } = source;
  const node = entryOf(root, 'include');
  if (node === undefined) return root;
  const place = entriesOf(placeOf(root, [], merging)).get('include');
  const rest: YamlMap = { ...root, entries: root.entries.filter(({ key }) => key.source !== 'include') };
  if (place === undefined || isNothing(node)) return rest;
  let all: YamlMap = { kind: 'map', entries: [], offset: root.offset };
  for (const item of readItems(place, '"include"', 'a list of files') ?? []) {
    const included = readEntry(item, source, chain);
    const other = included === undefined ? undefined : load(included);
    if (included === undefined || other === undefined) continue;
    all = importAll(all, movedModel(other, included, folder), merging);
  }
  const model = mergeNodes(all, rest, [], merging);
  return model.kind === 'map' ? model : rest;
}

function readEntry(item: Place, { folder, context }: ComposeSource, chain: readonly string[]): Included | undefined {
  const fields = item.node.kind === 'map' ? { place: item, entries: entriesOf(item) } : undefined;
  if (fields !== undefined) refuseOthers(fields, ['path', 'project_directory', 'env_file']);
  const named = fields === undefined ? item : required(fields, 'path');
  if (named === undefined) return undefined;
  const places = named.node.kind === 'list' ? (readItems(named, '"path"') ?? []) : [named];
  const paths = places.flatMap((place) => {
    const text = readName(place, 'a file to include');
    return text === undefined ? [] : [{ path: pathIn(folder, text), named: place, text }];
  });
  const [first] = paths;
  if (first === undefined || paths.length < places.length) return undefined;
  const remote = paths.find(({ text }) => isRemote(text));
  if (remote !== undefined) {
    return complain(remote.named, 'a file on another machine cannot be included', 'copy it next to this file');
  }
  if (chain.includes(first.path)) {
    const names = [...chain.slice(chain.indexOf(first.path)), first.path];
    return complain(first.named, `"include" goes in a circle: ${names.map(quote).join(' includes ')}`);
  }
  if (chain.length > maxDepth) return complain(item, `files include each other more than ${maxDepth} deep`);
  const text = readAt(fields?.entries, 'project_directory', readName);
  const home = text === undefined ? folderOf(first.path) : asFolder(pathIn(folder, text));
  const envFiles = readEnvFiles(fields?.entries.get('env_file'), folder);
  return { paths, folder: home, context: context.within({ directory: home, envFiles }), chain: [...chain, first.path] };
}

/** Undefined where the default is meant. */
function readEnvFiles(place: Place | undefined, folder: string): readonly string[] | undefined {
  if (place === undefined || isNothing(place.node)) return undefined;
  const items = place.node.kind === 'list' ? (readItems(place, '"env_file"') ?? []) : [place];
  const paths = items.flatMap((item) => readName(item, 'an env file') ?? []);
  // The way to say: no env file at all.
  return paths.filter((path) => path !== '/dev/null').map((path) => pathIn(folder, path));
}

/** With paths as seen from another folder, and with the values of variables that the other folder sets. */
function movedModel(model: YamlMap, { folder: from, context }: Included, to: string): YamlMap {
  const prefix = prefixBetween(to, from);
  const moves: Readonly<Record<string, (node: YamlNode) => YamlNode>> = {
    services: (node) => withVariables(movePaths(node, prefix), context),
    secrets: (node) => moveFile(node, prefix),
    configs: (node) => moveFile(node, prefix),
    volumes: (node) => moveDevice(node, prefix),
  };
  const entries = model.entries.map(({ key, value }): YamlEntry => {
    const move = Object.hasOwn(moves, key.source) ? moves[key.source] : undefined;
    if (move === undefined || value.kind !== 'map') return { key, value };
    return {
      key,
      value: { ...value, entries: value.entries.map((entry) => ({ ...entry, value: move(entry.value) })) },
    };
  });
  return { ...model, entries };
}

/** Bare names in `environment` take their value where the file is included from, so that it is written here. */
function withVariables(service: YamlNode, { lookup }: FileContext): YamlNode {
  if (service.kind !== 'map') return service;
  const entries = service.entries.map(({ key, value }): YamlEntry => {
    const map = key.source === 'environment' ? asMap(value) : undefined;
    if (map === undefined) return { key, value };
    const own = map.entries.map((entry): YamlEntry => {
      const { key: name, value: node } = entry;
      const text = isNothing(node) ? lookup(name.source) : undefined;
      if (text === undefined || node.kind !== 'scalar') return entry;
      return { key: name, value: { ...node, type: 'text', value: text, source: text, from: [`\${${name.source}}`] } };
    });
    return { key, value: { ...map, entries: own } };
  });
  return { ...service, entries };
}

function importAll(model: YamlMap, other: YamlMap, merging: Merging): YamlMap {
  return sections.reduce((sofar, section) => importSection(sofar, other, section, merging), model);
}

function importSection(model: YamlMap, other: YamlMap, section: string, merging: Merging): YamlMap {
  const from = other.entries.find(({ key }) => key.source === section);
  if (from?.value.kind !== 'map') return model;
  const to = model.entries.find(({ key }) => key.source === section);
  if (to === undefined || isNothing(to.value)) {
    return { ...model, entries: [...model.entries.filter((entry) => entry !== to), from] };
  }
  if (to.value.kind !== 'map') return model;
  const known = new Map(to.value.entries.map((entry) => [entry.key.source, entry]));
  const added = from.value.entries.filter((entry) => {
    const before = known.get(entry.key.source);
    if (before === undefined) return true;
    if (!isSame(before.value, entry.value)) refuseSecond(before, entry, section, merging);
    return false;
  });
  const value: YamlMap = { ...to.value, entries: [...to.value.entries, ...added] };
  return { ...model, entries: model.entries.map((entry) => (entry === to ? { key: to.key, value } : entry)) };
}

function refuseSecond(before: YamlEntry, second: YamlEntry, section: string, merging: Merging): void {
  const name = before.key.source;
  const place: Place = {
    ...placeOf(before.value, [section, name], merging),
    keyOffset: before.key.offset,
    key: before.key,
  };
  const what = section.replace(/s$/, '');
  complainAtKey(
    place,
    `the ${what} ${quote(name)} is also in the file ${quote(second.value.file ?? '')}, which is included`,
    'rename one of the two, or have one file merged over the other: "include: [{path: [FILE, OTHER]}]"',
  );
}

/** Two nodes that say the same, wherever they stand. */
function isSame(one: YamlNode, other: YamlNode): boolean {
  return isDeepStrictEqual(plainValue(one), plainValue(other));
}

function plainValue(node: YamlNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return new Map(node.entries.map(({ key, value }) => [key.source, plainValue(value)]));
}
