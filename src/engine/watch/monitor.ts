import type { AppName, Config } from '../../model/config.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import { containerName } from '../../model/names.ts';
import type { EngineContext } from '../engine-context.ts';
import { observedNodes, ownState } from '../observe.ts';
import { monitorNode, type NodeMonitor } from './monitor-node.ts';
import { replan } from './replan.ts';

export interface MonitorOptions {
  /** Figures of nodes and containers every second, for the screen. */
  readonly figures: boolean;
}

export interface Monitor {
  /** Watches the nodes until aborted. Several calls share one watching. */
  run(options: MonitorOptions, signal: AbortSignal): Promise<void>;
  /** Observes every node now; false where nothing is monitored. */
  observeNow(): boolean;
  /** Only containers of these applications are measured; before the first call all are. */
  setVisible(apps: readonly AppName[]): void;
}

/**
 * The only part of the engine that listens to nodes, and outside of runs the only one that observes them because of
 * what happens there. It keeps the view and the plan up to date; `planChanged` is called after each new plan.
 */
export function createMonitor(context: EngineContext, planChanged: () => void): Monitor {
  const users = new Set<MonitorOptions>();
  let visible: ReadonlySet<AppName> | undefined;
  let session: MonitorSession | undefined;

  const measuredOn = (node: string) => (): readonly string[] => {
    const seen = context.memory.nodeState(node);
    if (seen?.status !== 'reachable') return [];
    return seen.facts.containers.flatMap(({ managed, application, state }) =>
      managed && application !== undefined && state === 'running' && visible?.has(application) !== false
        ? [containerName(application)]
        : [],
    );
  };
  const measured = (node: string) => ([...users].some(({ figures }) => figures) ? measuredOn(node) : undefined);

  return {
    run: async (options, signal) => {
      users.add(options);
      session ??= createMonitorSession(context, measured, planChanged);
      session.follow();
      try {
        await aborted(signal);
      } finally {
        users.delete(options);
        session?.follow();
        if (users.size === 0) {
          const ending = session;
          session = undefined;
          await ending?.end();
        }
      }
    },
    observeNow: () => {
      session?.observeNow();
      return session !== undefined;
    },
    setVisible: (apps) => {
      visible = new Set(apps);
    },
  };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** The monitored nodes, from the first user of the monitor to the last. */
interface MonitorSession {
  /** Starts over where the nodes, or what is wanted of them, are others than before. */
  follow(): void;
  observeNow(): void;
  end(): Promise<void>;
}

function createMonitorSession(
  context: EngineContext,
  measured: (node: string) => (() => readonly string[]) | undefined,
  planChanged: () => void,
): MonitorSession {
  const over = new AbortController();
  const replanning = createReplanning(context, planChanged, allowManyListeners(over.signal));
  const ending = new Set<Promise<void>>();
  let nodes: readonly NodeMonitor[] = [];
  let key: string | undefined;
  let stop = new AbortController();

  const start = (config: Config): void => {
    const cluster = context.clusters.get(config);
    const { deps, memory, isRunning } = context;
    stop.abort();
    stop = new AbortController();
    const signal = allowManyListeners(AbortSignal.any([over.signal, stop.signal]));
    nodes = observedNodes(config).map((node) => {
      const figures = measured(node);
      return monitorNode(
        {
          node,
          deps,
          cluster,
          emit: context.emitOutside,
          memory,
          ...(figures === undefined ? {} : { measured: figures }),
          isRunning,
          asOwn: (state) => ownState(context.store.getSnapshot().config ?? config, node, state),
          changed: replanning.changed,
        },
        signal,
      );
    });
    for (const { ended } of nodes) {
      ending.add(ended);
      void ended.finally(() => ending.delete(ended));
    }
  };
  const follow = (): void => {
    const { config } = context.store.getSnapshot();
    if (config === undefined || over.signal.aborted) return;
    const names = observedNodes(config);
    const isMeasured = names.map((node) => measured(node) !== undefined);
    const next = JSON.stringify([config.name, names, config.nodes, config.settings, isMeasured]);
    if (next === key) return;
    key = next;
    start(config);
  };
  const forget = context.store.onEvent(({ type }) => {
    if (type === 'config-loaded') follow();
    if (type === 'run-finished') replanning.resume();
    // The event comes shortly before the act is over.
    if (type === 'act-finished') void context.actsOver().then(replanning.resume);
  });

  return {
    follow,
    observeNow: () => {
      for (const node of nodes) node.observeNow();
    },
    end: async () => {
      forget();
      over.abort();
      await Promise.allSettled([...ending, replanning.ended]);
    },
  };
}

interface Replanning {
  /** The plan depends on what was just observed. */
  changed(): void;
  /** A run or an act is over: what was put off is done now. */
  resume(): void;
  readonly ended: Promise<void>;
}

/** Several nodes often change at once. */
const replanAfterMs = 100;
/** Where something changes all the time, as with a hundred nodes, planning takes at most one part in so many of the time. */
const planningShare = 10;
const longestRestMs = 5_000;

/** Plans again after changes, but not during a run or an act, whose changes are not drift. */
function createReplanning(context: EngineContext, planChanged: () => void, signal: AbortSignal): Replanning {
  let isDirty = false;
  let wake = () => {};
  signal.addEventListener('abort', () => wake(), { once: true });

  const loop = async (): Promise<void> => {
    let restMs = 0;
    while (!signal.aborted) {
      if (!isDirty || context.isBusy()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      await context.deps.sleep(Math.max(replanAfterMs, restMs), signal).catch(() => undefined);
      const { config } = context.store.getSnapshot();
      if (signal.aborted || context.isBusy() || config === undefined) continue;
      isDirty = false;
      // A plan that cannot be made or shown is made at the next change.
      const replanned = await replan(context, config, signal).catch(() => undefined);
      restMs = Math.min(longestRestMs, (replanned?.tookMs ?? 0) * (planningShare - 1));
      if (replanned?.isNew === true) planChanged();
    }
  };
  return {
    changed: () => {
      isDirty = true;
      wake();
    },
    resume: () => wake(),
    ended: loop(),
  };
}
