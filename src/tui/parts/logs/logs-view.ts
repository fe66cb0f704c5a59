import { listNames } from '../../../view/wording.ts';
import { isUp, whereIs } from '../../actions/selection.ts';
import { type Row, type Size, type Span, span, type Token } from '../../frame/rows.ts';
import type { Drawn, ScreenInput } from '../../screen.ts';
import { drawField } from '../../text/field.ts';
import { fitText, widthOf } from '../../text/fit.ts';
import {
  fromCell,
  inPieces,
  type LogEntry,
  type LogsState,
  type Pattern,
  patternOf,
  visibleLines,
} from './log-lines.ts';

/** The filter in force, also while it is being typed. */
export const filterOf = ({ searching, search, filter }: LogsState): string =>
  searching === 'filter' ? search.text : filter;

/** The lines a filter leaves, oldest first. */
export const shownLines = (state: LogsState): readonly LogEntry[] => visibleLines(state.lines, filterOf(state));

const roomOf = ({ rows }: Size): number => Math.max(1, rows - 1);

/** First line to show for the newest ones to be seen. */
export function lastTop(input: ScreenInput, state: LogsState, size: Size): number {
  const lines = shownLines(state);
  let left = roomOf(size) - endRows(input, state).length;
  let top = lines.length;
  while (top > 0) {
    left -= heightOf(lines[top - 1], state, size);
    if (left < 0) break;
    top -= 1;
  }
  // One line may be higher than the screen.
  return Math.min(top, Math.max(0, lines.length - 1));
}

/** First line that is shown now. */
export function topOf(input: ScreenInput, state: LogsState, size: Size): number {
  const last = lastTop(input, state, size);
  return state.isFollowing ? last : Math.max(0, Math.min(state.offset, last));
}

function heightOf(line: LogEntry | undefined, state: LogsState, size: Size): number {
  if (!state.wraps || line === undefined) return 1;
  const width = size.columns - marginOf(state);
  return widthOf(line.text) <= width ? 1 : inPieces(line.text, width).length;
}

const nameWidth = ({ apps }: LogsState): number =>
  apps.length < 2 ? 0 : Math.min(16, Math.max(...apps.map((app) => widthOf(app))));

/** Two cells for marks, and the name with a space where there are several. */
const marginOf = (state: LogsState): number => 2 + (state.apps.length < 2 ? 0 : nameWidth(state) + 1);

/** Only the lines of the window are looked at, however many there are. */
export function drawLogs(input: ScreenInput, state: LogsState, size: Size): Drawn {
  const lines = shownLines(state);
  const top = topOf(input, state, size);
  const room = roomOf(size);
  const pattern = patternOf(state.search.text === '' ? filterOf(state) : state.search.text);
  const rows: Row[] = [];
  for (let at = top; at < lines.length && rows.length < room; at += 1) {
    const line = lines[at];
    if (line !== undefined)
      rows.push(...lineRows(input, state, line, { size, pattern, isMatch: isAtMatch(state, at) }));
  }
  const isEnd = top >= lastTop(input, state, size);
  const all = isEnd ? [...rows, ...endRows(input, state)] : rows;
  const shown = isEnd ? all.slice(-room) : all.slice(0, room);
  const blank = Array.from({ length: room - shown.length }, (): Row => []);
  return {
    title: [span('logs ', 'title'), span(listNames(state.apps), 'title')],
    aside: [state.isFollowing ? span('following', 'ok') : span('paused', 'warn')],
    rows: [...(lines.length === 0 ? emptyRows(state) : shown), ...blank]
      .slice(0, room)
      .concat([statusRow(input, state, size)]),
    scroll: { offset: top, shown: Math.max(1, Math.min(room, lines.length - top)), total: lines.length },
  };
}

/** The line the search has jumped to. */
const isAtMatch = ({ isFollowing, search, filter, offset }: LogsState, at: number): boolean =>
  !isFollowing && at === offset && (search.text !== '' || filter !== '');

/** In this order, and again from the first: the same application has the same colour as long as the logs are open. */
const nameTokens: readonly Token[] = ['accent', 'ok', 'change', 'title', 'warn', 'key'];

interface LineStyle {
  readonly size: Size;
  readonly pattern: Pattern | undefined;
  readonly isMatch: boolean;
}

function lineRows({ glyphs }: ScreenInput, state: LogsState, line: LogEntry, style: LineStyle): readonly Row[] {
  const index = Math.max(0, state.apps.indexOf(line.app));
  const width = nameWidth(state);
  const name =
    width === 0
      ? []
      : [span(`${fitText(line.app, width, 'left', glyphs.ellipsis)} `, nameTokens[index % nameTokens.length])];
  const mark = span(style.isMatch ? glyphs.cursor : ' ', 'accent');
  // Standard error: a sign, because colours may be off.
  const stream = line.stream === 'stderr' ? span('!', 'bad') : span(' ');
  const room = Math.max(2, style.size.columns - marginOf(state));
  const pieces = state.wraps ? inPieces(line.text, room) : [fromCell(line.text, state.left)];
  return pieces.map((piece, i) => [
    ...(i === 0 ? [mark, stream, ...name] : [span(' '.repeat(marginOf(state)))]),
    ...marked(piece, style.pattern),
  ]);
}

/** The text with its matches marked, not by colour alone. */
function marked(text: string, pattern: Pattern | undefined): readonly Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const [from, to] of pattern?.ranges(text) ?? []) {
    if (from > at) spans.push(span(text.slice(at, from)));
    spans.push({ text: text.slice(from, to), token: 'strong', selected: true });
    at = to;
  }
  return at < text.length || spans.length === 0 ? [...spans, span(text.slice(at))] : spans;
}

/** Behind the newest line: which applications have ended, so that their logs do not continue. */
function endRows({ view }: ScreenInput, { apps, lines, error }: LogsState): readonly Row[] {
  if (lines.length === 0 || error !== undefined) return [];
  const still = apps.filter((app) => {
    const where = whereIs(view, app);
    return where?.container !== undefined && !isUp(where);
  });
  if (still.length === 0) return [];
  const exits = still.map((app) => {
    const code = whereIs(view, app)?.container?.exit?.code;
    return code === undefined ? `"${app}" is not running` : `"${app}" ended with ${code}`;
  });
  return [[span('  '), span(`end: ${exits.join(', ')}`, 'dim')]];
}

function emptyRows(state: LogsState): readonly Row[] {
  if (state.error !== undefined) return [];
  if (state.lines.length > 0) return [[span('  no line matches the filter', 'dim')]];
  return [[span('  nothing was written yet', 'dim')]];
}

function statusRow({ glyphs, about }: ScreenInput, state: LogsState, size: Size): Row {
  if (state.searching !== 'no') return typingRow(state, size);
  if (state.error !== undefined) return [span(state.error.message, 'bad')];
  const total = state.lines.length;
  const shown = shownLines(state).length;
  const parts = [
    ...(state.filter === '' ? [] : [`only ${state.filter}: ${shown} of ${total} lines`]),
    ...(state.search.text === '' ? [] : [`search ${state.search.text}`]),
    ...(state.left === 0 ? [] : [`from column ${state.left + 1}`]),
    ...(state.isFollowing ? [] : [`${about.keyOf('follow') ?? ':follow'} follows again`]),
  ];
  const text = parts.length === 0 ? `${total} lines` : parts.join('  ');
  return [span(fitText(text, size.columns, 'left', glyphs.ellipsis).trimEnd(), 'dim')];
}

function typingRow({ searching, search }: LogsState, { columns }: Size): Row {
  const isFilter = searching === 'filter';
  const hint = isFilter ? '  tab: show all lines' : '  tab: hide the other lines';
  const label = isFilter ? 'only ' : '/';
  const room = Math.max(8, columns - label.length - hint.length);
  return [span(label, 'key'), ...drawField(search, room), span(hint, 'dim')];
}
