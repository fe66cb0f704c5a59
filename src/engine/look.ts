import type { ClusterState, DataPlace } from '../model/cluster.ts';
import type { Config, NodeName } from '../model/config.ts';
import type { EngineEventBody, MoveReceipt } from '../model/events.ts';
import type { MoveForecast, Plan } from '../model/plan.ts';
import { plannedMoves } from '../plan/plan-move.ts';
import type { Cluster } from './node-client.ts';
import type { NodeMemory } from './node-memory.ts';
import { observe } from './observe.ts';
import { placesAfter } from './run/data-places.ts';
import { forecastMoves } from './run/forecast.ts';
import type { DataPlaces, EngineDeps } from './types.ts';

/** What looking at the nodes and planning needs. */
export interface LookInput {
  readonly deps: EngineDeps;
  readonly config: Config;
  readonly cluster: Cluster;
  readonly emit: (event: EngineEventBody) => void;
  readonly memory: NodeMemory;
  /** Leaves out of a plan what is not to be done now. */
  readonly refine: (plan: Plan, state: ClusterState) => Plan;
}

/** Observes every node of the configuration, reports and remembers what it saw. */
export async function observeAll(input: LookInput, signal: AbortSignal): Promise<ClusterState> {
  return await observeSome(input, () => true, signal);
}

/** As `observeAll`, but what memory has of the nodes that are not asked is taken as it is. */
export async function observeSome(
  { deps, config, cluster, emit, memory }: LookInput,
  mustAsk: (node: NodeName) => boolean,
  signal: AbortSignal,
): Promise<ClusterState> {
  const before = memory.state();
  const from = memory.beginLook();
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

/** Where earlier observations saw each volume; what this one has seen is kept for later runs. */
async function rememberPlaces(places: DataPlaces | undefined, state: ClusterState): Promise<readonly DataPlace[]> {
  // Without it the run knows less; that is no reason to fail.
  const before = (await places?.read().catch(() => undefined)) ?? [];
  const now = placesAfter(before, state);
  if (JSON.stringify(now) !== JSON.stringify(before)) await places?.keep(now).catch(() => undefined);
  return now;
}

/** Forecasts of a plan's moves; a history that cannot be read only makes them worse. */
export async function forecastAll(
  { deps, config, cluster }: LookInput,
  plan: Plan,
  state: ClusterState,
  signal: AbortSignal,
): Promise<MoveForecast[]> {
  const moves = plannedMoves(plan);
  if (moves.length === 0) return [];
  const history = await Promise.resolve(deps.history?.read() ?? []).catch((): readonly MoveReceipt[] => []);
  return forecastMoves({ plan, moves, state, cluster, history, belowBytes: config.settings.switch.belowBytes }, signal);
}
