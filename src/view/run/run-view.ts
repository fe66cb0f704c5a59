import { cached } from '../../model/collect.ts';
import type { AppName, Config } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { MoveReceipt, RunOutcome } from '../../model/events.ts';
import type { Plan, Step, StepId } from '../../model/plan.ts';
import { stepKinds } from '../../model/step-kinds.ts';
import type { ClusterView, StepView } from '../cluster-view.ts';
import { describeAction, formatBytes, formatDuration, type Names, namesOf } from '../wording.ts';
import { type PlanGroup, planGroups } from './plan-groups.ts';
import { type TransferRate, transferRate } from './transfer-rate.ts';

/** One step as it stands now. */
export interface RunStep {
  /** From 1, in the plan's order. */
  readonly number: number;
  readonly step: Step;
  readonly at: StepView;
  /** Until now while it runs; absent before. */
  readonly elapsedMs?: number;
  /** Only while it runs and bytes are counted. */
  readonly transfer?: TransferRate;
}

export type GroupState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

/** The steps of one application, with their state. */
export interface RunGroup extends Omit<PlanGroup, 'steps'> {
  /** The planned steps. */
  readonly plan: PlanGroup;
  readonly title: string;
  readonly state: GroupState;
  readonly steps: readonly RunStep[];
  readonly doneSteps: number;
}

/** The plan, with the state of its steps during a run. */
export interface RunView {
  readonly groups: readonly RunGroup[];
  readonly running: boolean;
  readonly elapsedMs?: number;
  readonly doneSteps: number;
  readonly totalSteps: number;
  readonly outcome?: RunOutcome;
  /** Of the shown run. */
  readonly receipts: readonly MoveReceipt[];
  /** No step is left to do, and nothing is blocked. */
  readonly isSettled: boolean;
}

/**
 * The view with the present or last run in place of the plan: observations after its end
 * make new plans, and what it did can still be read.
 */
export function shownRun(view: ClusterView): ClusterView {
  const isItself = view.running || Object.values(view.steps).some(({ state }) => state !== 'waiting');
  return isItself || view.lastRun === undefined ? view : { ...view, ...view.lastRun };
}

/** Pure; `now` in milliseconds since 1970, for what is still running. */
export function runView(view: ClusterView, now: number): RunView {
  const groups = view.plan === undefined ? [] : planGroups(view.plan, view.forecasts);
  const drawn = groups.map((group) => groupOf(view, group, now));
  const doneSteps = drawn.reduce((sum, group) => sum + group.doneSteps, 0);
  const totalSteps = view.plan?.steps.length ?? 0;
  const elapsedMs = elapsedOf(view, now);
  return {
    groups: drawn,
    running: view.running,
    ...(elapsedMs === undefined ? {} : { elapsedMs }),
    doneSteps,
    totalSteps,
    ...(view.outcome === undefined ? {} : { outcome: view.outcome }),
    receipts: lastReceipts(view),
    isSettled: !view.running && doneSteps === totalSteps && (view.plan?.blocked.length ?? 0) === 0,
  };
}

interface Known {
  readonly config: Config | undefined;
  readonly states: readonly (StepView | undefined)[];
  readonly group: RunGroup;
  /** One of its steps runs, so its time changes without an event. */
  readonly isMoving: boolean;
}

/** A cache for each group: a screen asks many times a second, and few groups of a large run change. */
const known = new WeakMap<PlanGroup, Known>();

function groupOf(view: ClusterView, plan: PlanGroup, now: number): RunGroup {
  const earlier = known.get(plan);
  const isSame =
    earlier?.config === view.config && plan.steps.every(({ id }, i) => view.steps[id] === earlier?.states[i]);
  if (earlier !== undefined && isSame && !earlier.isMoving) return earlier.group;
  const numbers = view.plan === undefined ? undefined : numbersOf(view.plan);
  const steps = plan.steps.map((step) => runStep(view, step, numbers?.get(step.id) ?? 0, now));
  const group = {
    ...plan,
    plan,
    title: titleOf(view.config, plan.group, namesOf(view.config)),
    state: stateOf(steps),
    steps,
    doneSteps: steps.filter(({ at }) => at.state === 'succeeded').length,
  };
  const isMoving = steps.some(({ at }) => at.state === 'running');
  known.set(plan, { config: view.config, states: plan.steps.map(({ id }) => view.steps[id]), group, isMoving });
  return group;
}

const numbersOf = cached(
  (plan: Plan): ReadonlyMap<StepId, number> => new Map(plan.steps.map(({ id }, i) => [id, i + 1])),
);

function runStep(view: ClusterView, step: Step, number: number, now: number): RunStep {
  const at: StepView = view.steps[step.id] ?? { state: 'waiting' };
  const elapsedMs = stepElapsed(at, now);
  const transfer = at.state === 'running' ? transferRate(at, now) : undefined;
  return {
    number,
    step,
    at,
    ...defined({ elapsedMs, transfer }),
  };
}

/** What the step does, as an imperative. */
export const stepText = ({ config }: ClusterView, { step }: RunStep): string =>
  describeAction(step.action, namesOf(config));

function stepElapsed({ state, startedAt, outcome }: StepView, now: number): number | undefined {
  if (outcome !== undefined && 'durationMs' in outcome) return outcome.durationMs;
  return state === 'running' && startedAt !== undefined ? Math.max(0, now - startedAt) : undefined;
}

function elapsedOf({ running, runStartedAt, runEndedAt }: ClusterView, now: number): number | undefined {
  if (runStartedAt === undefined) return undefined;
  const end = running ? now : runEndedAt;
  return end === undefined ? undefined : Math.max(0, end - runStartedAt);
}

function stateOf(steps: readonly RunStep[]): GroupState {
  const has = (state: StepView['state']): boolean => steps.some(({ at }) => at.state === state);
  if (has('failed')) return 'failed';
  if (has('running')) return 'running';
  if (steps.every(({ at }) => at.state === 'succeeded')) return 'done';
  if (has('cancelled') || has('skipped')) return 'cancelled';
  // It also runs between two steps.
  return has('succeeded') ? 'running' : 'waiting';
}

function titleOf(config: Config | undefined, group: string, names: Names): string {
  if (group === 'network' && config?.applications[group] === undefined) return 'network';
  return config?.applications[group] === undefined && isBare(config, group) ? names.volume(group) : group;
}

const isBare = (config: Config | undefined, group: string): boolean =>
  config?.datasets?.some(({ id }) => id === group) ?? false;

function lastReceipts({ receipts, runStartedAt }: ClusterView): readonly MoveReceipt[] {
  return runStartedAt === undefined ? [] : receipts.filter(({ startedAt }) => startedAt >= runStartedAt);
}

/** What a step does at this moment, short: `copying 60%, 45 s left`. */
export function activityOf({ step, transfer }: Pick<RunStep, 'step' | 'transfer'>): string {
  const what = stepKinds[step.action.kind].progress;
  if (transfer === undefined) return what;
  if (transfer.share === undefined) return `${what}, ${formatBytes(transfer.doneBytes)} so far`;
  const left = transfer.leftMs === undefined ? '' : `, ${formatDuration(transfer.leftMs)} left`;
  return `${what} ${percentText(transfer.share)}${left}`;
}

/** `60%`; never 100% before the end. */
export const percentText = (share: number): string =>
  `${share >= 1 ? 100 : Math.min(99, Math.floor(Math.max(0, share) * 100))}%`;

/** The applications that this plan stops and does not start again, by name. */
export function stoppedBy(view: ClusterView): readonly AppName[] {
  const groups = view.plan === undefined ? [] : planGroups(view.plan, view.forecasts);
  return groups.filter(({ kind }) => kind === 'stop').map(({ group }) => group);
}

/**
 * How long moving the bytes takes, by the rate of earlier moves between the same nodes, else of any; undefined where
 * none has moved enough to tell.
 */
export function estimateMs(view: ClusterView, group: PlanGroup): number | undefined {
  const { totalBytes, from, to } = group;
  if (totalBytes === undefined || group.kind !== 'move') return undefined;
  const telling = view.receipts.filter((one) => sum(one.bytes) >= enoughBytes);
  const same = telling.filter((one) => one.from === from && one.to === to);
  const used = same.length > 0 ? same : telling;
  const ms = sum(used.map(({ totalMs, downtimeMs = 0 }) => Math.max(1, totalMs - downtimeMs)));
  if (used.length === 0) return undefined;
  const rate = sum(used.flatMap(({ bytes }) => bytes)) / ms;
  return totalBytes / rate + (group.downtimeMs ?? 0);
}

/** The time of a smaller move is that of its commands, and says nothing about the network. */
const enoughBytes = 4 * 1024 * 1024;

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
