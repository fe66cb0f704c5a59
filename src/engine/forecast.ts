import type { ClusterState, Volume } from '../model/cluster.ts';
import type { MoveReceipt } from '../model/events.ts';
import type { MoveForecast, PlannedMove } from '../model/plan.ts';
import type { Cluster } from './node-client.ts';
import { factsOf } from './step-context.ts';
import { findCommonBase } from './volume-base.ts';

export interface ForecastInput {
  readonly moves: readonly PlannedMove[];
  readonly state: ClusterState;
  readonly cluster: Cluster;
  readonly history: readonly MoveReceipt[];
  /** Sync rounds go on above this, so the final delta is expected below it. */
  readonly belowBytes: number;
}

/** Commands one after the other between the stop and the check: stop, unmount, set, snapshot, send, set, set, mount, create, start, accept. */
const commandsInSwitch = 12;
/** What Docker and ZFS themselves need for one stop, one unmount and one start on ordinary hardware. */
const workInSwitchMs = 1500;

/** What each move will cost; a move whose nodes cannot be asked is left out. */
export async function forecastMoves(input: ForecastInput, signal: AbortSignal): Promise<MoveForecast[]> {
  const forecasts = await Promise.all(input.moves.map((move) => forecastMove(move, input, signal)));
  return forecasts.flatMap((forecast) => forecast ?? []);
}

async function forecastMove(
  move: PlannedMove,
  input: ForecastInput,
  signal: AbortSignal,
): Promise<MoveForecast | undefined> {
  const source = copyOf(input.state, move.from, move.volume);
  if (source === undefined) return undefined;
  const pendingBytes = await estimatePending(move, source, input, signal);
  // What is written during the last round is not known beforehand; what the loop stops at is its upper bound.
  const finalBytes = Math.min(pendingBytes, input.belowBytes);
  return { ...move, totalBytes: pendingBytes, finalBytes, ...forecastDowntime(move, finalBytes, input) };
}

async function estimatePending(
  move: PlannedMove,
  source: Volume,
  { state, cluster }: ForecastInput,
  signal: AbortSignal,
): Promise<number> {
  const base = findCommonBase(source, copyOf(state, move.to, move.volume));
  if (base.kind === 'base' && source.snapshots.at(-1)?.guid === base.guid) return source.writtenBytes;
  const known = base.kind === 'base' ? base.name : undefined;
  try {
    const client = await cluster.node(move.from, signal);
    const bytes = await client.volumes.estimate(source.dataset, undefined, known, signal);
    return bytes ?? source.referencedBytes;
  } catch (error) {
    if (signal.aborted) throw error;
    return source.referencedBytes;
  }
}

/**
 * The median downtime of earlier moves of the same application, else of any application: a switch is dominated by how
 * long the program takes to stop and to answer again, which nobody knows better than its last moves. Without any, the
 * round trips of the commands between stop and check are added up; the rate of the wire is then unknown, so that the
 * final delta counts only if it is small enough not to matter.
 */
function forecastDowntime(
  move: PlannedMove,
  finalBytes: number,
  { history, state }: ForecastInput,
): Pick<MoveForecast, 'downtimeMs' | 'basis'> {
  if (move.app === undefined) return { downtimeMs: 0, basis: 'round trips' };
  const measured = history.filter((receipt) => receipt.downtimeMs !== undefined);
  const own = measured.filter((receipt) => receipt.app === move.app);
  const earlier = median((own.length > 0 ? own : measured).map((receipt) => receipt.downtimeMs ?? 0));
  if (earlier !== undefined) return { downtimeMs: earlier, basis: 'earlier moves' };
  const trips = [move.from, move.to].map((node) => factsOf(state, node)?.roundTripMs ?? 0);
  const downtimeMs = Math.round(commandsInSwitch * Math.max(...trips) + workInSwitchMs);
  return { downtimeMs, basis: finalBytes < 2 ** 20 ? 'round trips' : 'unknown rate' };
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function copyOf(state: ClusterState, node: string, volume: string): Volume | undefined {
  return factsOf(state, node)?.volumes.find(({ id }) => id === volume);
}
