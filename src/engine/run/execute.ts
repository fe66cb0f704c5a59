import { type ClusterState, type ContainerSpec, lastFacts } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { AppError, isAbort, toReport } from '../../model/errors.ts';
import type { StepOutcome } from '../../model/events.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import { type Action, nodesOf, type Plan, type Step, type StepId } from '../../model/plan.ts';
import { createSemaphores, type Semaphore } from '../../model/semaphore.ts';
import type { Sharers } from '../../model/shared-volumes.ts';
import { stepKinds } from '../../model/step-kinds.ts';
import { createKnown, type Known } from './known.ts';
import { lockLost } from './locks.ts';
import { perform } from './perform.ts';
import { runsWith, stopGraceMs, stopSlackMs } from './perform-container.ts';
import { prepareSwitch } from './prepare-switch.ts';
import type { RunContext } from './step-context.ts';

/** `hard` ends everything at once. After `soft`, a switch that has begun is still finished. */
export interface RunSignals {
  readonly hard: AbortSignal;
  readonly soft: AbortSignal;
  /** Aborts when this node's lock is lost: its steps must stop. Undefined for a node that is not locked. */
  readonly lost?: (node: NodeName) => AbortSignal | undefined;
}

export interface Execution {
  readonly outcomes: ReadonlyMap<StepId, StepOutcome>;
  /** Steps whose effect may have begun, in the order they were started. */
  readonly started: readonly StepId[];
}

const commandsPerNode = 4;

/** Runs the steps of the plan. After a failure independent branches go on; the steps that depend on it are skipped. */
export async function execute(plan: Plan, context: RunContext, signals: RunSignals): Promise<Execution> {
  const run: Run = {
    context,
    signals,
    places: createSemaphores(commandsPerNode),
    started: [],
    behindSwitch: findSwitches(plan),
    stoppedAt: new Map(),
    graces: new Map(),
    plan,
    known: createKnown(context.now, context.answered),
    prepared: new Map(),
  };
  const outcomes = new Map<StepId, Promise<StepOutcome>>();
  for (const step of plan.steps) {
    const before = step.after.map(async (id): Promise<Dependency> => {
      const outcome = outcomes.get(id);
      if (outcome === undefined) throw new Error(`step "${step.id}" comes before "${id}", which it needs`);
      return { id, outcome: await outcome };
    });
    outcomes.set(step.id, runStep(run, step, before));
  }
  const settled = await Promise.all([...outcomes].map(async ([id, outcome]) => [id, await outcome] as const));
  await Promise.allSettled(run.known.ends);
  return { outcomes: new Map(settled), started: run.started };
}

interface Run {
  readonly context: RunContext;
  readonly signals: RunSignals;
  readonly places: (node: NodeName) => Semaphore;
  readonly started: StepId[];
  /** For each step, the steps of a switch it depends on, directly or not. */
  readonly behindSwitch: ReadonlyMap<StepId, ReadonlySet<StepId>>;
  /** When each stop began: the time limit of a switch counts from then. */
  readonly stoppedAt: Map<StepId, number>;
  /** How long each of them may take. */
  readonly graces: Map<StepId, number>;
  readonly plan: Plan;
  readonly known: Known;
  /** The preparation of each application's switch. */
  readonly prepared: Map<string, { readonly at: number; readonly end: Promise<void> }>;
}

interface Dependency {
  readonly id: StepId;
  readonly outcome: StepOutcome;
}

async function runStep(run: Run, step: Step, before: readonly Promise<Dependency>[]): Promise<StepOutcome> {
  const dependencies = await Promise.all(before);
  const outcome = skipped(step, dependencies) ?? (await attempt(run, step));
  run.context.emit({ type: 'step-finished', step: step.id, outcome });
  return outcome;
}

function skipped({ optional = [] }: Step, dependencies: readonly Dependency[]): StepOutcome | undefined {
  const missing = dependencies.find(({ id, outcome }) => outcome.result !== 'succeeded' && !optional.includes(id));
  if (missing === undefined) return undefined;
  return { result: 'skipped', because: missing.outcome.result === 'skipped' ? missing.outcome.because : missing.id };
}

async function attempt(run: Run, step: Step): Promise<StepOutcome> {
  const { context, signals } = run;
  const lost = AbortSignal.any(guardedNodes(step.action).flatMap((node) => signals.lost?.(node) ?? []));
  const stops = stepKinds[step.action.kind].isResumable ? [signals.soft] : [];
  // Creating a volume reads every node at once.
  const signal = allowManyListeners(AbortSignal.any([signals.hard, lost, ...stops]));
  let startedAt = context.now();
  try {
    await withPlaces(run, step, signal, async () => {
      if (signal.aborted || !mayStart(run, step)) throw new AppError('cancelled', 'cancelled');
      await makeReady(run, step, signal);
      startedAt = context.now();
      run.started.push(step.id);
      if (step.action.kind === 'stop-container') {
        run.stoppedAt.set(step.id, startedAt);
        run.graces.set(step.id, stopGraceMs(context, step.action));
      }
      context.emit({ type: 'step-started', step: step.id });
      await performInTime(run, step, signal);
    });
    return { result: 'succeeded', durationMs: context.now() - startedAt };
  } catch (error) {
    const durationMs = context.now() - startedAt;
    if (lost.aborted && !signals.hard.aborted)
      return { result: 'failed', durationMs, error: toReport(lockLost(error)) };
    if (signal.aborted || isAbort(error)) return { result: 'cancelled' };
    return { result: 'failed', durationMs, error: toReport(error) };
  }
}

/** Prepares a switch before new connections wait, so that they wait for as short a time as possible. */
async function makeReady(run: Run, { id, action, group }: Step, signal: AbortSignal): Promise<void> {
  if (action.kind !== 'hold-ports' && action.kind !== 'stop-container') return;
  const { plan, known, started } = run;
  const context = { ...run.context, known, step: id };
  const prepared = run.prepared.get(group) ?? {
    at: context.now(),
    end: prepareSwitch(plan, group, (step) => started.includes(step), context, signal),
  };
  run.prepared.set(group, prepared);
  known.readyAt.set(id, prepared.at);
  await prepared.end;
}

/** Nodes whose locks a step relies on. An acquire needs the lock of its target only: a release is final. */
function guardedNodes(action: Action): readonly NodeName[] {
  return action.kind === 'acquire-volume' ? [action.to] : nodesOf(action);
}

/** A switch that has begun goes on to a safe point, also after a soft stop. */
function mayStart(run: Run, step: Step): boolean {
  if (!run.signals.soft.aborted) return true;
  if (stepKinds[step.action.kind].isOptional) return false;
  return [...(run.behindSwitch.get(step.id) ?? [])].some((id) => run.started.includes(id));
}

async function withPlaces(run: Run, step: Step, signal: AbortSignal, task: () => Promise<void>): Promise<void> {
  const nodes = stepKinds[step.action.kind].takesNoPlace ? [] : nodesOf(step.action).toSorted();
  // Sorted, so that two steps on the same two nodes never wait for each other.
  const take = ([node, ...rest]: readonly NodeName[]): Promise<void> =>
    node === undefined ? task() : run.places(node).use(() => take(rest), signal);
  await take(nodes);
}

/** Gives a switch up that takes longer than `switchMs`, as long as its volume is not released. */
async function performInTime(run: Run, step: Step, signal: AbortSignal): Promise<void> {
  const { context } = run;
  const action = step.action;
  const inStep = { ...context, known: run.known, step: step.id };
  const begun = [...(run.behindSwitch.get(step.id) ?? [])].flatMap((id) => run.stoppedAt.get(id) ?? []);
  if (!stepKinds[action.kind].isAbortable || begun.length === 0) return perform(action, inStep, signal);
  const switchMs = Math.max(context.config.settings.timeouts.switchMs, longestStopMs(run, step) + stopSlackMs);
  const leftMs = Math.max(0, Math.min(...begun) + switchMs - context.now());
  const over = new AbortController();
  const done = new AbortController();
  const timer = context.sleep(leftMs, done.signal).then(
    () => over.abort(),
    () => undefined,
  );
  try {
    await perform(action, inStep, AbortSignal.any([signal, over.signal]));
  } catch (error) {
    if (!over.signal.aborted || signal.aborted) throw error;
    const what = `cannot finish the switch of "${step.group}"`;
    throw new AppError('timeout', `${what}: it takes longer than ${switchMs} ms`, {
      hint: 'raise settings.timeouts.switch, or let a sync bring the copy closer first',
      cause: error,
    });
  } finally {
    done.abort();
    await timer;
  }
}

/** The longest grace period of the stops before this step. It may be longer than a switch usually may take. */
function longestStopMs(run: Run, step: Step): number {
  const before = [...(run.behindSwitch.get(step.id) ?? [])];
  return Math.max(0, ...before.map((id) => run.graces.get(id) ?? 0));
}

function findSwitches(plan: Plan): Map<StepId, ReadonlySet<StepId>> {
  const behind = new Map<StepId, ReadonlySet<StepId>>();
  const isSwitch = new Set(plan.steps.filter(({ action }) => stepKinds[action.kind].isSwitch).map(({ id }) => id));
  for (const step of plan.steps) {
    const before = step.after.flatMap((id) => [...(isSwitch.has(id) ? [id] : []), ...(behind.get(id) ?? [])]);
    behind.set(step.id, new Set(before));
  }
  return behind;
}

/** An application that a switch has stopped. */
export interface Interrupted {
  /** Where it ran. */
  readonly from: NodeName;
  readonly volumes: readonly VolumeId[];
  /** The container that ran there. */
  readonly was?: ContainerSpec;
  /** What ran there on the same volumes. */
  readonly with?: Sharers;
}

/** Applications that a step of this execution has stopped and none has started again. */
export function findInterrupted(plan: Plan, execution: Execution, state: ClusterState): Map<AppName, Interrupted> {
  const interrupted = new Map<AppName, Interrupted>();
  for (const { id, action } of plan.steps) {
    if (action.kind !== 'stop-container' || !execution.started.includes(id)) continue;
    const start = plan.steps.find(
      (other) => other.action.kind === 'start-container' && other.action.spec.application === action.app,
    );
    if (start?.action.kind !== 'start-container') continue;
    if (execution.outcomes.get(start.id)?.result === 'succeeded') continue;
    const volumes = start.action.spec.mounts.map(({ volume }) => volume);
    const ran = lastFacts(state.nodes[action.node])?.containers.find(
      (one) => one.managed && one.application === action.app && one.state === 'running',
    );
    const before = ran && {
      was: ran.spec,
      with: runsWith(
        state,
        action.node,
        action.app,
        ran.spec.mounts.map(({ volume }) => volume),
      ),
    };
    interrupted.set(action.app, { from: action.node, volumes, ...before });
  }
  return interrupted;
}
