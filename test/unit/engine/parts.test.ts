import { describe, expect, it } from 'vitest';
import { observe } from '../../../src/engine/observe.ts';
import { createTransferSlots } from '../../../src/engine/run/step-context.ts';
import { startProbing, watchSwitches } from '../../../src/engine/run/switch-probe.ts';
import { droppable, nextSnapshotName } from '../../../src/engine/run/volume-base.ts';
import type { EngineDeps } from '../../../src/engine/types.ts';
import type { HeldPort } from '../../../src/model/name-table.ts';
import type { Action, Step } from '../../../src/model/plan.ts';
import { createMemoryCluster } from '../../../src/simulation/memory/cluster.ts';
import { aCluster, aVolume, onNode } from '../../builders.ts';
import { createClock } from '../../fakes/clock.ts';
import { pgOn, signal } from '../../fakes/scene.ts';

const ours = (name: string, guid: string, createTxg: string) => ({ name, guid, createTxg });

describe('snapshots of two copies', () => {
  it('numbers snapshots after all of the epoch that any copy has or has marked', () => {
    const source = aVolume('v', { snapshots: [ours('drover-e2-9', '1', '1'), ours('drover-e3-2', '2', '2')] });
    const target = aVolume('v', { bookmarks: [ours('drover-e3-4', '3', '3')] });
    expect(nextSnapshotName(3, [source, target])).toBe('drover-e3-5');
    expect(nextSnapshotName(4, [source, undefined])).toBe('drover-e4-1');
  });

  it('never drops foreign or newer snapshots, nor what another copy builds on', () => {
    const marks = [ours('drover-e1-1', '1', '9'), ours('nightly', '2', '10'), ours('drover-e1-2', '3', '11')];
    const keep = ours('drover-e1-3', '4', '100');
    const later = ours('drover-e1-4', '5', '101');
    expect(droppable([...marks, keep, later], keep, new Set(['3'])).map(({ name }) => name)).toEqual(['drover-e1-1']);
  });
});

describe('observing', () => {
  it('keeps the last facts of a node that goes away, and since when, and never throws for it', async () => {
    const cluster = createMemoryCluster({ nodes: { n1: {}, n2: {}, n3: {} } });
    let now = 100;
    const options = { now: () => now };
    const first = await observe(pgOn('n1'), cluster, options, signal);
    cluster.disconnect('n2');
    now = 200;
    const second = await observe(pgOn('n1'), cluster, { ...options, before: first }, signal);
    now = 300;
    const third = await observe(pgOn('n1'), cluster, { ...options, before: second }, signal);
    expect(third.nodes.n1).toMatchObject({ status: 'reachable', observedAt: 300 });
    expect(third.nodes.n2).toMatchObject({ status: 'unreachable', since: 200, lastFacts: { nodeId: 'id-n2' } });
  });

  it('remembers a used node that no file names any more, unless it only has another name now', async () => {
    const cluster = createMemoryCluster({ nodes: { n1: {}, n2: {}, n3: {} } });
    const volumes = [aVolume('v', { on: 'old' })];
    const { old } = aCluster(onNode('old', { volumes })).nodes;
    const look = async (nodeId: string) => {
      if (old?.status !== 'reachable') expect.fail('not reachable');
      const seen = { nodes: { old: { ...old, facts: { ...old.facts, nodeId } } } };
      return (await observe(pgOn('n1'), cluster, { now: () => 0, before: seen }, signal)).departed;
    };
    expect(Object.keys((await look('id-lost')) ?? {})).toEqual(['old']);
    expect(await look('id-n2')).toBeUndefined();
  });

  it('is cancelled as a whole', async () => {
    const cluster = createMemoryCluster({ nodes: { n1: {}, n2: {}, n3: {} } });
    const aborted = AbortSignal.abort();
    await expect(observe(pgOn('n1'), cluster, { now: () => 0 }, aborted)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('places', () => {
  it('let one transfer out of a node and one into it, in a ring as well', async () => {
    const slots = createTransferSlots();
    const busy = new Set<string>();
    const clash: string[] = [];
    const go = (from: string, to: string) =>
      slots.use(
        from,
        to,
        async () => {
          for (const end of [`out ${from}`, `in ${to}`]) if (busy.has(end)) clash.push(end);
          busy.add(`out ${from}`).add(`in ${to}`);
          await new Promise((resolve) => setImmediate(resolve));
          busy.delete(`out ${from}`);
          busy.delete(`in ${to}`);
        },
        signal,
      );
    await Promise.all(['a', 'b', 'c'].flatMap((from) => ['a', 'b', 'c'].map((to) => go(from, to))));
    expect(clash).toEqual([]);
  });
});

describe('probing', () => {
  it('counts refusals on every node and port until it is stopped', async () => {
    const clock = createClock('manual');
    const asked: string[] = [];
    const stop = startProbing({
      probe: async (node, port) => {
        asked.push(`${node}:${port}`);
        if (node === 'n3') throw new Error('unreachable');
        return node === 'n1' ? 'refused' : 'held';
      },
      nodes: ['n1', 'n2', 'n3'],
      ports: [1, 2],
      sleep: clock.sleep,
    });
    await clock.advance(250);
    expect(await stop()).toBe(6);
    expect(asked).toHaveLength(18);
  });

  it('leaves out what is held at a virtual address: no program has that port at the address of a node', async () => {
    const clock = createClock('manual');
    const asked: number[] = [];
    const probe = async (_node: string, port: number): Promise<'refused'> => {
      asked.push(port);
      return 'refused';
    };
    const probing = (ports: readonly HeldPort[]) => {
      const step = (id: string, action: Action): Step => ({ id, action, after: [], reason: '', group: 'db' });
      const steps = [
        step('hold', { kind: 'hold-ports', node: 'n1', ports }),
        step('stop', { kind: 'stop-container', node: 'n1', app: 'db' }),
      ];
      const deps = { probe, sleep: clock.sleep } as unknown as EngineDeps;
      const watching = watchSwitches(deps, { revision: '', steps, blocked: [], notes: [] }, aCluster(onNode('n1')));
      watching.tap(() => undefined)({ type: 'step-started', step: 'stop' });
      return watching;
    };
    const virtual: HeldPort = { address: '198.18.0.1', port: 5432, protocol: 'tcp' };
    const named = probing([virtual]);
    const both = probing([virtual, { port: 8080, protocol: 'tcp' }]);
    await clock.advance(150);
    const reported: (readonly [string, number])[] = [];
    for (const one of [named, both]) await one.end((app, refused) => reported.push([app, refused]));
    expect(reported).toEqual([['db', 2]]);
    expect(asked).toEqual([8080, 8080]);
  });
});
