import { describe, expect, it } from 'vitest';
import type { SnapshotRef } from '../../src/engine/types.ts';
import type { MemoryCall, MemoryContent } from '../../src/simulation/memory/types.ts';
import { createScene, MiB, pgOn, runningOn, type Scene, signal, threeNodes, volumeId } from '../fakes/scene.ts';

interface Begun {
  readonly scene: Scene;
  readonly ref: SnapshotRef;
  /** What the snapshot has. */
  readonly good: MemoryContent | undefined;
}

/** `pg` has been on n2, is on n1 now, and has written since its snapshot. */
async function begin(): Promise<Begun> {
  const scene = createScene({ seed: threeNodes, config: pgOn('n2') });
  await scene.engine.converge(signal);
  scene.setConfig(pgOn('n1'));
  await scene.engine.converge(signal);
  scene.cluster.write('n1', volumeId, 3 * MiB);
  const good = scene.cluster.content('n1', volumeId);
  const [ref] = await scene.engine.acts.snapshot('pg', 'good', signal);
  if (ref === undefined) throw new Error('cannot set the scene');
  scene.cluster.write('n1', volumeId, 2 * MiB);
  return { scene, ref, good };
}

async function countWrites(): Promise<number> {
  const { scene, ref } = await begin();
  const before = scene.cluster.writes();
  await scene.engine.acts.rollBack('pg', ref, signal);
  return scene.cluster.writes() - before;
}

/** Rolls back until the k-th write, where `strike` happens; gives what the application had written last. */
async function rollInto(
  { scene, ref }: Begun,
  k: number,
  phase: MemoryCall['phase'],
  strike: (stop: AbortController) => void,
): Promise<MemoryContent | undefined> {
  const stop = new AbortController();
  let last = scene.cluster.content('n1', volumeId);
  let writes = 0;
  scene.cluster.intercept((call) => {
    if (stop.signal.aborted) throw new Error('the controller is dead');
    if (call.phase === 'before' && runningOn(scene.cluster).includes('n1')) {
      scene.cluster.write('n1', volumeId, 1024);
      last = scene.cluster.content('n1', volumeId);
    }
    if (!call.write || call.phase !== phase) return;
    writes += 1;
    if (writes !== k) return;
    strike(stop);
    if (stop.signal.aborted) throw new Error('the controller is dead');
  });
  await scene.engine.acts.rollBack('pg', ref, stop.signal).catch(() => undefined);
  expect(writes, 'it got that far').toBeGreaterThanOrEqual(k);
  scene.cluster.intercept(undefined);
  return last;
}

/** One owner, running, with what it had or with the snapshot's content: never less, never empty. */
async function expectHealed({ scene, good }: Begun, last: MemoryContent | undefined, note: string): Promise<void> {
  expect(scene.cluster.violations(), note).toEqual([]);
  await scene.restart();
  expect(await scene.engine.converge(signal), note).toMatchObject({ result: 'converged' });
  expect(runningOn(scene.cluster), note).toEqual(['n1']);
  expect([last, good], note).toContainEqual(scene.cluster.content('n1', volumeId));
  expect(good?.bytes).toBeGreaterThanOrEqual(3 * MiB);
  const owners = ['n1', 'n2', 'n3'].flatMap((node) =>
    scene.cluster.facts(node).volumes.filter(({ id, role }) => id === volumeId && role === 'owner'),
  );
  expect(owners, note).toHaveLength(1);
  const before = scene.cluster.facts('n1').volumes.find(({ role }) => role === 'retired');
  // Whatever it goes on with, the newest state is still on disk.
  const contents = [volumeId, before?.id ?? volumeId].map((id) => scene.cluster.content('n1', id)?.written ?? 0);
  expect(Math.max(...contents), note).toBeGreaterThanOrEqual(5 * MiB);
  scene.setConfig(pgOn('n2'));
  expect(await scene.engine.converge(signal), note).toMatchObject({
    result: expect.stringMatching(/converged|blocked/),
  });
  const [node = ''] = runningOn(scene.cluster);
  expect([last, good], note).toContainEqual(scene.cluster.content(node, volumeId));
  expect(scene.cluster.violations(), note).toEqual([]);
}

describe('a roll-back that is cut off anywhere', () => {
  for (const phase of ['before', 'after'] as const) {
    it(`leaves the old or the new data when the controller dies just ${phase} any write`, async () => {
      const total = await countWrites();
      expect(total).toBeGreaterThan(7);
      for (let k = 1; k <= total; k += 1) {
        const begun = await begin();
        const last = await rollInto(begun, k, phase, (stop) => stop.abort());
        await expectHealed(begun, last, `controller died ${phase} write ${k} of ${total}`);
      }
    });
  }

  it('leaves the old or the new data when the node restarts after any write', async () => {
    const total = await countWrites();
    for (let k = 1; k <= total; k += 1) {
      const begun = await begin();
      const last = await rollInto(begun, k, 'after', () => begun.scene.cluster.reboot('n1'));
      await expectHealed(begun, last, `n1 restarted after write ${k} of ${total}`);
    }
  });

  it('leaves the old or the new data when the node goes away after any write, and comes back', async () => {
    const total = await countWrites();
    for (let k = 1; k <= total; k += 1) {
      const begun = await begin();
      const last = await rollInto(begun, k, 'after', () => begun.scene.cluster.disconnect('n1'));
      begun.scene.cluster.reconnect('n1');
      await expectHealed(begun, last, `n1 was away after write ${k} of ${total}`);
    }
  });

  it('leaves the old or the new data, and runs, when any operation of the node fails once', async () => {
    const scout = await begin();
    const names = new Set<string>();
    scout.scene.cluster.intercept(({ node, operation }) => names.add(`${node} ${operation}`));
    await scout.scene.engine.acts.rollBack('pg', scout.ref, signal);
    expect(names.size).toBeGreaterThan(12);
    for (const name of names) {
      const begun = await begin();
      const [node = '', operation = ''] = name.split(' ');
      begun.scene.cluster.fail(node, operation, new Error(`${operation} broke`));
      const last = await rollInto(begun, 0, 'before', () => undefined);
      await expectHealed(begun, last, `${name} failed`);
    }
  });
});
