import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/model/errors.ts';
import { createScene, MiB, movingScene, pg, pgOn, runningOn, signal, threeNodes, volumeId } from '../../fakes/scene.ts';

describe('a move', () => {
  it('creates, fills, starts and answers on the first apply', async () => {
    const scene = createScene({
      seed: { ...threeNodes, registry: { 'acme/pg:1': { content: { '/data': 4096 } } } },
      config: pgOn('n1'),
    });
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'converged' });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.cluster.content('n1', volumeId)?.bytes).toBe(4096);
    expect(scene.cluster.connect('n3', { port: 5432, protocol: 'tcp' })).toBe('accepted');
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('takes all data with it, runs once, and leaves a replica with the common base', async () => {
    const scene = await movingScene();
    const before = scene.cluster.content('n1', volumeId);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    expect(scene.cluster.content('n2', volumeId)).toEqual(before);
    const [old] = scene.cluster.facts('n1').volumes;
    const [now] = scene.cluster.facts('n2').volumes;
    expect(old).toMatchObject({ role: 'replica', mounted: false, epoch: 2 });
    expect(now).toMatchObject({ role: 'owner', mounted: true, epoch: 2, owner: 'id-n2' });
    expect(old?.snapshots.map(({ guid }) => guid)).toEqual(now?.snapshots.map(({ guid }) => guid));
    expect(old?.snapshots).toHaveLength(1);
    expect(scene.cluster.connect('n1', { port: 5432, protocol: 'tcp' })).toBe('accepted');
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('runs the same image in the new place, whatever its name means there', async () => {
    const scene = await movingScene();
    const other = await scene.cluster.session().node('n2', signal);
    const stale = JSON.stringify({ reference: 'acme/pg:1', id: 'sha256:old', image: {} });
    const stalePg = { image: { repository: 'acme/pg', tag: '1' }, id: 'sha256:old' };
    await other.containers.importImage(Readable.from([stale]), signal, stalePg);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.facts('n2').containers[0]?.imageId).toBe('sha256:acme/pg:1');
    // Neither does a pull by hand restart it.
    await other.containers.importImage(Readable.from([stale]), signal, stalePg);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    expect(scene.engine.store.getSnapshot().plan?.notes.join()).toContain('another image on "n2"');
  });

  it('is not over while the application does not answer: nothing is settled, and no apply says so', async () => {
    for (const image of [{ accepts: false }, { health: { afterMs: 5000, result: 'unhealthy' } } as const]) {
      const scene = await movingScene({ seed: { ...threeNodes, registry: { 'acme/pg:1': {}, 'acme/pg:2': image } } });
      const config = pgOn('n2');
      const app = { ...pg, image: { repository: 'acme/pg', tag: '2' } };
      scene.setConfig({ ...config, revision: 'tag 2', applications: { pg: app } });
      for (let apply = 1; apply <= 3; apply += 1) {
        expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed', error: { code: 'unhealthy' } });
      }
      expect(scene.cluster.facts('n1').volumes[0]?.role).toBe('released');
    }
  });

  it('is over once it answers, also after the time it had', async () => {
    const scene = await movingScene({
      seed: { ...threeNodes, registry: { 'acme/pg:1': { acceptsAfterMs: 50_000 } } },
      config: pgOn('n1'),
    });
    const slow = { ...pgOn('n2'), settings: { ...pgOn('n2').settings } };
    scene.setConfig({
      ...slow,
      settings: { ...slow.settings, timeouts: { ...slow.settings.timeouts, healthMs: 30_000 } },
    });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed', error: { code: 'unhealthy' } });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.connect('n3', { port: 5432, protocol: 'tcp' })).toBe('accepted');
    expect(scene.cluster.facts('n1').volumes[0]?.role).toBe('replica');
  });

  it('is followed by nothing: a second apply writes nothing and takes no lock', async () => {
    const scene = await movingScene();
    await scene.engine.converge(signal);
    const writes = scene.cluster.writes();
    const locks = scene.cluster.calls('n1', 'mutex.acquire');
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    expect(scene.cluster.writes()).toBe(writes);
    expect(scene.cluster.calls('n1', 'mutex.acquire')).toBe(locks);
  });

  it('goes round three nodes and back by increments only, because old copies keep their base', async () => {
    const scene = await movingScene();
    for (const node of ['n2', 'n3', 'n1', 'n2'] as const) {
      scene.setConfig(pgOn(node));
      expect(await scene.engine.converge(signal), node).toMatchObject({ result: 'converged' });
      scene.cluster.write(node, volumeId, MiB);
    }
    const [, , back, again] = scene.receipts;
    expect(back?.bytes.reduce((sum, n) => sum + n, 0)).toBeLessThan(3 * MiB);
    expect(again?.bytes.reduce((sum, n) => sum + n, 0)).toBeLessThan(4 * MiB);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('sends rounds until little is left while the application writes on', async () => {
    const scene = createScene({
      seed: {
        ...threeNodes,
        bytesPerSecond: 100 * MiB,
        registry: { 'acme/pg:1': { writesBytesPerSecond: 10 * MiB } },
      },
      config: pgOn('n1'),
    });
    await scene.engine.converge(signal);
    scene.cluster.write('n1', volumeId, 1000 * MiB);
    scene.setConfig(pgOn('n2'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const [receipt] = scene.receipts;
    expect(receipt?.bytes.length).toBeGreaterThanOrEqual(3);
    expect(receipt?.bytes.at(-1)).toBeLessThan(8 * MiB);
    expect(receipt?.bytes[0]).toBeGreaterThan(900 * MiB);
    expect(receipt).toMatchObject({ app: 'pg', from: 'n1', to: 'n2', mode: 'direct' });
    expect(receipt?.downtimeMs).toBeLessThan(2000);
  });

  it('holds new connections everywhere: a probe of the ports sees none refused', async () => {
    const scene = await movingScene({
      seed: { ...threeNodes, roundTripMs: 40, registry: { 'acme/pg:1': { acceptsAfterMs: 900, stopsAfterMs: 700 } } },
    });
    await scene.restart({ probe: async (node, port) => scene.cluster.connect(node, { port, protocol: 'tcp' }) });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.receipts.at(-1)?.refused).toBe(0);
    expect(scene.cluster.facts('n1').network.holds).toEqual([]);
  });

  it('counts refused connections where holding does not work', async () => {
    const scene = await movingScene({
      seed: { ...threeNodes, roundTripMs: 40, registry: { 'acme/pg:1': { acceptsAfterMs: 900, stopsAfterMs: 700 } } },
    });
    const probe = async (node: string, port: number) => {
      const seen = scene.cluster.connect(node, { port, protocol: 'tcp' });
      return seen === 'held' ? 'refused' : seen;
    };
    await scene.restart({ probe });
    await scene.engine.converge(signal);
    expect(scene.receipts.at(-1)?.refused).toBeGreaterThan(5);
  });

  it('resumes an interrupted transfer at the byte', async () => {
    const scene = await movingScene();
    scene.cluster.cutTransfer(30 * MiB);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.events.filter(({ type }) => type === 'retrying')).toHaveLength(1);
    const sent = scene.receipts[0]?.bytes ?? [];
    expect(sent[0]).toBeLessThan(11 * MiB);
    expect(scene.cluster.content('n2', volumeId)?.bytes).toBe(40 * MiB);
  });

  it('gives a partial receive up when its snapshot is gone, and says so', async () => {
    const scene = await movingScene();
    scene.cluster.cutTransfer(30 * MiB);
    const stop = new AbortController();
    scene.engine.onEvent((event) => event.type === 'retrying' && stop.abort());
    await scene.engine.converge(stop.signal);
    for (const copy of scene.cluster.machine('n1').datasets.values()) copy.snapshots = [];
    await scene.restart();
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const lines = scene.events.flatMap((event) => (event.type === 'step-output' ? [event.line] : []));
    expect(lines.join('\n')).toContain('giving up the partial receive');
    expect(scene.cluster.content('n2', volumeId)?.bytes).toBe(40 * MiB);
  });

  it('runs again where its data is when the volume cannot be unmounted, and says where', async () => {
    const scene = await movingScene();
    scene.cluster.fail('n1', 'volumes.freeze', new AppError('volume-busy', 'cannot unmount: bash (77) uses it'));
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'volume-busy' } });
    expect(outcome.result === 'failed' && outcome.error.message).toContain('"pg" runs on "n1"');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.cluster.facts('n1').volumes[0]).toMatchObject({ role: 'owner', mounted: true });
    for (const node of ['n1', 'n2', 'n3']) {
      expect(scene.cluster.facts(node).network.holds).toEqual([]);
      expect(scene.cluster.connect(node, { port: 5432, protocol: 'tcp' })).toBe('accepted');
    }
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('goes back when the final delta breaks for good, after its retries', async () => {
    const scene = await movingScene();
    const error = new AppError('connection-failed', 'cannot send: no route', { retryable: true });
    scene.engine.onEvent((event) => {
      // Each try stops it again, which by then it is: only the first finds it writing.
      if (
        event.type === 'step-started' &&
        event.step.startsWith('stop-container') &&
        runningOn(scene.cluster).length > 0
      ) {
        scene.cluster.write('n1', volumeId, MiB);
        scene.cluster.fail('n2', 'transfer', error, 99);
      }
    });
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'connection-failed' } });
    expect(scene.events.filter(({ type }) => type === 'retrying')).toHaveLength(4);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('gives the switch up when the time for it is over', async () => {
    const config = pgOn('n2');
    const timeouts = { ...config.settings.timeouts, switchMs: 3_000 };
    const slow = {
      ...config,
      settings: { ...config.settings, timeouts, switch: { belowBytes: 100 * MiB, maxRounds: 1 } },
    };
    const scene = await movingScene({ seed: { ...threeNodes, bytesPerSecond: MiB } });
    scene.setConfig(slow);
    await scene.engine.converge(signal);
    scene.cluster.write('n2', volumeId, 60 * MiB);
    scene.setConfig({ ...slow, ...pgOn('n3'), settings: { ...slow.settings } });
    await scene.engine.converge(signal);
    scene.cluster.write('n3', volumeId, 60 * MiB);
    scene.setConfig({ ...slow, revision: 'back' });
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'timeout' } });
    expect(runningOn(scene.cluster)).toEqual(['n3']);
  });

  it('acquires what was released even if the source goes away between', async () => {
    const scene = await movingScene();
    scene.engine.onEvent((event) => {
      if (event.type === 'step-started' && event.step.startsWith('acquire-volume')) scene.cluster.disconnect('n1');
    });
    await scene.engine.converge(signal);
    expect(scene.cluster.facts('n2').volumes[0]).toMatchObject({ role: 'owner', mounted: true });
    expect(runningOn(scene.cluster, ['n2'])).toEqual(['n2']);
    scene.cluster.reconnect('n1');
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.facts('n1').volumes[0]?.role).toBe('replica');
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('refuses a copy that has diverged, before anything stops', async () => {
    const scene = createScene({
      seed: {
        nodes: {
          n1: { volumes: [{ id: volumeId, application: 'pg', snapshots: [{ name: 'drover-e1-1', bytes: MiB }] }] },
          n2: {
            volumes: [
              {
                id: volumeId,
                application: 'pg',
                role: 'replica',
                owner: 'n1',
                snapshots: [{ name: 'other', bytes: MiB }],
              },
            ],
          },
          n3: {},
        },
      },
      config: pgOn('n1'),
    });
    await scene.engine.converge(signal);
    scene.setConfig(pgOn('n2'));
    expect((await scene.engine.converge(signal)).result).toBe('blocked');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });
});
