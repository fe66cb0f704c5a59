import type { RunRecord } from '../../model/history.ts';
import { receiptLines } from '../../view/run/receipt-lines.ts';
import { count, formatClock, formatDuration, listNames, namesOf } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import type { Glyphs } from '../frame/glyphs.ts';
import { type Row, type Size, type Span, span, type Token } from '../frame/rows.ts';
import { confirmUndo } from '../overlays.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { HistoryState } from '../state.ts';
import {
  clamp,
  columns,
  ends,
  fitOffset,
  keepInSight,
  movingActions,
  rowOf,
  rowsMoved,
  said,
  select,
  wrapRows,
} from './drawing.ts';

type Labels = Readonly<Partial<Record<ActionId, string>>>;

/** Earlier runs, newest first; one of them with its steps and what its moves cost; the last one can be undone. */
export const historyPart: OverlayPart<'history'> = {
  actions: ['open', 'undo', 'previous-tab', 'next-tab', 'back', ...movingActions],
  inFooter: 4,
  labelOf: ({ isOpen }, action) => (isOpen ? runLabels : listLabels)[action],
  offBecause,
  draw: (input, state, size) => {
    const runs = newestFirst(state);
    const at = cursorOf(state, runs);
    const run = runs[at];
    return state.isOpen && run !== undefined
      ? drawRun(input, { run, number: at + 1, of: runs.length, offset: state.offset ?? 0 }, size)
      : drawList(input, state, runs, size);
  },
  update,
};

const listLabels: Labels = { open: 'its steps', 'previous-tab': '', 'next-tab': 'newer, older' };
const runLabels: Labels = { ...listLabels, open: 'all runs' };

const newestFirst = ({ runs }: HistoryState): readonly RunRecord[] => runs?.toReversed() ?? [];

const cursorOf = ({ cursor }: HistoryState, runs: readonly RunRecord[]): number =>
  clamp(cursor, 0, Math.max(0, runs.length - 1));

function offBecause({ view }: ScreenInput, state: HistoryState, action: ActionId): string | undefined {
  const runs = newestFirst(state);
  if (runs.length === 0) return action === 'open' || action === 'undo' ? 'nothing was applied yet' : undefined;
  if (action !== 'undo') return undefined;
  if (view.running) return 'a run is under way';
  return cursorOf(state, runs) > 0 ? 'only the last run can be undone' : undefined;
}

function drawList(input: ScreenInput, state: HistoryState, runs: readonly RunRecord[], size: Size): Drawn {
  const title = [span('earlier runs', 'title')];
  if (runs.length === 0) {
    const text = state.runs === undefined ? 'reading what was done' : 'nothing was applied yet';
    return { title, rows: [[span(text, 'dim')]] };
  }
  const at = cursorOf(state, runs);
  const room = Math.max(1, size.rows);
  const offset = keepInSight(Math.max(0, at - Math.floor(room / 2)), at, room, runs.length);
  const shown = columns(runs.slice(offset, offset + room).map((run, i) => cellsOf(input, run, i + offset === at)));
  return {
    title,
    aside: [span(count(runs.length, 'run'), 'dim')],
    rows: shown.map((row, i) => (i + offset === at ? select(row) : row)),
    hits: shown.map((_, i) => ({
      x: 0,
      y: i,
      columns: size.columns,
      rows: 1,
      click: { type: 'pick', index: offset + i },
      twice: { type: 'action', action: 'open' },
    })),
    scroll: { offset, shown: room, total: runs.length },
  };
}

function cellsOf({ glyphs, now }: ScreenInput, run: RunRecord, isAt: boolean): readonly Span[] {
  const [sign, token] = signOf(run.result, glyphs);
  const lead = span(`${isAt ? glyphs.cursor : ' '} ${sign}`, token);
  return [lead, span(dayAndTime(run.startedAt, now)), span(took(run), 'dim'), said(run.summary)];
}

const took = ({ startedAt, endedAt }: RunRecord): string => formatDuration(Math.max(0, endedAt - startedAt));

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `22 Nov 14:02` here; with the year where it is another one than now. Milliseconds since 1970. */
export function dayAndTime(at: number, now: number): string {
  const date = new Date(at);
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${String(date.getDate()).padStart(2)} ${months[date.getMonth()] ?? ''}${year} ${formatClock(at, 'minutes')}`;
}

/** Of a run or of a step: how it ended, also without colours. */
function signOf(result: string, { done, failed, skipped }: Glyphs): readonly [string, Token] {
  if (result === 'converged' || result === 'succeeded') return [done, 'ok'];
  if (result === 'failed' || result === 'rejected') return [failed, 'bad'];
  return result === 'blocked' || result === 'locked' ? ['!', 'warn'] : [skipped, 'dim'];
}

interface OpenRun {
  readonly run: RunRecord;
  readonly number: number;
  readonly of: number;
  readonly offset: number;
}

function drawRun(input: ScreenInput, { run, number, of, offset: wanted }: OpenRun, size: Size): Drawn {
  const rows = runRows(input, run, size);
  const offset = fitOffset(wanted, size.rows, rows.length);
  const [sign, token] = signOf(run.result, input.glyphs);
  return {
    title: [span('run of ', 'title'), span(`${dayAndTime(run.startedAt, input.now)} `, 'title'), span(sign, token)],
    aside: [span(`${number} of ${of}`, 'dim')],
    rows: rows.slice(offset, offset + size.rows),
    scroll: { offset, shown: size.rows, total: rows.length },
  };
}

function runRows(input: ScreenInput, run: RunRecord, size: Size): readonly Row[] {
  const names = namesOf(input.view.config);
  const wanted = Object.entries(run.deployment).map(([node, apps]): readonly Span[] => [
    said(`  ${names.node(node)}`, 'dim'),
    said(apps.length === 0 ? 'nothing' : listNames(apps)),
  ]);
  return [
    ...wrapRows(run.summary, size.columns, signOf(run.result, input.glyphs)[1]),
    [],
    ...(run.steps.length === 0
      ? [[span('no step was taken', 'dim')]]
      : run.steps.map((step) => stepRow(input, step, size))),
    ...(run.receipts.length === 0 ? [] : [[], ...run.receipts.flatMap((each) => receiptLines(each, names)).map(rowOf)]),
    [],
    [span('the files wanted', 'dim')],
    ...columns(wanted),
  ];
}

function stepRow({ glyphs }: ScreenInput, step: RunRecord['steps'][number], size: Size): Row {
  const [sign, token] = signOf(step.result, glyphs);
  const left: Row = [span(`${sign} `, token), said(step.text)];
  const right = step.durationMs === undefined ? step.result : formatDuration(step.durationMs);
  return ends(left, [said(right, 'dim')], size.columns, glyphs.ellipsis);
}

function update(input: ScreenInput, state: HistoryState, message: Message, size: Size): Step<HistoryState> {
  switch (message.type) {
    case 'history-read':
      return { state: withRuns(state, message.runs) };
    case 'view-changed':
      // The journal has the run that ended.
      return message.before.running && !input.view.running ? { effects: [{ type: 'read-history' }] } : {};
    case 'pick':
      return state.isOpen ? {} : { state: { ...state, cursor: message.index } };
    case 'action':
      return act(input, state, message.action, size);
    default:
      return {};
  }
}

/** The cursor stays on its run while newer ones come. */
function withRuns(state: HistoryState, runs: readonly RunRecord[]): HistoryState {
  const before = newestFirst(state)[state.cursor];
  const at = before === undefined ? -1 : newestFirst({ ...state, runs }).findIndex(({ id }) => id === before.id);
  return { ...state, runs, cursor: at < 0 ? state.cursor : at };
}

function act(input: ScreenInput, state: HistoryState, action: ActionId, size: Size): Step<HistoryState> {
  const runs = newestFirst(state);
  if (action === 'back') return state.isOpen ? { state: closed(state) } : { closes: true };
  const run = runs[cursorOf(state, runs)];
  if (run === undefined) return {};
  if (action === 'open') return { state: state.isOpen ? closed(state) : { ...state, isOpen: true, offset: 0 } };
  if (action === 'undo') {
    return offBecause(input, state, 'undo') === undefined
      ? { opens: confirmUndo(input.view, `the run of ${dayAndTime(run.startedAt, input.now).trim()}`) }
      : {};
  }
  if (action === 'next-tab') return toRun(state, runs, 1);
  if (action === 'previous-tab') return toRun(state, runs, -1);
  const rows = rowsMoved(action, size.rows);
  if (rows === undefined) return {};
  if (!state.isOpen) return toRun(state, runs, rows);
  const last = Math.max(0, runRows(input, run, size).length - size.rows);
  return { state: { ...state, offset: clamp(Math.min(state.offset ?? 0, last) + rows, 0, last) } };
}

const closed = (state: HistoryState): HistoryState => ({ ...state, isOpen: false, offset: 0 });

function toRun(state: HistoryState, runs: readonly RunRecord[], by: number): Step<HistoryState> {
  const cursor = clamp(cursorOf(state, runs) + by, 0, Math.max(0, runs.length - 1));
  return { state: { ...state, cursor, offset: 0 } };
}
