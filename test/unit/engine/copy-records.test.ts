import { describe, expect, it } from 'vitest';
import type { MemoryDataset } from '../../../src/simulation/memory/types.ts';
import {
  convergeKilledAt,
  createScene,
  MiB,
  pgOn,
  runningOn,
  type Scene,
  signal,
  volumeId,
} from '../../fakes/scene.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
const seed = { nodes: { n1: { boot: {} }, n2: { boot: {} }, n3: { boot: {} } } };

/** `pg` on the first of these nodes, then moved to each of the others, with data written on each. */
async function movedThrough(first: (typeof nodes)[number], ...others: (typeof nodes)[number][]): Promise<Scene> {
  const scene = createScene({ seed, config: pgOn(first) });
  expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
  for (const node of others) await moveTo(scene, node);
  return scene;
}

async function moveTo(scene: Scene, node: (typeof nodes)[number]): Promise<void> {
  const [from = expect.fail('it runs nowhere')] = runningOn(scene.cluster);
  scene.cluster.write(from, volumeId, 20 * MiB);
  scene.setConfig(pgOn(node));
  expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
}

const datasetOn = (scene: Scene, node: string): MemoryDataset =>
  [...scene.cluster.machine(node).datasets.values()][0] ?? expect.fail(`no dataset on ${node}`);
const recordOn = (scene: Scene, node: string) =>
  scene.cluster.facts(node).volumes.find(({ id }) => id === volumeId)?.copies;
const standing = (scene: Scene, node: string) => {
  const { properties, mounted } = datasetOn(scene, node);
  return { role: properties.role, mounted };
};
/** The node is off, and comes back; true where it has decided everything. */
function boots(scene: Scene, node: string): boolean {
  scene.cluster.reboot(node);
  return scene.cluster.bootGate(node);
}

describe('which nodes may have copies', () => {
  it('is known of a new volume, and after every move of all that have one, without a step of its own', async () => {
    const scene = await movedThrough('n1');
    expect(recordOn(scene, 'n1')).toEqual([]);
    await moveTo(scene, 'n2');
    expect([recordOn(scene, 'n1'), recordOn(scene, 'n2')]).toEqual([['id-n2'], ['id-n1']]);
    await moveTo(scene, 'n3');
    expect(recordOn(scene, 'n3')).toEqual(['id-n1', 'id-n2']);
    await moveTo(scene, 'n1');
    expect(recordOn(scene, 'n1')).toEqual(['id-n2', 'id-n3']);
    expect(await scene.engine.plan(signal)).toMatchObject({ ok: true, plan: { steps: [] } });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('has a node whose first copy was cut off', async () => {
    const scene = await movedThrough('n1');
    scene.cluster.write('n1', volumeId, 20 * MiB);
    scene.cluster.cutTransfer(MiB);
    scene.cluster.cutTransfer(MiB);
    scene.setConfig(pgOn('n2'));
    await scene.engine.converge(signal);
    expect(recordOn(scene, 'n1')).toEqual(['id-n2']);
    await scene.engine.converge(signal);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it.each(Array.from({ length: 40 }, (_, at) => at + 1))(
    'is never too few where drover is killed at its write %i',
    async (last) => {
      const scene = await movedThrough('n2', 'n1');
      scene.cluster.write('n1', volumeId, 20 * MiB);
      scene.setConfig(pgOn('n3'));
      await convergeKilledAt(scene, last);
      for (const node of nodes) {
        boots(scene, node);
        scene.cluster.bootGate(node);
      }
      expect(scene.cluster.violations()).toEqual([]);
      await scene.restart();
      await scene.engine.converge(signal);
      expect(scene.cluster.violations()).toEqual([]);
    },
  );
});

describe('a node that boots', () => {
  it('finds out from a node that it never had to do with, where that one was made the owner', async () => {
    const scene = await movedThrough('n1', 'n2', 'n3');
    scene.cluster.disconnect('n3');
    scene.cluster.disconnect('n2');
    const outcome = await scene.engine.acts.reclaim('pg', 'n1', signal).then(
      () => 'n1',
      () => 'refused',
    );
    scene.cluster.reconnect('n2');
    if (outcome === 'refused') await scene.engine.acts.reclaim('pg', 'n2', signal);
    const owner = outcome === 'refused' ? 'n2' : 'n1';
    // A reclaim leaves no valid record: the absent nodes may have made copies that drover has not seen.
    expect(recordOn(scene, owner)).toBeUndefined();
    expect(boots(scene, 'n3')).toBe(true);
    expect(standing(scene, 'n3')).toEqual({ role: 'diverged', mounted: false });
  });

  it('learns of later moves from the node that it had sent the volume to', async () => {
    const scene = await movedThrough('n1', 'n2', 'n1');
    scene.cluster.disconnect('n1');
    await scene.engine.acts.reclaim('pg', 'n2', signal);
    scene.setConfig(pgOn('n2'));
    await scene.engine.converge(signal);
    scene.setConfig(pgOn('n3'));
    await scene.engine.converge(signal);
    expect(boots(scene, 'n1')).toBe(true);
    expect(standing(scene, 'n1')).toEqual({ role: 'diverged', mounted: false });
  });

  it('starts its own application, whatever a node that never had a copy reports or does', async () => {
    const scene = await movedThrough('n1', 'n2', 'n1');
    const { properties } = datasetOn(scene, 'n1');
    const lie = { ...datasetOn(scene, 'n2'), name: 'drover/volumes/lie' };
    lie.properties = { ...properties, role: 'owner', owner: 'id-n3', epoch: (properties.epoch ?? 0) + 1 };
    scene.cluster.machine('n3').datasets.set(lie.name, lie);
    expect(boots(scene, 'n1')).toBe(true);
    expect(standing(scene, 'n1')).toEqual({ role: 'owner', mounted: true });
    scene.cluster.disconnect('n3');
    expect(boots(scene, 'n1')).toBe(true);
    expect(standing(scene, 'n1')).toEqual({ role: 'owner', mounted: true });
  });

  it('gets a true answer after it was removed with a copy and added again without a common snapshot', async () => {
    const scene = await movedThrough('n1', 'n2', 'n1');
    const { properties } = datasetOn(scene, 'n1');
    const stale = {
      ...datasetOn(scene, 'n1'),
      name: 'drover/volumes/stale',
      mounted: false,
      snapshots: [],
      bookmarks: [],
    };
    stale.properties = { ...properties, owner: 'id-n3', epoch: 2, copies: '2:-:id-n1' };
    scene.cluster.machine('n3').datasets.set(stale.name, stale);
    await scene.engine.converge(signal);
    expect(recordOn(scene, 'n1')).toEqual(['?id-n3', 'id-n2']);
    expect(boots(scene, 'n3')).toBe(true);
    expect(standing(scene, 'n3')).toEqual({ role: 'diverged', mounted: false });
  });

  it('waits for every node after an upgrade, until a run has seen them all and has written the records', async () => {
    const scene = await movedThrough('n1', 'n2', 'n1');
    for (const node of nodes) {
      const machine = scene.cluster.machine(node);
      for (const dataset of machine.datasets.values()) delete dataset.properties.copies;
      const { boot } = machine;
      if (boot !== undefined) machine.boot = { ...boot, peers: boot.peers.map(({ id: _id, ...peer }) => peer) };
    }
    scene.cluster.disconnect('n3');
    expect(boots(scene, 'n1')).toBe(false);
    expect(standing(scene, 'n1')).toEqual({ role: 'owner', mounted: false });
    scene.cluster.reconnect('n3');
    expect(scene.cluster.bootGate('n1')).toBe(true);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect([recordOn(scene, 'n1'), recordOn(scene, 'n2')]).toEqual([['id-n2'], ['id-n1']]);
    scene.cluster.disconnect('n3');
    expect(boots(scene, 'n1')).toBe(true);
    expect(standing(scene, 'n1')).toEqual({ role: 'owner', mounted: true });
  });

  it.each(['sends it on', 'takes it back'])('asks everybody where an earlier version %s in between', async (what) => {
    const scene = await movedThrough('n1', 'n2', 'n1');
    const dataset = datasetOn(scene, 'n1');
    const { epoch = 0 } = dataset.properties;
    if (what === 'takes it back') dataset.properties = { ...dataset.properties, epoch: epoch + 1 };
    else {
      const client = await scene.cluster.session().node('n1', signal);
      await client.volumes.snapshot(dataset.name, `drover-e${epoch}-9`, signal);
    }
    const copy = { ...datasetOn(scene, 'n2'), name: 'drover/volumes/by-an-earlier-version' };
    copy.properties = { ...dataset.properties, role: 'owner', owner: 'id-n3', epoch: epoch + 2 };
    scene.cluster.machine('n3').datasets.set(copy.name, copy);
    expect(boots(scene, 'n1')).toBe(true);
    expect(standing(scene, 'n1')).toEqual({ role: 'diverged', mounted: false });
  });
});
