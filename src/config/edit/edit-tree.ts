import { COLLECTION_STYLE, EVENT_ID, type Event, SCALAR_STYLE } from 'js-yaml';
import { readEvents, type YamlEvents } from '../yaml/read-events.ts';

/** Where things stand in a text that is to be edited: offsets in UTF-16 units, `end` exclusive, quotes included. */
export type TextPlace = ScalarPlace | CollectionPlace | AliasPlace;

export interface ScalarPlace {
  readonly kind: 'scalar';
  /** -1 where the value is left out (`key:`). */
  readonly start: number;
  readonly end: number;
}
export interface AliasPlace {
  readonly kind: 'alias';
  readonly start: number;
  readonly end: number;
}
export interface CollectionPlace {
  readonly kind: 'list' | 'map';
  /** `[a, b]` and `{a: b}`, as opposed to one entry a line. */
  readonly flow: boolean;
  readonly start: number;
  readonly end: number;
  /** Items of a list; keys and values in turn of a map. */
  readonly children: readonly TextPlace[];
}

/** The first document's root; undefined for an empty text. Throws js-yaml's `YAMLException`. */
export function placesOf(text: string): TextPlace | undefined {
  const source = readEvents(text);
  const { events, written } = source;
  let next = 1;
  const read = (): TextPlace => {
    const event = events[next];
    next += 1;
    if (event?.type === EVENT_ID.SCALAR) return scalarPlace(source, event);
    if (event?.type === EVENT_ID.ALIAS) {
      return { kind: 'alias', start: written(event.anchorStart - 1), end: written(event.anchorEnd) };
    }
    if (event?.type !== EVENT_ID.SEQUENCE && event?.type !== EVENT_ID.MAPPING) throw new Error('unexpected YAML event');
    const children: TextPlace[] = [];
    while (events[next]?.type !== EVENT_ID.POP) children.push(read());
    next += 1;
    const flow = event.style === COLLECTION_STYLE.FLOW;
    const last = children.findLast(({ start }) => start >= 0);
    const start = written(event.start);
    const inner = last?.end ?? start + 1;
    const kind = event.type === EVENT_ID.SEQUENCE ? 'list' : 'map';
    return { kind, flow, start, end: flow ? closingEnd(text, inner) : inner, children };
  };
  return events.length < 2 || events[1]?.type === EVENT_ID.POP ? undefined : read();
}

function scalarPlace({ text, written }: YamlEvents, event: Extract<Event, { valueStart: number }>): ScalarPlace {
  const { valueStart, valueEnd, style } = event;
  const [start, end] = valueStart < 0 ? [valueStart, valueEnd] : [written(valueStart), written(valueEnd)];
  const quoted = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
  return quoted && valueStart > 0 && /["']/.test(text[valueStart - 1] ?? '')
    ? { kind: 'scalar', start: start - 1, end: end + 1 }
    : { kind: 'scalar', start, end };
}

/** Just behind the bracket that closes a flow collection whose last child ends at `from`. */
function closingEnd(text: string, from: number): number {
  let at = skipBlank(text, from);
  while (text[at] === ',' || text[at] === ':') at = skipBlank(text, at + 1);
  return at + 1;
}

/** The next place that is neither space, line break nor comment. */
export function skipBlank(text: string, from: number): number {
  let at = from;
  for (;;) {
    const space = /\s/.test(text[at] ?? '');
    if (space) at += 1;
    else if (text[at] === '#' && /\s/.test(text[at - 1] ?? ' ')) at = endOfLine(text, at);
    else return at;
  }
}

/** Offset of the line break (or `\r` before it) that ends the line of `at`, or of the end of the text. */
export function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  if (end < 0) return text.length;
  return text[end - 1] === '\r' && end > at ? end - 1 : end;
}

export const startOfLine = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;

export interface Comment {
  readonly start: number;
  readonly text: string;
}

/** Every comment of the text, in order: a `#` that stands outside of every value and after a space. */
export function commentsOf(text: string): readonly Comment[] {
  const source = readEvents(text);
  const values = source.events.flatMap((event) => (event.type === EVENT_ID.SCALAR ? [scalarPlace(source, event)] : []));
  const inside = (at: number): boolean => values.some(({ start, end }) => start <= at && at < end);
  const comments: Comment[] = [];
  for (let at = text.indexOf('#'); at >= 0; at = text.indexOf('#', at + 1)) {
    if (inside(at) || !/\s/.test(text[at - 1] ?? '\n')) continue;
    const end = endOfLine(text, at);
    comments.push({ start: at, text: text.slice(at, end).trimEnd() });
    at = end;
  }
  return comments;
}
