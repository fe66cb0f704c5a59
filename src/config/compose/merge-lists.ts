import { defined } from '../../model/defined.ts';
import type { YamlEntry, YamlList, YamlMap, YamlNode, YamlScalar } from '../yaml/yaml-node.ts';

/** What makes two items of a list the same; undefined where an item is like no other. */
export type ItemKey = (item: YamlNode) => string | undefined;

/** The items of both, each once: where two have the same key, the second takes the place of the first. */
export function joinLists(base: readonly YamlNode[], over: readonly YamlNode[], keyOf: ItemKey): YamlNode[] {
  const joined: YamlNode[] = [];
  const places = new Map<string, number>();
  for (const item of [...base, ...over]) {
    const key = keyOf(item);
    const place = key === undefined ? undefined : places.get(key);
    if (place !== undefined) {
      joined[place] = item;
      continue;
    }
    if (key !== undefined) places.set(key, joined.length);
    joined.push(item);
  }
  return joined;
}

const textOf = (node: YamlNode | undefined): string | undefined => (node?.kind === 'scalar' ? node.source : undefined);

export const entryOf = (node: YamlNode, name: string): YamlNode | undefined =>
  node.kind === 'map' ? node.entries.find(({ key }) => key.source === name)?.value : undefined;

/** The text itself. */
export const sameText: ItemKey = textOf;

/** `NAME` of `NAME=value`. */
export const sameName: ItemKey = (item) => textOf(item)?.split('=', 1)[0];

/** The path of an env file. */
export const samePath: ItemKey = (item) => textOf(item) ?? textOf(entryOf(item, 'path'));

/** Where it is mounted. */
export const sameTarget: ItemKey = (item) => {
  const text = textOf(item);
  const target = text === undefined ? textOf(entryOf(item, 'target')) : (text.split(':')[1] ?? text);
  return target?.replace(/(.)\/+$/, '$1');
};

/** Where the file is in the container: by default below a folder, under its name. */
export const sameFile =
  (folder: string): ItemKey =>
  (item) => {
    const name = textOf(item) ?? textOf(entryOf(item, 'target')) ?? textOf(entryOf(item, 'source'));
    return name === undefined || name.startsWith('/') ? name : `${folder}/${name}`;
  };

/** Address, both ports and protocol. */
export const samePort: ItemKey = (item) => {
  const text = textOf(item);
  if (text === undefined) {
    const field = (name: string): string | undefined => textOf(entryOf(item, name));
    return portKey(field('host_ip'), field('published'), field('target'), field('protocol'));
  }
  const match = /^(?:(?:(\[[^\]]*\]|[^:[\]]*):)?([^:]*):)?([^:/]+)(?:\/(\w+))?$/.exec(text);
  return match === null ? text : portKey(match[1]?.replace(/^\[(.*)\]$/, '$1'), match[2], match[3], match[4]);
};

const portKey = (address = '', published = '', target = '', protocol = 'tcp'): string =>
  `${address === '' ? '0.0.0.0' : address}:${published}:${target}/${protocol}`;

/** A list of `NAME=value`, of names, or a text alone as a mapping; undefined where something else is in it. */
export function asMap(node: YamlNode): YamlMap | undefined {
  if (node.kind === 'map') return node;
  if (node.kind === 'scalar') return undefined;
  const entries = new Map<string, YamlEntry>();
  for (const item of node.items) {
    if (item.kind !== 'scalar') return undefined;
    const entry = asEntry(item);
    entries.set(entry.key.source, entry);
  }
  const { offset, file, merge } = node;
  return { kind: 'map', entries: [...entries.values()], offset, ...defined({ file, merge }) };
}

function asEntry(item: YamlScalar): YamlEntry {
  const { source, offset, file } = item;
  const cut = source.indexOf('=');
  const name = cut < 0 ? source : source.slice(0, cut);
  const key: YamlScalar = { kind: 'scalar', type: 'text', value: name, source: name, offset, ...defined({ file }) };
  if (cut < 0) return { key, value: { ...key, type: 'null', value: null, source: '' } };
  const value = source.slice(cut + 1);
  return { key, value: { ...item, type: 'text', value, source: value } };
}

/** A mapping as a list of `NAME=value`; a text alone as a list of it. Undefined where a value is no text. */
export function asList(node: YamlNode): YamlList | undefined {
  if (node.kind === 'list') return node;
  const { offset, file, merge } = node;
  const list = { kind: 'list', offset, ...defined({ file, merge }) } as const;
  if (node.kind === 'scalar') return { ...list, items: node.type === 'null' ? [] : [node] };
  const items = node.entries.flatMap(({ key, value }) => {
    const values = value.kind === 'list' ? value.items : [value];
    return values.map((each): YamlScalar | undefined => {
      if (each.kind !== 'scalar') return undefined;
      const text = each.type === 'null' ? key.source : `${key.source}=${each.source}`;
      return { ...each, type: 'text', value: text, source: text, offset: key.offset };
    });
  });
  return items.some((item) => item === undefined)
    ? undefined
    : { ...list, items: items.filter((item) => item !== undefined) };
}
