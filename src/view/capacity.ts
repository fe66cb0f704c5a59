import { lastFacts, type PoolFacts } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import type { MoveForecast } from '../model/plan.ts';
import type { ClusterView } from './cluster-view.ts';
import { formatBytes, namesOf } from './wording.ts';

/** Whether the data that a plan sends to a node fits there. */
export interface Capacity {
  readonly node: NodeName;
  /** Bytes that are still to be received. */
  readonly neededBytes: number;
  readonly freeBytes: number;
  /** Use of the pool after the plan, in percent; above 100 if the data does not fit. */
  readonly percentAfter: number;
  /** full: the data does not fit. tight: so little space is left that ZFS becomes slow. */
  readonly verdict: 'fits' | 'tight' | 'full';
}

/** Above this use ZFS becomes slow, so a plan warns. */
const tightPercent = 80;

/** One entry for each node that receives data, in the order of the forecasts, without nodes whose pool is unknown. */
export function capacities(view: ClusterView): readonly Capacity[] {
  const needs = new Map<NodeName, number>();
  for (const move of view.forecasts) {
    needs.set(move.to, (needs.get(move.to) ?? 0) + move.totalBytes - arrivedBytes(view, move));
  }
  return [...needs].flatMap(([node, neededBytes]) => {
    const pool = poolOf(view, node);
    return pool === undefined ? [] : [capacityOf(node, neededBytes, pool)];
  });
}

/** Free space already excludes the bytes that have been received. */
function arrivedBytes({ plan, steps }: ClusterView, { volume, from, to, totalBytes }: MoveForecast): number {
  const sync = plan?.steps.find(
    ({ action }) =>
      action.kind === 'sync-volume' && action.volume === volume && action.from === from && action.to === to,
  );
  const step = sync === undefined ? undefined : steps[sync.id];
  return step?.state === 'succeeded' ? totalBytes : Math.min(totalBytes, step?.doneBytes ?? 0);
}

/** The newest figures of the node's pool; undefined if it was never observed. */
export function poolOf(view: ClusterView, node: NodeName): PoolFacts | undefined {
  const state = view.nodes[node];
  const facts = lastFacts(state);
  return view.figures[node]?.latest.pool ?? facts?.pool;
}

function capacityOf(node: NodeName, neededBytes: number, { sizeBytes, freeBytes }: PoolFacts): Capacity {
  const percentAfter = sizeBytes === 0 ? 0 : Math.round((100 * (sizeBytes - freeBytes + neededBytes)) / sizeBytes);
  const verdict = neededBytes > freeBytes ? 'full' : percentAfter >= tightPercent ? 'tight' : 'fits';
  return { node, neededBytes, freeBytes, percentAfter, verdict };
}

/** `node2 needs 14.2 GiB, has 390 GiB free`, and what would become of its pool where that matters. */
export function capacityText(capacity: Capacity, view: ClusterView): string {
  const { node, neededBytes, freeBytes, percentAfter, verdict } = capacity;
  const sum = `${namesOf(view.config).node(node)} needs ${formatBytes(neededBytes)}, has ${formatBytes(freeBytes)} free`;
  if (verdict === 'fits') return sum;
  return verdict === 'full'
    ? `${sum}: it does not fit`
    : `${sum}: its pool would be ${percentAfter}% full, where ZFS gets slow`;
}
