import { nodesOf } from '../../../model/plan.ts';
import type { ClusterView, CommandEntry } from '../../../view/cluster-view.ts';
import { receiptLines } from '../../../view/run/receipt-lines.ts';
import { type RunGroup, type RunStep, type RunView, runView, shownRun } from '../../../view/run/run-view.ts';
import { standingOfGroup } from '../../../view/run/standing-sentence.ts';
import { count, describeOutcome, formatDuration, namesOf, nodeTitle } from '../../../view/wording.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { Drawn, HitArea, Message, OverlayPart, ScreenInput, Step } from '../../screen.ts';
import type { RunState } from '../../state.ts';
import { clamp, keepInSight, keepLatest, movingActions, rowOf, rowsMoved, said, wrapRows } from '../drawing.ts';
import { cancelMeaning } from './cancel-meaning.ts';
import { headRow, type RunRow, ready, stepRows } from './run-rows.ts';

/**
 * The run that goes on, or the last one: its steps with their times, transfers with rate and time left, what each
 * application has of it, and whether this is a moment to stop. Cursor 0 follows the step that runs; n is step n.
 */
export const runPart: OverlayPart<'run'> = {
  actions: ['cancel', 'step-log', 'follow', 'back', ...movingActions],
  inFooter: 4,
  draw: (input, state, size) => draw({ ...input, view: shownFor(input.view, state) }, state, size),
  offBecause: ({ view }, state, action) => {
    if (action === 'cancel' && !view.running) return 'no run is under way';
    if (action === 'follow' && state.cursor === 0) return 'it follows already';
    return undefined;
  },
  update: (input, state, message, size) =>
    update({ ...input, view: shownFor(input.view, state) }, state, message, size),
};

/** The run on the page: that which was asked for, also before it begins, and not the one before it. */
function shownFor(view: ClusterView, { after }: RunState): ClusterView {
  if (after === undefined || view.running || view.run > after) return shownRun(view);
  const { outcome: _outcome, runStartedAt: _startedAt, runEndedAt: _endedAt, ...rest } = view;
  return rest;
}

function draw(input: ScreenInput, state: RunState, size: Size): Drawn {
  const run = runView(input.view, input.now);
  const focus = stepInFocus(run, state);
  const foot = footRows(input, run, focus, state, size);
  const room = Math.max(1, size.rows - foot.length);
  const rows = listRows(input, run, focus, state, size);
  const at = Math.max(
    0,
    rows.findIndex(({ step }) => step !== undefined && step === focus?.number),
  );
  // What is written under the step in focus is to be seen with it.
  const offset = keepInSight(Math.max(0, at - Math.floor(room / 2)), at, room, rows.length);
  const shown = rows.slice(offset, offset + room);
  const gap = Array.from({ length: Math.max(0, room - shown.length) }, (): Row => []);
  return {
    title: titleRow(input, run),
    aside: asideRow(run),
    rows: [...shown.map((row) => row.draw()), ...gap, ...foot],
    hits: shown.flatMap(({ step }, y) => (step === undefined ? [] : [hit(step, y, size)])),
    scroll: { offset, shown: room, total: rows.length },
  };
}

const hit = (index: number, y: number, { columns }: Size): HitArea => ({
  x: 0,
  y,
  columns,
  rows: 1,
  click: { type: 'pick', index },
});

const stepsOf = (run: RunView): readonly RunStep[] => run.groups.flatMap(({ steps }) => steps);

/** The chosen one; else one that runs, a transfer first; else what comes next, or failed. */
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
    view.outcome?.result ?? (view.approval === undefined ? 'begins' : 'waits for approval: the plan changed');
  const state = ` · ${run.running ? 'running' : idle}`;
  return [span(`run ${view.run}`, 'title'), said(`${steps}${state}${elapsed}`)];
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
  const steps = run.groups.flatMap((group) => {
    const hasFocus = group.group === focus?.step.group;
    const from = [input.view.config, input.glyphs, size.columns, size.rows, ...(hasFocus ? [focus, state] : [])];
    return groupRowsOf(group, from, () => [
      { draw: () => headRow(input, group) },
      ...group.steps.flatMap((step) => stepRows(input, step, step === focus, state, size)),
    ]);
  });
  return [...steps, ...endRows(input, run, size).map(ready)];
}

const groupRowsOf = keepLatest<RunGroup, readonly RunRow[]>();

function emptyRows({ view, glyphs }: ScreenInput, { columns }: Size): readonly Row[] {
  const none = wrapRows('no steps: the nodes are as the files say', columns, 'dim');
  return view.outcome === undefined ? none : [[span(glyphs.done, 'ok'), span(' '), ...(none[0] ?? [])]];
}

/** How it ended and what the moves cost. */
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

/** What stays in sight however long the list is: the sentences, what cancelling means, the newest command. */
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

/** Of the application in focus, and before it of every other that is down. */
function standings(
  { view, now }: ScreenInput,
  run: RunView,
  focus: RunStep | undefined,
): readonly { readonly text: string; readonly token: 'warn' | 'bad' | 'ok' }[] {
  return run.groups
    .filter(({ kind, group, state }) => kind !== 'network' && (group === focus?.step.group || hasBegun(state)))
    .map(({ plan }) => standingOfGroup(view, plan, now))
    .filter(({ app, stopping }) => app === focus?.step.group || (view.running && stopping !== 'safe'))
    .toSorted((a, b) => Number(a.app === focus?.step.group) - Number(b.app === focus?.step.group))
    .slice(-3)
    .map(({ text, stopping, hasFailed }) => ({
      text,
      token: hasFailed || stopping === 'goes-on' ? 'bad' : stopping === 'reversible' ? 'warn' : 'ok',
    }));
}

const hasBegun = (state: RunGroup['state']): boolean => state !== 'waiting' && state !== 'done';

/** The newest word about a retry, while this run goes on. */
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
  return own.slice(-most).map(({ node, text }) => [said(`${nodeTitle(view.config, node)} $ `, 'dim'), said(text)]);
}

function update(input: ScreenInput, state: RunState, message: Message, size: Size): Step<RunState> {
  if (message.type === 'wheel') return moveBy(input, state, message.rows);
  if (message.type === 'pick') return { state: { ...state, cursor: message.index } };
  if (message.type !== 'action') return {};
  const moved = rowsMoved(message.action, size.rows);
  if (moved !== undefined) return moveBy(input, state, moved);
  switch (message.action) {
    case 'cancel':
      return input.view.running
        ? { effects: [{ type: 'cancel-run' }], notice: { text: cancelMeaning(input.view, input.now), tone: 'warn' } }
        : { notice: { text: 'no run is under way', tone: 'plain' } };
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

/** In the order of the list; the cursor leaves the running step from where that is. */
function moveBy(input: ScreenInput, state: RunState, by: number): Step<RunState> {
  const run = runView(input.view, input.now);
  const steps = stepsOf(run);
  const focus = stepInFocus(run, state);
  const at = focus === undefined ? 0 : steps.indexOf(focus);
  const next = steps[clamp(at + by, 0, steps.length - 1)];
  return next === undefined ? {} : { state: { ...state, cursor: next.number } };
}
