import type { ClusterState } from '../model/cluster.ts';
import type { AppName, Config, NodeName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import type { EngineEventBody, RunOutcome } from '../model/events.ts';
import { makePlan } from '../plan/make-plan.ts';
import { type ConvergeInput, converge, forecastAll, observeAll } from './converge.ts';
import type { RunSignals } from './execute.ts';
import type { Cluster, LogLine, LogOptions, NodeClient } from './node-client.ts';
import { createStore } from './store.ts';
import type { Engine, EngineDeps } from './types.ts';
import { createWatch } from './watch.ts';

/** Never aborted: for callers that give no soft signal. */
const never = new AbortController().signal;

/** The only door for both faces. */
export function createEngine(deps: EngineDeps): Engine {
  const store = createStore();
  const clusters = createClusterCache(deps);
  let runs = 0;
  let lastState: ClusterState | undefined;
  let cancelRun = () => {};
  const background = new Set<Promise<unknown>>();
  const closing = new AbortController();

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
  const load = async (run: number) => {
    const loaded = await deps.load();
    emitIn(run)(
      loaded.ok
        ? { type: 'config-loaded', config: loaded.config }
        : { type: 'config-rejected', problems: loaded.problems },
    );
    return loaded;
  };

  const runConfig = async (config: Config, run: number, signals: RunSignals): Promise<RunOutcome> => {
    const cancel = new AbortController();
    cancelRun = () => cancel.abort();
    const emit = emitIn(run);
    emit({ type: 'run-started', revision: config.revision });
    const soft = AbortSignal.any([signals.soft, cancel.signal]);
    const outcome = await converge(inputFor(config, run), { hard: signals.hard, soft });
    emit({ type: 'run-finished', outcome });
    cancelRun = () => {};
    return outcome;
  };
  const convergeNow = async (hard: AbortSignal, soft: AbortSignal): Promise<RunOutcome> => {
    runs += 1;
    const run = runs;
    const loaded = await load(run);
    if (loaded.ok) return await runConfig(loaded.config, run, { hard, soft });
    const outcome: RunOutcome = { result: 'rejected', problems: loaded.problems };
    emitIn(run)({ type: 'run-finished', outcome });
    return outcome;
  };
  const planNow = async (config: Config, signal: AbortSignal) => {
    const input = inputFor(config, 0);
    const state = await observeAll(input, signal);
    const plan = makePlan(config, state);
    const forecasts = await forecastAll(input, plan, state, signal);
    input.emit({ type: 'plan-made', plan, forecasts });
    return { config, state, plan, forecasts };
  };
  const watch = createWatch({
    deps,
    clusterOf: clusters.get,
    emit: emitIn(0),
    run: (config, signals) => {
      runs += 1;
      return runConfig(config, runs, signals);
    },
    plan: async (config, signal) => (await planNow(config, signal)).plan,
  });

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
      return loaded.ok ? { ok: true, ...(await planNow(loaded.config, signal)) } : loaded;
    },
    converge: (signal, soft = never) => convergeNow(signal, soft),
    watch: (signal, soft = never) => watch.start(signal, soft),
    logs: (app, options, signal) => readLogs(app, options, { load: deps.load, clusterOf: clusters.get }, signal),
    send: (command) => {
      if (command.type === 'cancel') return cancelRun();
      if (watch.retry()) return;
      const { plan, running } = store.getSnapshot();
      // Approved is what was shown: a plan of another revision has not been seen by anybody.
      const isStale = command.type === 'approve' && plan?.revision !== command.revision;
      if (running || isStale) return;
      const started: Promise<unknown> = convergeNow(closing.signal, never)
        .catch(() => undefined)
        .finally(() => background.delete(started));
      background.add(started);
    },
    close: async () => {
      closing.abort();
      await Promise.all(background);
      await clusters.close();
    },
  };
}

/** One set of connections, for as long as the ways to the nodes stay the same. */
function createClusterCache(deps: EngineDeps) {
  let current: { readonly key: string; readonly cluster: Cluster } | undefined;
  const closed: Promise<void>[] = [];
  return {
    get: (config: Config): Cluster => {
      const key = JSON.stringify([config.nodes, config.settings]);
      if (current?.key === key) return current.cluster;
      if (current !== undefined) closed.push(current.cluster.close().catch(() => undefined));
      current = { key, cluster: deps.openCluster(config) };
      return current.cluster;
    },
    close: async (): Promise<void> => {
      await current?.cluster.close();
      current = undefined;
      await Promise.all(closed);
    },
  };
}

interface LogSource {
  readonly load: EngineDeps['load'];
  readonly clusterOf: (config: Config) => Cluster;
}

async function* readLogs(
  app: AppName,
  options: LogOptions,
  source: LogSource,
  signal: AbortSignal,
): AsyncIterable<LogLine & { readonly node: NodeName }> {
  const loaded = await source.load();
  if (!loaded.ok) {
    const what = `cannot show the log of "${app}": the files are wrong`;
    throw new AppError('usage', what, { hint: 'correct them, or run: drover validate' });
  }
  const client = await findNodeOf(app, loaded.config, source.clusterOf(loaded.config), signal);
  for await (const line of client.containers.logs(app, options, signal)) yield { ...line, node: client.node };
}

/** The node whose container of this application runs; else one with a container that has ended. */
async function findNodeOf(app: AppName, config: Config, cluster: Cluster, signal: AbortSignal): Promise<NodeClient> {
  const away: string[] = [];
  const found = await Promise.all(
    Object.keys(config.nodes).map(async (node) => {
      try {
        const client = await cluster.node(node, signal);
        const containers = await client.containers.list(signal);
        const container = containers.find((one) => one.managed && one.application === app);
        return container === undefined ? [] : [{ client, isRunning: container.state === 'running' }];
      } catch (error) {
        if (signal.aborted) throw error;
        away.push(node);
        return [];
      }
    }),
  );
  const candidates = found.flat();
  const best = candidates.find(({ isRunning }) => isRunning) ?? candidates[0];
  if (best !== undefined) return best.client;
  const why =
    away.length === 0
      ? 'no node has a container of it'
      : `no reachable node has one (${away.join(', ')} cannot be reached)`;
  throw new AppError('docker-failed', `cannot show the log of "${app}": ${why}`);
}
