import { describe, expect, it } from 'vitest';
import type { NodeFigures, NodeState } from '../../../src/model/cluster.ts';
import { capacities, capacityText } from '../../../src/view/capacity.ts';
import { someFacts } from '../../builders.ts';
import { aView, forecast, plan } from './move-view.ts';

const GiB = 1024 ** 3;

/** node2 with a pool of this size and so much free. */
function withPool(sizeBytes: number, freeBytes: number): NodeState {
  const facts = { ...someFacts('node2'), pool: { name: 'tank', health: 'ONLINE', sizeBytes, freeBytes } };
  return { status: 'reachable', observedAt: 0, facts };
}

const view = (state: NodeState, totalBytes: number) =>
  aView({ nodes: { node2: state }, forecasts: [{ ...forecast, totalBytes }] });

describe('room for what is to come', () => {
  it.each([
    [100 * GiB, 50 * GiB, 10 * GiB, 'fits', 60],
    [100 * GiB, 30 * GiB, 10 * GiB, 'tight', 80],
    [100 * GiB, 30 * GiB, 31 * GiB, 'full', 101],
  ])('of %d with %d free for %d: %s', (size, free, needed, verdict, percentAfter) => {
    expect(capacities(view(withPool(size, free), needed))).toEqual([
      { node: 'node2', neededBytes: needed, freeBytes: free, percentAfter, verdict },
    ]);
  });

  it('says the sum, and what is wrong with it', () => {
    const text = (free: number, needed: number): string[] => {
      const full = view(withPool(100 * GiB, free), needed);
      return capacities(full).map((each) => capacityText(each, full));
    };
    expect(text(50 * GiB, GiB)).toEqual(['node2 needs 1.00 GiB, has 50.0 GiB free']);
    expect(text(30 * GiB, 20 * GiB)).toEqual([
      'node2 needs 20.0 GiB, has 30.0 GiB free: its pool would be 90% full, where ZFS gets slow',
    ]);
    expect(text(30 * GiB, 40 * GiB)).toEqual(['node2 needs 40.0 GiB, has 30.0 GiB free: it does not fit']);
  });

  it('adds up everything that goes to one node', () => {
    const two = [
      { ...forecast, totalBytes: GiB },
      { ...forecast, app: 'web', volume: 'vol-web', totalBytes: 2 * GiB },
    ];
    expect(capacities(aView({ nodes: { node2: withPool(9 * GiB, 8 * GiB) }, forecasts: two }))[0]?.neededBytes).toBe(
      3 * GiB,
    );
  });

  it('does not ask for what has arrived already', () => {
    const sync = plan.steps.find(({ action }) => action.kind === 'sync-volume')?.id ?? '';
    const before = view(withPool(9 * GiB, 8 * GiB), 4 * GiB);
    const half = { ...before, steps: { [sync]: { state: 'running' as const, doneBytes: GiB } } };
    expect(capacities(half)[0]?.neededBytes).toBe(3 * GiB);
    const all = { ...before, steps: { [sync]: { state: 'succeeded' as const } } };
    expect(capacities(all)[0]?.neededBytes).toBe(0);
  });

  it('goes by the newest figures, and says nothing about a node that was never seen', () => {
    const figures: NodeFigures = {
      at: 1,
      roundTripMs: 1,
      cores: 1,
      load1: 0,
      memoryTotalBytes: 1,
      memoryUsedBytes: 1,
      pool: { name: 'tank', health: 'ONLINE', sizeBytes: 10 * GiB, freeBytes: 2 * GiB },
      containers: {},
    };
    const newer = {
      ...view(withPool(10 * GiB, 8 * GiB), GiB),
      figures: { node2: { latest: figures, cpuHistory: [] } },
    };
    expect(capacities(newer)[0]?.freeBytes).toBe(2 * GiB);
    expect(capacities(aView({ nodes: {} }))).toEqual([]);
  });
});
