import { lastFacts, type PoolFacts } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import type { MoveForecast } from '../model/plan.ts';
import type { ClusterView } from './cluster-view.ts';
import { formatBytes, namesOf } from './wording.ts';

/** Whether what is to come has room on a node. */
export interface Capacity {
  readonly node: NodeName;
  /** Bytes that still have to arrive. */
  readonly neededBytes: number;
  readonly freeBytes: number;
  /** Of the pool, when everything has arrived; above 100 where it does not fit. */
  readonly percentAfter: number;
  /** full: it does not fit. tight: ZFS slows down when so little is left. */
  readonly verdict: 'fits' | 'tight' | 'full';
}

/** From this fill on ZFS gets slow, and it is worth a word before it happens. */
const tightPercent = 80;

/** One entry a node that receives something, in the order of the forecasts; nodes whose pool is unknown are left out. */
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

/** Bytes that have arrived are no longer free. */
function arrivedBytes({ plan, steps }: ClusterView, { volume, from, to, totalBytes }: MoveForecast): number {
  const sync = plan?.steps.find(
    ({ action }) =>
      action.kind === 'sync-volume' && action.volume === volume && action.from === from && action.to === to,
  );
  const step = sync === undefined ? undefined : steps[sync.id];
  return step?.state === 'succeeded' ? totalBytes : Math.min(totalBytes, step?.doneBytes ?? 0);
}

/** The newest figures of the node's pool; undefined where it was never seen. */
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
