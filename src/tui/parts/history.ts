import type { RunRecord } from '../../model/history.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import { receiptLines } from '../../view/run/receipt-lines.ts';
import { count, formatClock, formatDuration, listNames, namesOf } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import type { Glyphs } from '../frame/glyphs.ts';
import { type Row, type Size, type Span, span, type Token } from '../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import { openConfirm, type Question } from './confirm.ts';
import { columns, ends, rowOf, wrapRows } from './drawing.ts';
import { cursorAfter, drawList, inList } from './list.ts';
import { movingActions, pageAt, rowsOn, scrolled } from './page.ts';

export interface HistoryState {
  readonly kind: 'history';
  /** Absent while they are read. */
  readonly runs?: readonly RunRecord[];
  /** Counts from the newest run. */
  readonly cursor: number;
  /** The run under the cursor is shown with its steps. */
  readonly isOpen: boolean;
  /** First row of the open run that is shown; absent: the first. */
  readonly offset?: number;
}

/** The list of earlier runs. */
export const openHistory = (): HistoryState => ({ kind: 'history', cursor: 0, isOpen: false });

/** Asks before an undo: it writes both files, and applications move. `what` is `the last apply`, `the run of …`. */
export const undoQuestion = ({ policy }: ClusterView, what: string): Question => ({
  title: `undo ${what}?`,
  lines: [
    'restores both files as they were before it; they must not have been edited since',
    policy === 'ask' ? 'drover shows the plan first and waits' : 'drover applies the plan at once',
    'data written since then is kept: volumes move back as they are now',
  ],
  verb: 'undo',
  effect: { type: 'undo' },
});

type Labels = Readonly<Partial<Record<ActionId, string>>>;

/** Earlier runs, newest first; one of them with its steps and what its moves cost. The last one can be undone. */
export const historyPart: OverlayPart<HistoryState> = {
  kind: 'history',
  answers: ['history-read'],
  reads: () => ({ key: 'history', begin: { type: 'read-history' } }),
  actions: ['open', 'undo', 'previous-tab', 'next-tab', 'back', ...movingActions],
  inFooter: 4,
  labelOf: ({ isOpen }, action) => (isOpen ? runLabels : listLabels)[action],
  disabledReason,
  draw: (input, state, size) => {
    const runs = newestFirst(state);
    const at = cursorOf(state, runs);
    const run = runs[at];
    return state.isOpen && run !== undefined
      ? drawRun(input, { run, number: at + 1, of: runs.length, offset: state.offset ?? 0 }, size)
      : drawRuns(input, state, runs, size);
  },
  update,
};

const listLabels: Labels = { open: 'its steps', 'previous-tab': '', 'next-tab': 'newer, older' };
const runLabels: Labels = { ...listLabels, open: 'all runs' };

const newestFirst = ({ runs }: HistoryState): readonly RunRecord[] => runs?.toReversed() ?? [];

const cursorOf = ({ cursor }: HistoryState, runs: readonly RunRecord[]): number => inList(cursor, runs.length);

function disabledReason({ view }: ScreenInput, state: HistoryState, action: ActionId): string | undefined {
  const runs = newestFirst(state);
  if (runs.length === 0) return action === 'open' || action === 'undo' ? 'nothing has been applied yet' : undefined;
  if (action !== 'undo') return undefined;
  if (view.running) return 'a run is in progress';
  return cursorOf(state, runs) > 0 ? 'only the last run can be undone' : undefined;
}

function drawRuns(input: ScreenInput, state: HistoryState, runs: readonly RunRecord[], size: Size): Drawn {
  const title = [span('earlier runs', 'title')];
  if (runs.length === 0) {
    const text = state.runs === undefined ? 'reading the history' : 'nothing has been applied yet';
    return { title, rows: [[span(text, 'dim')]] };
  }
  const at = cursorOf(state, runs);
  return {
    title,
    aside: [span(count(runs.length, 'run'), 'dim')],
    ...drawList({
      size,
      cursor: at,
      lines: runs.length,
      from: 'middle',
      draw: (shown) => columns(rowsOn(shown, runs).map((run, i) => cellsOf(input, run, shown.offset + i === at))),
      twice: { type: 'action', action: 'open' },
    }),
  };
}

function cellsOf({ glyphs, now }: ScreenInput, run: RunRecord, isAt: boolean): readonly Span[] {
  const [sign, token] = signOf(run.result, glyphs);
  const lead = span(`${isAt ? glyphs.cursor : ' '} ${sign}`, token);
  return [lead, span(dayAndTime(run.startedAt, now)), span(took(run), 'dim'), span(run.summary)];
}

const took = ({ startedAt, endedAt }: RunRecord): string => formatDuration(Math.max(0, endedAt - startedAt));

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `22 Nov 14:02`, with the year where it is not the present one. Milliseconds since 1970. */
export function dayAndTime(at: number, now: number): string {
  const date = new Date(at);
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${String(date.getDate()).padStart(2)} ${months[date.getMonth()] ?? ''}${year} ${formatClock(at, 'minutes')}`;
}

/** How a run or a step ended, by a sign of its own, so that colours are not needed. */
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

function drawRun(input: ScreenInput, { run, number, of, offset }: OpenRun, size: Size): Drawn {
  const rows = runRows(input, run, size);
  const scroll = pageAt(offset, size.rows, rows.length);
  const [sign, token] = signOf(run.result, input.glyphs);
  return {
    title: [span('run of ', 'title'), span(`${dayAndTime(run.startedAt, input.now)} `, 'title'), span(sign, token)],
    aside: [span(`${number} of ${of}`, 'dim')],
    rows: rowsOn(scroll, rows),
    scroll,
  };
}

function runRows(input: ScreenInput, run: RunRecord, size: Size): readonly Row[] {
  const names = namesOf(input.view.config);
  const wanted = Object.entries(run.deployment).map(([node, apps]): readonly Span[] => [
    span(`  ${names.node(node)}`, 'dim'),
    span(apps.length === 0 ? 'nothing' : listNames(apps)),
  ]);
  return [
    ...wrapRows(run.summary, size.columns, signOf(run.result, input.glyphs)[1]),
    [],
    ...(run.steps.length === 0
      ? [[span('no steps were run', 'dim')]]
      : run.steps.map((step) => stepRow(input, step, size))),
    ...(run.receipts.length === 0 ? [] : [[], ...run.receipts.flatMap((each) => receiptLines(each, names)).map(rowOf)]),
    [],
    [span('the files asked for', 'dim')],
    ...columns(wanted),
  ];
}

function stepRow({ glyphs }: ScreenInput, step: RunRecord['steps'][number], size: Size): Row {
  const [sign, token] = signOf(step.result, glyphs);
  const left: Row = [span(`${sign} `, token), span(step.text)];
  const right = step.durationMs === undefined ? step.result : formatDuration(step.durationMs);
  return ends(left, [span(right, 'dim')], size.columns, glyphs.ellipsis);
}

function update(input: ScreenInput, state: HistoryState, message: Message, size: Size): Update<HistoryState> {
  switch (message.type) {
    case 'history-read':
      return { state: withRuns(state, message.runs) };
    case 'view-changed':
      // The run that has just ended is in the journal now.
      return message.before.running && !input.view.running ? { effects: [{ type: 'read-history' }] } : {};
    case 'action': {
      const done = act(input, state, message.action);
      return done ?? go(input, state, message, size);
    }
    default:
      return go(input, state, message, size);
  }
}

/** The cursor stays on its run while newer ones come. */
function withRuns(state: HistoryState, runs: readonly RunRecord[]): HistoryState {
  const before = newestFirst(state)[state.cursor];
  const at = before === undefined ? -1 : newestFirst({ ...state, runs }).findIndex(({ id }) => id === before.id);
  return { ...state, runs, cursor: at < 0 ? state.cursor : at };
}

/** Undefined for the actions that only move. */
function act(input: ScreenInput, state: HistoryState, action: ActionId): Update<HistoryState> | undefined {
  const runs = newestFirst(state);
  if (action === 'back') return state.isOpen ? { state: closed(state) } : { closes: true };
  const at = cursorOf(state, runs);
  const run = runs[at];
  if (run === undefined) return {};
  if (action === 'open') return { state: state.isOpen ? closed(state) : { ...state, isOpen: true, offset: 0 } };
  if (action === 'undo') {
    const what = `the run of ${dayAndTime(run.startedAt, input.now).trim()}`;
    const isPossible = disabledReason(input, state, 'undo') === undefined;
    return isPossible ? { opens: openConfirm(undoQuestion(input.view, what)) } : {};
  }
  if (action === 'next-tab') return toRun(state, inList(at + 1, runs.length));
  return action === 'previous-tab' ? toRun(state, inList(at - 1, runs.length)) : undefined;
}

/** Moves the cursor through the runs, or scrolls the one that is open. */
function go(input: ScreenInput, state: HistoryState, message: Message, size: Size): Update<HistoryState> {
  const runs = newestFirst(state);
  const run = runs[cursorOf(state, runs)];
  if (state.isOpen && run !== undefined) {
    const offset = scrolled(message, state.offset ?? 0, size.rows, () => runRows(input, run, size).length);
    return offset === undefined ? {} : { state: { ...state, offset } };
  }
  const cursor = run === undefined ? undefined : cursorAfter(message, state.cursor, runs.length, size.rows);
  return cursor === undefined ? {} : toRun(state, cursor);
}

const closed = (state: HistoryState): HistoryState => ({ ...state, isOpen: false, offset: 0 });

const toRun = (state: HistoryState, cursor: number): Update<HistoryState> => ({
  state: { ...state, cursor, offset: 0 },
});
