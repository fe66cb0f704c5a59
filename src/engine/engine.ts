import type { ClusterState } from '../model/cluster.ts';
import type { Config, LoadResult } from '../model/config.ts';
import type { EngineEventBody, RunOutcome } from '../model/events.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import { makePlan } from '../plan/make-plan.ts';
import { createClusterCache } from './cluster-cache.ts';
import { type ConvergeInput, converge, forecastAll, observeAll } from './converge.ts';
import type { RunSignals } from './execute.ts';
import { readLogs } from './read-logs.ts';
import { createStore } from './store.ts';
import type { Engine, EngineCommand, EngineDeps } from './types.ts';
import { createWatch, type Watch } from './watch.ts';

/** Never aborted: for callers that give no soft signal. */
const never = new AbortController().signal;

/** The only door for both faces. */
export function createEngine(deps: EngineDeps): Engine {
  const core = createCore(deps);
  const { store, clusters, load, inputFor, planConfig } = core;
  const watch = createWatch({
    deps,
    clusterOf: clusters.get,
    emit: core.emitIn(0),
    run: (config, signals) => core.runConfig(config, core.nextRun(), signals),
    plan: async (config, signal) => (await planConfig(config, signal)).plan,
  });
  const background = createBackground(core, watch);
  return {
    store,
    onEvent: store.onEvent,
    observe: async (signal) => {
      const loaded = await load(0);
      if (!loaded.ok) return loaded;
      return { ok: true, config: loaded.config, state: await observeAll(inputFor(loaded.config, 0), signal) };
    },
    plan: async (signal) => {
      const loaded = await load(0);
      return loaded.ok ? { ok: true, ...(await planConfig(loaded.config, signal)) } : loaded;
    },
    converge: (hard, soft = never) => core.convergeNow({ hard, soft }),
    watch: (signal, soft = never) => watch.start(signal, soft),
    logs: (app, options, signal) => readLogs(app, options, { load: deps.load, clusterOf: clusters.get }, signal),
    send: background.send,
    close: async () => {
      await background.close();
      await clusters.close();
    },
  };
}

type Core = ReturnType<typeof createCore>;

/** What all the engine's verbs share: connections, the last observation, numbered runs and their events. */
function createCore(deps: EngineDeps) {
  const store = createStore();
  const clusters = createClusterCache(deps);
  let runs = 0;
  let lastState: ClusterState | undefined;
  let cancelRun = () => {};

  const nextRun = (): number => {
    runs += 1;
    return runs;
  };
  const emitIn = (run: number) => (event: EngineEventBody) => store.accept({ at: deps.now(), run, ...event });
  const inputFor = (config: Config, run: number): ConvergeInput => ({
    deps,
    config,
    cluster: clusters.get(config),
    emit: emitIn(run),
    lastState,
    keepState: (state) => {
      lastState = state;
    },
  });
  const load = async (run: number): Promise<LoadResult> => {
    const loaded = await deps.load();
    if (loaded.ok) emitIn(run)({ type: 'config-loaded', config: loaded.config });
    else emitIn(run)({ type: 'config-rejected', problems: loaded.problems });
    return loaded;
  };
  const runConfig = async (config: Config, run: number, signals: RunSignals): Promise<RunOutcome> => {
    const cancel = new AbortController();
    cancelRun = () => cancel.abort();
    const emit = emitIn(run);
    emit({ type: 'run-started', revision: config.revision });
    const soft = AbortSignal.any([signals.soft, cancel.signal]);
    const outcome = await converge(inputFor(config, run), { ...signals, soft });
    emit({ type: 'run-finished', outcome });
    cancelRun = () => {};
    return outcome;
  };
  const convergeNow = async (signals: RunSignals): Promise<RunOutcome> => {
    const run = nextRun();
    const loaded = await load(run);
    if (loaded.ok) return await runConfig(loaded.config, run, signals);
    const outcome: RunOutcome = { result: 'rejected', problems: loaded.problems };
    emitIn(run)({ type: 'run-finished', outcome });
    return outcome;
  };
  const planConfig = async (config: Config, signal: AbortSignal) => {
    const input = inputFor(config, 0);
    const state = await observeAll(input, signal);
    const plan = makePlan(config, state);
    const forecasts = await forecastAll(input, plan, state, signal);
    input.emit({ type: 'plan-made', plan, forecasts });
    return { config, state, plan, forecasts };
  };
  const cancel = () => cancelRun();
  return { store, clusters, nextRun, emitIn, inputFor, load, runConfig, convergeNow, planConfig, cancel };
}

/** Runs that a command has started and nobody waits for. */
function createBackground(core: Core, watch: Watch) {
  const running = new Set<Promise<unknown>>();
  const closing = new AbortController();
  allowManyListeners(closing.signal);
  const start = (): void => {
    const started: Promise<unknown> = core
      .convergeNow({ hard: closing.signal, soft: never })
      // Its outcome is an event; only a file that cannot even be read throws.
      .catch(() => undefined)
      .finally(() => running.delete(started));
    running.add(started);
  };
  return {
    send: (command: EngineCommand): void => {
      if (command.type === 'cancel') {
        core.cancel();
        return;
      }
      const { plan, running: isRunning } = core.store.getSnapshot();
      // Approved is what was shown: a plan of another revision has not been seen by anybody.
      if (command.type === 'approve' && plan?.revision !== command.revision) return;
      if (watch.retry() || isRunning) return;
      start();
    },
    close: async (): Promise<void> => {
      closing.abort();
      await Promise.all(running);
    },
  };
}
