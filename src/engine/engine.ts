import type { LoadResult } from '../model/config.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import { createActs } from './acts/acts.ts';
import { configInForce } from './acts/context.ts';
import { type Core, createCore } from './core.ts';
import { examine } from './doctor/examine.ts';
import { observeAll } from './look.ts';
import { readLogs } from './read-logs.ts';
import { actsWith, checkWritable, readingActs } from './read-only.ts';
import type { Acts, Engine, EngineCommand, EngineDeps } from './types.ts';
import { createMonitor, type Monitor } from './watch/monitor.ts';
import { replan } from './watch/replan.ts';
import { createWatch, type Watch } from './watch/watch.ts';

/** Never aborted: for callers that give no soft signal. */
const never = new AbortController().signal;

/** The only door for both faces. */
export function createEngine(given: EngineDeps): Engine {
  const deps = withCall(given);
  const core = createCore(deps);
  const { store, clusters, load, inputFor, planConfig } = core;
  const watch = createWatch({
    deps,
    emit: core.emitIn(0),
    comebacks: core.comebacks,
    run: async (config, signals, refuses) => {
      await core.actsOver();
      return await core.runConfig(config, core.nextRun(), signals, { refuses });
    },
    plan: async (config, signal) => {
      await core.actsOver();
      return await planConfig(config, signal);
    },
    replan: async (config, signal) => {
      await core.actsOver();
      return await replan(core, config, signal);
    },
    monitor: (signal) => monitor.run({ figures: false }, signal),
  });
  const monitor = createMonitor(core, watch.drift);
  const background = createBackground(core, watch, monitor);
  return {
    store,
    onEvent: store.onEvent,
    observe: async (signal) => {
      const loaded = await load(0);
      if (!loaded.ok) return loaded;
      return { ok: true, config: loaded.config, state: await observeAll(inputFor(loaded.config, 0), signal) };
    },
    examine: async (options, signal) => {
      const loaded = await load(0);
      if (!loaded.ok) return loaded;
      const { config } = loaded;
      return { ok: true, config, ...(await examine({ deps, config, cluster: clusters.get(config) }, options, signal)) };
    },
    plan: async (signal) => {
      const loaded = await load(0);
      return loaded.ok ? { ok: true, ...(await planConfig(loaded.config, signal)) } : loaded;
    },
    converge: async (hard, soft = never, confirm) => {
      checkWritable(deps);
      return await core.convergeNow({ hard, soft }, confirm);
    },
    watch: (signal, soft = never) => watch.start(signal, soft),
    monitor: async (signal) => {
      if (store.getSnapshot().config === undefined) await load(0);
      await monitor.run({ figures: true }, signal);
    },
    logs: (app, options, signal) => readLogs(app, options, { load: deps.load, clusterOf: clusters.get }, signal),
    acts: readingActs(deps, apart(core, actsOf(core))),
    audit: async (node, signal) => {
      const config = await configInForce(deps.load, () => store.getSnapshot().config);
      return (await clusters.get(config).node(node, signal)).mutex.audit(signal);
    },
    send: background.send,
    close: async () => {
      await background.close();
      await clusters.close();
    },
  };
}

/** Options of one call (`--allow-removal`, `--take-over`) are added to the configuration that it loads. */
function withCall(deps: EngineDeps): EngineDeps {
  const { allowsRemoval, takesOver } = deps;
  const ofCall = {
    ...(allowsRemoval === true ? { removesUnmarked: true as const } : {}),
    ...(takesOver === undefined ? {} : { takesOver }),
  };
  const load = async (): Promise<LoadResult> => {
    const loaded = await deps.load();
    return loaded.ok ? { ...loaded, config: { ...loaded.config, ...ofCall } } : loaded;
  };
  return Object.keys(ofCall).length === 0 ? deps : { ...deps, load };
}

const actsOf = ({ deps, store, clusters, inputFor, emitIn, pauseApp, resumeApp }: Core): Acts =>
  createActs({
    deps,
    config: () => configInForce(deps.load, () => store.getSnapshot().config),
    clusterOf: clusters.get,
    observe: (config, signal) => observeAll(inputFor(config, 0), signal),
    emit: emitIn(0),
    pauseApp,
    resumeApp,
  });

/** Runs and the acts that interrupt applications wait for each other. */
function apart({ act }: Core, acts: Acts): Acts {
  const waiting = actsWith('interrupts').map((name) => {
    // Each method keeps its own arguments and result: only the time of the call changes.
    const method = acts[name] as (...args: readonly unknown[]) => Promise<unknown>;
    return [name, (...args: readonly unknown[]) => act(() => method(...args))];
  });
  return { ...acts, ...Object.fromEntries(waiting) };
}

/** What a command has started and nobody waits for. */
function createBackground(core: Core, watch: Watch, monitor: Monitor) {
  const running = new Set<Promise<unknown>>();
  const closing = new AbortController();
  allowManyListeners(closing.signal);
  const start = (work: () => Promise<unknown>): void => {
    const started: Promise<unknown> = work()
      // Its outcome is an event; only a file that cannot even be read throws.
      .catch(() => undefined)
      .finally(() => running.delete(started));
    running.add(started);
  };
  const run = (): void => {
    if (core.deps.isReadOnly !== true && !core.isRunning())
      start(() => core.convergeNow({ hard: closing.signal, soft: never }));
  };
  const refresh = (): void => {
    watch.reread();
    const { config } = core.store.getSnapshot();
    if (!monitor.look() && config !== undefined) start(() => core.planConfig(config, closing.signal));
  };
  const approve = (revision: string): void => {
    const { plan, nodes } = core.store.getSnapshot();
    // Approved is what was shown: a plan of another revision has not been seen by anybody.
    if (plan?.revision === revision && !watch.approve(plan, { nodes })) run();
  };
  const send = (command: EngineCommand): void => {
    if (command.type === 'cancel') core.cancel();
    else if (command.type === 'approve') approve(command.revision);
    else if (command.type === 'decline') watch.decline();
    else if (command.type === 'policy') watch.setPolicy(command.policy);
    else if (command.type === 'refresh') refresh();
    else if (command.type === 'visible') monitor.setVisible(command.apps);
    else if (!watch.retry()) run();
  };
  return {
    send,
    close: async (): Promise<void> => {
      closing.abort();
      await Promise.all(running);
    },
  };
}
