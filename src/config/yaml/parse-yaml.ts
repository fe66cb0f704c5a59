import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
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
    return buildTree(text, parseEvents(text, {}));
  } catch (error) {
    return { problems: [syntaxProblem(error)] };
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
  if (error instanceof TooManyNodes) return error.problem;
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
  if (reason.includes('deficient indentation')) return 'indent this line further, or close what is open above it';
  if (reason.includes('indentation')) return 'indent the entries of one list or mapping by the same number of spaces';
  return undefined;
}

class TooManyNodes extends Error {
  readonly problem: YamlProblem;
  constructor(offset: number) {
    super('too many nodes');
    this.problem = {
      offset,
      message: `aliases expand to more than ${maxExpandedNodes} values`,
      hint: 'write the values out, or use fewer aliases',
    };
  }
}

interface Anchor {
  /** Absent while the node is being read: an alias to it would contain itself. */
  node?: YamlNode;
  size: number;
}

interface Builder {
  readonly text: string;
  readonly events: readonly Event[];
  next: number;
  /** Values so far, aliases counted in full. */
  count: number;
  /** Values that came in through aliases. */
  expanded: number;
  readonly anchors: Map<string, Anchor>;
  readonly problems: YamlProblem[];
}

function buildTree(text: string, events: readonly Event[]): YamlResult {
  const problems: YamlProblem[] = [];
  const builder: Builder = { text, events, next: 0, count: 0, expanded: 0, anchors: new Map(), problems };
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
  return { ...(root === undefined ? {} : { root }), problems };
}

function nextOffset({ events, next, text }: Builder): number {
  const event = events[next + 1];
  if (event !== undefined && 'start' in event) return event.start;
  return event !== undefined && 'valueStart' in event && event.valueStart >= 0 ? event.valueStart : text.length;
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
  if (event.type === EVENT_ID.SCALAR) {
    const source = getScalarValue(builder.text, event);
    const offset = event.valueStart >= 0 ? quoteStart(builder.text, event.valueStart, event.style) : fallback;
    const plain = event.style === SCALAR_STYLE.PLAIN;
    if (tag === undefined && plain) {
      const { type, value } = resolvePlain(source);
      return { kind: 'scalar', source, offset, type, value } as YamlScalar;
    }
    const tagged = tag === undefined ? undefined : resolveTagged(tag, source);
    if (tag !== undefined && tagged === undefined) refuseTag(builder, event.tagStart, tag);
    return { kind: 'scalar', source, offset, ...(tagged ?? { type: 'text', value: source }) };
  }
  if (event.type === EVENT_ID.SEQUENCE) {
    if (tag !== undefined && !/^!$|[:!]seq>?$/.test(tag)) refuseTag(builder, event.tagStart, tag);
    return { kind: 'list', items: readItems(builder, event.start), offset: event.start };
  }
  if (tag !== undefined && !/^!$|[:!]map>?$/.test(tag)) refuseTag(builder, event.tagStart, tag);
  return readMap(builder, event.start);
}

/** A quoted value's range starts after the quote; people look for the quote. */
function quoteStart(text: string, valueStart: number, style: number): number {
  const quoted = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
  const before = text[valueStart - 1];
  return quoted && (before === '"' || before === "'") ? valueStart - 1 : valueStart;
}

function refuseTag(builder: Builder, offset: number, tag: string): void {
  builder.problems.push({ offset, message: `the YAML tag ${quote(tag)} is not supported`, hint: 'remove the tag' });
}

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
    const plainKey = event?.type === EVENT_ID.SCALAR && event.style === SCALAR_STYLE.PLAIN && event.tagStart < 0;
    const key = readNode(builder, offset);
    const value = readNode(builder, key.offset);
    if (plainKey && key.kind === 'scalar' && key.source === '<<') merged.push(...mergedEntries(builder, key, value));
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

function addEntry(builder: Builder, entries: YamlEntry[], names: Set<string>, entry: YamlEntry): void {
  const name = entry.key.source;
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
  const offset = start - 1;
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
  if (builder.expanded > maxExpandedNodes) throw new TooManyNodes(offset);
}
