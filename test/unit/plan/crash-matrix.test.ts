import { describe, it } from 'vitest';
import type { Volume } from '../../../src/model/cluster.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  nodeId,
  onNode,
  snaps,
  tcp,
  unreachable,
} from '../../builders.ts';
import { expectPlan } from './golden.ts';

const db = anApplication('db', { ports: [tcp(5432)], volumes: [aMount('v1')] });
const images = ['acme/db:1'];
const inA = aConfig([db], { a: ['db'], b: [], c: [] });
const inB = aConfig([db], { a: [], b: ['db'], c: [] });
const inC = aConfig([db], { a: [], b: [], c: ['db'] });

const copy = (role: Volume['role'], owner: string, epoch: number, snapshots: string, more: Partial<Volume> = {}) =>
  aVolume('v1', { role, owner: nodeId(owner), epoch, snapshots: snaps(snapshots), ...more });
const holds = [{ port: 5432, protocol: 'tcp' as const }];

/** Three nodes with the image; `a` and `b` have one copy each. */
function left(a: Volume, b?: Volume, network = {}) {
  return aCluster(
    onNode('a', { volumes: [a], images, network }),
    onNode('b', { volumes: b === undefined ? [] : [b], images, network }),
    onNode('c', { images, network }),
  );
}

describe('a move from a to b that was cut off', () => {
  it('during a sync goes on at the byte while the application runs', () => {
    const state = aCluster(
      onNode('a', { containers: [aContainer(db, 'a')], volumes: [copy('owner', 'a', 1, 'a1 b2')] }),
      onNode('b', { volumes: [copy('incoming', 'a', 1, 'a1', { resumeToken: '1-token' })], images }),
      onNode('c'),
    );
    expectPlan('crash-sync', inB, state);
  });

  it('after the stop and before the freeze starts at the old place when it is wanted there', () => {
    expectPlan('crash-stopped-back', inA, left(copy('owner', 'a', 1, 'a1'), copy('incoming', 'a', 1, 'a1'), { holds }));
  });

  it('after the stop and before the freeze goes on', () => {
    expectPlan('crash-stopped', inB, left(copy('owner', 'a', 1, 'a1'), copy('incoming', 'a', 1, 'a1')));
  });

  it('frozen goes on with the last delta', () => {
    expectPlan('crash-frozen', inB, left(copy('frozen', 'a', 1, 'a1 b2'), copy('incoming', 'a', 1, 'a1'), { holds }));
  });

  it('frozen without its final snapshot is frozen again', () => {
    const frozen = copy('frozen', 'a', 1, 'a1', { writtenBytes: 4096 });
    expectPlan('crash-frozen-halfway', inB, left(frozen, copy('incoming', 'a', 1, 'a1')));
  });

  it('frozen and placed on its old node is reclaimed', () => {
    expectPlan('crash-frozen-back', inA, left(copy('frozen', 'a', 1, 'a1 b2'), copy('incoming', 'a', 1, 'a1')));
  });

  it('released with everything there is acquired', () => {
    expectPlan('crash-released', inB, left(copy('released', 'b', 2, 'a1 b2'), copy('incoming', 'a', 1, 'a1 b2')));
  });

  it('released without the final snapshot there gets it first', () => {
    expectPlan('crash-released-lacking', inB, left(copy('released', 'b', 2, 'a1 b2'), copy('incoming', 'a', 1, 'a1')));
  });

  it('released and placed back is reclaimed while no node has acquired it', () => {
    expectPlan('crash-released-back', inA, left(copy('released', 'b', 2, 'a1 b2'), copy('incoming', 'a', 1, 'a1 b2')));
  });

  it('released and placed on a third node is reclaimed and moves there', () => {
    expectPlan('crash-released-third', inC, left(copy('released', 'b', 2, 'a1 b2'), copy('incoming', 'a', 1, 'a1 b2')));
  });

  it.each([
    ['there', inB],
    ['back', inA],
  ] as const)('released to a node that is away is blocked (wanted %s)', (where, config) => {
    const state = aCluster(
      onNode('a', { volumes: [copy('released', 'b', 2, 'a1 b2')], images }),
      unreachable('b', {}),
      onNode('c'),
    );
    expectPlan(`crash-released-away-${where}`, config, state);
  });

  it('released to an unknown node is blocked', () => {
    expectPlan('crash-released-unknown', inA, left(copy('released', 'zz', 2, 'a1')));
  });

  it('acquired and not started is started and settled', () => {
    expectPlan('crash-acquired', inB, left(copy('released', 'b', 2, 'a1 b2'), copy('owner', 'b', 2, 'a1 b2')));
  });

  it('started, with tables half switched, gets its tables and is settled', () => {
    const state = aCluster(
      onNode('a', { volumes: [copy('released', 'b', 2, 'a1')], network: { open: holds, holds } }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [copy('owner', 'b', 2, 'a1')] }),
      onNode('c', { network: { holds } }),
    );
    expectPlan('crash-started', inB, state);
  });

  it('goes on where one of two volumes is over already', () => {
    const two = { ...db, volumes: [aMount('v1'), aMount('v2')] };
    const other = { ...copy('frozen', 'a', 1, 'a1'), id: 'v2', dataset: 'drover/volumes/v2' };
    const state = aCluster(
      onNode('a', { volumes: [copy('released', 'b', 2, 'a1'), other], images }),
      onNode('b', { volumes: [copy('owner', 'b', 2, 'a1')], images }),
    );
    expectPlan('crash-one-of-two', aConfig([two], { a: [], b: ['db'] }), state);
  });
});

describe('two owners', () => {
  it('with different epochs: the later one is right, the other one is shown and never touched', () => {
    const state = aCluster(
      onNode('a', { volumes: [copy('owner', 'a', 1, 'a1 x9')] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [copy('owner', 'b', 2, 'a1 b2')] }),
    );
    expectPlan('owners-old-came-back', aConfig([db], { a: [], b: ['db'] }), state);
  });

  it('with different epochs: nothing moves onto the older one', () => {
    const state = aCluster(
      onNode('a', { volumes: [copy('owner', 'a', 1, 'a1 x9')] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [copy('owner', 'b', 2, 'a1 b2')] }),
    );
    expectPlan('owners-onto-old', aConfig([db], { a: ['db'], b: [] }), state);
  });

  it('with the same epoch are for a person to decide', () => {
    const state = aCluster(
      onNode('a', { volumes: [copy('owner', 'a', 1, 'a1')] }),
      onNode('b', { volumes: [copy('owner', 'b', 1, 'a1 b2')] }),
    );
    expectPlan('owners-same-epoch', aConfig([db], { a: [], b: ['db'] }), state);
  });

  it('one of them last seen on a node that is away: nothing starts', () => {
    const state = aCluster(
      onNode('a', { volumes: [copy('owner', 'a', 1, 'a1')], images }),
      unreachable('b', { volumes: [copy('owner', 'b', 2, 'a1 b2')] }),
    );
    expectPlan('owners-later-away', aConfig([db], { a: ['db'], b: [] }), state);
  });

  it('a cloned disk says that another node owns it', () => {
    const state = aCluster(onNode('a', { volumes: [copy('owner', 'b', 1, 'a1')], images }), onNode('b'));
    expectPlan('owners-cloned-disk', aConfig([db], { a: ['db'], b: [] }), state);
  });

  it('a replica that knows a later owner keeps the older one from starting', () => {
    expectPlan('owners-replica-knows', inA, left(copy('owner', 'a', 1, 'a1'), copy('replica', 'c', 3, 'a1 b2')));
  });
});

describe('a former owner that came back and found out', () => {
  const diverged = copy('diverged', 'a', 1, 'a1 x9', { mounted: false });
  const later = copy('owner', 'b', 2, 'a1 b2');

  it('is shown with the evidence while the later one runs', () => {
    const state = aCluster(
      onNode('a', { volumes: [diverged] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [later] }),
    );
    expectPlan('diverged-came-back', aConfig([db], { a: [], b: ['db'] }), state);
  });

  it('is not a target: the application stays where it is, and the hint says what to rename', () => {
    const state = aCluster(
      onNode('a', { volumes: [diverged] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [later] }),
    );
    expectPlan('diverged-no-target', aConfig([db], { a: ['db'], b: [] }), state);
  });

  it('does not become the owner if the later one is unreachable, or no other copy is left', () => {
    const away = aCluster(onNode('a', { volumes: [diverged], images }), unreachable('b'));
    expectPlan('diverged-owner-away', aConfig([db], { a: ['db'], b: [] }), away);
    const alone = aCluster(onNode('a', { volumes: [diverged], images }), onNode('b'));
    expectPlan('diverged-alone', aConfig([db], { a: ['db'], b: [] }), alone);
  });

  it('knows of a later owner than one with its own epoch', () => {
    const state = left(diverged, copy('owner', 'b', 1, 'a1'));
    expectPlan('diverged-knows-later', inB, state);
  });

  it('does not block a move of the later owner', () => {
    const state = aCluster(
      onNode('a', { volumes: [diverged] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [later] }),
      onNode('c', { images }),
    );
    expectPlan('diverged-moves-on', inC, state);
  });
});
