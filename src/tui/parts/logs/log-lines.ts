import { plainText } from '../../../model/plain-text.ts';
import type { LogEntry, LogsState } from '../../state.ts';
import { cut, widthOf } from '../../text/fit.ts';

/** The oldest lines are forgotten beyond this. */
export const maxLines = 5000;
/** In UTF-16 units; the rest of a longer line is left out, because nobody reads it and every frame would pay for it. */
export const maxLineLength = 4096;

/** Lines that match, without those a filter hides. */
export interface Pattern {
  readonly hits: (text: string) => boolean;
  /** Where it matches, for marking; nothing for a pattern that excludes. */
  readonly ranges: (text: string) => readonly (readonly [from: number, to: number])[];
}

/**
 * A regular expression, or the text itself where it is none. Capital letters count only where there are some; `!` in
 * front turns it around. Undefined for no text.
 */
export function patternOf(text: string): Pattern | undefined {
  const isInverse = text.startsWith('!') && text.length > 1;
  const source = isInverse ? text.slice(1) : text;
  if (source === '') return undefined;
  const flags = source === source.toLowerCase() ? 'gi' : 'g';
  const expression = compile(source, flags);
  const ranges = (line: string): readonly (readonly [number, number])[] =>
    [...line.matchAll(expression)].flatMap((match) =>
      match[0] === '' ? [] : [[match.index, match.index + match[0].length] as const],
    );
  const hits = (line: string): boolean => {
    expression.lastIndex = 0;
    return expression.test(line);
  };
  return isInverse ? { hits: (line) => !hits(line), ranges: () => [] } : { hits, ranges };
}

function compile(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch {
    // While it is being typed it often is none yet.
    return new RegExp(source.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), flags);
  }
}

/** What the filter leaves; worked out once for the same lines and filter. */
export function visibleLines(lines: readonly LogEntry[], filter: string): readonly LogEntry[] {
  const pattern = patternOf(filter);
  if (pattern === undefined) return lines;
  const known = filtered.get(lines);
  if (known?.filter === filter) return known.result;
  const result = lines.filter(({ text }) => pattern.hits(text));
  filtered.set(lines, { filter, result });
  return result;
}

const filtered = new WeakMap<readonly LogEntry[], { readonly filter: string; readonly result: readonly LogEntry[] }>();

/** The state with new lines, cleaned and cut; what a person has scrolled to stays where it is. */
export function addLines(state: LogsState, added: readonly LogEntry[]): LogsState {
  const fresh = added.slice(-maxLines).map((entry) => ({ ...entry, text: cleanLine(entry.text) }));
  const all = [...state.lines, ...fresh];
  const forgotten = all.slice(0, Math.max(0, all.length - maxLines));
  const lines = forgotten.length === 0 ? all : all.slice(forgotten.length);
  const passed = state.isFollowing || forgotten.length === 0 ? 0 : visibleLines(forgotten, state.filter).length;
  return { ...state, lines, offset: Math.max(0, state.offset - passed) };
}

/** One line fit for the screen: no escape sequences, tabs as spaces, of a progress bar what it says last. */
export function cleanLine(raw: string): string {
  const isLong = raw.length > maxLineLength;
  const text = (isLong ? raw.slice(0, maxLineLength).replace(/[\ud800-\udbff]$/, '') : raw).replace(/[\r\n]+$/, '');
  const last = text.slice(text.lastIndexOf('\r') + 1);
  return `${withoutTabs(plainText(last))}${isLong ? ' [cut]' : ''}`;
}

function withoutTabs(text: string): string {
  if (!text.includes('\t')) return text;
  let line = '';
  for (const [i, part] of text.split('\t').entries()) {
    if (i > 0) line += ' '.repeat(8 - (widthOf(line) % 8));
    line += part;
  }
  return line;
}

/** The text from this cell on; half of a wide character becomes a space. */
export function fromCell(text: string, cells: number): string {
  if (cells <= 0) return text;
  const head = cut(text, cells);
  if (head.length === text.length) return '';
  const missing = cells - widthOf(head);
  if (missing === 0) return text.slice(head.length);
  const rest = text.slice(head.length);
  return ` ${rest.slice(cut(rest, 2).length)}`;
}

/** The text in pieces of at most `width` cells, cut anywhere: log lines are not prose. */
export function inPieces(text: string, width: number): readonly string[] {
  const pieces: string[] = [];
  let rest = text;
  do {
    const piece = cut(rest, Math.max(2, width));
    pieces.push(piece);
    rest = rest.slice(piece.length);
    if (piece === '') break;
  } while (rest !== '');
  return pieces;
}
