import { describe, expect, it } from 'vitest';
import { defaultSettings } from '../../src/model/config.ts';
import type { MemoryCall, MemoryContent } from '../../src/simulation/memory/types.ts';
import {
  createScene,
  MiB,
  movingScene,
  pgOn,
  runningOn,
  type Scene,
  signal,
  threeNodes,
  volumeId,
} from '../fakes/scene.ts';

/** The application writes a little before every call anybody makes, wherever it runs; what it wrote must never be lost. */
function keepWriting(scene: Scene): { observe(call: MemoryCall): void; last(): MemoryContent | undefined } {
  let last = scene.cluster.content('n1', volumeId);
  return {
    observe: (call) => {
      if (call.phase !== 'before') return;
      const [node] = runningOn(scene.cluster);
      if (node === undefined) return;
      scene.cluster.write(node, volumeId, 1024);
      last = scene.cluster.content(node, volumeId);
    },
    last: () => last,
  };
}

async function countWrites(make: () => Promise<Scene>): Promise<number> {
  const scene = await make();
  const before = scene.cluster.writes();
  const outcome = await scene.engine.converge(signal);
  expect(outcome.result).toBe('converged');
  return scene.cluster.writes() - before;
}

/** Runs until just before or just after the k-th write, where `strike` happens. */
async function runInto(
  scene: Scene,
  k: number,
  phase: MemoryCall['phase'],
  strike: (stop: AbortController) => void,
): Promise<MemoryContent | undefined> {
  const writer = keepWriting(scene);
  const stop = new AbortController();
  let writes = 0;
  let isDead = false;
  scene.cluster.intercept((call) => {
    if (isDead) throw new Error('the controller is dead');
    writer.observe(call);
    if (!call.write || call.phase !== phase) return;
    writes += 1;
    if (writes !== k) return;
    strike(stop);
    if (stop.signal.aborted) {
      isDead = true;
      throw new Error('the controller is dead');
    }
  });
  await scene.engine.converge(stop.signal);
  expect(writes, 'the run got that far').toBeGreaterThanOrEqual(k);
  scene.cluster.intercept(undefined);
  return writer.last();
}

/** As long as the old owner has not let go, an application that a failed run has stopped must run there again. */
function expectNotLeftDown(scene: Scene, note: string): void {
  const [old] = scene.cluster.facts('n1').volumes;
  const [next] = scene.cluster.facts('n2').volumes;
  if (old?.role === 'released' || next?.role === 'owner') return;
  expect(runningOn(scene.cluster), note).toEqual(['n1']);
}

async function expectHealed(scene: Scene, last: MemoryContent | undefined, note: string): Promise<void> {
  expect(scene.cluster.violations(), note).toEqual([]);
  await scene.restart();
  const outcome = await scene.engine.converge(signal);
  expect(outcome, note).toMatchObject({ result: 'converged' });
  expect(runningOn(scene.cluster), note).toEqual(['n2']);
  expect(scene.cluster.content('n2', volumeId), note).toEqual(last);
  expect(scene.cluster.violations(), note).toEqual([]);
  const owners = ['n1', 'n2', 'n3'].flatMap((node) =>
    scene.cluster
      .facts(node)
      .volumes.filter(({ role }) => role === 'owner')
      .map(() => node),
  );
  expect(owners, note).toEqual(['n2']);
  for (const node of ['n1', 'n2', 'n3']) {
    expect(scene.cluster.connect(node, { port: 5432, protocol: 'tcp' }), note).toBe('accepted');
  }
  const writes = scene.cluster.writes();
  expect(await scene.engine.converge(signal), note).toEqual({ result: 'converged', steps: 0 });
  expect(scene.cluster.writes(), note).toBe(writes);
}

describe('a move that is cut off anywhere', () => {
  for (const phase of ['before', 'after'] as const) {
    it(`is finished by the next run when the controller dies just ${phase} any write`, async () => {
      const total = await countWrites(() => movingScene());
      expect(total).toBeGreaterThan(20);
      for (let k = 1; k <= total; k += 1) {
        const scene = await movingScene();
        const last = await runInto(scene, k, phase, (stop) => stop.abort());
        await expectHealed(scene, last, `controller died ${phase} write ${k} of ${total}`);
      }
    });
  }

  for (const phase of ['before', 'after'] as const) {
    it(`brings the application up by itself when the controller is gone for good ${phase} any write`, async () => {
      const total = await countWrites(() => movingScene());
      let firings = 0;
      for (let k = 1; k <= total; k += 1) {
        const note = `controller died ${phase} write ${k} of ${total}`;
        const scene = await movingScene();
        await runInto(scene, k, phase, (stop) => stop.abort());
        const wasDown = runningOn(scene.cluster).length === 0;
        await scene.restart();
        await scene.clock.sleep(defaultSettings.timeouts.switchMs, signal);
        expectNotLeftDown(scene, note);
        const [node] = runningOn(scene.cluster);
        if (wasDown && node === 'n1') firings += 1;
        // What it writes from then on must not be lost either.
        if (node !== undefined) scene.cluster.write(node, volumeId, 1024);
        const last = scene.cluster.content(node ?? 'n1', volumeId);
        await expectHealed(scene, last, note);
      }
      expect(firings).toBeGreaterThan(2);
    });
  }

  it('is not disturbed by a dead-man whose time is over while the run goes on', async () => {
    const total = await countWrites(() => movingScene());
    for (let k = 1; k <= total; k += 1) {
      const scene = await movingScene();
      const writer = keepWriting(scene);
      let writes = 0;
      scene.cluster.intercept((call) => {
        writer.observe(call);
        if (call.write && call.phase === 'before') writes += 1;
        if (writes === k) scene.cluster.elapse('n1');
      });
      const outcome = await scene.engine.converge(signal);
      scene.cluster.intercept(undefined);
      const note = `time was over at write ${k} of ${total}`;
      expect(outcome, note).toMatchObject({ result: 'converged' });
      await expectHealed(scene, writer.last(), note);
    }
  });

  it('a run that wakes up after the dead-man has acted changes nothing of what it did', async () => {
    const total = await countWrites(() => movingScene());
    for (let k = 1; k <= total; k += 1) {
      const note = `asleep before write ${k} of ${total}`;
      const scene = await movingScene();
      const writer = keepWriting(scene);
      let writes = 0;
      scene.cluster.intercept((call) => {
        writer.observe(call);
        if (!call.write || call.phase !== 'before') return;
        writes += 1;
        if (writes !== k) return;
        // The node gives up the lock of a silent run, which does not know it and is just about to write.
        scene.cluster.stealLock('n1');
        scene.cluster.elapse('n1');
        scene.cluster.facts('n1');
      });
      await scene.engine.converge(signal);
      scene.cluster.intercept(undefined);
      await expectHealed(scene, writer.last(), note);
    }
  });

  for (const node of ['n1', 'n2'] as const) {
    it(`ends well when ${node} restarts after any write`, async () => {
      const total = await countWrites(() => movingScene());
      for (let k = 1; k <= total; k += 1) {
        const scene = await movingScene();
        const last = await runInto(scene, k, 'after', () => scene.cluster.reboot(node));
        await expectHealed(scene, last, `${node} restarted after write ${k} of ${total}`);
      }
    });

    it(`ends well when ${node} cannot be reached for good after any write, and comes back later`, async () => {
      const total = await countWrites(() => movingScene());
      for (let k = 1; k <= total; k += 1) {
        const scene = await movingScene();
        const last = await runInto(scene, k, 'after', () => scene.cluster.disconnect(node));
        if (node === 'n2') expectNotLeftDown(scene, `n2 is away after write ${k} of ${total}`);
        scene.cluster.reconnect(node);
        await expectHealed(scene, last, `${node} was away after write ${k} of ${total}`);
      }
    });
  }

  it('goes on when the transfer is cut at any of many places, more than once', async () => {
    for (let mebibytes = 1; mebibytes <= 40; mebibytes += 3) {
      const scene = await movingScene();
      scene.cluster.cutTransfer(mebibytes * MiB);
      scene.cluster.cutTransfer(MiB);
      const last = await runInto(scene, 1, 'before', () => undefined);
      await expectHealed(scene, last, `cut after ${mebibytes} MiB`);
    }
  });

  it('stays where it is or gets where it should when every operation of every node fails once', async () => {
    const names = new Set<string>();
    const scout = await movingScene();
    scout.cluster.intercept(({ node, operation }) => names.add(`${node} ${operation}`));
    await scout.engine.converge(signal);
    expect(names.size).toBeGreaterThan(20);
    for (const name of names) {
      const [node = '', operation = ''] = name.split(' ');
      const scene = await movingScene();
      scene.cluster.fail(node, operation, new Error(`${operation} broke`));
      const writer = keepWriting(scene);
      scene.cluster.intercept(writer.observe);
      const outcome = await scene.engine.converge(signal);
      scene.cluster.intercept(undefined);
      if (outcome.result !== 'converged') {
        expect(['failed', 'blocked'], name).toContain(outcome.result);
      }
      expectNotLeftDown(scene, name);
      await expectHealed(scene, writer.last(), name);
    }
  });
});

describe('a first deployment that is cut off anywhere', () => {
  it('is finished by the next run', async () => {
    const make = () => createScene({ seed: threeNodes, config: pgOn('n2') });
    const scout = make();
    await scout.engine.converge(signal);
    const total = scout.cluster.writes();
    for (let k = 1; k <= total; k += 1) {
      const scene = make();
      const stop = new AbortController();
      scene.cluster.intercept((call) => {
        if (scene.cluster.writes() >= k && call.phase === 'after') {
          stop.abort();
          throw new Error('the controller is dead');
        }
      });
      await scene.engine.converge(stop.signal);
      scene.cluster.intercept(undefined);
      await expectHealed(
        scene,
        scene.cluster.content('n2', volumeId) ?? { bytes: 0, written: 0, version: '' },
        `write ${k}`,
      );
    }
  });
});
