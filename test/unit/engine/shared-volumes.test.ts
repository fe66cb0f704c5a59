import { describe, expect, it } from 'vitest';
import type { Application, AppName } from '../../../src/model/config.ts';
import { AppError } from '../../../src/model/errors.ts';
import { aConfig, aMount, anApplication, tcp } from '../../builders.ts';
import { convergeKilledAt, createScene, MiB, type Scene, signal, threeNodes } from '../../fakes/scene.ts';

const web = anApplication('web', { ports: [tcp(80)], volumes: [aMount('site', undefined, '/srv')] });
const cron = anApplication('cron', {
  volumes: [{ ...aMount('site', undefined, '/var/www'), readOnly: true }, aMount('log', undefined, '/log')],
});
const both: readonly Application[] = [web, cron];
type Node = 'n1' | 'n2' | 'n3';
const placed = (node: Node, apps: readonly Application[] = both) =>
  aConfig(apps, { n1: [], n2: [], n3: [], [node]: apps.map(({ name }) => name) }, { revision: `on ${node}` });
const seed = { ...threeNodes, shared: { site: ['web', 'cron'] } };

async function sharedScene(apps: readonly Application[] = both): Promise<Scene> {
  const scene = createScene({ seed, config: placed('n1', apps) });
  expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
  scene.cluster.write('n1', 'site', 20 * MiB);
  if (apps === both) scene.cluster.write('n1', 'log', MiB);
  return scene;
}

/** The node of each container that runs. */
const running = ({ cluster }: Scene): Readonly<Record<AppName, string>> =>
  Object.fromEntries(
    ['n1', 'n2', 'n3'].flatMap((node) =>
      cluster
        .facts(node)
        .containers.flatMap(({ application = '', state }) => (state === 'running' ? [[application, node]] : [])),
    ),
  );

describe('two applications that share a volume', () => {
  it('move with it, and back, without losing anything', async () => {
    const scene = await sharedScene();
    const before = [scene.cluster.content('n1', 'site'), scene.cluster.content('n1', 'log')];
    for (const node of ['n2', 'n1'] as const) {
      scene.setConfig(placed(node));
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
      expect(running(scene)).toEqual({ web: node, cron: node });
      expect([scene.cluster.content(node, 'site'), scene.cluster.content(node, 'log')]).toEqual(before);
      expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    }
    expect(scene.receipts.map(({ volume, from, to }) => `${volume} ${from}>${to}`)).toEqual([
      'log n1>n2',
      'site n1>n2',
      'log n2>n1',
      'site n2>n1',
    ]);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('fill a new volume once, from the image of the first one', async () => {
    const registry = {
      'acme/web:1': { content: { '/srv': 4096 } },
      'acme/cron:1': { content: { '/var/www': 1000 } },
    };
    const needy: Application = { ...cron, dependsOn: [{ app: 'web', until: 'started' }] };
    const scene = createScene({ seed: { ...seed, registry }, config: placed('n1', [web, needy]) });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.content('n1', 'site')?.bytes).toBe(4096);
  });

  it.each(['containers.stop', 'volumes.freeze', 'volumes.setProperties'])(
    'both run again where they were, if %s fails',
    async (operation) => {
      const scene = await sharedScene();
      scene.setConfig(placed('n2'));
      scene.cluster.fail('n1', operation, new AppError('command-failed', 'it broke'), 1);
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
      expect(running(scene)).toEqual({ web: 'n1', cron: 'n1' });
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
      expect(running(scene)).toEqual({ web: 'n2', cron: 'n2' });
      expect(scene.cluster.violations()).toEqual([]);
    },
  );

  it('one runs again where it was, if the move fails with which the other one joins', async () => {
    const scene = await sharedScene([web]);
    scene.setConfig(placed('n2'));
    // The volume is frozen by then, and the other one has a volume of its own on the new node.
    let isFrozen = false;
    scene.cluster.intercept(({ operation, phase }) => {
      if (operation === 'containers.stop' && phase === 'before') scene.cluster.write('n1', 'site', MiB);
      if (operation === 'volumes.freeze' && phase === 'after') isFrozen = true;
      if (operation === 'transfer' && isFrozen) throw new AppError('command-failed', 'it broke');
    });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
    expect(running(scene)).toEqual({ web: 'n1' });
    scene.cluster.intercept(undefined);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(running(scene)).toEqual({ web: 'n2', cron: 'n2' });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('one of them is started again with its old container, next to the other, if a change of its volumes fails', async () => {
    const scene = await sharedScene();
    const more: Application = { ...cron, volumes: [...cron.volumes, aMount('new', undefined, '/new')] };
    scene.setConfig({ ...placed('n1', [web, more]), revision: 'more' });
    scene.cluster.fail('n1', 'containers.create', new AppError('docker-failed', 'no such device'), 1);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
    expect(running(scene)).toEqual({ web: 'n1', cron: 'n1' });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it.each(Array.from({ length: 45 }, (_, at) => at + 1))(
    'are both started by the node, or finished by the next run, where drover is killed at its write %i',
    async (last) => {
      const scene = await sharedScene();
      scene.setConfig(placed('n2'));
      await convergeKilledAt(scene, last);
      await scene.restart();
      for (const node of ['n1', 'n2']) {
        scene.cluster.stealLock(node);
        scene.cluster.elapse(node);
      }
      // The timers fire at the next call of any controller.
      await (await scene.cluster.node('n3', signal)).volumes.list(signal);
      const claims = scene.cluster.facts('n1').volumes.map(({ role }) => role);
      if (claims.every((role) => role === 'owner')) expect(running(scene)).toEqual({ web: 'n1', cron: 'n1' });
      expect(scene.cluster.violations()).toEqual([]);
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
      expect(running(scene)).toEqual({ web: 'n2', cron: 'n2' });
      expect(scene.cluster.violations()).toEqual([]);
    },
  );

  it('go back to a snapshot together: the other one stops for it, and starts again as it was', async () => {
    const scene = await sharedScene();
    const [ref = expect.fail('no snapshot')] = await scene.engine.acts.snapshot('web', 'good', signal);
    const good = scene.cluster.content('n1', 'site');
    scene.cluster.write('n1', 'site', MiB);
    await scene.engine.acts.rollBack('web', ref, signal);
    expect(running(scene)).toEqual({ web: 'n1', cron: 'n1' });
    expect(scene.cluster.content('n1', 'site')).toEqual(good);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('run again, both, where a roll-back fails', async () => {
    const scene = await sharedScene();
    const [ref = expect.fail('no snapshot')] = await scene.engine.acts.snapshot('web', 'good', signal);
    scene.cluster.fail('n1', 'volumes.swap', new AppError('command-failed', 'cannot swap: no space'), 1);
    await expect(scene.engine.acts.rollBack('web', ref, signal)).rejects.toThrow('cannot swap: no space');
    expect(running(scene)).toEqual({ web: 'n1', cron: 'n1' });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('restart and start on their own', async () => {
    const scene = await sharedScene();
    await scene.engine.acts.restart('web', signal);
    await scene.engine.acts.stop('cron', signal);
    expect(running(scene)).toEqual({ web: 'n1' });
    await scene.engine.acts.start('cron', signal);
    expect(running(scene)).toEqual({ web: 'n1', cron: 'n1' });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('start again after a reboot of their node', async () => {
    const scene = await sharedScene();
    scene.cluster.reboot('n1');
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(running(scene)).toEqual({ web: 'n1', cron: 'n1' });
    expect(scene.cluster.violations()).toEqual([]);
  });
});
