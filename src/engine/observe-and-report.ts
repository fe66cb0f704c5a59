import type { ClusterState } from '../model/cluster.ts';
import type { Config, NodeName } from '../model/config.ts';
import type { EngineEventBody, MoveReceipt } from '../model/events.ts';
import type { MoveForecast, Plan } from '../model/plan.ts';
import { plannedMoves } from '../plan/steps/move.ts';
import type { Cluster } from './node-client.ts';
import type { NodeMemory } from './node-memory.ts';
import { observe } from './observe.ts';
import { rememberPlaces } from './run/data-places.ts';
import { forecastMoves } from './run/forecast.ts';
import type { EngineDeps } from './types.ts';

/** What observing the nodes and planning needs. */
export interface ObserveInput {
  readonly deps: EngineDeps;
  readonly config: Config;
  readonly cluster: Cluster;
  readonly emit: (event: EngineEventBody) => void;
  readonly memory: NodeMemory;
  /** Removes from a plan what must not be done now. */
  readonly refine: (plan: Plan, state: ClusterState) => Plan;
}

/** Observes every node of the configuration; reports and remembers the results. */
export async function observeAll(input: ObserveInput, signal: AbortSignal): Promise<ClusterState> {
  return await observeSome(input, () => true, signal);
}

/** As `observeAll`, but with the remembered state of the nodes that need not be asked. */
export async function observeSome(
  { deps, config, cluster, emit, memory }: ObserveInput,
  mustAsk: (node: NodeName) => boolean,
  signal: AbortSignal,
): Promise<ClusterState> {
  const before = memory.state();
  const from = memory.beginObservation();
  const state = await observe(
    config,
    cluster,
    {
      now: deps.now,
      ...(before === undefined ? {} : { before }),
      known: (node) => (mustAsk(node) ? undefined : memory.nodeState(node)),
      observed: (node, seen) => {
        if (memory.keepNode(node, seen, from)) emit({ type: 'node-observed', node, state: seen });
      },
    },
    signal,
  );
  const remembered = await rememberPlaces(deps.places, state);
  const complete = remembered.length === 0 ? state : { ...state, remembered };
  memory.keepAbsent(complete);
  return complete;
}

/** Forecasts the moves of a plan. Without a readable history the forecasts are less exact. */
export async function forecastAll(
  { deps, config, cluster }: ObserveInput,
  plan: Plan,
  state: ClusterState,
  signal: AbortSignal,
): Promise<MoveForecast[]> {
  const moves = plannedMoves(plan);
  if (moves.length === 0) return [];
  const history = await Promise.resolve(deps.history?.read() ?? []).catch((): readonly MoveReceipt[] => []);
  return forecastMoves({ plan, moves, state, cluster, history, belowBytes: config.settings.switch.belowBytes }, signal);
}
