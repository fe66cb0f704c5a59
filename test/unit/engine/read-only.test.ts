import { describe, expect, it } from 'vitest';
import type { Engine, SnapshotRef } from '../../../src/engine/types.ts';
import { AppError } from '../../../src/model/errors.ts';
import { createClock } from '../../fakes/clock.ts';
import { createScene, pgOn, runningOn, type Scene, signal, threeNodes, volumeId } from '../../fakes/scene.ts';

const snapshot: SnapshotRef = { node: 'n1', volume: volumeId, dataset: 'drover/pg', snapshot: 'good' };

/** pg runs on n1, and a second engine may only look; `writes` is what it does to nodes all the same. */
async function lookedAt(): Promise<Scene & { readonly writes: string[] }> {
  const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
  expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
  await scene.restart({ isReadOnly: true });
  scene.events.length = 0;
  const writes: string[] = [];
  scene.cluster.intercept(({ operation, write, phase }) => {
    if (write && phase === 'before') writes.push(operation);
  });
  return Object.assign(scene, { writes });
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );

const changing: Readonly<Record<string, (engine: Engine) => Promise<unknown>>> = {
  'a run': (engine) => engine.converge(signal),
  'a restart': ({ acts }) => acts.restart('pg', signal),
  'a stop': ({ acts }) => acts.stop('pg', signal),
  'a start': ({ acts }) => acts.start('pg', signal),
  'a snapshot': ({ acts }) => acts.snapshot('pg', 'good', signal),
  'a clone of a snapshot': ({ acts }) => acts.cloneSnapshot(snapshot, signal),
  'a roll back': ({ acts }) => acts.rollBack('pg', snapshot, signal),
  'a reclaim': ({ acts }) => acts.reclaim('pg', 'n1', signal),
  'a program in a container': ({ acts }) => acts.exec('pg', { tty: false }, signal),
};

describe('a read-only engine', () => {
  it.each(Object.entries(changing))('refuses %s before anything happens on a node', async (_, act) => {
    const scene = await lookedAt();
    scene.setConfig(pgOn('n2'));
    const error = await failure(act(scene.engine));
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'usage', message: 'cannot change anything: read-only' });
    expect(scene.writes).toEqual([]);
    expect(scene.events).toEqual([]);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });

  it('observes, plans and looks at datasets like any other', async () => {
    const { engine, setConfig, writes } = await lookedAt();
    expect(await engine.observe(signal)).toMatchObject({ ok: true });
    setConfig(pgOn('n2'));
    const planned = await engine.plan(signal);
    if (!planned.ok) expect.fail('the files are wrong');
    expect(planned.plan.steps.length).toBeGreaterThan(3);
    expect((await engine.acts.zfs('n1', signal)).map(({ volume }) => volume)).toContain(volumeId);
    expect(writes).toEqual([]);
  });

  it.each(['on-save', 'ask'] as const)(
    'watches and plans with the policy %s, and asks for no approval',
    async (policy) => {
      let save = (): void => undefined;
      const clock = createClock('manual');
      const scene = createScene({
        seed: threeNodes,
        config: pgOn('n1'),
        clock,
        deps: {
          policy,
          asks: true,
          isReadOnly: true,
          watchFiles: (changed, over) => {
            save = changed;
            return new Promise((resolve) => over.addEventListener('abort', () => resolve()));
          },
        },
      });
      const stop = new AbortController();
      const watching = scene.engine.watch(stop.signal);
      await clock.advance(5_000);
      scene.setConfig(pgOn('n2'));
      save();
      await clock.advance(5_000);
      const { plan, approval } = scene.engine.store.getSnapshot();
      expect(plan?.revision).toBe('on-n2');
      expect(approval).toBeUndefined();
      // A face that sends it all the same changes nothing.
      scene.engine.send({ type: 'approve', revision: 'on-n2' });
      scene.engine.send({ type: 'apply' });
      await clock.advance(40_000);
      stop.abort();
      await clock.advance(10);
      await watching;
      scene.engine.send({ type: 'approve', revision: 'on-n2' });
      await clock.advance(5_000);
      expect(scene.events.map(({ type }) => type)).not.toContain('run-started');
      expect(runningOn(scene.cluster)).toEqual([]);
    },
  );
});
