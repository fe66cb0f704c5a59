import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../../src/engine/node-client.ts';
import type { VolumeStore } from '../../../../src/engine/volume-store.ts';
import { AppError } from '../../../../src/model/errors.ts';
import { aConfig } from '../../../builders.ts';
import {
  createScene,
  MiB,
  movingScene,
  pg,
  pgOn,
  runningOn,
  signal,
  threeNodes,
  volumeId,
} from '../../../fakes/scene.ts';

const problem = { file: 'deployment.yml', path: 'nodes', message: 'must be a mapping' };

describe('converge', () => {
  it('stops at wrong files without asking any node', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    scene.setLoad({ ok: false, problems: [problem] });
    expect(await scene.engine.converge(signal)).toEqual({ result: 'rejected', problems: [problem] });
    expect(scene.cluster.calls('n1', 'observe')).toBe(0);
    expect(scene.engine.store.getSnapshot().problems).toEqual([problem]);
  });

  it('changes nothing while another run has a lock, and names its holder', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    const other = await scene.cluster.session().node('n2', signal);
    await other.mutex.acquire('anna@laptop', signal);
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({
      result: 'locked',
      error: { code: 'lock-held', details: { owner: 'anna@laptop' } },
    });
    expect(scene.cluster.writes()).toBe(0);
    await (await scene.cluster.session().node('n1', signal)).mutex.acquire('n1 is free again', signal);
  });

  it('lets go of all locks at the end', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    await scene.engine.converge(signal);
    for (const node of ['n1', 'n2', 'n3']) {
      const client = await scene.cluster.session().node(node, signal);
      await expect(client.mutex.acquire('other', signal)).resolves.toBeDefined();
    }
  });

  it('does what it can around an unreachable node, keeps its last facts, and is blocked for the rest', async () => {
    const scene = await movingScene();
    scene.cluster.disconnect('n2');
    const outcome = await scene.engine.converge(signal);
    expect(outcome.result).toBe('blocked');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    const seen = scene.engine.store.getSnapshot().nodes.n2;
    expect(seen).toMatchObject({ status: 'unreachable', error: { code: 'connection-failed' } });
    expect(seen?.status === 'unreachable' && seen.lastFacts?.nodeId).toBe('id-n2');
  });

  it('creates nothing while a node that it has seen with the data is in no file any more', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    await scene.engine.converge(signal);
    for (const node of ['n2', 'n3']) {
      const { network } = await scene.cluster.session().node(node, signal);
      await network.replace({ proxies: [], open: [], peers: [] }, [], signal);
    }
    scene.setConfig(aConfig([pg], { n2: ['pg'], n3: [] }, { revision: 'without n1' }));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'blocked' });
    expect([runningOn(scene.cluster), scene.cluster.violations()]).toEqual([['n1'], []]);
  });

  it('fails before anything stops where a new image keeps its data below a mountpoint', async () => {
    const registry = { 'acme/pg:1': {}, 'acme/pg:2': { volumes: ['/data/pg'] } };
    const scene = createScene({ seed: { ...threeNodes, registry }, config: pgOn('n1') });
    await scene.engine.converge(signal);
    const next = { ...pg, image: { repository: 'acme/pg', tag: '2' } };
    scene.setConfig(aConfig([next], { n1: ['pg'], n2: [], n3: [] }, { revision: 'new image' }));
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { hint: 'set the mountpoint to /data/pg' } });
    expect([runningOn(scene.cluster), scene.cluster.calls('n1', 'containers.stop')]).toEqual([['n1'], 0]);
  });

  it('does not say converged while an application that was replaced in place does not answer', async () => {
    const registry = { 'acme/pg:1': {}, 'acme/pg:2': { accepts: false } };
    const scene = createScene({ seed: { ...threeNodes, registry }, config: pgOn('n1') });
    await scene.engine.converge(signal);
    const next = { ...pg, image: { repository: 'acme/pg', tag: '2' } };
    scene.setConfig(aConfig([next], { n1: ['pg'], n2: [], n3: [] }, { revision: 'new image' }));
    for (let apply = 1; apply <= 2; apply += 1) {
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed', error: { code: 'unhealthy' } });
    }
  });

  it('leaves the clients of an application without volumes in its old place until the new one answers, on every run', async () => {
    const broken = { ...pg, image: { repository: 'acme/pg', tag: '2' }, volumes: [] };
    const registry = { 'acme/pg:1': {}, 'acme/pg:2': { accepts: false } };
    const old = aConfig([{ ...pg, volumes: [] }], { n1: ['pg'], n2: [], n3: [] });
    const scene = createScene({ seed: { ...threeNodes, registry }, config: old });
    await scene.engine.converge(signal);
    scene.setConfig(aConfig([broken], { n1: [], n2: ['pg'], n3: [] }, { revision: 'new image, new place' }));
    for (let apply = 1; apply <= 3; apply += 1) {
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed', error: { code: 'unhealthy' } });
      for (const node of ['n1', 'n3']) {
        expect(scene.cluster.connect(node, { port: 5432, protocol: 'tcp' }), `${node} at apply ${apply}`).toBe(
          'accepted',
        );
      }
      await scene.restart();
    }
    scene.setConfig(old);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });

  it('makes the container again where its dataset was renamed by hand', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    await scene.engine.converge(signal);
    scene.cluster.write('n1', volumeId, MiB);
    const { datasets } = scene.cluster.machine('n1');
    const [found = expect.fail('no dataset')] = datasets.values();
    datasets.delete(found.name);
    datasets.set('drover/volumes/renamed', { ...found, name: 'drover/volumes/renamed' });
    const refused = scene.engine.acts.restart('pg', signal);
    await expect(refused).rejects.toThrow('dataset "drover/volumes/renamed" has been renamed');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
  });

  it('says that an application was killed, in the receipt and at the end, unless it has the time it needs', async () => {
    const registry = { 'acme/pg:1': { stopsAfterMs: 40_000 } };
    const slow = (stopGraceMs?: number) => ({ ...pg, ...(stopGraceMs === undefined ? {} : { stopGraceMs }) });
    const on = (node: string, app = slow()) =>
      aConfig([app], { n1: [], n2: [], n3: [], [node]: ['pg'] }, { revision: `${node} ${app.stopGraceMs}` });
    const scene = createScene({ seed: { ...threeNodes, registry }, config: on('n1') });
    await scene.engine.converge(signal);
    scene.setConfig(on('n2'));
    const text = expect.stringContaining('"pg" did not stop within 10 s and was killed');
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged', warnings: [text] });
    expect(scene.receipts).toMatchObject([{ killed: true }]);
    scene.setConfig(on('n2', slow(45_000)));
    await scene.engine.converge(signal);
    scene.setConfig(on('n1', slow(45_000)));
    expect(await scene.engine.converge(signal)).not.toHaveProperty('warnings');
    expect(scene.receipts.at(-1)).not.toHaveProperty('killed');
    expect(scene.cluster.facts('n1').containers[0]?.spec.stopGraceMs).toBe(45_000);
  });

  it('gives a new copy what was set on the dataset by hand, and nothing that is not on the list', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    await scene.engine.converge(signal);
    const datasetOn = (node: string) => [...scene.cluster.machine(node).datasets.values()][0] ?? expect.fail('none');
    const set = { recordsize: '8192', acltype: 'posix', xattr: 'sa' };
    datasetOn('n1').tuning = { ...set, compression: 'lz4; reboot', mountpoint: '/', setuid: 'on' };
    scene.setConfig(pgOn('n2'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(datasetOn('n2').tuning).toEqual(set);
    datasetOn('n2').tuning = { ...set, recordsize: '16384' };
    const [ref = expect.fail('no snapshot')] = await scene.engine.acts.snapshot('pg', 'good', signal);
    await scene.engine.acts.rollBack('pg', ref, signal);
    const present = scene.cluster.facts('n2').volumes.find(({ id }) => id === volumeId);
    expect(present?.tuning).toEqual({ ...set, recordsize: '16384' });
  });

  it('does not move a volume with datasets below it, and names them', async () => {
    const scene = await movingScene();
    const { datasets } = scene.cluster.machine('n1');
    const [found = expect.fail('no dataset')] = datasets.values();
    datasets.set(`${found.name}/log`, { ...found, name: `${found.name}/log`, properties: {}, mounted: false });
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({
      blockers: [
        {
          reason: expect.stringContaining(`a dataset below it does not move: "${found.name}/log"`),
          hint: expect.stringContaining(`zfs rename ${found.name}/log drover/volumes/`),
        },
      ],
    });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    datasets.delete(`${found.name}/log`);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
  });

  it('says how to go back where a moved application does not come up', async () => {
    const registry = { 'acme/pg:1': {}, 'acme/pg:2': { accepts: false } };
    const scene = createScene({ seed: { ...threeNodes, registry }, config: pgOn('n1') });
    await scene.engine.converge(signal);
    const next = { ...pg, image: { repository: 'acme/pg', tag: '2' } };
    scene.setConfig(aConfig([next], { n1: [], n2: ['pg'], n3: [] }, { revision: 'new image, new place' }));
    const hint = 'read its log: drover logs pg; to go back: drover move pg n1';
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed', error: { hint } });
  });

  it('tries again what may succeed later, with growing waits, and then gives up', async () => {
    const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
    const error = new AppError('network-failed', 'cannot load the table', { retryable: true });
    scene.cluster.fail('n3', 'network.replace', error, 99);
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'network-failed' } });
    const waits = scene.events.flatMap((event) => (event.type === 'retrying' ? [event.inMs] : []));
    expect(waits).toEqual([375, 750, 1500, 3000]);
  });

  it('does not try again what only a person can fix, and shows the last log lines', async () => {
    const registry = { 'acme/pg:1': { exits: { afterMs: 10, code: 3 }, accepts: false, logs: ['FATAL: bad locale'] } };
    const scene = createScene({ seed: { ...threeNodes, registry }, config: pgOn('n1') });
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({
      result: 'failed',
      error: { code: 'unhealthy', details: { log: 'FATAL: bad locale' } },
    });
    expect(outcome.result === 'failed' && outcome.error.message).toContain('exited with code 3');
    expect(scene.events.filter(({ type }) => type === 'retrying')).toEqual([]);
  });

  it('waits for the health check of the image, and fails when it turns bad or takes too long', async () => {
    const run = async (afterMs: number, result: 'healthy' | 'unhealthy') => {
      const registry = { 'acme/pg:1': { health: { afterMs, result }, accepts: false } };
      const scene = createScene({ seed: { ...threeNodes, registry }, config: pgOn('n1') });
      const begin = scene.clock.now();
      const outcome = await scene.engine.converge(signal);
      return { result: outcome.result, ms: scene.clock.now() - begin };
    };
    expect(await run(5_000, 'healthy')).toEqual({ result: 'converged', ms: 5_000 });
    expect(await run(2_000, 'unhealthy')).toEqual({ result: 'failed', ms: 2_000 });
    expect((await run(90_000, 'healthy')).result).toBe('failed');
  });

  it('copies the image from the node that has it where there is no registry', async () => {
    const seed = { ...threeNodes, nodes: { ...threeNodes.nodes, n1: { images: ['acme/pg:1'] } }, registry: {} };
    const scene = await movingScene({ seed });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.facts('n2').images).toHaveProperty(['acme/pg:1']);
    expect(scene.cluster.calls('n2', 'containers.importImage')).toBe(1);
  });

  it('leaves the application running where it is when it is stopped softly during the sync', async () => {
    const scene = await movingScene({ seed: { ...threeNodes, bytesPerSecond: MiB } });
    const soft = new AbortController();
    scene.engine.onEvent((event) => event.type === 'step-progress' && event.doneBytes > 10 * MiB && soft.abort());
    expect(await scene.engine.converge(signal, soft.signal)).toEqual({ result: 'cancelled' });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.cluster.facts('n2').volumes[0]?.resumeToken).toBeDefined();
    await scene.restart();
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.receipts.at(-1)?.bytes[0]).toBeLessThan(31 * MiB);
  });

  it.each([
    ['a snapshot of another volume', { toName: 'drover/volumes/secret@drover-e1-1' }],
    ['another snapshot under the same name', { toGuid: '4711' }],
    ['one below the volume', { toName: 'drover/volumes/pg/child@drover-e1-1' }],
  ])('gives up a partial receive whose token, which the target has made, is for %s', async (_, lie) => {
    const scene = await movingScene({ seed: { ...threeNodes, bytesPerSecond: MiB } });
    const soft = new AbortController();
    scene.engine.onEvent((event) => event.type === 'step-progress' && event.doneBytes > 10 * MiB && soft.abort());
    await scene.engine.converge(signal, soft.signal);
    const openCluster = (): Cluster => {
      const session = scene.cluster.session();
      const node: Cluster['node'] = async (name, nodeSignal) => {
        const client = await session.node(name, nodeSignal);
        const readToken: VolumeStore['readToken'] = async (token, asked) => {
          const contents = await client.volumes.readToken(token, asked);
          return contents && { ...contents, ...lie };
        };
        return { ...client, volumes: { ...client.volumes, readToken } };
      };
      return { ...session, node };
    };
    await scene.restart({ openCluster });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const lines = scene.events.flatMap((event) => (event.type === 'step-output' ? [event.line] : []));
    expect(lines.join('\n')).toContain('its token is not for a snapshot of');
    expect(scene.receipts.at(-1)?.bytes[0]).toBeGreaterThan(31 * MiB);
  });

  it('finishes the switch before it stops softly', async () => {
    for (const kind of ['stop-container', 'freeze-volume', 'release-volume', 'acquire-volume', 'start-container']) {
      const scene = await movingScene();
      const soft = new AbortController();
      scene.engine.onEvent((event) => event.type === 'step-started' && event.step.startsWith(kind) && soft.abort());
      expect(await scene.engine.converge(signal, soft.signal), kind).toEqual({ result: 'cancelled' });
      expect(runningOn(scene.cluster), kind).toEqual(['n2']);
      expect(scene.cluster.connect('n3', { port: 5432, protocol: 'tcp' }), kind).toBe('accepted');
    }
  });

  it('takes the command to cancel as a soft stop', async () => {
    const scene = await movingScene();
    scene.engine.onEvent((event) => {
      if (event.type === 'step-started' && event.step.startsWith('pull-image')) scene.engine.send({ type: 'cancel' });
    });
    expect(await scene.engine.converge(signal)).toEqual({ result: 'cancelled' });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });

  it('looks once before it has the locks, also where another part of the engine has just looked', async () => {
    const scene = await movingScene();
    const looksOf = async (work: () => Promise<unknown>): Promise<number> => {
      const before = scene.cluster.calls('n1', 'observe');
      await work();
      return scene.cluster.calls('n1', 'observe') - before;
    };
    await scene.engine.observe(signal);
    // Under the locks, and at the end.
    expect(await looksOf(() => scene.engine.converge(signal))).toBe(2);
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    // That there is nothing to do is never said without a look.
    expect(await looksOf(() => scene.engine.converge(signal))).toBe(1);
  });

  it('carries out what was approved, and nothing else', async () => {
    const scene = await movingScene();
    await scene.engine.plan(signal);
    scene.engine.send({ type: 'approve', revision: 'another' });
    expect(scene.engine.store.getSnapshot().running).toBe(false);
    const done = new Promise((resolve) => {
      scene.engine.onEvent((event) => event.type === 'run-finished' && resolve(event.outcome));
    });
    scene.engine.send({ type: 'approve', revision: 'on-n2' });
    expect(await done).toMatchObject({ result: 'converged' });
    expect(runningOn(scene.cluster)).toEqual(['n2']);
  });

  it('plans with a forecast and writes nothing', async () => {
    const scene = await movingScene({ seed: { ...threeNodes, roundTripMs: 10 } });
    const writes = scene.cluster.writes();
    const result = await scene.engine.plan(signal);
    expect(result).toMatchObject({ ok: true, forecasts: [{ app: 'pg', from: 'n1', to: 'n2', basis: 'round trips' }] });
    const [forecast] = result.ok ? result.forecasts : [];
    expect(forecast?.totalBytes).toBeGreaterThanOrEqual(40 * MiB);
    expect(forecast?.finalBytes).toBe(4 * MiB);
    expect(forecast?.downtimeMs).toBe(1_500 + 22 * 10);
    expect(forecast?.rangeMs).toEqual([860, 4_440]);
    expect(scene.cluster.writes()).toBe(writes);
    await scene.engine.converge(signal);
    scene.setConfig(pgOn('n1'));
    const back = await scene.engine.plan(signal);
    expect(back.ok && back.forecasts[0]).toMatchObject({
      basis: 'earlier moves',
      downtimeMs: scene.receipts[0]?.downtimeMs,
    });
  });

  it('refuses to start on a volume that the node has lost since it was planned', async () => {
    const scene = await movingScene();
    const { volumes } = await scene.cluster.session().node('n2', signal);
    let lost = Promise.resolve();
    scene.engine.onEvent((event) => {
      if (event.type !== 'step-finished' || !event.step.startsWith('acquire-volume')) return;
      const [seen] = scene.cluster.facts('n2').volumes;
      if (seen === undefined) expect.fail('no volume');
      lost = volumes.setProperties(seen, { role: 'diverged' }, signal);
    });
    const outcome = await scene.engine.converge(signal);
    await lost;
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'volume-conflict' } });
    expect(scene.cluster.facts('n2').containers).toEqual([]);
  });

  it('shows the log of an application from the node it runs on', async () => {
    const registry = { 'acme/pg:1': { logs: ['ready'] } };
    const scene = createScene({ seed: { ...threeNodes, registry }, config: pgOn('n2') });
    await scene.engine.converge(signal);
    const lines = [];
    for await (const line of scene.engine.logs('pg', { follow: false }, signal)) lines.push(line);
    expect(lines).toEqual([{ node: 'n2', stream: 'stdout', text: 'ready' }]);
    const missing = scene.engine.logs('unknown', { follow: false }, signal)[Symbol.asyncIterator]();
    await expect(missing.next()).rejects.toThrow('no node has its container');
  });

  it('replaces a container in place without touching its volume', async () => {
    const scene = await movingScene();
    const changed = { ...pg, environment: { MODE: 'fast' } };
    const config = pgOn('n1', { revision: 'changed', applications: { pg: changed } });
    scene.setConfig(config);
    const before = scene.cluster.content('n1', volumeId);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.facts('n1').containers[0]?.spec.environment).toEqual({ MODE: 'fast' });
    expect(scene.cluster.content('n1', volumeId)).toEqual(before);
    expect(scene.receipts).toEqual([]);
  });
});
