import type { ClusterState } from '../../model/cluster.ts';
import type { AppName, Config } from '../../model/config.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import { containerName } from '../../model/names.ts';
import type { MoveForecast, Plan } from '../../model/plan.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { plannedMoves } from '../../plan/plan-move.ts';
import type { Core } from '../core.ts';
import { inTime } from '../in-time.ts';
import { forecastAll } from '../look.ts';
import { observedNodes, ownState } from '../observe.ts';
import { monitorNode, type NodeMonitor } from './monitor-node.ts';

export interface Monitor {
  run(signal: AbortSignal): Promise<void>;
  /** Observe every node now; false where nothing is monitored. */
  look(): boolean;
  /** Only containers of these applications are measured; before the first call all are. */
  setVisible(apps: readonly AppName[]): void;
}

/** Several nodes often change at once. */
const renewAfterMs = 100;
const forecastLimitMs = 5_000;

/** Keeps the view fresh, and the plan that is shown; `drifted` hears that another plan was made. */
export function createMonitor(core: Core, drifted: () => void): Monitor {
  let visible: ReadonlySet<AppName> | undefined;
  let nodes: readonly NodeMonitor[] = [];
  let isOn = false;

  const measuredOn = (node: string) => (): readonly string[] => {
    const seen = core.memory.nodeState(node);
    if (seen?.status !== 'reachable') return [];
    return seen.facts.containers.flatMap(({ managed, application, state }) =>
      managed && application !== undefined && state === 'running' && visible?.has(application) !== false
        ? [containerName(application)]
        : [],
    );
  };
  const startNodes = (config: Config, changed: () => void, signal: AbortSignal): readonly NodeMonitor[] => {
    const cluster = core.clusters.get(config);
    const { deps, memory, isRunning } = core;
    return observedNodes(config).map((node) =>
      monitorNode(
        {
          node,
          deps,
          cluster,
          emit: core.emitOutside,
          memory,
          measured: measuredOn(node),
          isRunning,
          asOwn: (state) => ownState(core.store.getSnapshot().config ?? config, node, state),
          changed,
        },
        signal,
      ),
    );
  };

  return {
    run: async (signal) => {
      const renewal = createRenewal(core, drifted, signal);
      let key: string | undefined;
      let stop = new AbortController();
      const all = new Set<Promise<void>>();
      const follow = (config: Config): void => {
        const next = JSON.stringify([observedNodes(config), config.nodes, config.settings]);
        if (next === key || signal.aborted) return;
        key = next;
        stop.abort();
        stop = new AbortController();
        nodes = startNodes(config, renewal.changed, allowManyListeners(AbortSignal.any([signal, stop.signal])));
        for (const { ended } of nodes) {
          all.add(ended);
          void ended.finally(() => all.delete(ended));
        }
      };
      const forget = core.store.onEvent((event) => {
        if (event.type === 'config-loaded') follow(event.config);
        if (event.type === 'run-finished') renewal.resume();
        // The act is told before it is quite over.
        if (event.type === 'act-finished') void core.actsOver().then(renewal.resume);
      });
      isOn = true;
      try {
        const { config } = core.store.getSnapshot();
        if (config === undefined) await core.load(0);
        else follow(config);
        await aborted(signal);
      } finally {
        isOn = false;
        forget();
        stop.abort();
        nodes = [];
        await Promise.allSettled([...all, renewal.ended]);
      }
    },
    look: () => {
      for (const node of nodes) node.look();
      return isOn;
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

interface Renewal {
  /** Something was seen that the plan depends on. */
  changed(): void;
  /** A run or an act is over: what was put off is done now. */
  resume(): void;
  readonly ended: Promise<void>;
}

/** Makes the plan anew from what is known, never during a run, and tells it where it is another one. */
function createRenewal(core: Core, drifted: () => void, signal: AbortSignal): Renewal {
  let isDirty = false;
  let wake = () => {};
  signal.addEventListener('abort', () => wake(), { once: true });

  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      if (!isDirty || core.isBusy()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      await core.deps.sleep(renewAfterMs, signal).catch(() => undefined);
      if (signal.aborted || core.isBusy()) continue;
      isDirty = false;
      // A plan that cannot be made or told is made at the next change; nothing depends on this one.
      if (await renewPlan(core, signal).catch(() => false)) drifted();
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

/** True where the plan has changed. */
async function renewPlan(core: Core, signal: AbortSignal): Promise<boolean> {
  const { config } = core.store.getSnapshot();
  const state = config === undefined ? undefined : knownState(core, config);
  if (config === undefined || state === undefined) return false;
  const before = core.lastPlan();
  const plan = core.refine(config, makePlan(config, state), state);
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(plan)) return false;
  const forecasts = await forecastsOf(core, config, plan, state, signal);
  // Whoever was quicker knows better.
  if (signal.aborted || core.isBusy() || core.lastPlan() !== before) return false;
  if (core.store.getSnapshot().config !== config) return false;
  core.emitOutside({ type: 'plan-made', plan, forecasts });
  return true;
}

/** Every node of the configuration; undefined where one was never looked at, which would be taken for a lost one. */
function knownState({ memory }: Core, config: Config): ClusterState | undefined {
  const seen = observedNodes(config).flatMap((node) => {
    const state = memory.nodeState(node);
    return state === undefined ? [] : [[node, state] as const];
  });
  return seen.length === observedNodes(config).length
    ? { ...memory.absent(), nodes: Object.fromEntries(seen) }
    : undefined;
}

async function forecastsOf(
  core: Core,
  config: Config,
  plan: Plan,
  state: ClusterState,
  signal: AbortSignal,
): Promise<readonly MoveForecast[]> {
  const moves = plannedMoves(plan);
  const before = core.lastPlan();
  const { forecasts } = core.store.getSnapshot();
  const isSame = before !== undefined && JSON.stringify(plannedMoves(before)) === JSON.stringify(moves);
  if (moves.length === 0 || (isSame && forecasts.length === moves.length)) return moves.length === 0 ? [] : forecasts;
  const input = core.inputFor(config, 0);
  return await inTime(core.deps, 'forecast the moves', forecastLimitMs, signal, (inner) =>
    forecastAll(input, plan, state, inner),
  ).catch(() => []);
}
