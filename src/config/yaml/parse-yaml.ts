import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, YAMLException } from 'js-yaml';
import { defined } from '../../model/defined.ts';
import { readEvents, type YamlEvents } from './read-events.ts';
import { quote, type YamlEntry, type YamlMap, type YamlNode, type YamlScalar } from './yaml-node.ts';
import { resolvePlain, resolveTagged } from './yaml-scalar.ts';

export interface YamlProblem {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

/** `root` is absent for an empty text and where the syntax is broken; then `problems` says so. */
export interface YamlResult {
  readonly root?: YamlNode;
  readonly problems: readonly YamlProblem[];
  /** One for each `!reset` and `!override`, for files in which they have no meaning. */
  readonly mergeTags?: readonly YamlProblem[];
}

/** Nodes that aliases and merge keys may add to a file: far more than people write, far less than hurts. */
const maxExpandedNodes = 100_000;

/** Lines and commas: what bounds the number of values, and with it the time that reading takes. */
const maxSeparators = 100_000;

/** One YAML document as a tree with positions; never throws, whatever the text. */
export function parseYaml(text: string): YamlResult {
  const refused = refuseUnread(text);
  if (refused !== undefined) return { problems: [refused] };
  try {
    return buildTree(readEvents(text));
  } catch (error) {
    return { problems: [spaceProblem(text, error) ?? syntaxProblem(error)] };
  }
}

/** What need not be parsed to be known as no configuration; garbage must not take its time. */
function refuseUnread(text: string): YamlProblem | undefined {
  const nul = text.indexOf('\0');
  if (nul >= 0) return { offset: nul, message: 'holds a NUL character', hint: 'save the file as plain UTF-8 text' };
  let separators = 0;
  for (const separator of ['\n', '\r', ',']) {
    for (let offset = text.indexOf(separator); offset >= 0; offset = text.indexOf(separator, offset + 1)) {
      separators += 1;
      if (separators <= maxSeparators) continue;
      const message = `has more than ${maxSeparators} lines and list entries`;
      return { offset, message, hint: 'is this the right file?' };
    }
  }
  return undefined;
}

function syntaxProblem(error: unknown): YamlProblem {
  if (error instanceof Unreadable) return error.problem;
  if (!(error instanceof YAMLException)) {
    return { offset: 0, message: `cannot be read as YAML: ${error instanceof Error ? error.message : String(error)}` };
  }
  const hint = hintFor(error.reason);
  return {
    offset: error.mark?.position ?? 0,
    message: `is not valid YAML: ${error.reason}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

function hintFor(reason: string): string | undefined {
  if (reason.includes('tab character')) return 'indent with spaces';
  if (reason.includes('unexpected end of')) return 'close the bracket or quote that is still open';
  if (reason.includes('non-printable')) return 'save the file as plain UTF-8 text';
  if (reason.includes('missed comma')) return 'close the bracket that is open above, or put a comma before this entry';
  if (reason.includes('deficient indentation')) return 'indent this line further, or close what is open above it';
  if (reason.includes('indentation')) return 'indent the entries of one list or mapping by the same number of spaces';
  return undefined;
}

/** Spaces that look like one and are none to YAML: a copy from a web page has them. */
const oddSpaces = /^[\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff]/;
const oddInLine = /^[ \t-]*([\u00a0\u2000-\u200b\u202f\u205f\u3000])|[:-]([\u00a0\u2000-\u200b\u202f\u205f\u3000])/;

function spaceAt(offset: number, text: string): YamlProblem {
  const code = (text.charCodeAt(0) || 0).toString(16).toUpperCase().padStart(4, '0');
  const what = code === '00A0' ? 'a no-break space' : 'a character that looks like a space';
  return {
    offset,
    message: `${what} (U+${code}) stands where YAML needs an ordinary space`,
    hint: 'type this part of the line again: to the eye both look the same',
  };
}

/** A syntax error in, or just below, a line with such a space. */
function spaceProblem(text: string, error: unknown): YamlProblem | undefined {
  if (!(error instanceof YAMLException) || error.mark === undefined) return undefined;
  const before = text.slice(0, error.mark.position);
  const start = before.lastIndexOf('\n', before.lastIndexOf('\n') - 1) + 1;
  let at = start;
  for (const row of text.slice(start).split('\n', 2)) {
    const match = oddInLine.exec(row);
    const space = match?.[1] ?? match?.[2];
    if (match !== null && space !== undefined) return spaceAt(at + match.index + match[0].length - 1, space);
    at += row.length + 1;
  }
  return undefined;
}

/** What makes the rest of the file worthless. */
class Unreadable extends Error {
  readonly problem: YamlProblem;
  constructor(problem: YamlProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

interface Anchor {
  /** Absent while the node is being read: an alias to it would contain itself. */
  node?: YamlNode;
  size: number;
}

interface Builder extends YamlEvents {
  next: number;
  /** Values so far, aliases counted in full. */
  count: number;
  /** Values that came in through aliases. */
  expanded: number;
  readonly anchors: Map<string, Anchor>;
  readonly problems: YamlProblem[];
  readonly mergeTags: YamlProblem[];
}

function buildTree(read: YamlEvents): YamlResult {
  const { events } = read;
  const problems: YamlProblem[] = [];
  const mergeTags: YamlProblem[] = [];
  const builder: Builder = { ...read, next: 0, count: 0, expanded: 0, anchors: new Map(), problems, mergeTags };
  if (events.length === 0) return { problems };
  builder.next = 1;
  const root = events[1]?.type === EVENT_ID.POP ? undefined : readNode(builder, 0);
  builder.next += 1;
  if (builder.next < events.length) {
    problems.push({
      offset: nextOffset(builder),
      message: 'holds more than one YAML document',
      hint: 'keep one document in the file and remove the "---" that starts the next',
    });
  }
  return { ...defined({ root }), problems, ...(mergeTags.length === 0 ? {} : { mergeTags }) };
}

function nextOffset({ events, next, text, written }: Builder): number {
  const event = events[next + 1];
  if (event !== undefined && 'start' in event) return written(event.start);
  return written(
    event !== undefined && 'valueStart' in event && event.valueStart >= 0 ? event.valueStart : text.length,
  );
}

/** `fallback` is where an empty value is reported: at its key. */
function readNode(builder: Builder, fallback: number): YamlNode {
  const event = builder.events[builder.next];
  builder.next += 1;
  if (event === undefined) throw new Error('the event stream ends too early');
  if (event.type === EVENT_ID.ALIAS) return readAlias(builder, event.anchorStart, event.anchorEnd);
  if (event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) throw new Error('unexpected YAML event');
  const before = builder.count;
  builder.count += 1;
  if (event.anchorStart < 0) return readContent(builder, event, fallback);
  const anchor: Anchor = { size: 0 };
  builder.anchors.set(builder.text.slice(event.anchorStart, event.anchorEnd), anchor);
  const node = readContent(builder, event, fallback);
  anchor.node = node;
  anchor.size = builder.count - before;
  return node;
}

type ContentEvent = Extract<Event, { tagStart: number }>;

function readContent(builder: Builder, event: ContentEvent, fallback: number): YamlNode {
  const tag = event.tagStart >= 0 ? builder.text.slice(event.tagStart, event.tagEnd) : undefined;
  const merge = tag === '!reset' ? 'reset' : tag === '!override' ? 'override' : undefined;
  if (merge === undefined) return readTagged(builder, event, fallback, tag);
  builder.mergeTags.push(tagProblem(builder.written(event.tagStart), tag ?? ''));
  return { ...readTagged(builder, event, fallback, undefined), merge };
}

function readTagged(builder: Builder, event: ContentEvent, fallback: number, tag: string | undefined): YamlNode {
  const { text, written } = builder;
  if (event.type === EVENT_ID.SCALAR) {
    const source = getScalarValue(text, event);
    const offset = event.valueStart >= 0 ? written(quoteStart(text, event.valueStart, event.style)) : fallback;
    const plain = event.style === SCALAR_STYLE.PLAIN;
    if (tag === undefined && plain) {
      const { type, value } = resolvePlain(source);
      return { kind: 'scalar', source, offset, type, value } as YamlScalar;
    }
    const tagged = tag === undefined ? undefined : resolveTagged(tag, source);
    if (tag !== undefined && tagged === undefined) refuseTag(builder, event.tagStart, tag);
    return { kind: 'scalar', source, offset, ...(tagged ?? { type: 'text', value: source }) };
  }
  const offset = written(event.start);
  const kind = event.type === EVENT_ID.SEQUENCE ? 'seq' : 'map';
  if (tag !== undefined && !isPlainTag(tag, kind)) refuseTag(builder, event.tagStart, tag);
  return kind === 'seq' ? { kind: 'list', items: readItems(builder, offset), offset } : readMap(builder, offset);
}

const isPlainTag = (tag: string, kind: string): boolean => tag === '!' || new RegExp(`[:!]${kind}>?$`).test(tag);

/** A quoted value's range starts after the quote; people look for the quote. */
function quoteStart(text: string, valueStart: number, style: number): number {
  const quoted = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
  const before = text[valueStart - 1];
  return quoted && (before === '"' || before === "'") ? valueStart - 1 : valueStart;
}

function refuseTag({ problems, written }: Builder, offset: number, tag: string): void {
  problems.push(tagProblem(written(offset), tag));
}

const tagProblem = (offset: number, tag: string): YamlProblem => ({
  offset,
  message: `the YAML tag ${quote(tag)} is not supported`,
  hint: 'remove the tag',
});

function readItems(builder: Builder, fallback: number): YamlNode[] {
  const items: YamlNode[] = [];
  while (builder.events[builder.next]?.type !== EVENT_ID.POP) items.push(readNode(builder, fallback));
  builder.next += 1;
  return items;
}

function readMap(builder: Builder, offset: number): YamlMap {
  const entries: YamlEntry[] = [];
  const names = new Set<string>();
  const merged: YamlEntry[] = [];
  while (builder.events[builder.next]?.type !== EVENT_ID.POP) {
    const event = builder.events[builder.next];
    const isMerge = isMergeKey(builder, event);
    const key = isMerge ? skipMergeKey(builder, event) : readNode(builder, offset);
    const value = readNode(builder, key.offset);
    if (isMerge && key.kind === 'scalar') merged.push(...mergedEntries(builder, key, value));
    else if (key.kind === 'scalar') addEntry(builder, entries, names, { key, value });
    else builder.problems.push({ offset: key.offset, message: 'a key must be plain text, not a list or a mapping' });
  }
  builder.next += 1;
  for (const entry of merged) {
    if (names.has(entry.key.source)) continue;
    names.add(entry.key.source);
    entries.push(entry);
  }
  return { kind: 'map', entries, offset };
}

type ScalarEvent = Extract<Event, { valueStart: number }>;

/** `<<`, or `!!merge <<` as some programs write it. */
function isMergeKey({ text }: Builder, event: Event | undefined): event is ScalarEvent {
  if (event?.type !== EVENT_ID.SCALAR || event.style !== SCALAR_STYLE.PLAIN) return false;
  const tag = event.tagStart < 0 ? '!!merge' : text.slice(event.tagStart, event.tagEnd);
  return tag === '!!merge' && text.slice(event.valueStart, event.valueEnd) === '<<';
}

function skipMergeKey(builder: Builder, { valueStart }: ScalarEvent): YamlScalar {
  builder.next += 1;
  return { kind: 'scalar', type: 'text', source: '<<', value: '<<', offset: builder.written(valueStart) };
}

function addEntry(builder: Builder, entries: YamlEntry[], names: Set<string>, entry: YamlEntry): void {
  const name = entry.key.source;
  if (oddSpaces.test(name)) throw new Unreadable(spaceAt(entry.key.offset, name));
  if (names.has(name)) {
    builder.problems.push({
      offset: entry.key.offset,
      message: `the key ${quote(name)} stands twice in one mapping`,
      hint: 'keep one of the two',
    });
    return;
  }
  names.add(name);
  entries.push(entry);
}

/** Keys written in the mapping itself win; of several merged mappings the first wins (YAML 1.1 merge type). */
function mergedEntries(builder: Builder, key: YamlScalar, value: YamlNode): readonly YamlEntry[] {
  const sources = value.kind === 'list' ? value.items : [value];
  const entries: YamlEntry[] = [];
  for (const source of sources) {
    if (source.kind !== 'map') {
      builder.problems.push({ offset: key.offset, message: '"<<" must hold a mapping or a list of mappings' });
      return [];
    }
    entries.push(...source.entries);
    expand(builder, source.entries.length, key.offset);
  }
  return entries;
}

function readAlias(builder: Builder, start: number, end: number): YamlNode {
  const name = builder.text.slice(start, end);
  const offset = builder.written(start - 1);
  const anchor = builder.anchors.get(name);
  if (anchor?.node !== undefined) {
    builder.count += anchor.size;
    expand(builder, anchor.size, offset);
    return anchor.node;
  }
  builder.problems.push({
    offset,
    message:
      anchor === undefined ? `the alias ${quote(name)} has no anchor` : `the alias ${quote(name)} contains itself`,
  });
  return { kind: 'scalar', type: 'null', value: null, source: '', offset };
}

function expand(builder: Builder, size: number, offset: number): void {
  builder.expanded += size;
  if (builder.expanded <= maxExpandedNodes) return;
  const message = `aliases expand to more than ${maxExpandedNodes} values`;
  throw new Unreadable({ offset, message, hint: 'write the values out, or use fewer aliases' });
}
