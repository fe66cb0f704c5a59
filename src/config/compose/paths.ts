import { normalize, relative } from 'node:path/posix';
import type { YamlEntry, YamlNode } from '../yaml/yaml-node.ts';
import { entryOf } from './merge-lists.ts';

/** The path of a file or folder as seen from where drover runs; `folder` is empty or ends with a slash. */
export function pathIn(folder: string, path: string): string {
  if (path.startsWith('/') || path.startsWith('~/')) return path;
  return normalize(`${folder}${path}`);
}

/** `https://…`, `oci://…`, `git@host:…`. */
export const isRemote = (path: string): boolean => /^(?:[a-z][a-z0-9+.-]+:|[^/\s]+@[^/\s]+:)/i.test(path);

/** The folder of a file: empty, or with a slash at its end. */
export function folderOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? '' : path.slice(0, cut + 1);
}

/** A folder as the others are written. */
export const asFolder = (path: string): string => (path === '.' ? '' : path.replace(/\/*$/, '/'));

/** What the relative paths of a file begin with in another folder: empty where both are the same. */
export function prefixBetween(from: string, to: string): string {
  if (from === to) return '';
  if (to.startsWith('/') && !from.startsWith('/')) return to;
  const way = relative(from === '' ? '.' : from, to === '' ? '.' : to);
  return way === '' ? '' : `${way}/`;
}

type Change = (text: string) => string;

/** The relative paths of a service, written for another folder. */
export function movePaths(service: YamlNode, prefix: string): YamlNode {
  if (prefix === '') return service;
  const plain: Change = (text) => (isRelative(text) ? normalize(`${prefix}${text}`) : text);
  const mount: Change = (text) => (/^\.\.?(?:\/|:|$)/.test(text) ? moveMount(prefix, text) : text);
  return changeEntries(service, {
    env_file: (node) => changeItems(node, (item) => changeText(item, plain, 'path')),
    label_file: (node) => changeItems(node, (item) => changeText(item, plain)),
    build: (node) => changeText(node, plain, 'context'),
    volumes: (node) => changeItems(node, (item) => (isBind(item) ? changeText(item, mount, 'source') : item)),
  });
}

/** The same for a secret or config. */
export const moveFile = (definition: YamlNode, prefix: string): YamlNode =>
  prefix === ''
    ? definition
    : changeEntries(definition, {
        file: (node) => changeText(node, (text) => (isRelative(text) ? normalize(`${prefix}${text}`) : text)),
      });

/** The same for a volume that is a folder of the host. */
export const moveDevice = (volume: YamlNode, prefix: string): YamlNode =>
  prefix === ''
    ? volume
    : changeEntries(volume, {
        driver_opts: (node) =>
          changeText(node, (text) => (/^\.\.?(?:\/|$)/.test(text) ? moveMount(prefix, text) : text), 'device'),
      });

const isRelative = (text: string): boolean => text !== '' && !/^(?:[/~]|[a-z][a-z0-9+.-]*:)/i.test(text);

/** A path of the host, which a name of a volume is not: it begins with a dot. */
function moveMount(prefix: string, text: string): string {
  const [source = '', ...rest] = text.split(':');
  const moved = normalize(`${prefix}${source}`);
  const written = moved.startsWith('/') || moved.startsWith('..') ? moved : `./${moved}`;
  return [written, ...rest].join(':');
}

function isBind(item: YamlNode): boolean {
  if (item.kind === 'scalar') return true;
  const type = entryOf(item, 'type');
  return type?.kind === 'scalar' && type.source === 'bind';
}

function changeEntries(node: YamlNode, changes: Readonly<Record<string, (value: YamlNode) => YamlNode>>): YamlNode {
  if (node.kind !== 'map') return node;
  const change = ({ key, value }: YamlEntry): YamlEntry => {
    const by = Object.hasOwn(changes, key.source) ? changes[key.source] : undefined;
    return by === undefined ? { key, value } : { key, value: by(value) };
  };
  return { ...node, entries: node.entries.map(change) };
}

const changeItems = (node: YamlNode, change: (item: YamlNode) => YamlNode): YamlNode =>
  node.kind === 'list' ? { ...node, items: node.items.map(change) } : change(node);

/** Of a text, or of the text under a key of a mapping. */
function changeText(node: YamlNode, change: Change, key?: string): YamlNode {
  if (node.kind === 'map') {
    return key === undefined ? node : changeEntries(node, { [key]: (value) => changeText(value, change) });
  }
  if (node.kind !== 'scalar' || node.type !== 'text') return node;
  const text = change(node.value);
  return text === node.value ? node : { ...node, value: text, source: text };
}
