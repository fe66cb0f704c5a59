import { capacities, capacityText } from '../../../view/capacity.ts';
import type { ClusterView } from '../../../view/cluster-view.ts';
import { planSummary } from '../../../view/run/plan-lines.ts';
import { receiptLines } from '../../../view/run/receipt-lines.ts';
import { type RunGroup, type RunView, runView } from '../../../view/run/run-view.ts';
import { count, describeOutcome, namesOf } from '../../../view/wording.ts';
import { type Row, type Size, type Span, span } from '../../frame/rows.ts';
import type { Drawn, HitArea, Message, Part, ScreenInput, Step } from '../../screen.ts';
import type { Overlay, UiState } from '../../state.ts';
import { clamp, keepInSight, movingActions, rowOf, rowsMoved, said, select, wrapRows } from '../drawing.ts';
import { cancelMeaning } from './cancel-meaning.ts';
import { compactRows, headRows, type LazyRow, type PlanEntry, planEntries } from './plan-entries.ts';

/** A row of the pane; `entry` where the cursor may be. */
interface PlanRow {
  readonly draw: LazyRow;
  readonly entry?: number;
  /** The head that is drawn in this row. */
  readonly head?: RunGroup;
}

/** What the files would have drover do, by application: costs, reasons, what is blocked; during a run how far it is. */
export const planPart: Part<UiState> = {
  // Applying is the screen's affair: it opens the review.
  actions: ['open', 'apply', 'cancel', 'zoom-in', ...movingActions],
  inFooter: 4,
  draw,
  offBecause: ({ view }, _ui, action) => (action === 'cancel' && !view.running ? 'no run is under way' : undefined),
  update,
};

function draw(input: ScreenInput, ui: UiState, size: Size): Drawn {
  const run = runView(input.view, input.now);
  const title = titleRow(input, run);
  if (size.rows <= 2 && run.groups.length > 0) {
    return { title, rows: compactRows(input, run, size), hits: [{ x: 0, y: 0, ...size, click: focus, twice: open }] };
  }
  const { rows, at } = placed(input, run, ui, size);
  const offset = keepInSight(ui.offsets.plan, at, size.rows, rows.length);
  const shown = rows.slice(offset, offset + size.rows);
  return {
    title,
    rows: drawRows(input, run, shown, size),
    hits: shown.flatMap(({ entry }, y) => (entry === undefined ? [] : [hit(entry, y, size)])),
    scroll: { offset, shown: size.rows, total: rows.length },
  };
}

const focus: Message = { type: 'select', pane: 'plan' };
const open: Message = { type: 'action', action: 'open' };

const hit = (index: number, y: number, { columns }: Size): HitArea => ({
  x: 0,
  y,
  columns,
  rows: 1,
  click: { type: 'select', pane: 'plan', index },
  twice: open,
});

/** Only what is in sight is drawn, its heads in the same columns. */
function drawRows(input: ScreenInput, run: RunView, shown: readonly PlanRow[], { columns }: Size): readonly Row[] {
  const heads = headRows(
    input,
    run,
    shown.flatMap(({ head }) => head ?? []),
    columns,
  );
  return shown.map(({ draw: drawRow }) => drawRow(heads));
}

/** All rows, and the one the cursor is on. */
function placed(input: ScreenInput, run: RunView, ui: UiState, size: Size): { rows: readonly PlanRow[]; at: number } {
  const ready = (row: Row): PlanRow => ({ draw: () => row });
  const above = bannerRows(input, size).map(ready);
  const entries = planEntries(input, run, size);
  const cursor = clamp(ui.planCursor, 0, Math.max(0, entries.length - 1));
  const below = [...capacityRows(input), ...noteRows(input, run, size)].map(ready);
  const total = above.length + below.length + entries.reduce((sum, entry) => sum + entry.rows.length, 0);
  const openGroup = ui.focus === 'plan' ? entries[cursor]?.group : undefined;
  const drawn = entries.flatMap((entry, index) =>
    entryRows(entry, index, total <= size.rows ? entry.group : openGroup, ui.focus === 'plan' && index === cursor),
  );
  const rows = [...above, ...drawn, ...below];
  return {
    rows,
    at: Math.max(
      0,
      rows.findIndex(({ entry }) => entry === cursor),
    ),
  };
}

/** Where not everything fits, only the steps of the group under the cursor are shown, and none without the focus. */
function entryRows(
  { group, head, isInside, rows }: PlanEntry,
  entry: number,
  openGroup: string | undefined,
  isCursor: boolean,
): readonly PlanRow[] {
  if (isInside && group !== openGroup) return [];
  const shown = group === openGroup || head === undefined ? rows : rows.slice(0, 1);
  return shown.map((drawRow, i) => ({
    draw: isCursor && i === 0 ? (heads) => select(drawRow(heads)) : drawRow,
    entry,
    ...(head === undefined || i > 0 ? {} : { head }),
  }));
}

function titleRow({ view, about }: ScreenInput, run: RunView): Row {
  const key = about.keyOf('pane-2');
  return [...(key === undefined ? [] : [span(`${key} `, 'key')]), span('plan', 'title'), said(summary(view, run))];
}

function summary(view: ClusterView, run: RunView): string {
  if (view.plan === undefined) return '';
  if (view.running) return ` · ${run.doneSteps} of ${count(run.totalSteps, 'step')} done`;
  if (run.isSettled) return ' · nothing to do';
  const changes = run.groups.filter(({ state }) => state !== 'done').length;
  const blocked = view.plan.blocked.length;
  const parts = [
    ...(changes > 0 ? [count(changes, 'change')] : []),
    ...(blocked > 0 ? [`${blocked} blocked`] : []),
    ...(capacities(view).some(({ verdict }) => verdict === 'full') ? ['does not fit'] : []),
  ];
  return ` · ${parts.join(', ')}`;
}

/** What comes before the changes: an approval, or that there are none and how the last run ended. */
function bannerRows({ view, about, glyphs }: ScreenInput, { columns }: Size): readonly Row[] {
  const approval = view.approval;
  if (approval !== undefined) {
    const key = about.keyOf('apply');
    const how = key === undefined ? '' : `; ${key} shows it`;
    return wrapRows(`${glyphs.changing} waits for approval: ${approval.reason}${how}`, columns, 'warn');
  }
  if (view.plan !== undefined) return [];
  const problems = view.problems.length;
  const text =
    problems > 0
      ? `the files have ${count(problems, 'problem')}; nothing is changed`
      : view.config === undefined
        ? 'no files have been read yet'
        : 'looking at the nodes; the plan comes after that';
  return wrapRows(text, columns, problems > 0 ? 'bad' : 'dim');
}

function capacityRows({ view, glyphs }: ScreenInput): readonly Row[] {
  const needed = view.plan === undefined ? [] : capacities(view).filter(({ neededBytes }) => neededBytes > 0);
  return needed.map((each) => {
    const sign = each.verdict === 'full' ? glyphs.failed : each.verdict === 'tight' ? glyphs.change : glyphs.done;
    const token = each.verdict === 'full' ? 'bad' : each.verdict === 'tight' ? 'warn' : 'dim';
    return [span(`${sign} `, token), said(capacityText(each, view), token)];
  });
}

function noteRows(input: ScreenInput, run: RunView, { columns }: Size): readonly Row[] {
  const { view, glyphs } = input;
  const notes = (view.plan?.notes ?? []).flatMap((note) => wrapRows(`${glyphs.skipped} ${note}`, columns, 'dim', '  '));
  return [...(view.running ? [] : lastRun(input, run, columns)), ...notes];
}

/** Told only where nothing is left of the plan, or the last run did not end well. */
function lastRun({ view, glyphs }: ScreenInput, run: RunView, width: number): readonly Row[] {
  if (view.plan === undefined) return [];
  const settled: Span[] = run.isSettled
    ? [span(`${glyphs.done} ${planSummary({ ...view.plan, steps: [] })}`, 'ok')]
    : [];
  const { outcome } = view;
  const told = outcome !== undefined && (run.isSettled || outcome.result !== 'converged');
  const sentence = told
    ? wrapRows(`last run: ${describeOutcome(outcome, run.elapsedMs ?? 0)}`, width, tone(outcome.result))
    : [];
  const names = namesOf(view.config);
  const receipts = told ? run.receipts.flatMap((receipt) => receiptLines(receipt, names)).map(rowOf) : [];
  return [...(settled.length > 0 ? [settled] : []), ...sentence, ...receipts];
}

const tone = (result: string): 'ok' | 'warn' | 'bad' =>
  result === 'converged' ? 'ok' : result === 'failed' || result === 'rejected' ? 'bad' : 'warn';

function update(input: ScreenInput, ui: UiState, message: Message, size: Size): Step<UiState> {
  if (message.type === 'wheel') return moveCursor(input, ui, message.rows, size);
  if (message.type === 'select') return message.index === undefined ? {} : setCursor(input, ui, message.index, size);
  if (message.type !== 'action') return {};
  const moved = rowsMoved(message.action, size.rows);
  if (moved !== undefined) return moveCursor(input, ui, moved, size);
  switch (message.action) {
    case 'open':
      return { opens: opened(input) };
    case 'cancel':
      return {
        effects: [{ type: 'cancel-run' }],
        notice: { text: cancelMeaning(input.view, input.now), tone: 'warn' },
      };
    default:
      return {};
  }
}

/** The run where there is one to look at; else what changes. */
function opened({ view }: ScreenInput): Overlay {
  const begun = view.plan?.steps.some(({ id }) => (view.steps[id]?.state ?? 'waiting') !== 'waiting') ?? false;
  const ended = view.outcome !== undefined && (begun || (view.plan?.steps.length ?? 0) === 0);
  if (view.running || ended) return { kind: 'run', cursor: 0, showsOutput: false };
  return { kind: 'diff', form: 'files', offset: 0 };
}

function moveCursor(input: ScreenInput, ui: UiState, by: number, size: Size): Step<UiState> {
  const last = planEntries(input, runView(input.view, input.now), size).length - 1;
  return setCursor(input, ui, clamp(clamp(ui.planCursor, 0, Math.max(0, last)) + by, 0, Math.max(0, last)), size);
}

function setCursor(input: ScreenInput, ui: UiState, planCursor: number, size: Size): Step<UiState> {
  const next = { ...ui, planCursor };
  const { rows, at } = placed(input, runView(input.view, input.now), next, size);
  const plan = keepInSight(ui.offsets.plan, at, size.rows, rows.length);
  return { state: { ...next, offsets: { ...ui.offsets, plan } } };
}
