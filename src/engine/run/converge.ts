import type { ClusterState } from '../../model/cluster.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError, type ErrorReport, isAbort, toReport } from '../../model/errors.ts';
import type { EngineEventBody, RunOutcome } from '../../model/events.ts';
import type { RunNote } from '../../model/history.ts';
import { nodesOf, type Plan, type StepId } from '../../model/plan.ts';
import { createSemaphores } from '../../model/semaphore.ts';
import { largeRemoval } from '../../plan/large-removal.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { plannedMoves } from '../../plan/steps/move.ts';
import { observedNodes } from '../observe.ts';
import { forecastAll, type ObserveInput, observeAll, observeSome } from '../observe-and-report.ts';
import { superseded } from '../single-flight.ts';
import { findUnanswered } from './answers.ts';
import { type Execution, execute, findInterrupted, type Interrupted, type RunSignals } from './execute.ts';
import { awaitFirstPorts, learningPasses, withoutListens } from './first-ports.ts';
import { createRunLocks, nodesToLock, type RunLocks } from './locks.ts';
import { createReceiptBook, type ReceiptBook } from './receipts.ts';
import {
  describeWhereabouts,
  findWhereabouts,
  placesOfReturn,
  planAsBefore,
  planReturn,
  type Whereabouts,
} from './recover.ts';
import type { RunChecks } from './removal-guard.ts';
import { createTransferSlots, type RunContext } from './step-context.ts';
import { watchSwitches } from './switch-probe.ts';

/** What one run needs. */
export interface ConvergeInput extends ObserveInput, RunChecks {
  /** The line about this run that every locked node keeps. */
  readonly note?: RunNote;
}

const maxPasses = 8;
const maxRetries = 4;
const firstRetryMs = 500;
const longestRetryMs = 15_000;

/** Observes, plans, locks, observes again, plans and executes, until the plan is empty or nothing more can be done. */
export async function converge(input: ConvergeInput, signals: RunSignals): Promise<RunOutcome> {
  const run = createRun(input, signals);
  const outcome = await runPasses(run).catch((error: unknown): RunOutcome => {
    if (signals.hard.aborted || isAbort(error)) return stopped(signals);
    return { result: 'failed', failed: [], error: toReport(error) };
  });
  await run.locks.release(outcome.result);
  return outcome;
}

interface Run extends ConvergeInput {
  readonly signals: RunSignals;
  readonly locks: RunLocks;
  readonly context: Omit<RunContext, 'state'>;
  readonly receipts: ReceiptBook;
  readonly warnings: readonly string[];
  /** Applications that a switch of this run has stopped and not started again. */
  readonly down: Map<AppName, Interrupted>;
  /** The nodes that the last pass changed, if all of it succeeded. */
  changed: ReadonlySet<NodeName> | undefined;
  /** Applications that this run has started, and whose first port it has not waited for. */
  readonly started: Set<AppName>;
  /** The number of the present pass. */
  pass: number;
  /** A person has been asked whether the plan may run. */
  isAsked: boolean;
  steps: number;
  retries: number;
  failure?: { readonly failed: readonly StepId[]; readonly error: ErrorReport };
}

function createRun(input: ConvergeInput, signals: RunSignals): Run {
  const { deps, config, cluster } = input;
  const receipts = createReceiptBook();
  const warnings: string[] = [];
  const emit = (event: EngineEventBody): void => {
    receipts.see(event, deps.now());
    input.emit(event);
  };
  const context: Run['context'] = {
    config,
    cluster,
    now: deps.now,
    sleep: deps.sleep,
    emit,
    transfers: createTransferSlots(),
    tables: createSemaphores(1),
    fills: createSemaphores(1),
    released: new Map(),
    answered: new Map(),
    sent: receipts.sent,
    waited: receipts.waited,
    warn: ({ app, text, wasKilled }) => {
      warnings.push(text);
      if (wasKilled === true) receipts.killed(app);
    },
  };
  return {
    ...input,
    emit,
    signals,
    locks: createRunLocks(cluster, deps.owner, input.note),
    context,
    receipts,
    warnings,
    down: new Map(),
    started: new Set(),
    pass: 0,
    changed: undefined,
    isAsked: false,
    steps: 0,
    retries: 0,
  };
}

async function runPasses(run: Run): Promise<RunOutcome> {
  for (run.pass = 1; run.pass <= maxPasses; run.pass += 1) {
    const seen = await observeUnderLocks(run);
    if ('result' in seen) return seen;
    const { state, plan } = seen;
    if (plan.steps.length === 0) {
      if (await awaitFirstPorts(run, state)) continue;
      return await finish(run, plan, state);
    }
    if (run.signals.soft.aborted) return stopped(run.signals);
    // An application that this run has stopped must start again, whatever was approved.
    const refusal = run.down.size > 0 ? undefined : run.refuses?.(plan, state);
    if (refusal !== undefined) return { result: 'blocked', steps: run.steps, blockers: [refusal] };
    const next = await runPass(run, plan, state);
    if (next === 'retry') run.pass -= 1;
    else if (next !== 'again') return next;
  }
  const error = new AppError(
    'internal',
    `cannot reach the desired state: the plan is not empty after ${maxPasses} passes`,
  );
  return await fail(run, [], toReport(error));
}

/**
 * Observes again whenever it had to take a lock, because the nodes may have changed before it had it. So the first state
 * only shows which locks are needed, and a recent one from memory is enough. A person is asked once for each run, before
 * the run has any lock.
 */
async function observeUnderLocks(run: Run): Promise<Planned | RunOutcome> {
  const last = await observeAfterPass(run);
  if (last !== undefined) return last;
  let earlier = run.isAsked ? undefined : planFromMemory(run);
  for (;;) {
    const seen = earlier ?? (await observeAndPlan(run));
    const doubt = run.isAsked ? undefined : await run.confirms?.(seen.plan, seen.state);
    if (doubt !== undefined) return { result: 'blocked', steps: run.steps, blockers: [doubt] };
    run.isAsked = true;
    const taken = await takeLocks(run, seen);
    const isFresh = earlier === undefined;
    earlier = undefined;
    // A lock that an older state asks for may not be needed.
    if (typeof taken !== 'boolean' && isFresh) return taken;
    if (taken === false && isFresh) return seen;
  }
}

/** The plan from a recent state in memory, if it has steps. That nothing is left to do is never concluded from it. */
function planFromMemory(run: Run): Planned | undefined {
  const recent = run.memory.recentStateOf(observedNodes(run.config));
  if (recent === undefined) return undefined;
  const state = learning(run, recent);
  const plan = run.refine(makePlan(run.config, state), state);
  // A person is asked about what was just observed.
  const asks = run.confirms !== undefined && largeRemoval(plan, state) !== undefined;
  return plan.steps.length === 0 || asks ? undefined : { state, plan };
}

/**
 * After a pass that succeeded, observes the nodes that it changed; memory has the others, if drover listens to them and
 * no change was reported. This can only end the run: if anything is left to do, every node is observed first.
 */
async function observeAfterPass(run: Run): Promise<Planned | undefined> {
  const { changed, config, memory } = run;
  run.changed = undefined;
  const mustAsk = (node: NodeName): boolean => changed?.has(node) !== false || !memory.isUpToDate(node);
  if (observedNodes(config).every(mustAsk)) return undefined;
  const state = learning(run, await observeSome(run, mustAsk, run.signals.hard));
  const plan = run.refine(makePlan(config, state), state);
  if (plan.steps.length > 0) return undefined;
  run.emit({ type: 'plan-made', plan, forecasts: [] });
  return { state, plan };
}

interface Planned {
  readonly state: ClusterState;
  readonly plan: Plan;
}

/** Observes every node and plans. */
async function observeAndPlan(run: Run): Promise<Planned> {
  const state = learning(run, await observeAll(run, run.signals.hard));
  const plan = run.refine(makePlan(run.config, state), state);
  const forecasts = await forecastAll(run, plan, state, run.signals.hard);
  run.emit({ type: 'plan-made', plan, forecasts });
  return { state, plan };
}

const learning = (run: Run, state: ClusterState): ClusterState =>
  run.pass > learningPasses ? withoutListens(state) : state;

/** True where locks were missing and have been taken. */
async function takeLocks(run: Run, { plan, state }: Planned): Promise<RunOutcome | boolean> {
  try {
    return await run.locks.take(nodesToLock(plan, state), run.signals.hard);
  } catch (error) {
    if (run.signals.hard.aborted || isAbort(error)) throw error;
    const report = toReport(error);
    return report.code === 'lock-held' ? { result: 'locked', error: report } : await fail(run, [], report);
  }
}

async function runPass(run: Run, plan: Plan, state: ClusterState): Promise<RunOutcome | 'again' | 'retry'> {
  run.receipts.begin(plannedMoves(plan), plan, run.deps.now());
  const probing = watchSwitches(run.deps, plan, state);
  const context = { ...run.context, state, emit: probing.tap(run.context.emit) };
  const execution = await execute(plan, context, { ...run.signals, lost: run.locks.lost });
  await probing.end(run.receipts.refused);
  await keepReceipts(run);
  noteDown(run, plan, execution, state);
  run.steps += [...execution.outcomes.values()].filter(({ result }) => result === 'succeeded').length;
  if (run.signals.hard.aborted) return stopped(run.signals);
  const failures = failuresOf(plan, execution);
  const [first] = failures;
  if (first !== undefined) {
    const error = withDependants(plan, execution, withWayBack(plan, first));
    const failed = failures.map(({ step }) => step);
    const isWorthIt = failures.every(({ error }) => error.retryable);
    return await retry(run, failed, error, isWorthIt);
  }
  if (run.signals.soft.aborted) return await stopSoftly(run);
  run.retries = 0;
  run.changed = new Set(plan.steps.flatMap(({ action }) => nodesOf(action)));
  return 'again';
}

/** An application that moved and does not start stays with its newest data; the hint names the way back. */
function withWayBack(plan: Plan, { step, error }: { readonly step: StepId; readonly error: ErrorReport }): ErrorReport {
  const failed = plan.steps.find(({ id }) => id === step);
  const kind = failed?.action.kind;
  if (kind !== 'start-container' && kind !== 'check-container') return error;
  const move = plannedMoves(plan).find(({ app }) => app === failed?.group);
  if (move?.app === undefined) return error;
  const back = `to go back: drover move ${move.app} ${move.from}`;
  return { ...error, hint: error.hint === undefined ? back : `${error.hint}; ${back}` };
}

/** Names the applications that were not started because the failed step is of one that they depend on. */
function withDependants(plan: Plan, { outcomes }: Execution, error: ErrorReport): ErrorReport {
  const groups = new Map(plan.steps.map(({ id, group }) => [id, group]));
  const left = plan.steps.flatMap(({ id, action, group }) => {
    const outcome = outcomes.get(id);
    if (action.kind !== 'start-container' || outcome?.result !== 'skipped') return [];
    const cause = groups.get(outcome.because);
    return cause === undefined || cause === group ? [] : [`"${group}" is not started: it depends on "${cause}"`];
  });
  return left.length === 0 ? error : { ...error, message: [error.message, ...left].join('; ') };
}

function failuresOf(plan: Plan, { outcomes }: Execution): { step: StepId; error: ErrorReport }[] {
  return plan.steps.flatMap(({ id }) => {
    const outcome = outcomes.get(id);
    return outcome?.result === 'failed' ? [{ step: id, error: outcome.error }] : [];
  });
}

/** Keeps the list of applications that are stopped because of this run. */
function noteDown(run: Run, plan: Plan, execution: Execution, state: ClusterState): void {
  for (const { id, action } of plan.steps) {
    if (action.kind !== 'start-container' || execution.outcomes.get(id)?.result !== 'succeeded') continue;
    run.down.delete(action.spec.application);
    if (action.spec.isDone !== true) run.started.add(action.spec.application);
  }
  for (const [app, interrupted] of findInterrupted(plan, execution, state)) {
    // If a retry stopped it again, the first stop knows where and with what it ran.
    const { from, ...before } = run.down.get(app) ?? interrupted;
    run.down.set(app, { ...interrupted, from, ...defined({ was: before.was, with: before.with }) });
  }
}

async function keepReceipts(run: Run): Promise<void> {
  for (const receipt of run.receipts.take(run.deps.now())) {
    run.emit({ type: 'move-finished', receipt });
    // The move is done, even if the history cannot be written.
    await run.deps.history?.append(receipt).catch(() => undefined);
  }
}

/** Waits and tries again if the cause may go away; otherwise the run fails. */
async function retry(
  run: Run,
  failed: readonly StepId[],
  error: ErrorReport,
  isWorthIt: boolean,
): Promise<RunOutcome | 'retry'> {
  run.failure ??= { failed, error };
  if (!isWorthIt || run.retries >= maxRetries || run.signals.soft.aborted) return await fail(run, failed, error);
  const fullMs = Math.min(longestRetryMs, firstRetryMs * 2 ** run.retries);
  // Half of the wait is random, so that several controllers do not try again at the same moment.
  const inMs = Math.round(fullMs / 2 + (run.deps.random() * fullMs) / 2);
  run.retries += 1;
  run.emit({ type: 'retrying', inMs, error });
  await run.deps.sleep(inMs, AbortSignal.any([run.signals.hard, run.signals.soft])).catch(() => undefined);
  if (run.signals.hard.aborted) return stopped(run.signals);
  if (run.signals.soft.aborted) return await fail(run, failed, error);
  return 'retry';
}

/** The end of a run whose plan is empty. It is a failure if an application does not answer, or is still stopped by this run. */
async function finish(run: Run, plan: Plan, state: ClusterState): Promise<RunOutcome> {
  if (plan.blocked.length === 0) {
    const unanswered = await findUnanswered({ ...run.context, state }, state, run.signals.hard);
    const { steps, warnings } = run;
    if (unanswered === undefined) return { result: 'converged', steps, ...(warnings.length === 0 ? {} : { warnings }) };
    return await fail(run, [unanswered.step], unanswered.error);
  }
  const isDown = [...run.down].some(([app, down]) => findWhereabouts(app, down, state).kind !== 'runs');
  if (isDown && run.failure !== undefined) return await fail(run, run.failure.failed, run.failure.error);
  return { result: 'blocked', steps: run.steps, blockers: plan.blocked };
}

async function stopSoftly(run: Run): Promise<RunOutcome> {
  if (run.down.size > 0) await recover(run);
  return stopped(run.signals);
}

function stopped(signals: RunSignals): RunOutcome {
  return { result: signals.soft.aborted && signals.soft.reason === superseded ? 'superseded' : 'cancelled' };
}

async function fail(run: Run, failed: readonly StepId[], error: ErrorReport): Promise<RunOutcome> {
  const whereabouts = run.down.size === 0 ? [] : await recover(run);
  const message = [error.message, ...run.warnings, ...whereabouts.map(describeWhereabouts)].join('; ');
  return { result: 'failed', failed, error: { ...error, message } };
}

/**
 * Starts every application that a switch has stopped, where its data is, and ends the holds of its ports. A soft signal
 * does not end this.
 */
async function recover(run: Run): Promise<Whereabouts[]> {
  const { hard } = run.signals;
  try {
    let state = await observeAll(run, hard);
    if (await bringBack(run, planAsBefore(run.config.revision, run.down, state), state))
      state = await observeAll(run, hard);
    const back = placesOfReturn(run.config, whereaboutsOf(run, state), state);
    if (back.size > 0) await bringBack(run, planReturn(run.config, state, back), state);
    await dropHolds(run, state, hard);
    return whereaboutsOf(run, await observeAll(run, hard));
  } catch (error) {
    if (hard.aborted) throw error;
    // The failure that led here is reported. After this one it is unknown whether the applications run.
    return [...run.down.keys()].map((app) => ({ app, kind: 'unknown' }));
  }
}

/** False where the plan is empty. */
async function bringBack(run: Run, plan: Plan, state: ClusterState): Promise<boolean> {
  if (plan.steps.length === 0) return false;
  const { hard } = run.signals;
  run.emit({ type: 'plan-made', plan, forecasts: [] });
  await run.locks.take(nodesToLock(plan, state), hard);
  await execute(plan, { ...run.context, state }, { hard, soft: new AbortController().signal, lost: run.locks.lost });
  return true;
}

function whereaboutsOf(run: Run, state: ClusterState): Whereabouts[] {
  return [...run.down].map(([app, down]) => findWhereabouts(app, down, state));
}

async function dropHolds(run: Run, state: ClusterState, signal: AbortSignal): Promise<void> {
  const apps = new Set(run.down.keys());
  const ports = [...apps].flatMap((app) => run.config.applications[app]?.ports ?? []);
  const ends = Object.entries(state.nodes).map(async ([node, seen]: [NodeName, (typeof state.nodes)[string]]) => {
    if (seen.status !== 'reachable') return;
    const { holds, names } = seen.facts.network;
    const own = new Set(names?.entries.flatMap((one) => (apps.has(one.application) ? [one.address] : [])));
    const held = holds.filter(({ address, port, protocol }) =>
      address === undefined
        ? ports.some((one) => one.external === port && one.protocol === protocol)
        : own.has(address),
    );
    if (held.length === 0) return;
    await (await run.cluster.node(node, signal)).network.dropHolds(held, signal);
  });
  await Promise.all(ends);
}
