import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/model/errors.ts';
import { createClock } from '../../../fakes/clock.ts';
import {
  createScene,
  MiB,
  pg,
  pgOn,
  runningOn,
  type Scene,
  type SceneOptions,
  threeNodes,
  volumeId,
} from '../../../fakes/scene.ts';

interface Watching extends Scene {
  save(): void;
  outcomes(): string[];
  end(): Promise<void>;
}

async function watching(options: Partial<SceneOptions> = {}): Promise<Watching> {
  let changed = () => {};
  const clock = createClock('manual');
  const scene = createScene({
    seed: threeNodes,
    config: pgOn('n1'),
    clock,
    deps: {
      watchFiles: (callback, signal) => {
        changed = callback;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    },
    ...options,
  });
  const stop = new AbortController();
  const done = scene.engine.watch(stop.signal);
  await clock.advance(5_000);
  return Object.assign(scene, {
    save: () => changed(),
    outcomes: () => scene.events.flatMap((event) => (event.type === 'run-finished' ? [event.outcome.result] : [])),
    end: async () => {
      stop.abort();
      await clock.advance(10);
      await done;
    },
  });
}

describe('watch', () => {
  it('converges at once, then after a save with another revision, and not after one that changes nothing', async () => {
    const scene = await watching();
    expect(scene.outcomes()).toEqual(['converged']);
    scene.save();
    await scene.clock.advance(2_000);
    expect(scene.outcomes()).toEqual(['converged']);
    scene.setConfig(pgOn('n2'));
    scene.save();
    await scene.clock.advance(20_000);
    expect(scene.outcomes()).toEqual(['converged', 'converged']);
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    await scene.end();
  });

  it('keeps the last good configuration when a save is wrong, and shows the problems once', async () => {
    const scene = await watching();
    const problems = [{ file: 'deployment.yml', path: 'nodes', message: 'must be a mapping' }];
    scene.setLoad({ ok: false, problems });
    scene.save();
    await scene.clock.advance(1_000);
    scene.save();
    await scene.clock.advance(1_000);
    expect(scene.events.filter(({ type }) => type === 'config-rejected')).toHaveLength(1);
    const view = scene.engine.store.getSnapshot();
    expect(view.problems).toEqual(problems);
    expect(view.config?.revision).toBe('on-n1');
    scene.setConfig(pgOn('n1'));
    scene.save();
    await scene.clock.advance(1_000);
    expect(scene.engine.store.getSnapshot().problems).toEqual([]);
    expect(scene.outcomes()).toEqual(['converged']);
    await scene.end();
  });

  it('starts again what disappears from a node, after an event', async () => {
    const scene = await watching();
    const { containers } = await scene.cluster.session().node('n1', new AbortController().signal);
    await containers.stop('pg', 0, new AbortController().signal);
    expect(runningOn(scene.cluster)).toEqual([]);
    await scene.clock.advance(3_000);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });

  it('notices a node that comes back after a restart from time to time', async () => {
    const scene = await watching();
    scene.cluster.reboot('n1');
    expect(runningOn(scene.cluster)).toEqual([]);
    await scene.clock.advance(40_000);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });

  it('writes nothing and starts no run while nothing changes', async () => {
    const scene = await watching();
    const writes = scene.cluster.writes();
    await scene.clock.advance(200_000);
    expect(scene.cluster.writes()).toBe(writes);
    expect(scene.outcomes()).toEqual(['converged']);
    expect(scene.cluster.calls('n1', 'observe')).toBeGreaterThan(5);
    await scene.end();
  });

  it('ends a run for a newer revision and serves that one', async () => {
    const scene = await watching({ seed: { ...threeNodes, bytesPerSecond: MiB } });
    scene.cluster.write('n1', volumeId, 60 * MiB);
    scene.setConfig(pgOn('n2'));
    scene.save();
    await scene.clock.advance(20_000);
    expect(scene.outcomes()).toEqual(['converged']);
    scene.setConfig(pgOn('n3'));
    scene.save();
    await scene.clock.advance(100_000);
    expect(scene.outcomes()).toEqual(['converged', 'superseded', 'converged']);
    expect(runningOn(scene.cluster)).toEqual(['n3']);
    expect(scene.cluster.violations()).toEqual([]);
    await scene.end();
  });

  it('does not stop and start an application again and again when a person is needed, before a person asks for it', async () => {
    const scene = await watching();
    scene.cluster.fail('n1', 'volumes.freeze', new AppError('volume-busy', 'bash uses it'), 2);
    scene.setConfig(pgOn('n2'));
    scene.save();
    await scene.clock.advance(120_000);
    expect(scene.outcomes()).toEqual(['converged', 'failed']);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    scene.engine.send({ type: 'apply' });
    await scene.clock.advance(20_000);
    expect(scene.outcomes()).toEqual(['converged', 'failed', 'failed']);
    scene.engine.send({ type: 'apply' });
    await scene.clock.advance(20_000);
    expect(scene.outcomes().at(-1)).toBe('converged');
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    await scene.end();
  });

  it('goes on asking an application that needs longer to answer than it has, and lets it be reached then', async () => {
    const registry = { 'acme/pg:1': {}, 'acme/pg:2': { acceptsAfterMs: 90_000 } };
    const scene = await watching({ seed: { ...threeNodes, registry } });
    const slow = { ...pg, image: { repository: 'acme/pg', tag: '2' } };
    scene.setConfig({ ...pgOn('n2'), revision: 'slow', applications: { pg: slow } });
    scene.save();
    await scene.clock.advance(70_000);
    expect(scene.outcomes()).toEqual(['converged', 'failed']);
    await scene.clock.advance(120_000);
    expect(scene.outcomes().slice(2)).toEqual(['converged']);
    expect(scene.cluster.connect('n3', { port: 5432, protocol: 'tcp' })).toBe('accepted');
    await scene.end();
  });

  it('reads the files again when a person asks for another try, also where no save was reported', async () => {
    const scene = await watching();
    scene.setConfig(pgOn('n2'));
    await scene.clock.advance(120_000);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    scene.engine.send({ type: 'apply' });
    await scene.clock.advance(20_000);
    expect(scene.engine.store.getSnapshot().config?.revision).toBe('on-n2');
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    await scene.end();
  });

  it('cannot watch where saves are not reported', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    await expect(scene.engine.watch(new AbortController().signal)).rejects.toMatchObject({ code: 'usage' });
  });
});
