import type { ClusterState } from '../model/cluster.ts';
import type { AppName, Config, LoadResult } from '../model/config.ts';
import type { EngineEventBody, RunOutcome } from '../model/events.ts';
import { runIdOf } from '../model/history.ts';
import type { Plan } from '../model/plan.ts';
import { withKnownVolumes } from '../model/volume-identity.ts';
import { keepGroups } from '../plan/keep-groups.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Cluster } from './node-client.ts';
import { createNodeMemory } from './node-memory.ts';
import { forecastAll, type ObserveInput, observeAll } from './observe-and-report.ts';
import { converge } from './run/converge.ts';
import type { RunSignals } from './run/execute.ts';
import { type ConfirmRemoval, guardRemovals, type RunChecks } from './run/removal-guard.ts';
import { createStore } from './store.ts';
import type { EngineDeps } from './types.ts';
import { createRestartBackoff } from './watch/restart-backoff.ts';

export type EngineContext = ReturnType<typeof createEngineContext>;

/** What the engine's verbs share: connections, the last observation of each node, events, numbered runs, acts. */
export function createEngineContext(deps: EngineDeps) {
  /** Applications that a person has stopped. Plans leave them alone until they are started, or the files change. */
  const paused = new Set<AppName>();
  const events = createEventLog(deps, () => paused.clear());
  const { emitIn, emitOutside, isRunning } = events;
  const memory = createNodeMemory(deps.now);
  const clusters = createClusterCache(deps, (node, text) => emitOutside({ type: 'command', node, text }));
  const restartBackoff = createRestartBackoff(deps);
  const acts = createActTracker();

  const refine = (config: Config, plan: Plan, state: ClusterState): Plan =>
    restartBackoff.refine(config, withoutPaused(plan, paused), state);
  const inputFor = (config: Config, run: number): ObserveInput => ({
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
  const planConfig = async (config: Config, signal: AbortSignal) => {
    const input = inputFor(config, 0);
    const state = await observeAll(input, signal);
    const plan = refine(config, makePlan(config, state), state);
    const forecasts = await forecastAll(input, plan, state, signal);
    input.emit({ type: 'plan-made', plan, forecasts });
    return { config: withKnownVolumes(config, state), state, plan, forecasts };
  };

  return {
    ...events,
    ...acts,
    ...createRuns(deps, { emitIn, inputFor, load }),
    deps,
    clusters,
    memory,
    restartBackoff,
    inputFor,
    refine,
    load,
    /** Observes every node and plans. */
    planConfig,
    /** A run or an act is changing containers. */
    isBusy: () => isRunning() || acts.areActing(),
    pauseApp: (app: AppName): void => void paused.add(app),
    resumeApp: (app: AppName): void => void paused.delete(app),
  };
}

/** The store of events, with the run that each belongs to. `changed` is called when files of another revision are loaded. */
function createEventLog(deps: EngineDeps, changed: () => void) {
  const store = createStore(deps.policy);
  let revision: string | undefined;
  let lastPlan: Plan | undefined;

  /** Emits events of this run; 0 is for no run. */
  const emitIn = (run: number, at?: number) => (event: EngineEventBody) => {
    if (event.type === 'config-loaded') {
      if (event.config.revision !== revision) changed();
      revision = event.config.revision;
    }
    if (event.type === 'plan-made') lastPlan = event.plan;
    store.accept({ at: at ?? deps.now(), run, ...event });
  };
  const isRunning = (): boolean => store.getSnapshot().running;
  return {
    store,
    emitIn,
    /** Emits what does not belong to a run, under the number of the present one. */
    emitOutside: (event: EngineEventBody): void => emitIn(isRunning() ? store.getSnapshot().run : 0)(event),
    lastPlan: () => lastPlan,
    isRunning,
  };
}

/** What a person does to applications outside of runs. Its changes are not drift: plans and runs wait for its end. */
function createActTracker() {
  const acts = new Set<Promise<unknown>>();
  return {
    act: async <T>(work: () => Promise<T>): Promise<T> => {
      const doing = work();
      acts.add(doing);
      try {
        return await doing;
      } finally {
        acts.delete(doing);
      }
    },
    areActing: () => acts.size > 0,
    actsOver: async (): Promise<void> => {
      while (acts.size > 0) await Promise.allSettled([...acts]);
    },
  };
}

/** Keeps one set of connections as long as nodes and settings stay the same. */
function createClusterCache(
  deps: Pick<EngineDeps, 'openCluster'>,
  onCommand: Parameters<EngineDeps['openCluster']>[1],
) {
  let current: { readonly key: string; readonly cluster: Cluster } | undefined;
  const closed: Promise<void>[] = [];
  return {
    get: (config: Config): Cluster => {
      const key = JSON.stringify([config.nodes, config.settings]);
      if (current?.key === key) return current.cluster;
      if (current !== undefined) closed.push(current.cluster.close().catch(() => undefined));
      current = { key, cluster: deps.openCluster(config, onCommand) };
      return current.cluster;
    },
    close: async (): Promise<void> => {
      await current?.cluster.close();
      current = undefined;
      await Promise.all(closed);
    },
  };
}

interface RunsInput {
  readonly emitIn: (run: number, at?: number) => (event: EngineEventBody) => void;
  readonly inputFor: (config: Config, run: number) => ObserveInput;
  readonly load: (run: number) => Promise<LoadResult>;
}

/** Runs, numbered from 1. */
function createRuns(deps: EngineDeps, { emitIn, inputFor, load }: RunsInput) {
  let runs = 0;
  let cancel = () => {};

  const nextRun = (): number => {
    runs += 1;
    return runs;
  };
  /** Runs this configuration to its outcome; never throws. */
  const runConfig = async (
    config: Config,
    run: number,
    signals: RunSignals,
    checks: RunChecks,
  ): Promise<RunOutcome> => {
    const cancelled = new AbortController();
    cancel = () => cancelled.abort();
    const startedAt = deps.now();
    emitIn(run, startedAt)({ type: 'run-started', revision: config.revision });
    const note = { run: runIdOf(startedAt), deployment: config.name, verb: deps.verb ?? 'apply' };
    const soft = AbortSignal.any([signals.soft, cancelled.signal]);
    const outcome = await converge({ ...inputFor(config, run), ...checks, note }, { ...signals, soft });
    emitIn(run)({ type: 'run-finished', outcome });
    cancel = () => {};
    return outcome;
  };
  return {
    nextRun,
    runConfig,
    /** Loads the files and runs them. */
    convergeNow: async (signals: RunSignals, confirm?: ConfirmRemoval): Promise<RunOutcome> => {
      const run = nextRun();
      const loaded = await load(run);
      const checks = deps.allowsRemoval === true ? {} : guardRemovals(confirm);
      if (loaded.ok) return await runConfig(loaded.config, run, signals, checks);
      const outcome: RunOutcome = { result: 'rejected', problems: loaded.problems };
      emitIn(run)({ type: 'run-finished', outcome });
      return outcome;
    },
    /** Stops the present run at the next safe point. */
    cancel: () => cancel(),
  };
}

/** The plan without the steps for applications that a person has stopped, and with a note about each. */
function withoutPaused(plan: Plan, apps: ReadonlySet<AppName>): Plan {
  if (apps.size === 0) return plan;
  const notes = [...apps]
    .toSorted()
    .map((app) => `"${app}" was stopped by hand: it stays so until it is started, or the files change`);
  return { ...keepGroups(plan, (group) => !apps.has(group)), notes: [...plan.notes, ...notes] };
}
