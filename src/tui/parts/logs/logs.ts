import type { AppName } from '../../../model/config.ts';
import type { ActionId } from '../../actions/actions.ts';
import type { Size } from '../../frame/rows.ts';
import type { Message, OverlayPart, ScreenInput, Update } from '../../screen.ts';
import { editField, emptyField, fieldOf, insertText } from '../../text/field.ts';
import { movingActions, rowsMoved } from '../page.ts';
import { addLines, type LogsState, patternOf, visibleLines } from './log-lines.ts';
import { drawLogs, filterOf, lastTop, shownLines, topOf } from './logs-view.ts';

/** Logs of these applications, followed; with a filter, only the lines that match. */
export const openLogs = (apps: readonly AppName[], filter = ''): LogsState => ({
  kind: 'logs',
  apps,
  lines: [],
  isFollowing: true,
  wraps: false,
  search: emptyField,
  searching: 'no',
  filter,
  offset: 0,
  left: 0,
});

/** What applications print, newest at the bottom; the screen follows until you scroll up. */
export const logsPart: OverlayPart<LogsState> = {
  kind: 'logs',
  answers: ['log-lines', 'logs-failed'],
  // A state that only got lines keeps its list of applications.
  reads: ({ apps }) => ({ key: apps, begin: { type: 'read-logs', apps }, end: { type: 'end-logs' } }),
  actions: [
    'follow',
    'filter',
    'next-match',
    'previous-match',
    'faults',
    'wrap',
    'copy',
    'back',
    'left',
    'right',
    ...movingActions,
  ],
  inFooter: 7,
  labelOf: ({ filter }, action) =>
    action === 'filter'
      ? 'search'
      : action === 'faults'
        ? filter === ''
          ? 'hide others'
          : 'show all'
        : labels[action],
  isTyping: ({ searching }) => searching !== 'no',
  disabledReason: (_input, state, action) =>
    (action === 'next-match' || action === 'previous-match') && state.search.text === '' && state.filter === ''
      ? 'search for something first'
      : undefined,
  draw: drawLogs,
  slice: ({ view, about }, state) => [view.nodes, view.config, about, state],
  update,
};

const labels: Readonly<Partial<Record<ActionId, string>>> = {
  'next-match': '',
  'previous-match': 'next, previous',
};

function update(input: ScreenInput, state: LogsState, message: Message, size: Size): Update<LogsState> {
  const moved = scroll(input, state, message, size);
  if (moved !== undefined) return { state: moved };
  switch (message.type) {
    case 'log-lines':
      return message.lines.length === 0 ? {} : { state: addLines(state, message.lines) };
    case 'logs-failed':
      return { state: { ...state, error: message.error } };
    case 'text':
      return { state: { ...state, search: insertText(state.search, message.text) } };
    case 'edit-key':
      return edit(input, state, message.key, size);
    case 'action':
      return act(input, state, message.action, size);
    default:
      return {};
  }
}

function edit(
  input: ScreenInput,
  state: LogsState,
  key: Extract<Message, { type: 'edit-key' }>['key'],
  size: Size,
): Update<LogsState> {
  switch (key) {
    case 'escape':
      return { state: { ...state, searching: 'no', search: emptyField } };
    case 'tab':
      return { state: { ...state, searching: state.searching === 'search' ? 'filter' : 'search' } };
    case 'enter':
      return state.searching === 'filter' ? accept(input, state, size) : jump({ ...state, searching: 'no' }, 'here');
    default:
      return { state: { ...state, search: editField(state.search, key) } };
  }
}

const accept = (input: ScreenInput, state: LogsState, size: Size): Update<LogsState> => ({
  state: withFilter(input, { ...state, searching: 'no', search: emptyField }, state.search.text, size),
});

/** The line at the top stays there, or the next one that is left. */
function withFilter(input: ScreenInput, state: LogsState, filter: string, size: Size): LogsState {
  const top = shownLines(state)[topOf(input, state, size)];
  const before = top === undefined ? 0 : state.lines.indexOf(top);
  const offset = visibleLines(state.lines.slice(0, Math.max(0, before)), filter).length;
  return { ...state, filter, offset };
}

function act(input: ScreenInput, state: LogsState, action: ActionId, size: Size): Update<LogsState> {
  switch (action) {
    case 'follow':
      return { state: { ...state, isFollowing: !state.isFollowing, offset: topOf(input, state, size) } };
    case 'wrap':
      return { state: { ...state, wraps: !state.wraps, left: 0 } };
    case 'left':
      return { state: { ...state, left: Math.max(0, state.left - 8) } };
    case 'right':
      return state.wraps ? {} : { state: { ...state, left: state.left + 8 } };
    case 'filter':
      return { state: { ...state, searching: 'search', search: emptyField } };
    case 'next-match':
      return jump(state, 'next');
    case 'previous-match':
      return jump(state, 'previous');
    case 'faults':
      return hideOrShow(input, state, size);
    case 'copy':
      return copy(input, state, size);
    case 'back':
      return back(input, state, size);
    default:
      return {};
  }
}

/** Scrolling up stops following, reaching the end starts it again. Undefined for messages that do not scroll. */
function scroll(input: ScreenInput, state: LogsState, message: Message, size: Size): LogsState | undefined {
  const by = rowsMoved(message, size.rows - 1);
  if (by === undefined) return undefined;
  const last = lastTop(input, state, size);
  const offset = Math.max(0, Math.min(last, topOf(input, state, size) + by));
  return { ...state, offset, isFollowing: by > 0 && offset >= last };
}

/** Jumps to a line that matches, past the last one to the first. `here` includes the line at the top. */
function jump(state: LogsState, way: 'next' | 'previous' | 'here'): Update<LogsState> {
  const pattern = patternOf(state.search.text === '' ? state.filter : state.search.text);
  if (pattern === undefined) return { state };
  const lines = shownLines(state);
  const found = [...lines.keys()].filter((index) => pattern.hits(lines[index]?.text ?? ''));
  const from = state.isFollowing ? lines.length : state.offset;
  const later = found.find((index) => (way === 'here' ? index >= from : index > from));
  const earlier = found.findLast((index) => index < from);
  const isUp = way === 'previous' || (way === 'here' && state.isFollowing);
  const ahead = isUp ? earlier : later;
  const target = ahead ?? (isUp ? found.at(-1) : found[0]);
  if (target === undefined) {
    return { state, notice: { text: `no line matches ${state.search.text || state.filter}`, tone: 'warn' } };
  }
  const next = { ...state, isFollowing: false, offset: target };
  if (ahead !== undefined || way === 'here') return { state: next };
  const text = way === 'previous' ? 'search continues at the newest line' : 'search continues at the oldest line';
  return { state: next, notice: { text, tone: 'plain' } };
}

/** What is searched for becomes all that is shown, and back. */
function hideOrShow(input: ScreenInput, state: LogsState, size: Size): Update<LogsState> {
  if (state.filter !== '') return { state: { ...withFilter(input, state, '', size), search: fieldOf(state.filter) } };
  if (state.search.text === '') return { notice: { text: 'search for something first', tone: 'warn' } };
  return { state: { ...withFilter(input, state, state.search.text, size), search: emptyField } };
}

function copy(input: ScreenInput, state: LogsState, size: Size): Update<LogsState> {
  const top = topOf(input, state, size);
  const lines = shownLines(state).slice(top, top + Math.max(1, size.rows - 1));
  if (lines.length === 0) return { notice: { text: 'nothing to copy', tone: 'warn' } };
  const text = lines.map((line) => (state.apps.length > 1 ? `${line.app}: ${line.text}` : line.text)).join('\n');
  return { effects: [{ type: 'copy', text }] };
}

/** One layer at a time: filter, search, the logs themselves. */
function back(input: ScreenInput, state: LogsState, size: Size): Update<LogsState> {
  if (filterOf(state) !== '') return { state: withFilter(input, state, '', size) };
  if (state.search.text !== '') return { state: { ...state, search: emptyField } };
  return { closes: true, effects: [{ type: 'end-logs' }] };
}
