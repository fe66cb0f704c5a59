import type { AppName, NodeName } from '../../../model/config.ts';
import type { ErrorReport } from '../../../model/errors.ts';
import { plainText } from '../../../model/plain-text.ts';
import type { Field } from '../../text/field.ts';
import { cut, widthOf } from '../../text/fit.ts';

export interface LogsState {
  readonly kind: 'logs';
  readonly apps: readonly AppName[];
  readonly lines: readonly LogEntry[];
  readonly isFollowing: boolean;
  readonly wraps: boolean;
  readonly search: Field;
  /** `search` marks and jumps, `filter` hides what does not match. */
  readonly searching: 'no' | 'search' | 'filter';
  readonly filter: string;
  readonly offset: number;
  readonly left: number;
  readonly error?: ErrorReport;
}

export interface LogEntry {
  readonly app: AppName;
  readonly node: NodeName;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** The screen keeps this many lines and drops older ones. */
export const maxLines = 5000;
/** In UTF-16 units. The rest of a longer line is dropped: every frame would pay for it. */
export const maxLineLength = 4096;

/** What is searched for in lines. */
export interface Pattern {
  readonly hits: (text: string) => boolean;
  /** Where it matches, for highlighting; empty for a pattern that excludes lines. */
  readonly ranges: (text: string) => readonly (readonly [from: number, to: number])[];
}

/**
 * A regular expression, or the text itself where it is not a valid one. The case counts where the text has a capital
 * letter; `!` in front inverts the pattern. Undefined for an empty text.
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
    // While it is being typed, it is often not valid yet.
    return new RegExp(source.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), flags);
  }
}

/** The lines that pass the filter. */
export function visibleLines(lines: readonly LogEntry[], filter: string): readonly LogEntry[] {
  const pattern = patternOf(filter);
  return pattern === undefined ? lines : lines.filter(({ text }) => pattern.hits(text));
}

/** The state with new lines, cleaned and cut; the lines on the screen stay where they are unless it follows. */
export function addLines(state: LogsState, added: readonly LogEntry[]): LogsState {
  const fresh = added.slice(-maxLines).map((entry) => ({ ...entry, text: cleanLine(entry.text) }));
  const all = [...state.lines, ...fresh];
  const dropped = all.slice(0, Math.max(0, all.length - maxLines));
  const lines = dropped.length === 0 ? all : all.slice(dropped.length);
  const passed = state.isFollowing || dropped.length === 0 ? 0 : visibleLines(dropped, state.filter).length;
  return { ...state, lines, offset: Math.max(0, state.offset - passed) };
}

/** One line fit for the screen: no escape sequences, tabs as spaces, only the last state of a progress bar. */
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
