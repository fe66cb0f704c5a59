import { nodesOf } from '../../../model/plan.ts';
import type { ClusterView, CommandEntry, StepView } from '../../../view/cluster-view.ts';
import { planGroups } from '../../../view/run/plan-groups.ts';
import { receiptLines } from '../../../view/run/receipt-lines.ts';
import { runStatusOfGroup } from '../../../view/run/run-status-text.ts';
import { type RunGroup, type RunStep, type RunView, runView, shownRun } from '../../../view/run/run-view.ts';
import { count, describeOutcome, formatDuration, listNames, namesOf, nodeTitle } from '../../../view/wording.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../../screen.ts';
import { rowOf, wrapRows } from '../drawing.ts';
import { cursorAfter, drawList } from '../list.ts';
import { movingActions, rowsMoved } from '../page.ts';
import { headRow, type RunRow, type RunState, ready, stepRows } from './run-rows.ts';

/** The page of the present run; with `after`, of the run that follows the one with this number. */
export const openRun = (after?: number): RunState => ({
  kind: 'run',
  cursor: 0,
  showsOutput: false,
  ...(after === undefined ? {} : { after }),
});

/**
 * The present run or the last one: its steps with their times, transfers with their rate and the time left, how each
 * application is doing, and what cancelling would do now.
 */
export const runPart: OverlayPart<RunState> = {
  kind: 'run',
  actions: ['cancel', 'step-log', 'follow', 'back', ...movingActions],
  inFooter: 4,
  draw: (input, state, size) => draw({ ...input, view: shownFor(input.view, state) }, state, size),
  disabledReason: ({ view }, state, action) => {
    if (action === 'cancel' && !view.running) return 'no run is in progress';
    if (action === 'follow' && state.cursor === 0) return 'the page follows already';
    return undefined;
  },
  update: (input, state, message, size) =>
    update({ ...input, view: shownFor(input.view, state) }, state, message, size),
};

/** A run that was approved just now is shown before it begins, instead of the one before it. */
function shownFor(view: ClusterView, { after }: RunState): ClusterView {
  if (after === undefined || view.running || view.run > after) return shownRun(view);
  const { outcome: _outcome, runStartedAt: _startedAt, runEndedAt: _endedAt, ...rest } = view;
  return rest;
}

function draw(input: ScreenInput, state: RunState, size: Size): Drawn {
  const run = runView(input.view, input.now);
  const focus = stepInFocus(run, state);
  const foot = footRows(input, run, focus, state, size);
  const rows = listRows(input, run, focus, state, size);
  return {
    title: titleRow(input, run),
    aside: asideRow(run),
    ...drawList({
      size,
      cursor: focus?.number ?? 0,
      lines: rows.map(({ step }) => step),
      foot,
      from: 'middle',
      isSelected: state.cursor > 0,
      draw: ({ offset, shown }) => rows.slice(offset, offset + shown).map((row) => row.draw()),
    }),
  };
}

const stepsOf = (run: RunView): readonly RunStep[] => run.groups.flatMap(({ steps }) => steps);

/** The step under the cursor; else a running one, transfers first; else a failed one, or the next. */
function stepInFocus(run: RunView, { cursor }: RunState): RunStep | undefined {
  const steps = stepsOf(run);
  if (cursor > 0) return steps.find(({ number }) => number === cursor) ?? steps.at(-1);
  const running = steps.filter(({ at }) => at.state === 'running');
  return (
    running.find(({ transfer }) => transfer !== undefined) ??
    running[0] ??
    steps.find(({ at }) => at.state === 'failed') ??
    steps.find(({ at }) => at.state === 'waiting') ??
    steps.at(-1)
  );
}

function titleRow({ view }: ScreenInput, run: RunView): Row {
  if (run.totalSteps === 0) return [span('run', 'title')];
  const steps = ` · ${run.doneSteps} of ${count(run.totalSteps, 'step')}`;
  const elapsed = run.elapsedMs === undefined ? '' : ` ${formatDuration(run.elapsedMs)}`;
  const idle =
    view.outcome?.result ?? (view.approval === undefined ? 'starting' : 'waits for approval: the plan changed');
  const state = ` · ${run.running ? 'running' : idle}`;
  return [span(`run ${view.run}`, 'title'), span(`${steps}${state}${elapsed}`)];
}

function asideRow({ groups, running }: RunView): Row {
  const over = groups.filter(({ state }) => state === 'done').length;
  return running && groups.length > 1 ? [span(`${over} of ${count(groups.length, 'change')}`, 'dim')] : [];
}

function listRows(
  input: ScreenInput,
  run: RunView,
  focus: RunStep | undefined,
  state: RunState,
  size: Size,
): readonly RunRow[] {
  if (run.groups.length === 0) return emptyRows(input, size).map(ready);
  const steps = run.groups.flatMap((group) => [
    { draw: () => headRow(input, group) },
    ...group.steps.flatMap((step) => stepRows(input, step, step === focus, state, size)),
  ]);
  return [...steps, ...endRows(input, run, size).map(ready)];
}

function emptyRows({ view, glyphs }: ScreenInput, { columns }: Size): readonly Row[] {
  const none = wrapRows('no steps: the nodes match the files', columns, 'dim');
  return view.outcome === undefined ? none : [[span(glyphs.done, 'ok'), span(' '), ...(none[0] ?? [])]];
}

/** How the run ended, and what its moves cost. */
function endRows({ view }: ScreenInput, run: RunView, { columns }: Size): readonly Row[] {
  if (run.running || view.outcome === undefined) return [];
  const { outcome } = view;
  const token = outcome.result === 'converged' ? 'ok' : outcome.result === 'failed' ? 'bad' : 'warn';
  const hint = outcome.result === 'failed' && outcome.error.hint !== undefined ? [`hint: ${outcome.error.hint}`] : [];
  const names = namesOf(view.config);
  return [
    [],
    ...wrapRows(describeOutcome(outcome, run.elapsedMs ?? 0), columns, token),
    ...hint.flatMap((text) => wrapRows(text, columns)),
    ...run.receipts.flatMap((receipt) => receiptLines(receipt, names)).map(rowOf),
  ];
}

/** Stays in sight: how the applications are doing, what cancelling would do, the newest command. */
function footRows(
  input: ScreenInput,
  run: RunView,
  focus: RunStep | undefined,
  state: RunState,
  size: Size,
): readonly Row[] {
  if (run.groups.length === 0) return [];
  const { glyphs } = input;
  const rule: Row = [span(glyphs.border.horizontal.repeat(size.columns), 'dim')];
  const sentences = standings(input, run, focus).flatMap(({ text, token }) =>
    wrapRows(text, size.columns, token, '  '),
  );
  const retry = run.running ? retryRows(input.view, size) : [];
  const cancel = run.running ? wrapRows(cancelMeaning(input.view, input.now), size.columns, 'dim', '  ') : [];
  const commands = focus === undefined ? [] : commandRows(input.view, focus, state.showsOutput ? 4 : 1);
  const limit = Math.max(0, size.rows - Math.min(4, size.rows));
  return [rule, ...sentences, ...retry, ...cancel, ...commands].slice(0, limit);
}

/** The status of the application in focus, and above it of every other one that is down. */
function standings(
  { view, now }: ScreenInput,
  run: RunView,
  focus: RunStep | undefined,
): readonly { readonly text: string; readonly token: 'warn' | 'bad' | 'ok' }[] {
  return run.groups
    .filter(({ kind, group, state }) => kind !== 'network' && (group === focus?.step.group || hasBegun(state)))
    .map(({ plan }) => runStatusOfGroup(view, plan, now))
    .filter(({ app, stopping }) => app === focus?.step.group || (view.running && stopping !== 'safe'))
    .toSorted((a, b) => Number(a.app === focus?.step.group) - Number(b.app === focus?.step.group))
    .slice(-3)
    .map(({ text, stopping, hasFailed }) => ({
      text,
      token: hasFailed || stopping === 'goes-on' ? 'bad' : stopping === 'reversible' ? 'warn' : 'ok',
    }));
}

const hasBegun = (state: RunGroup['state']): boolean => state !== 'waiting' && state !== 'done';

/** The newest message about a retry in this run. */
function retryRows(view: ClusterView, { columns }: Size): readonly Row[] {
  const since = view.runStartedAt ?? 0;
  const last = view.trail.findLast(({ at, source }) => at >= since && source === 'apply');
  return last?.tone === 'warning' ? wrapRows(last.text, columns, 'warn', '  ') : [];
}

function commandRows(view: ClusterView, { step, at }: RunStep, most: number): readonly Row[] {
  const nodes = nodesOf(step.action);
  const since = at.startedAt;
  if (since === undefined) return [];
  const own = view.commands.filter((each: CommandEntry) => nodes.includes(each.node) && each.at >= since);
  return own.slice(-most).map(({ node, text }) => [span(`${nodeTitle(view.config, node)} $ `, 'dim'), span(text)]);
}

function update(input: ScreenInput, state: RunState, message: Message, size: Size): Update<RunState> {
  // The numbers of the steps count from 1 in the order of the list.
  if (message.type === 'pick') return { state: { ...state, cursor: message.index } };
  const moved = moveBy(input, state, message, size);
  if (moved !== undefined) return moved;
  if (message.type !== 'action') return {};
  switch (message.action) {
    case 'cancel':
      return input.view.running
        ? { effects: [{ type: 'cancel-run' }], notice: { text: cancelMeaning(input.view, input.now), tone: 'warn' } }
        : { notice: { text: 'no run is in progress', tone: 'plain' } };
    case 'step-log':
      return { state: { ...state, showsOutput: !state.showsOutput } };
    case 'follow':
      return { state: { ...state, cursor: 0 } };
    case 'back':
      return { closes: true };
    default:
      return {};
  }
}

/** The cursor leaves the step in focus from where that is in the list. */
function moveBy(input: ScreenInput, state: RunState, message: Message, size: Size): Update<RunState> | undefined {
  if (rowsMoved(message, size.rows) === undefined) return undefined;
  const run = runView(input.view, input.now);
  const steps = stepsOf(run);
  const focus = stepInFocus(run, state);
  const at = focus === undefined ? 0 : steps.indexOf(focus);
  const next = steps[cursorAfter(message, at, steps.length, size.rows) ?? at];
  return next === undefined ? {} : { state: { ...state, cursor: next.number } };
}

/** What cancelling the run at this moment does, in one sentence. `now` in milliseconds since 1970. */
export function cancelMeaning(view: ClusterView, now: number): string {
  if (!view.running || view.plan === undefined) return 'no run is in progress';
  const down = planGroups(view.plan, view.forecasts)
    .filter(({ steps }) => steps.some(({ id }) => hasStepBegun(view.steps[id]?.state)))
    .filter((group) => runStatusOfGroup(view, group, now).stopping !== 'safe')
    .map(({ group }) => group);
  if (down.length === 0) return 'cancel stops here; copies continue later where they ended';
  return `cancel finishes the change of ${listNames(down)} first, then stops`;
}

/** Most groups of a large plan have not begun, and need no closer look. */
const hasStepBegun = (state: StepView['state'] | undefined): boolean => state !== undefined && state !== 'waiting';
