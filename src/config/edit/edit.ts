import { isDeepStrictEqual } from 'node:util';
import { load } from 'js-yaml';
import type { AppName, NodeName } from '../../model/config.ts';
import { readableYaml } from '../yaml/read-events.ts';
import {
  type CollectionPlace,
  commentsOf,
  endOfLine,
  placesOf,
  type ScalarPlace,
  skipBlank,
  startOfLine,
  type TextPlace,
} from './edit-tree.ts';

/** `problem` completes "cannot move … in the file: ". */
export type EditResult = { readonly text: string } | { readonly problem: string };

/**
 * deployment.yml with the application in the list of another node (by its key; a node the file does not have is added)
 * and out of every other list. Only those places are spliced: comments, layout and styles stay. The result is read
 * again, and given back only if it says what was meant and has every comment.
 */
export function moveApplication(text: string, app: AppName, node: NodeName): EditResult {
  const bom = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const before = text.slice(bom.length);
  const result = attempt(before, 'its lists are written in an unknown way', () => ({
    after: splice(before, app, node),
    wanted: intended(load(readableYaml(before)), app, node),
  }));
  return 'text' in result ? { text: bom + result.text } : result;
}

/** The same for several applications. */
export const moveApplications = (text: string, apps: readonly AppName[], node: NodeName): EditResult =>
  apps.reduce<EditResult>((so, app) => ('text' in so ? moveApplication(so.text, app, node) : so), { text });

/** Why a file is not edited. */
export class CannotEdit extends Error {}

/** An edited text, and what it should say, as plain values. */
interface Edit {
  readonly after: string;
  readonly wanted: unknown;
  /** The comments of what was taken out go with it. */
  readonly mayLose?: true;
}

/** The edited text, if it says what was meant and has every comment; `unknown` says that it does not. */
export function attempt(before: string, unknown: string, edit: () => Edit): EditResult {
  try {
    const { after, wanted, mayLose } = edit();
    if (!isDeepStrictEqual(load(readableYaml(after)), wanted)) throw new CannotEdit(unknown);
    const [old, fresh] = [remarksOf(before), remarksOf(after)];
    const lost = mayLose === true ? fresh.some((each) => !old.includes(each)) : !isDeepStrictEqual(old, fresh);
    if (lost) throw new CannotEdit('a comment would get lost');
    return { text: after };
  } catch (error) {
    // js-yaml's own errors say where the text is broken; ours what stands in the way.
    return { problem: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
}

const remarksOf = (text: string): readonly string[] =>
  commentsOf(text)
    .map((each) => each.text)
    .toSorted();

function splice(before: string, app: AppName, node: NodeName): string {
  let text = before;
  let written: Written = { source: printName(app), comment: '' };
  // After each edit the text is parsed again: offsets are valid only once.
  for (;;) {
    const spot = listsOf(text).find(({ name, list }) => name !== node && indexIn(text, list, app) >= 0);
    if (spot === undefined) break;
    [text, written] = remove(text, spot, indexIn(text, spot.list, app));
  }
  const target = listsOf(text).find(({ name }) => name === node);
  if (target !== undefined && indexIn(text, target.list, app) >= 0) return text;
  return target === undefined ? addNode(text, node, written) : add(text, target, written);
}

/** An entry of a mapping. */
export interface Spot {
  readonly name: NodeName;
  readonly key: TextPlace;
  readonly list: TextPlace;
}

/** How the application was written in its old place: with its quotes and the comment after it. */
interface Written {
  readonly source: string;
  /** With its `#`; empty if there is none, or it has been placed. */
  readonly comment: string;
}

function nodesOf(text: string): CollectionPlace {
  const root = placesOf(text);
  const value = root?.kind === 'map' ? entriesOf(text, root).find(({ name }) => name === 'nodes')?.list : undefined;
  if (value?.kind !== 'map') throw new CannotEdit('it has no "nodes" mapping');
  return value;
}

const listsOf = (text: string): readonly Spot[] => entriesOf(text, nodesOf(text));

/** The entries of a mapping by name, which is empty for a key that is no scalar. */
export function entriesOf(text: string, { children }: CollectionPlace): readonly Spot[] {
  return children.flatMap((key, i) => {
    const list = children[i + 1];
    if (i % 2 === 1 || list === undefined) return [];
    return [{ name: valueOf(text, key), key, list }];
  });
}

const valueOf = (text: string, place: TextPlace): string =>
  place.kind === 'scalar' && place.start >= 0 ? String(load(text.slice(place.start, place.end))) : '';

const indexIn = (text: string, list: TextPlace, app: AppName): number =>
  list.kind === 'list' ? list.children.findIndex((item) => item.kind === 'scalar' && valueOf(text, item) === app) : -1;

/** Plain where YAML reads it back as the same text, else in quotes. */
export function printName(name: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name) && load(name) === name ? name : JSON.stringify(name);
}

/** The text with `put` in place of what stands from `start` to `end`. */
export const cut = (text: string, start: number, end: number, put = ''): string =>
  text.slice(0, start) + put + text.slice(end);
/** The line break this text uses. */
export const newlineOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');

function remove(text: string, { key, list }: Spot, index: number): readonly [string, Written] {
  const item = list.kind === 'list' ? list.children[index] : undefined;
  if (list.kind !== 'list' || item?.kind !== 'scalar') throw new CannotEdit('one of its lists is an alias');
  const source = text.slice(item.start, item.end);
  if (list.flow) return [removeFromFlow(text, list, item, index), { source, comment: '' }];
  return removeFromBlock(text, key, list, item);
}

function removeFromFlow(text: string, list: CollectionPlace, item: ScalarPlace, index: number): string {
  const behind = skipBlank(text, item.end);
  const before = list.children[index - 1];
  if (text[behind] === ',') {
    const spaces = /^[ \t]*/.exec(text.slice(behind + 1))?.[0].length ?? 0;
    return withoutBlankLine(
      cut(cut(text, behind, behind + 1 + (behind === item.end ? spaces : 0)), item.start, item.end),
      item.start,
    );
  }
  if (before === undefined) return withoutBlankLine(cut(text, item.start, item.end), item.start);
  const comma = skipBlank(text, before.end);
  // On one line the space behind the comma goes as well.
  const from =
    text.slice(comma + 1, item.start).trim() === '' && !text.slice(comma, item.start).includes('\n')
      ? comma
      : item.start;
  const shorter = withoutBlankLine(cut(text, from, item.end), from);
  return from === comma ? shorter : cut(shorter, comma, comma + 1);
}

/** Takes the line of `at` away where an edit left nothing but spaces on it. */
function withoutBlankLine(text: string, at: number): string {
  const [start, end] = [startOfLine(text, at), endOfLine(text, at)];
  if (text.slice(start, end).trim() !== '' || end === text.length) return text;
  return cut(text, start, text.indexOf('\n', at) + 1);
}

/** The comment behind the item goes along with it where it can; an emptied list is written `[]`. */
function removeFromBlock(
  text: string,
  key: TextPlace,
  list: CollectionPlace,
  item: ScalarPlace,
): readonly [string, Written] {
  const [start, end] = [startOfLine(text, item.start), endOfLine(text, item.start)];
  const rest = text.slice(item.end, end).trim();
  if (!/^\s*-\s+$/.test(text.slice(start, item.start)) || (rest !== '' && !rest.startsWith('#'))) {
    throw new CannotEdit('the line of the application contains something else');
  }
  const next = text.indexOf('\n', item.start);
  // At the end of a text without a last line break the one before it goes.
  const shorter = next < 0 ? text.slice(0, Math.max(0, start - 1)).replace(/\r$/, '') : cut(text, start, next + 1);
  const emptied = list.children.length === 1;
  const result = emptied ? insertAt(shorter, colonEnd(shorter, key), ' []') : shorter;
  return [result, { source: text.slice(item.start, item.end), comment: rest }];
}

const insertAt = (text: string, at: number, put: string): string => cut(text, at, at, put);

/** The place behind the colon of a key. */
export function colonEnd(text: string, key: TextPlace, what = 'the key of a node'): number {
  const colon = skipBlank(text, key.end);
  if (text[colon] !== ':') throw new CannotEdit(`${what} is written in an unknown way`);
  return colon + 1;
}

function add(text: string, { key, list }: Spot, written: Written): string {
  const { source } = written;
  if (list.kind === 'scalar' && (list.start < 0 || load(text.slice(list.start, list.end)) === null)) {
    const put =
      list.start < 0
        ? insertAt(text, colonEnd(text, key), ` [${source}]`)
        : cut(text, list.start, list.end, `[${source}]`);
    return placeComment(put, key.start, written);
  }
  if (list.kind !== 'list') throw new CannotEdit('the node has no list');
  const last = list.children.at(-1);
  if (!list.flow && last !== undefined) return addLine(text, list, last, written);
  const at = last?.end ?? list.start + 1;
  return placeComment(insertAt(text, at, last === undefined ? source : `, ${source}`), at, written);
}

function addLine(text: string, list: CollectionPlace, last: TextPlace, { source, comment }: Written): string {
  const line = startOfLine(text, list.start);
  const lead = text.slice(line, list.start);
  const indent = /^\s*$/.test(lead) ? lead : ' '.repeat(lead.length);
  const behind = comment === '' ? '' : ` ${comment}`;
  return insertAt(text, endOfLine(text, last.end), `${newlineOf(text)}${indent}- ${source}${behind}`);
}

/** A comment that lost its line: behind the line of `at`, or above it where there is one already. */
function placeComment(text: string, at: number, { comment }: Written): string {
  if (comment === '') return text;
  const [start, end] = [startOfLine(text, at), endOfLine(text, at)];
  const free = !commentsOf(text).some((each) => start <= each.start && each.start < end);
  if (free) return insertAt(text, end, ` ${comment}`);
  const indent = /^[ \t]*/.exec(text.slice(start))?.[0] ?? '';
  return insertAt(text, start, `${indent}${comment}${newlineOf(text)}`);
}

function addNode(text: string, node: NodeName, written: Written): string {
  const nodes = nodesOf(text);
  const entry = `${printName(node)}: [${written.source}]`;
  if (nodes.flow) {
    const last = nodes.children.findLast(({ start }) => start >= 0);
    const at = last?.end ?? nodes.start + 1;
    return placeComment(insertAt(text, at, last === undefined ? entry : `, ${entry}`), at, written);
  }
  const line = startOfLine(text, nodes.start);
  const indent = text.slice(line, nodes.start);
  if (!/^\s*$/.test(indent)) throw new CannotEdit('the key of a node is written in an unknown way');
  const comment = written.comment === '' ? '' : ` ${written.comment}`;
  return insertAt(text, endOfLine(text, nodes.end), `${newlineOf(text)}${indent}${entry}${comment}`);
}

/** What the file should say afterwards, as plain values. */
function intended(before: unknown, app: AppName, node: NodeName): unknown {
  if (!isMap(before) || !isMap(before.nodes)) throw new CannotEdit('it has no "nodes" mapping');
  const present = before.nodes[node];
  const stays = Array.isArray(present) && present.includes(app);
  const nodes = Object.fromEntries(
    Object.entries(before.nodes).map(([name, list]) => [
      name,
      Array.isArray(list) && name !== node ? list.filter((each) => String(each) !== app) : list,
    ]),
  );
  const list = Array.isArray(present) ? present : [];
  return { ...before, nodes: { ...nodes, [node]: stays ? list : [...list, app] } };
}

/** True for a mapping among plain values. */
export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
