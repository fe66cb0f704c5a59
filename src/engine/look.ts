import type { ClusterState, DataPlace } from '../model/cluster.ts';
import type { Config } from '../model/config.ts';
import type { EngineEventBody, MoveReceipt } from '../model/events.ts';
import type { MoveForecast, Plan } from '../model/plan.ts';
import { plannedMoves } from '../plan/plan-move.ts';
import type { Cluster } from './node-client.ts';
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
  /** What was seen last, by whomever. */
  readonly lastState: () => ClusterState | undefined;
  /** What was seen of all nodes a moment ago, by whomever; undefined where that is not so. */
  readonly recentState: () => ClusterState | undefined;
  readonly keepState: (state: ClusterState) => void;
  /** Leaves out of a plan what is not to be done now. */
  readonly refine: (plan: Plan, state: ClusterState) => Plan;
}

/** Observes every node, tells it, and remembers it. */
export async function observeAll(input: LookInput, signal: AbortSignal): Promise<ClusterState> {
  const { deps, config, cluster, emit, keepState } = input;
  const before = input.lastState();
  const state = await observe(
    config,
    cluster,
    {
      now: deps.now,
      ...(before === undefined ? {} : { before }),
      observed: (node, seen) => emit({ type: 'node-observed', node, state: seen }),
    },
    signal,
  );
  const remembered = await rememberPlaces(deps.places, state);
  const known = remembered.length === 0 ? state : { ...state, remembered };
  keepState(known);
  return known;
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
