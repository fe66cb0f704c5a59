import { type Act, actNames, acts as actTable } from '../model/acts.ts';
import type { LoadResult } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import { withKnownVolumes } from '../model/volume-identity.ts';
import { createActs } from './acts/acts.ts';
import { type ActsInput, configInForce } from './acts/context.ts';
import { applicationsOn, testFence } from './acts/failover.ts';
import { importDocker } from './acts/import.ts';
import { findDiverged } from './acts/reseed.ts';
import { examine } from './doctor/examine.ts';
import { createEngineContext, type EngineContext } from './engine-context.ts';
import { observeAll } from './observe-and-report.ts';
import { readLogs } from './read-logs.ts';
import type { Acts, Engine, EngineCommand, EngineDeps } from './types.ts';
import { createMonitor, type Monitor } from './watch/monitor.ts';
import { replan } from './watch/replan.ts';
import { createWatch, type Watch } from './watch/watch.ts';

/** For callers that give no soft signal. */
const never = new AbortController().signal;

/** The only way into the engine, for the command line and the screen. */
export function createEngine(given: EngineDeps): Engine {
  const deps = withCall(given);
  const context = createEngineContext(deps);
  const { store, clusters, load, inputFor, planConfig } = context;
  const watch = createWatch({
    deps,
    emit: context.emitIn(0),
    restartBackoff: context.restartBackoff,
    run: async (config, signals, refuses) => {
      await context.actsOver();
      return await context.runConfig(config, context.nextRun(), signals, { refuses });
    },
    plan: async (config, signal) => {
      await context.actsOver();
      return await planConfig(config, signal);
    },
    replan: async (config, signal) => {
      await context.actsOver();
      return await replan(context, config, signal);
    },
    monitor: (signal) => monitor.run({ figures: false }, signal),
  });
  const monitor = createMonitor(context, watch.drift);
  const background = createBackground(context, watch, monitor);
  return {
    store,
    onEvent: store.onEvent,
    observe: async (signal) => {
      const loaded = await load(0);
      if (!loaded.ok) return loaded;
      const state = await observeAll(inputFor(loaded.config, 0), signal);
      return { ok: true, config: withKnownVolumes(loaded.config, state), state };
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
      return await context.convergeNow({ hard, soft }, confirm);
    },
    watch: (signal, soft = never) => watch.start(signal, soft),
    monitor: async (signal) => {
      if (store.getSnapshot().config === undefined) await load(0);
      await monitor.run({ figures: true }, signal);
    },
    logs: (app, options, signal) => readLogs(app, options, { load: deps.load, clusterOf: clusters.get }, signal),
    acts: readingActs(deps, trackInterruptions(context, createActs(actsInput(context)))),
    ...lossMethods(context),
    importDocker: async (request, onEvent, signal) => {
      checkWritable(deps);
      return context.act(() => importDocker(actsInput(context), request, onEvent, signal));
    },
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

const actsInput = (context: EngineContext): ActsInput => {
  const { deps, store, clusters, inputFor, emitIn, pauseApp, resumeApp } = context;
  return {
    deps,
    config: () => configInForce(deps.load, () => store.getSnapshot().config),
    clusterOf: clusters.get,
    observe: (config, signal) => observeAll(inputFor(config, 0), signal),
    emit: emitIn(0),
    pauseApp,
    resumeApp,
  };
};

const lossMethods = (context: EngineContext): Pick<Engine, 'testFence' | 'diverged' | 'applicationsOn'> => ({
  testFence: (node, signal) => testFence(actsInput(context), node, signal),
  diverged: (signal) => findDiverged(actsInput(context), signal),
  applicationsOn: (node, signal) => applicationsOn(actsInput(context), node, signal),
});

/** Runs and the acts that interrupt applications wait for each other. */
function trackInterruptions({ act }: EngineContext, acts: Acts): Acts {
  const tracked = actsWith('interrupts').map((name) => {
    // Each method keeps its own arguments and result: only the time of the call changes.
    const method = acts[name] as (...args: readonly unknown[]) => Promise<unknown>;
    return [name, (...args: readonly unknown[]) => act(() => method(...args))];
  });
  return { ...acts, ...Object.fromEntries(tracked) };
}

/** Work that a command starts, and that its sender does not wait for. */
function createBackground(context: EngineContext, watch: Watch, monitor: Monitor) {
  const running = new Set<Promise<unknown>>();
  const closing = new AbortController();
  allowManyListeners(closing.signal);
  const start = (work: () => Promise<unknown>): void => {
    const started: Promise<unknown> = work()
      // The outcome is an event; only a file that cannot even be read throws.
      .catch(() => undefined)
      .finally(() => running.delete(started));
    running.add(started);
  };
  const run = (): void => {
    if (context.deps.isReadOnly !== true && !context.isRunning())
      start(() => context.convergeNow({ hard: closing.signal, soft: never }));
  };
  const refresh = (): void => {
    watch.reread();
    const { config } = context.store.getSnapshot();
    if (!monitor.observeNow() && config !== undefined) start(() => context.planConfig(config, closing.signal));
  };
  const approve = (revision: string): void => {
    const { plan, nodes } = context.store.getSnapshot();
    // A person approves what is shown. A plan of another revision has not been shown.
    if (plan?.revision === revision && !watch.approve(plan, { nodes })) run();
  };
  const send = (command: EngineCommand): void => {
    if (command.type === 'cancel') context.cancel();
    else if (command.type === 'approve') approve(command.revision);
    else if (command.type === 'decline') watch.decline();
    else if (command.type === 'policy') watch.setPolicy(command.policy);
    else if (command.type === 'refresh') refresh();
    else if (command.type === 'visible') monitor.setVisible(command.apps);
    else if (!watch.applyNow()) run();
  };
  return {
    send,
    close: async (): Promise<void> => {
      closing.abort();
      await Promise.all(running);
    },
  };
}

/** The compiler refuses a method of `Acts` without a row. */
const actRows: Readonly<Record<keyof Acts, Act>> = actTable;

/** Names of the acts with one of these effects. */
const actsWith = (...effects: readonly Act['effect'][]): readonly (keyof Acts)[] =>
  actNames.filter((name) => effects.includes(actRows[name].effect));

const readOnlyRefusal = (): AppError =>
  new AppError('usage', 'cannot change anything: read-only', { hint: 'start drover without --read-only' });

/** Throws `usage` if the engine is read-only; called before a node is touched. */
function checkWritable({ isReadOnly }: Pick<EngineDeps, 'isReadOnly'>): void {
  if (isReadOnly === true) throw readOnlyRefusal();
}

/** The acts unchanged, or only those that change nothing. */
function readingActs({ isReadOnly }: Pick<EngineDeps, 'isReadOnly'>, acts: Acts): Acts {
  if (isReadOnly !== true) return acts;
  const refuse = async (): Promise<never> => {
    throw readOnlyRefusal();
  };
  const refused = actsWith('adds', 'enters', 'interrupts').map((name) => [name, refuse]);
  return { ...acts, ...Object.fromEntries(refused) };
}
