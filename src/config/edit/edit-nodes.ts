import { load } from 'js-yaml';
import type { NodeName } from '../../model/config.ts';
import { readableYaml } from '../yaml/read-events.ts';
import {
  attempt,
  CannotEdit,
  colonEnd,
  cut,
  type EditResult,
  entriesOf,
  isMap,
  newlineOf,
  printName,
  type Spot,
} from './edit.ts';
import { type CollectionPlace, endOfLine, placesOf, startOfLine, type TextPlace } from './edit-tree.ts';

/** What stands behind a node's key: its settings in drover.yml, or an empty list in deployment.yml. */
export type NodeEntry = Readonly<Record<string, string | number>> | 'idle';

/**
 * A file with a `nodes` mapping, with one more node in it; `text` undefined makes a drover.yml. A node that is there is
 * left as it is. Comments and layout stay; what comes out is read again and given back only if it says what was meant.
 */
export function addNode(text: string | undefined, key: NodeName, entry: NodeEntry): EditResult {
  const before = text ?? '# How drover reaches the nodes.\nversion: 1\n';
  return attempt(before, unknownWay, () => {
    const root = load(readableYaml(before));
    const nodes = nodesIn(root);
    if (Object.hasOwn(nodes, key)) return { after: before, wanted: root };
    const value = entry === 'idle' ? [] : entry;
    return {
      after: insert(before, `${printName(key)}: ${print(value)}`),
      wanted: withNodes(root, { ...nodes, [key]: value }),
    };
  });
}

/** The file without a node. A node with applications is not taken out: "problem" says so. */
export function removeNode(text: string, key: NodeName): EditResult {
  return attempt(text, unknownWay, () => {
    const root = load(readableYaml(text));
    const { [key]: gone, ...rest } = nodesIn(root);
    if (gone === undefined) return { after: text, wanted: root };
    if (Array.isArray(gone) && gone.length > 0) throw new CannotEdit(`${gone.map(String).join(', ')} is placed there`);
    return { after: withoutNode(text, key), wanted: withNodes(root, rest), mayLose: true };
  });
}

const unknownWay = 'it is written in an unknown way';

function nodesIn(root: unknown): Readonly<Record<string, unknown>> {
  if (!isMap(root)) throw new CannotEdit('it is not a mapping');
  const nodes = root.nodes ?? {};
  if (!isMap(nodes)) throw new CannotEdit('its "nodes" is not a mapping');
  return nodes;
}

const withNodes = (root: unknown, nodes: Readonly<Record<string, unknown>>): unknown =>
  isMap(root) ? { ...root, nodes } : root;

/** `[]` or `{name: node1, port: 22}`, names plain where they may be. */
function print(value: Readonly<Record<string, string | number>> | readonly never[]): string {
  if (Array.isArray(value)) return '[]';
  const fields = Object.entries(value).map(
    ([name, each]) => `${name}: ${typeof each === 'number' ? each : inFlow(each)}`,
  );
  return `{${fields.join(', ')}}`;
}

/** A path needs no quotes either; anything YAML could take for something else does. */
function inFlow(text: string): string {
  const plain = /^[A-Za-z0-9_~/][A-Za-z0-9_~/.@-]*$/.test(text) && text !== '~' && load(text) === text;
  return plain ? text : JSON.stringify(text);
}

function nodesPair(text: string): Spot | undefined {
  const root = placesOf(text);
  if (root?.kind !== 'map') throw new CannotEdit('it is not a mapping');
  return entriesOf(text, root).find(({ name }) => name === 'nodes');
}

function insert(text: string, entry: string): string {
  const newline = newlineOf(text);
  const found = nodesPair(text);
  if (found === undefined) {
    const gap = text === '' || text.endsWith('\n') ? '' : newline;
    return `${text}${gap}nodes:${newline}  ${entry}${newline}`;
  }
  const { key, list: value } = found;
  if (value.kind !== 'map') return fill(text, key, value, entry);
  const last = value.children.findLast(({ start }) => start >= 0);
  if (value.flow) {
    if (last === undefined) return cut(text, colonEnd(text, key, 'a key'), value.end, `${newline}  ${entry}`);
    return cut(text, last.end, last.end, `, ${entry}`);
  }
  const indent = text.slice(startOfLine(text, value.start), value.start);
  if (!/^\s*$/.test(indent)) throw new CannotEdit('its nodes are written in an unknown way');
  const at = endOfLine(text, endOfPair(text, value));
  return cut(text, at, at, `${newline}${indent}${entry}`);
}

/** `nodes:` with nothing behind it, or with a written null. */
function fill(text: string, key: TextPlace, value: TextPlace, entry: string): string {
  const at = colonEnd(text, key, 'a key');
  const bare = value.start < 0 ? text : cut(text, at, value.end);
  const end = endOfLine(bare, at);
  return cut(bare, end, end, `${newlineOf(text)}  ${entry}`);
}

/** Where the last value of a mapping ends; behind the colon where there is none. */
function endOfPair(text: string, map: CollectionPlace): number {
  const last = entriesOf(text, map).at(-1);
  if (last === undefined) return map.end;
  return endOf(text, last);
}

const endOf = (text: string, { key, list }: Spot): number => (list.start < 0 ? colonEnd(text, key, 'a key') : list.end);

function withoutNode(text: string, name: NodeName): string {
  const nodes = nodesPair(text)?.list;
  if (nodes?.kind !== 'map') throw new CannotEdit('it has no "nodes" mapping');
  const pairs = entriesOf(text, nodes);
  const index = pairs.findIndex((each) => each.name === name);
  const pair = pairs[index];
  if (pair === undefined) throw new CannotEdit(`it has no ${JSON.stringify(name)}`);
  const end = endOf(text, pair);
  if (nodes.flow) return withoutFlowPair(text, pair.key.start, end, pairs[index + 1]?.key.start, pairs[index - 1]);
  const start = startOfLine(text, pair.key.start);
  if (text.slice(start, pair.key.start).trim() !== '') throw new CannotEdit('its line holds something else as well');
  const next = text.indexOf('\n', end);
  const shorter = next < 0 ? text.slice(0, start).replace(/\r?\n$/, '') : cut(text, start, next + 1);
  if (pairs.length > 1) return shorter;
  const at = colonEnd(shorter, nodesPair(shorter)?.key ?? pair.key, 'a key');
  return cut(shorter, at, at, ' {}');
}

function withoutFlowPair(
  text: string,
  start: number,
  end: number,
  next: number | undefined,
  before: Spot | undefined,
): string {
  if (next !== undefined) return cut(text, start, next);
  return cut(text, before?.list.end ?? start, end);
}
