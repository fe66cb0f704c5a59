import type { ClusterState } from '../model/cluster.ts';
import type { AppName, Config, LoadResult } from '../model/config.ts';
import type { EngineEventBody, RunOutcome } from '../model/events.ts';
import { runIdOf } from '../model/history.ts';
import type { Plan } from '../model/plan.ts';
import { makePlan } from '../plan/make-plan.ts';
import { leaveOut } from './leave-out.ts';
import { forecastAll, type LookInput, observeAll } from './look.ts';
import { createNodeMemory } from './node-memory.ts';
import { converge } from './run/converge.ts';
import type { RunSignals } from './run/execute.ts';
import { type ConfirmRemoval, guardRemovals, type RunChecks } from './run/removal-guard.ts';
import { createStore } from './store.ts';
import type { EngineDeps } from './types.ts';
import { createClusterCache } from './watch/cluster-cache.ts';
import { createComebacks } from './watch/comebacks.ts';

export type Core = ReturnType<typeof createCore>;

/** What all the engine's verbs share: connections, the last observation, numbered runs and their events. */
export function createCore(deps: EngineDeps) {
  const store = createStore(deps.policy);
  const memory = createNodeMemory(deps.now);
  /** Stopped by hand. */
  const paused = new Set<AppName>();
  let runs = 0;
  let revision: string | undefined;
  let lastPlan: Plan | undefined;
  let cancelRun = () => {};
  const acts = new Set<Promise<unknown>>();

  const emitIn = (run: number, at?: number) => (event: EngineEventBody) => {
    if (event.type === 'config-loaded') {
      if (event.config.revision !== revision) paused.clear();
      revision = event.config.revision;
    }
    if (event.type === 'plan-made') lastPlan = event.plan;
    store.accept({ at: at ?? deps.now(), run, ...event });
  };
  const currentRun = (): number => (store.getSnapshot().running ? store.getSnapshot().run : 0);
  const clusters = createClusterCache(deps, (node, text) => emitIn(currentRun())({ type: 'command', node, text }));
  const nextRun = (): number => {
    runs += 1;
    return runs;
  };
  const comebacks = createComebacks(deps);
  const refine = (config: Config, plan: Plan, state: ClusterState): Plan =>
    comebacks.refine(config, leaveOut(plan, paused), state);
  const inputFor = (config: Config, run: number): LookInput => ({
    deps,
    config,
    cluster: clusters.get(config),
    emit: emitIn(run),
    memory,
    refine: (plan, state) => refine(config, plan, state),
  });
  const load = async (run: number): Promise<LoadResult> => {
    const loaded = await deps.load();
    if (loaded.ok) emitIn(run)({ type: 'config-loaded', config: loaded.config });
    else emitIn(run)({ type: 'config-rejected', problems: loaded.problems });
    return loaded;
  };
  const runConfig = async (
    config: Config,
    run: number,
    signals: RunSignals,
    checks: RunChecks,
  ): Promise<RunOutcome> => {
    const cancel = new AbortController();
    cancelRun = () => cancel.abort();
    const emit = emitIn(run);
    const startedAt = deps.now();
    emitIn(run, startedAt)({ type: 'run-started', revision: config.revision });
    const note = { run: runIdOf(startedAt), deployment: config.name, verb: deps.verb ?? 'apply' };
    const soft = AbortSignal.any([signals.soft, cancel.signal]);
    const outcome = await converge({ ...inputFor(config, run), ...checks, note }, { ...signals, soft });
    emit({ type: 'run-finished', outcome });
    cancelRun = () => {};
    return outcome;
  };
  const convergeNow = async (signals: RunSignals, confirm?: ConfirmRemoval): Promise<RunOutcome> => {
    const run = nextRun();
    const loaded = await load(run);
    const checks = deps.allowsRemoval === true ? {} : guardRemovals(confirm);
    if (loaded.ok) return await runConfig(loaded.config, run, signals, checks);
    const outcome: RunOutcome = { result: 'rejected', problems: loaded.problems };
    emitIn(run)({ type: 'run-finished', outcome });
    return outcome;
  };
  const planConfig = async (config: Config, signal: AbortSignal) => {
    const input = inputFor(config, 0);
    const state = await observeAll(input, signal);
    const plan = refine(config, makePlan(config, state), state);
    const forecasts = await forecastAll(input, plan, state, signal);
    input.emit({ type: 'plan-made', plan, forecasts });
    return { config, state, plan, forecasts };
  };
  /** A container that is being restarted is not drift: nothing is planned or run before it is over. */
  const actsOver = async (): Promise<void> => {
    while (acts.size > 0) await Promise.allSettled([...acts]);
  };
  const act = async <T>(work: () => Promise<T>): Promise<T> => {
    const doing = work();
    acts.add(doing);
    try {
      return await doing;
    } finally {
      acts.delete(doing);
    }
  };
  return {
    deps,
    store,
    act,
    actsOver,
    clusters,
    memory,
    nextRun,
    comebacks,
    emitIn,
    /** Under the number of the run that is under way, if any. */
    emitOutside: (event: EngineEventBody): void => emitIn(currentRun())(event),
    inputFor,
    refine,
    load,
    runConfig,
    convergeNow,
    planConfig,
    lastPlan: () => lastPlan,
    isRunning: () => store.getSnapshot().running,
    /** The containers are being changed on purpose. */
    isBusy: () => store.getSnapshot().running || acts.size > 0,
    cancel: () => cancelRun(),
    /** Plans leave this application out until it is resumed, or the files change. */
    pauseApp: (app: AppName): void => void paused.add(app),
    resumeApp: (app: AppName): void => void paused.delete(app),
  };
}
