import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/model/errors.ts';
import type { MemoryCluster } from '../../../../src/simulation/memory/cluster.ts';
import { aConfig, aMount, anApplication, tcp } from '../../../builders.ts';
import { createControllers } from '../../../fakes/delivery.ts';
import { createScene, MiB, movingScene, pgOn, runningOn, signal, threeNodes, volumeId } from '../../../fakes/scene.ts';

const broke = () => new AppError('command-failed', 'cannot do it: it broke');

/** `application: volumes` of what runs on a node. */
const running = (cluster: MemoryCluster, node: string): string[] =>
  cluster
    .facts(node)
    .containers.filter(({ state }) => state === 'running')
    .map(({ application, spec }) => `${application}: ${spec.mounts.map(({ volume }) => volume).join(', ')}`)
    .toSorted();

describe('a run that fails', () => {
  it('finishes the switch where the volume has been released already', async () => {
    const scene = await movingScene();
    // The acquire is the only one that sets properties on n2.
    scene.cluster.fail('n2', 'volumes.acquire', broke());
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({
      result: 'failed',
      error: { message: expect.stringContaining('"pg" runs on "n2"') },
    });
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('says where the data is when the switch cannot be finished either', async () => {
    const scene = await movingScene();
    scene.cluster.fail('n2', 'volumes.acquire', broke(), 2);
    const outcome = await scene.engine.converge(signal);
    const message = expect.stringContaining('its data has been released to its new node');
    expect(outcome).toMatchObject({ result: 'failed', error: { message } });
  });

  const app = (name: string, port: number, volumes: readonly string[]) =>
    anApplication(name, { ports: [tcp(port)], volumes: volumes.map((id) => aMount(id)) });

  it('starts an application as it was where the volume it was stopped for does not become free', async () => {
    const place = { n1: ['es', 'worker'], n2: [], n3: [] };
    const before = aConfig([app('es', 1, ['e1', 'e2']), app('worker', 2, ['w'])], place);
    const scene = createScene({ seed: threeNodes, config: before });
    await scene.engine.converge(signal);
    scene.setConfig(aConfig([app('es', 1, ['e1']), app('worker', 2, ['w', 'e2'])], place, { revision: 'r2' }));
    scene.cluster.fail('n1', 'containers.stop', new AppError('docker-failed', 'cannot stop: no exit event'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
    expect(running(scene.cluster, 'n1')).toEqual(['es: e1, e2', 'worker: w']);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(running(scene.cluster, 'n1')).toEqual(['es: e1', 'worker: w, e2']);
  });

  it('starts an application again although one that it depends on does not start', async () => {
    const web = { ...app('web', 1, ['w']), dependsOn: [{ app: 'db', until: 'started' }] as const };
    const placed = (n1: readonly string[], n2: readonly string[]) =>
      aConfig([web, app('db', 2, ['d'])], { n1, n2, n3: [] }, { revision: n1.join() });
    const scene = createScene({ seed: threeNodes, config: placed(['web', 'db'], []) });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    scene.setConfig(placed([], ['web', 'db']));
    scene.cluster.fail('n1', 'volumes.freeze', broke(), 2);
    // The first one to come back.
    scene.cluster.fail('n1', 'containers.start', broke());
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
    expect(running(scene.cluster, 'n1')).toEqual(['web: w']);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(running(scene.cluster, 'n2')).toEqual(['db: d', 'web: w']);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('starts two applications as they were where an exchange of their volumes breaks', async () => {
    const place = { n1: ['a'], n2: ['b'], n3: [] };
    const scene = createScene({ seed: threeNodes, config: aConfig([app('a', 1, ['va']), app('b', 2, ['vb'])], place) });
    await scene.engine.converge(signal);
    scene.setConfig(aConfig([app('a', 1, ['vb']), app('b', 2, ['va'])], place, { revision: 'r2' }));
    for (const node of ['n1', 'n2']) {
      scene.cluster.write(node, node === 'n1' ? 'va' : 'vb', MiB);
      scene.cluster.fail(node, 'volumes.freeze', broke());
    }
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
    expect([...running(scene.cluster, 'n1'), ...running(scene.cluster, 'n2')]).toEqual(['a: va', 'b: vb']);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect([...running(scene.cluster, 'n1'), ...running(scene.cluster, 'n2')]).toEqual(['a: vb', 'b: va']);
    expect(scene.cluster.violations()).toEqual([]);
  });
});

describe('a move between two nodes keeps what the copy on a third one builds on', () => {
  it('also where another program has taken a snapshot of that copy, which it removes again', async () => {
    const { cluster, controller } = createControllers(threeNodes);
    const a = controller(pgOn('n1'));
    for (const node of ['n1', 'n2'] as const) {
      a.setConfig(pgOn(node));
      await a.engine.converge(signal);
      cluster.write(node, volumeId, MiB);
    }
    const other = await cluster.session().node('n1', signal);
    const dataset = cluster.facts('n1').volumes[0]?.dataset ?? '';
    await other.volumes.snapshot(dataset, 'autosnap_1', signal);
    a.setConfig(pgOn('n3'));
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const copy = cluster.machine('n1').datasets.get(dataset);
    if (copy !== undefined) copy.snapshots = copy.snapshots.filter(({ name }) => name !== 'autosnap_1');
    a.setConfig(pgOn('n1'));
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(cluster)).toEqual(['n1']);
  });

  it('also where that node is away, and has received more than the run has seen', async () => {
    const { cluster, controller } = createControllers(threeNodes);
    const a = controller(pgOn('n1'));
    for (const node of ['n1', 'n2'] as const) {
      a.setConfig(pgOn(node));
      await a.engine.converge(signal);
      cluster.write(node, volumeId, 30 * MiB);
    }
    // The sync arrives on n1, and then the node is gone.
    a.setConfig(pgOn('n1'));
    a.hook = async (call, go) => {
      if (call.operation === 'volumes.bookmark' && call.node === 'n2') cluster.disconnect('n1');
      return go();
    };
    expect(await a.engine.converge(signal)).not.toMatchObject({ result: 'converged' });
    a.hook = undefined;
    a.setConfig(pgOn('n3'));
    await a.engine.converge(signal);
    expect(runningOn(cluster)).toEqual(['n3']);
    cluster.reconnect('n1');
    a.setConfig(pgOn('n1'));
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(cluster)).toEqual(['n1']);
  });
});
