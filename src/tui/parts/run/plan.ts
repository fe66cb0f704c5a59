import { capacities, capacityText } from '../../../view/capacity.ts';
import type { ClusterView } from '../../../view/cluster-view.ts';
import { planSummary } from '../../../view/run/plan-lines.ts';
import { receiptLines } from '../../../view/run/receipt-lines.ts';
import { type RunGroup, type RunView, runView } from '../../../view/run/run-view.ts';
import { count, describeOutcome, namesOf } from '../../../view/wording.ts';
import { type Row, type Size, type Span, span } from '../../frame/rows.ts';
import type { Drawn, Message, Part, ScreenInput, Update } from '../../screen.ts';
import type { Overlay, UiState } from '../../state.ts';
import { openDiff } from '../diff.ts';
import { rowOf, wrapRows } from '../drawing.ts';
import { cursorAfter, drawList, inList } from '../list.ts';
import { movingActions, pageWith, rowsMoved, rowsOn } from '../page.ts';
import { compactRows, headRows, type LazyRow, type PlanEntry, planEntries } from './plan-entries.ts';
import { cancelMeaning, openRun } from './run.ts';

/** A row of the pane; `entry` is set where the cursor can be. */
interface PlanRow {
  readonly draw: LazyRow;
  readonly entry?: number;
  /** The change whose head this row is. */
  readonly head?: RunGroup;
}

/** What drover would do, by application, with costs and reasons and what is blocked; during a run its progress. */
export const planPart: Part<UiState> = {
  // The screen does `apply`: it opens the review.
  actions: ['open', 'apply', 'cancel', 'zoom-in', ...movingActions],
  inFooter: 4,
  slice: ({ view, about, now }, ui) => [
    // Only a run shows times that pass.
    view.running ? now : undefined,
    view.plan,
    view.steps,
    view.config,
    view.forecasts,
    view.nodes,
    view.outcome,
    view.approval,
    view.problems,
    view.receipts,
    view.runStartedAt,
    view.runEndedAt,
    about,
    ui.focus,
    ui.planCursor,
    ui.offsets.plan,
  ],
  draw,
  disabledReason: ({ view }, _ui, action) =>
    action === 'cancel' && !view.running ? 'no run is in progress' : undefined,
  update,
};

function draw(input: ScreenInput, ui: UiState, size: Size): Drawn {
  const run = runView(input.view, input.now);
  const title = titleRow(input, run);
  if (size.rows <= 2 && run.groups.length > 0) {
    return { title, rows: compactRows(input, run, size), hits: [{ x: 0, y: 0, ...size, click: focus, twice: open }] };
  }
  const { rows, cursor } = placed(input, run, ui, size);
  return {
    title,
    ...drawList({
      size,
      cursor,
      lines: rows.map(({ entry }) => entry),
      from: ui.offsets.plan,
      isSelected: ui.focus === 'plan' && rows.some(({ entry }) => entry !== undefined),
      draw: (shown) => drawRows(input, run, rowsOn(shown, rows), size),
      click: (index) => ({ type: 'select', pane: 'plan', index }),
      twice: open,
    }),
  };
}

const focus: Message = { type: 'select', pane: 'plan' };
const open: Message = { type: 'action', action: 'open' };

/** Draws what is in sight, the heads aligned with each other. */
function drawRows(input: ScreenInput, run: RunView, shown: readonly PlanRow[], { columns }: Size): readonly Row[] {
  const heads = headRows(
    input,
    run,
    shown.flatMap(({ head }) => head ?? []),
    columns,
  );
  return shown.map(({ draw: drawRow }) => drawRow(heads));
}

/** All rows, and the entry under the cursor. */
function placed(
  input: ScreenInput,
  run: RunView,
  ui: UiState,
  size: Size,
): { readonly rows: readonly PlanRow[]; readonly cursor: number } {
  const ready = (row: Row): PlanRow => ({ draw: () => row });
  const above = bannerRows(input, size).map(ready);
  const entries = planEntries(input, run, size);
  const cursor = inList(ui.planCursor, entries.length);
  const below = [...capacityRows(input), ...noteRows(input, run, size)].map(ready);
  const total = above.length + below.length + entries.reduce((sum, entry) => sum + entry.rows.length, 0);
  const openGroup = ui.focus === 'plan' ? entries[cursor]?.group : undefined;
  const drawn = entries.flatMap((entry, index) =>
    entryRows(entry, index, total <= size.rows ? entry.group : openGroup),
  );
  return { rows: [...above, ...drawn, ...below], cursor };
}

/** Where not everything fits, only the group under the cursor shows its steps, and none where the pane has no focus. */
function entryRows(
  { group, head, isInside, rows }: PlanEntry,
  entry: number,
  openGroup: string | undefined,
): readonly PlanRow[] {
  if (isInside && group !== openGroup) return [];
  const shown = group === openGroup || head === undefined ? rows : rows.slice(0, 1);
  return shown.map((drawRow, i) => ({
    draw: drawRow,
    entry,
    ...(head === undefined || i > 0 ? {} : { head }),
  }));
}

function titleRow({ view, about }: ScreenInput, run: RunView): Row {
  const key = about.keyOf('pane-2');
  return [...(key === undefined ? [] : [span(`${key} `, 'key')]), span('plan', 'title'), span(summary(view, run))];
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

/** Above the changes: that the plan waits for approval, or why there is no plan. */
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
        ? 'the files have not been read yet'
        : 'reading the nodes; the plan comes next';
  return wrapRows(text, columns, problems > 0 ? 'bad' : 'dim');
}

function capacityRows({ view, glyphs }: ScreenInput): readonly Row[] {
  const needed = view.plan === undefined ? [] : capacities(view).filter(({ neededBytes }) => neededBytes > 0);
  return needed.map((each) => {
    const sign = each.verdict === 'full' ? glyphs.failed : each.verdict === 'tight' ? glyphs.change : glyphs.done;
    const token = each.verdict === 'full' ? 'bad' : each.verdict === 'tight' ? 'warn' : 'dim';
    return [span(`${sign} `, token), span(capacityText(each, view), token)];
  });
}

function noteRows(input: ScreenInput, run: RunView, { columns }: Size): readonly Row[] {
  const { view, glyphs } = input;
  const notes = (view.plan?.notes ?? []).flatMap((note) => wrapRows(`${glyphs.skipped} ${note}`, columns, 'dim', '  '));
  return [...(view.running ? [] : lastRun(input, run, columns)), ...notes];
}

/** Shown where nothing of the plan is left, or the last run failed. */
function lastRun({ view, glyphs }: ScreenInput, run: RunView, width: number): readonly Row[] {
  if (view.plan === undefined) return [];
  const settled: Span[] = run.isSettled
    ? [span(`${glyphs.done} ${planSummary({ ...view.plan, steps: [] })}`, 'ok')]
    : [];
  const { outcome } = view;
  const isShown = outcome !== undefined && (run.isSettled || outcome.result !== 'converged');
  const sentence = isShown
    ? wrapRows(`last run: ${describeOutcome(outcome, run.elapsedMs ?? 0)}`, width, tone(outcome.result))
    : [];
  const names = namesOf(view.config);
  const receipts = isShown ? run.receipts.flatMap((receipt) => receiptLines(receipt, names)).map(rowOf) : [];
  return [...(settled.length > 0 ? [settled] : []), ...sentence, ...receipts];
}

const tone = (result: string): 'ok' | 'warn' | 'bad' =>
  result === 'converged' ? 'ok' : result === 'failed' || result === 'rejected' ? 'bad' : 'warn';

function update(input: ScreenInput, ui: UiState, message: Message, size: Size): Update<UiState> {
  if (message.type === 'select') return message.index === undefined ? {} : setCursor(input, ui, message.index, size);
  if (rowsMoved(message, size.rows) !== undefined) return moveCursor(input, ui, message, size);
  if (message.type !== 'action') return {};
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

/** The run where there is one to see; else what changes. */
function opened({ view }: ScreenInput): Overlay {
  const begun = view.plan?.steps.some(({ id }) => (view.steps[id]?.state ?? 'waiting') !== 'waiting') ?? false;
  const ended = view.outcome !== undefined && (begun || (view.plan?.steps.length ?? 0) === 0);
  return view.running || ended ? openRun() : openDiff();
}

function moveCursor(input: ScreenInput, ui: UiState, message: Message, size: Size): Update<UiState> {
  const total = planEntries(input, runView(input.view, input.now), size).length;
  return setCursor(input, ui, cursorAfter(message, ui.planCursor, total, size.rows) ?? 0, size);
}

function setCursor(input: ScreenInput, ui: UiState, planCursor: number, size: Size): Update<UiState> {
  const next = { ...ui, planCursor };
  const { rows, cursor } = placed(input, runView(input.view, input.now), next, size);
  const line = Math.max(
    0,
    rows.findIndex(({ entry }) => entry === cursor),
  );
  const plan = pageWith(line, ui.offsets.plan, size.rows, rows.length).offset;
  return { state: { ...next, offsets: { ...ui.offsets, plan } } };
}
