import { describe, expect, it } from 'vitest';
import type { AppError } from '../../../src/model/errors.ts';
import { aConfig, aMount, anApplication } from '../../builders.ts';
import {
  createScene,
  MiB,
  movingScene,
  pg,
  pgOn,
  runningOn,
  type Scene,
  signal,
  threeNodes,
  volumeId,
} from '../../fakes/scene.ts';

const failure = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error as AppError, // what the acts throw
  );
const hintOf = async (scene: Scene): Promise<string> => {
  const outcome = await scene.engine.converge(signal);
  return outcome.result === 'blocked' ? (outcome.blockers[0]?.hint ?? '') : outcome.result;
};

/** pg has moved to n2; n1 has a replica, and what n2 wrote since is not in it. */
async function movedScene(): Promise<Scene> {
  const scene = await movingScene();
  await scene.engine.converge(signal);
  scene.cluster.write('n2', volumeId, MiB);
  return scene;
}

describe('reclaim', () => {
  it('goes on with a replica where the owner is lost; the owner that comes back is older', async () => {
    const scene = await movedScene();
    scene.cluster.disconnect('n2');
    await scene.restart();
    scene.setConfig(pgOn('n1'));
    expect(await hintOf(scene)).toContain('drover reclaim pg --on n1');
    const [reclaimed] = await scene.engine.acts.reclaim('pg', 'n1', signal);
    expect(reclaimed).toMatchObject({ volume: volumeId, snapshot: expect.stringContaining('drover-e1-') });
    await scene.engine.converge(signal);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    scene.cluster.reconnect('n2');
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ blockers: [{ reason: expect.stringContaining('another node took over later') }] });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });

  it('takes back what was released to a node that is lost', async () => {
    const scene = await movingScene();
    scene.engine.onEvent((event) => {
      if (event.type === 'step-started' && event.step.startsWith('acquire-volume')) scene.cluster.disconnect('n2');
    });
    await scene.engine.converge(signal);
    const data = scene.cluster.content('n1', volumeId);
    await scene.restart();
    scene.setConfig(pgOn('n1'));
    expect(await hintOf(scene)).toContain('drover reclaim pg --on n1');
    await scene.engine.acts.reclaim('pg', 'n1', signal);
    await scene.engine.converge(signal);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    expect(scene.cluster.content('n1', volumeId)).toEqual(data);
  });

  it('is refused where a node that can be reached owns the volume, or has newer data, and changes nothing', async () => {
    const scene = await movedScene();
    const before = scene.cluster.writes();
    expect((await failure(scene.engine.acts.reclaim('pg', 'n1', signal))).message).toContain('"n2" owns it');
    expect((await failure(scene.engine.acts.reclaim('pg', 'n3', signal))).message).toContain('"n3" has no copy');
    scene.setConfig(pgOn('n3'));
    await scene.engine.converge(signal);
    scene.cluster.disconnect('n3');
    await scene.restart();
    const writes = scene.cluster.writes();
    const newer = await failure(scene.engine.acts.reclaim('pg', 'n1', signal));
    expect([newer.code, newer.message]).toEqual([
      'volume-conflict',
      expect.stringContaining('"n2" may have newer data'),
    ]);
    expect(scene.cluster.writes()).toBe(writes);
    expect(before).toBeGreaterThan(0);
    await scene.engine.acts.reclaim('pg', 'n2', signal);
    expect(scene.cluster.facts('n2').volumes[0]).toMatchObject({ role: 'owner', owner: 'id-n2' });
  });

  it('killed at any moment, the next one goes on, and the next apply starts the application', async () => {
    const both = anApplication('pg', { ...pg, volumes: [aMount('data'), aMount('log', undefined, '/log')] });
    const on = (node: string) =>
      aConfig([both], { n1: [], n2: [], n3: [], [node]: ['pg'] }, { revision: `both-on-${node}` });
    for (const killedAt of [1, 2]) {
      const scene = createScene({ seed: threeNodes, config: on('n1') });
      await scene.engine.converge(signal);
      for (const id of ['data', 'log']) scene.cluster.write('n1', id, MiB);
      scene.setConfig(on('n2'));
      await scene.engine.converge(signal);
      scene.cluster.disconnect('n2');
      await scene.restart();
      scene.setConfig(on('n1'));
      let sets = 0;
      scene.cluster.intercept(({ operation, phase }) => {
        if (operation !== 'volumes.setProperties' || phase !== 'after') return;
        sets += 1;
        if (sets === killedAt) throw new Error('killed');
      });
      await failure(scene.engine.acts.reclaim('pg', 'n1', signal));
      scene.cluster.intercept(undefined);
      await scene.restart();
      if (killedAt === 1) {
        expect(await hintOf(scene)).toContain('drover reclaim pg --on n1');
        await scene.engine.acts.reclaim('pg', 'n1', signal);
        await scene.restart();
      }
      await scene.engine.converge(signal);
      expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    }
  });

  it('has nothing to do where the node owns the volumes already', async () => {
    const scene = await movedScene();
    const before = scene.cluster.facts('n2').volumes;
    await scene.engine.acts.reclaim('pg', 'n2', signal);
    expect(scene.cluster.facts('n2').volumes).toEqual(before);
  });
});
