import { describe, expect, it } from 'vitest';
import type { Config } from '../../../../src/model/config.ts';
import type { MemoryImage } from '../../../../src/simulation/memory/types.ts';
import { aConfig } from '../../../builders.ts';
import { createClock } from '../../../fakes/clock.ts';
import { createScene, pg, runningOn, type Scene } from '../../../fakes/scene.ts';

interface Watching extends Scene {
  save(): void;
  /** Why `pg` is not started now. */
  blocked(): string[];
  starts(): number;
  end(): Promise<void>;
}

const configOf = (changes: Partial<typeof pg> = {}): Config =>
  aConfig([{ ...pg, volumes: [], ...changes }], { n1: ['pg'] }, { revision: JSON.stringify(changes) });

/** `watch` on one node, whose image does as given. */
async function watching(image: MemoryImage, config = configOf(), earlyMs = 0): Promise<Watching> {
  let changed = () => {};
  const clock = createClock('manual');
  const scene = createScene({
    seed: { nodes: { n1: {} }, registry: { 'acme/pg:1': image } },
    config,
    clock,
    deps: {
      sleep: (ms, signal) => clock.sleep(ms > 1_000 ? ms - earlyMs : ms, signal),
      watchFiles: (callback, signal) => {
        changed = callback;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    },
  });
  const stop = new AbortController();
  const done = scene.engine.watch(stop.signal);
  await clock.advance(5_000);
  return Object.assign(scene, {
    save: () => changed(),
    blocked: () => scene.engine.store.getSnapshot().plan?.blocked.map(({ reason }) => reason) ?? [],
    starts: () => scene.cluster.calls('n1', 'containers.start'),
    end: async () => {
      stop.abort();
      await clock.advance(10);
      await done;
    },
  });
}

const crash = (scene: Scene, code = 1): void => scene.cluster.crash('n1', 'pg', { code, oomKilled: false });

describe('a container that exits while drover watches', () => {
  it('is started at once, then after longer and longer waits that are shown', async () => {
    const scene = await watching({});
    crash(scene);
    await scene.clock.advance(3_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    crash(scene);
    await scene.clock.advance(3_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    expect(scene.blocked()[0]).toMatch(
      /^cannot keep "pg" up on "n1": it exited with code 1 twice; next try in (19|20) s$/,
    );
    await scene.clock.advance(20_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    crash(scene);
    await scene.clock.advance(3_000);
    expect(scene.blocked()[0]).toMatch(/three times; next try in (39|40) s$/);
    await scene.clock.advance(30_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    await scene.clock.advance(10_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    expect(scene.blocked()).toEqual([]);
    await scene.end();
  });

  it('is started when its wait is over, also where a timer ends a moment too early', async () => {
    const scene = await watching({}, configOf(), 2);
    for (let count = 0; count < 2; count += 1) {
      crash(scene);
      await scene.clock.advance(3_000);
    }
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    const waitedFrom = scene.clock.now();
    while (runningOn(scene.cluster, ['n1']).length === 0) await scene.clock.advance(500);
    expect(scene.clock.now() - waitedFrom).toBeLessThan(18_000);
    await scene.end();
  });

  it('is counted from one again after it has run for two minutes', async () => {
    const scene = await watching({});
    for (let round = 0; round < 3; round += 1) {
      crash(scene);
      await scene.clock.advance(3_000);
      expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
      await scene.clock.advance(150_000);
    }
    await scene.end();
  });

  it('does not start what ends right away in a loop', async () => {
    const scene = await watching({ exits: { afterMs: 0, code: 1 } });
    const first = scene.starts();
    await scene.clock.advance(600_000);
    // 10, 20, 40, 80, 160 s, and then every five minutes.
    expect(scene.starts() - first).toBeGreaterThanOrEqual(5);
    expect(scene.starts() - first).toBeLessThanOrEqual(7);
    await scene.end();
  });

  it('is started at once by a person, and after the files have changed', async () => {
    const scene = await watching({});
    for (let count = 0; count < 2; count += 1) {
      crash(scene);
      await scene.clock.advance(3_000);
    }
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    scene.engine.send({ type: 'apply' });
    await scene.clock.advance(3_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    for (let count = 0; count < 2; count += 1) {
      crash(scene);
      await scene.clock.advance(3_000);
    }
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    scene.setConfig(configOf({ cpuShares: 512 }));
    scene.save();
    await scene.clock.advance(5_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    await scene.end();
  });

  it('stays down where the file says never, until a person starts it', async () => {
    const scene = await watching({}, configOf({ staysDown: true }));
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    crash(scene);
    await scene.clock.advance(300_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    expect(scene.blocked()).toEqual([
      'cannot keep "pg" up on "n1": it exited with code 1; its restart policy says never',
    ]);
    scene.engine.send({ type: 'apply' });
    await scene.clock.advance(3_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    await scene.end();
  });

  it('has finished where it exited with 0 under on-failure, which is not a problem', async () => {
    const scene = await watching({}, configOf({ restartPolicy: { name: 'on-failure', maximumRetryCount: 3 } }));
    crash(scene, 0);
    await scene.clock.advance(300_000);
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    expect(scene.blocked()).toEqual([]);
    expect(scene.engine.store.getSnapshot().plan?.notes).toEqual(['"pg" is done: it exited with code 0']);
    await scene.end();
  });

  it('is started by apply in any case', async () => {
    const scene = createScene({ seed: { nodes: { n1: {} } }, config: configOf({ staysDown: true }) });
    const { signal } = new AbortController();
    await scene.engine.converge(signal);
    for (let count = 0; count < 3; count += 1) {
      crash(scene);
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
      expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    }
  });
});
