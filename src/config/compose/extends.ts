import { defined } from '../../model/defined.ts';
import { suggest } from '../did-you-mean.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  type Place,
  readName,
  refuseOthers,
  required,
  scalarAt,
} from '../fields.ts';
import { quote, type YamlEntry, type YamlMap, type YamlNode, type YamlScalar } from '../yaml/yaml-node.ts';
import { type Merging, mergeNodes, placeOf } from './merge.ts';
import { entryOf } from './merge-lists.ts';
import type { ComposeFiles, ComposeSource } from './open-file.ts';
import { folderOf, isRemote, movePaths, pathIn, prefixBetween } from './paths.ts';

/** Services that may extend each other in a row. */
const maxDepth = 100;

interface Work {
  readonly files: ComposeFiles;
  readonly merging: Merging;
  /** Services of the files that come before, for what extends none of its own file. */
  readonly before: YamlNode | undefined;
  readonly done: Map<string, YamlNode>;
  /** Services that are being extended, with their files. */
  readonly open: string[];
}

/** The file with every service that `extends` another one merged with it. */
export function resolveExtends(
  source: ComposeSource,
  files: ComposeFiles,
  merging: Merging,
  before: YamlNode | undefined,
): YamlMap {
  const { root } = source;
  const services = entryOf(root, 'services');
  if (services?.kind !== 'map' || !services.entries.some(({ value }) => entryOf(value, 'extends') !== undefined)) {
    return root;
  }
  const work: Work = { files, merging, before, done: new Map(), open: [] };
  const entries = services.entries.map(({ key, value }): YamlEntry => {
    return { key, value: extendService(work, source, key.source, value) };
  });
  const all = root.entries.map((entry) =>
    entry.key.source === 'services' ? { key: entry.key, value: { ...services, entries } } : entry,
  );
  return { ...root, entries: all };
}

function extendService(work: Work, source: ComposeSource, name: string, node: YamlNode): YamlNode {
  const place = entriesOf(placeOf(node, ['services', name], work.merging)).get('extends');
  if (node.kind !== 'map' || place === undefined) return node;
  const id = JSON.stringify([source.file, name]);
  const known = work.done.get(id);
  if (known !== undefined) return known;
  const own: YamlMap = { ...node, entries: node.entries.filter(({ key }) => key.source !== 'extends') };
  if (work.open.includes(id)) {
    const names = [...work.open.slice(work.open.indexOf(id)), id].map((each) => String(JSON.parse(each)[1]));
    complain(place, `"extends" goes in a circle: ${names.map(quote).join(' extends ')}`);
    return incomplete(own);
  }
  if (work.open.length >= maxDepth) {
    complain(place, `services extend each other more than ${maxDepth} deep`);
    return incomplete(own);
  }
  work.open.push(id);
  const base = baseOf(work, source, place);
  work.open.pop();
  const result = base === undefined ? incomplete(own) : mergeNodes(base, own, ['services', name], work.merging);
  work.done.set(id, result);
  return result;
}

/** A service without what it extends, which is reported: that it has no image now is no further problem. */
function incomplete(service: YamlMap): YamlMap {
  if (entryOf(service, 'image') !== undefined) return service;
  const { offset, file } = service;
  const text = { kind: 'scalar', type: 'text', offset, ...defined({ file }) } as const;
  const key: YamlScalar = { ...text, value: 'image', source: 'image' };
  return {
    ...service,
    entries: [...service.entries, { key, value: { ...text, value: '', source: '', unknown: 'reported' } }],
  };
}

/** The service that is extended, itself extended, with its paths as seen from the folder of the one that extends it. */
function baseOf(work: Work, source: ComposeSource, place: Place): YamlNode | undefined {
  const wanted = readReference(place);
  if (wanted === undefined) return undefined;
  const { service, name, file } = wanted;
  const other = file === undefined ? source : openOther(work, source, file);
  if (other === undefined) return undefined;
  const own = entryOf(other.root, 'services');
  const found = own === undefined ? undefined : entryOf(own, name);
  const earlier = file === undefined && work.before !== undefined ? entryOf(work.before, name) : undefined;
  if (found === undefined && earlier === undefined) {
    const known = own?.kind === 'map' ? own.entries.map(({ key }) => key.source) : [];
    const where = file === undefined ? '' : ` of ${quote(other.file ?? '')}`;
    return complain(service, `"extends" names the unknown service ${quote(name)}${where}`, () =>
      suggest(scalarAt(service), known),
    );
  }
  if (found === undefined) return earlier;
  return movePaths(extendService(work, other, name, found), prefixBetween(source.folder, other.folder));
}

function openOther(work: Work, { folder, context }: ComposeSource, place: Place): ComposeSource | undefined {
  const text = readName(place, '"file"');
  if (text === undefined) return undefined;
  if (isRemote(text)) return complain(place, 'a file on another machine cannot be used', 'copy it next to this file');
  const path = pathIn(folder, text);
  return work.files.open(path, folderOf(path), context, place);
}

/** A name, or `{service, file}`. */
function readReference(place: Place) {
  if (place.node.kind === 'scalar') {
    const name = readName(place, '"extends"');
    return name === undefined ? undefined : { name, service: place, file: undefined };
  }
  if (place.node.kind === 'list') return complainAtKey(place, '"extends" must be a name or a mapping, not a list');
  const fields = { place, entries: entriesOf(place) };
  refuseOthers(fields, ['service', 'file']);
  const service = required(fields, 'service');
  const name = service === undefined ? undefined : readName(service, '"service"');
  if (service === undefined || name === undefined) return undefined;
  return { name, service, file: fields.entries.get('file') };
}
