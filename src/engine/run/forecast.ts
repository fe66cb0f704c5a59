import { type ClusterState, lastFacts, type Volume } from '../../model/cluster.ts';
import type { MoveReceipt } from '../../model/events.ts';
import type { Action, MoveForecast, Plan, PlannedMove } from '../../model/plan.ts';
import { diffVolumes, sendBase } from '../../plan/volumes/volume-diff.ts';
import type { Cluster } from '../node-client.ts';

export interface ForecastInput {
  readonly plan: Plan;
  readonly moves: readonly PlannedMove[];
  readonly state: ClusterState;
  readonly cluster: Cluster;
  readonly history: readonly MoveReceipt[];
  /** Sync rounds go on above this, so the final delta is expected below it. */
  readonly belowBytes: number;
}

/**
 * What a step takes while the application is down, in programs on a node: each command or request to Docker starts
 * about one of its own, and those of freeze, release and acquire run some one after the other.
 */
const commandsOf: Partial<Record<Action['kind'], number>> = {
  'stop-container': 1,
  'freeze-volume': 6,
  'send-final': 3,
  'release-volume': 3,
  'acquire-volume': 5,
  'reclaim-volume': 3,
  'resize-volume': 1,
  'start-container': 2,
  'check-container': 2,
};
/** Programs that an observation runs on a node: its time by this is what a command takes there. */
const programsOfObservation = 9;
/** What Docker itself needs for a stop and a start: so many times an observation, and on ordinary hardware this. */
const dockerTimesObservation = 10;
const dockerMs = 1500;
/** Only the last moves count: the cause of an earlier slow one may have been fixed. */
const lastMoves = 5;

/** Bytes per second of a slow network. */
const slowWire = 4 * 2 ** 20;

/** How far the real downtime may be below and above the forecast, by the source of the forecast. */
const spreads = { own: [0.8, 1.25], others: [0.67, 1.5], counted: [0.5, 2] } as const;

/** Forecasts each move, except those whose nodes do not answer. */
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
  // The bytes written during the last round are unknown; the limit at which the rounds end bounds them.
  const finalBytes = Math.min(pendingBytes, input.belowBytes);
  return { ...move, totalBytes: pendingBytes, finalBytes, ...forecastDowntime(move, finalBytes, input) };
}

async function estimatePending(
  move: PlannedMove,
  source: Volume,
  { state, cluster }: ForecastInput,
  signal: AbortSignal,
): Promise<number> {
  const diff = diffVolumes(source, copyOf(state, move.to, move.volume));
  if (diff.kind === 'up-to-date') return source.writtenBytes;
  try {
    const client = await cluster.node(move.from, signal);
    const bytes = await client.volumes.estimate(source.dataset, undefined, sendBase(diff), signal);
    return bytes ?? source.referencedBytes;
  } catch (error) {
    if (signal.aborted) throw error;
    return source.referencedBytes;
  }
}

/**
 * The downtime of earlier moves of the same application, else of any application of this cluster: a switch is dominated
 * by how long the program takes to stop and to answer again, and its last moves are the best measure of that. Without any,
 * the commands that this plan sends between stop and check are counted, and take what they take on these nodes now. The
 * rate of the wire is then unknown: a small final delta makes the range longer, with a large one nothing is known.
 */
function forecastDowntime(
  move: PlannedMove,
  finalBytes: number,
  { history, state, plan }: ForecastInput,
): Pick<MoveForecast, 'downtimeMs' | 'rangeMs' | 'basis'> {
  if (move.app === undefined) return { downtimeMs: 0, basis: 'round trips' };
  const here = history.filter(({ from, to }) => state.nodes[from] !== undefined && state.nodes[to] !== undefined);
  const own = measured(here.filter(({ app }) => app === move.app));
  // An application that was killed took its whole grace period, which is true for this application alone.
  const others = measured(here.filter(({ killed }) => killed !== true));
  const earlier = own.length > 0 ? own : others;
  const middle = earlier[Math.floor(earlier.length / 2)];
  if (middle !== undefined) {
    const spread = own.length > 0 ? spreads.own : spreads.others;
    const ends = [earlier[0] ?? middle, earlier.at(-1) ?? middle] as const;
    return { downtimeMs: middle, rangeMs: widen(ends, spread), basis: 'earlier moves' };
  }
  const downtimeMs = Math.round(countedMs(move, move.app, plan, state));
  const wireMs = (finalBytes / slowWire) * 1000;
  if (wireMs > downtimeMs) return { downtimeMs, basis: 'unknown rate' };
  const [least, most] = widen([downtimeMs, downtimeMs], spreads.counted);
  return { downtimeMs, rangeMs: [least, Math.round(most + wireMs)], basis: 'round trips' };
}

/** Downtimes of the last moves, the shortest first. */
const measured = (history: readonly MoveReceipt[]): readonly number[] =>
  history
    .flatMap(({ downtimeMs }) => downtimeMs ?? [])
    .slice(-lastMoves)
    .toSorted((a, b) => a - b);

const widen = (ends: readonly [number, number], [down, up]: readonly [number, number]): [number, number] => [
  Math.round(ends[0] * down),
  Math.round(ends[1] * up),
];

function countedMs({ from, to }: PlannedMove, app: string, plan: Plan, state: ClusterState): number {
  const nodes = [from, to].map((node) => lastFacts(state.nodes[node]));
  const scriptMs = Math.max(...nodes.map((facts) => facts?.scriptMs ?? 0));
  const commandMs = Math.max(...nodes.map((facts) => facts?.roundTripMs ?? 0)) + scriptMs / programsOfObservation;
  const ownMs = scriptMs === 0 ? dockerMs : dockerTimesObservation * scriptMs;
  return commandsWhileDown(plan, app) * commandMs + ownMs;
}

/** Commands one after the other from the application's stop to its check: the longest way along the plan's edges. */
export function commandsWhileDown({ steps }: Plan, app: string): number {
  const reached = new Map<string, number>();
  let most = 0;
  for (const { id, action, after, group } of steps) {
    if (group !== app) continue;
    const before = after.flatMap((one) => reached.get(one) ?? []);
    if (before.length === 0 && action.kind !== 'stop-container') continue;
    const sum = Math.max(0, ...before) + (commandsOf[action.kind] ?? 0);
    reached.set(id, sum);
    if (action.kind === 'check-container') most = Math.max(most, sum);
  }
  return most;
}

function copyOf(state: ClusterState, node: string, volume: string): Volume | undefined {
  return lastFacts(state.nodes[node])?.volumes.find(({ id }) => id === volume);
}
