import { text as readText } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { snapshotNameOf } from '../../../../src/engine/acts/snapshots.ts';
import type { Acts, SnapshotRef } from '../../../../src/engine/types.ts';
import { AppError } from '../../../../src/model/errors.ts';
import { aConfig, aMount, anApplication } from '../../../builders.ts';
import {
  createScene,
  MiB,
  pg,
  pgOn,
  runningOn,
  type Scene,
  signal,
  threeNodes,
  volumeId,
} from '../../../fakes/scene.ts';

async function runningScene(): Promise<Scene> {
  const scene = createScene({ seed: threeNodes, config: pgOn('n1') });
  expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
  scene.cluster.write('n1', volumeId, 3 * MiB);
  scene.events.length = 0;
  return scene;
}

const acts = (scene: Scene): Acts => scene.engine.acts;
const finished = (scene: Scene) =>
  scene.events.flatMap((event) => (event.type === 'act-finished' ? [[event.act, event.error?.code]] : []));
const containerOf = (scene: Scene, node = 'n1') =>
  scene.cluster.facts(node).containers.find(({ application }) => application === 'pg');
const failure = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );
const volumesOn = (scene: Scene, node: string) =>
  scene.cluster.facts(node).volumes.map(({ id, role, epoch }) => ({ id, role, epoch }));
async function snapshotOf(scene: Scene, name = 'good'): Promise<SnapshotRef> {
  const [ref] = await acts(scene).snapshot('pg', name, signal);
  if (ref === undefined) throw new Error('no snapshot');
  return ref;
}

describe('restart, stop and start', () => {
  it('restart keeps the container, and starts it again', async () => {
    const scene = await runningScene();
    const before = containerOf(scene);
    await scene.clock.advance(5_000);
    await acts(scene).restart('pg', signal);
    const after = containerOf(scene);
    expect(after).toMatchObject({ id: before?.id, state: 'running' });
    expect(after?.startedAt).not.toBe(before?.startedAt);
    expect(finished(scene)).toEqual([['restart "pg"', undefined]]);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('what was stopped stays so in every plan, until it is started', async () => {
    const scene = await runningScene();
    await acts(scene).stop('pg', signal);
    expect(containerOf(scene)).toMatchObject({ state: 'exited' });
    const plan = await scene.engine.plan(signal);
    expect(plan).toMatchObject({ ok: true, plan: { steps: [] } });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(scene.cluster)).toEqual([]);
    await acts(scene).start('pg', signal);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });

  it('takes the lock of the node, and says who has it', async () => {
    const scene = await runningScene();
    const other = scene.cluster.session();
    const lock = await (await other.node('n1', signal)).mutex.acquire('anna@laptop', signal);
    const error = await failure(acts(scene).restart('pg', signal));
    expect([error.code, error.message]).toEqual(['lock-held', expect.stringContaining('anna@laptop')]);
    expect(finished(scene)).toEqual([['restart "pg"', 'lock-held']]);
    await lock.release();
    await acts(scene).restart('pg', signal);
    await acts(scene).restart('pg', signal);
  });

  it('a node that cannot be reached may have the application', async () => {
    const scene = await runningScene();
    scene.cluster.disconnect('n1');
    for (const act of [acts(scene).restart, acts(scene).stop, acts(scene).start]) {
      const error = await failure(act('pg', signal));
      expect([error.code, error.message]).toEqual(['connection-failed', expect.stringContaining('"n1" cannot be')]);
    }
  });

  it('creating is for apply, and so is everything the files want elsewhere', async () => {
    const fresh = createScene({ seed: threeNodes, config: pgOn('n1') });
    const missing = await failure(acts(fresh).start('pg', signal));
    expect([missing.message, missing.hint]).toEqual([
      'cannot start "pg": it has no container',
      expect.stringContaining('drover apply'),
    ]);
    const scene = await runningScene();
    await acts(scene).stop('pg', signal);
    scene.setConfig(pgOn('n2'));
    expect((await failure(acts(scene).start('pg', signal))).message).toContain('the files place it on "n2"');
    expect(runningOn(scene.cluster)).toEqual([]);
  });

  it('never starts on a volume that this node does not own', async () => {
    const scene = await runningScene();
    await acts(scene).stop('pg', signal);
    const { volumes } = await scene.cluster.node('n1', signal);
    const [seen] = scene.cluster.facts('n1').volumes;
    if (seen === undefined) expect.fail('no volume');
    await volumes.setProperties(seen, { role: 'frozen' }, signal);
    expect((await failure(acts(scene).start('pg', signal))).code).toBe('volume-conflict');
    expect(runningOn(scene.cluster)).toEqual([]);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('a container of another program is not theirs', async () => {
    const seed = {
      nodes: { n1: { containers: [{ spec: { ...specOf('pg') }, managed: false }] }, n2: {}, n3: {} },
    };
    const scene = createScene({ seed, config: pgOn('n1') });
    expect((await failure(acts(scene).stop('pg', signal))).message).toContain('it has no container');
    expect(containerOf(scene) ?? scene.cluster.facts('n1').containers[0]).toMatchObject({ state: 'running' });
  });

  it('acts on the last good files while the newest are wrong', async () => {
    const scene = await runningScene();
    scene.setLoad({ ok: false, problems: [{ file: 'application.yml', path: '', message: 'no' }] });
    await acts(scene).restart('pg', signal);
    await scene.restart();
    expect((await failure(acts(scene).restart('pg', signal))).code).toBe('usage');
  });
});

const specOf = (application: string) =>
  ({
    application,
    image: 'acme/pg:1',
    ports: [],
    environment: {},
    mounts: [],
    restartPolicy: { name: 'never' },
  }) as const;

describe('snapshots', () => {
  it('have names of people, which sort by time where none is given', () => {
    const at = Date.UTC(2025, 0, 31, 9, 45, 12);
    expect(snapshotNameOf(undefined, at)).toBe('user-20250131-094512');
    expect([snapshotNameOf('before-upgrade', at), snapshotNameOf('user-before-upgrade', at)]).toEqual([
      'user-before-upgrade',
      'user-before-upgrade',
    ]);
    for (const bad of ['', 'a b', '-r', 'a@b', 'a/b', 'x'.repeat(101), '$(id)', 'user-']) {
      expect(() => snapshotNameOf(bad, at), bad).toThrow('it is not valid');
    }
  });

  it('are made of every volume, and no name is taken twice', async () => {
    const two = { ...pg, volumes: [aMount(volumeId, undefined, '/data'), aMount('ds-wal', undefined, '/wal')] };
    const scene = createScene({ seed: threeNodes, config: aConfig([two], { n1: ['pg'], n2: [], n3: [] }) });
    await scene.engine.converge(signal);
    const refs = await acts(scene).snapshot('pg', 'one', signal);
    expect(refs.map(({ node, volume, snapshot }) => [node, volume, snapshot])).toEqual([
      ['n1', volumeId, 'user-one'],
      ['n1', 'ds-wal', 'user-one'],
    ]);
    expect((await failure(acts(scene).snapshot('pg', 'one', signal))).message).toContain('exists already');
    expect(finished(scene).at(-1)).toEqual(['snapshot the volumes of "pg"', 'usage']);
  });

  it('without a volume there is nothing to snapshot', async () => {
    const web = anApplication('web');
    const scene = createScene({ seed: threeNodes, config: aConfig([web], { n1: ['web'], n2: [], n3: [] }) });
    await scene.engine.converge(signal);
    expect((await failure(acts(scene).snapshot('web', undefined, signal))).message).toContain('it has no volume');
  });

  it('of people outlast moves there and back', async () => {
    const scene = await runningScene();
    await acts(scene).snapshot('pg', 'mine', signal);
    for (const node of ['n2', 'n1', 'n3', 'n1'] as const) {
      scene.setConfig(pgOn(node));
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    }
    const [volume] = scene.cluster.facts('n1').volumes;
    expect(volume?.snapshots.map(({ name }) => name)).toContain('user-mine');
  });

  it('are cloned next to the volume, and later moves and their settling leave the clone alone', async () => {
    const scene = await runningScene();
    scene.setConfig(pgOn('n2'));
    await scene.engine.converge(signal);
    const { volumes } = await scene.cluster.node('n2', signal);
    const [copy] = scene.cluster.facts('n2').volumes;
    const ours = copy?.snapshots.at(-1)?.name ?? '';
    const ref = { node: 'n2', volume: volumeId, dataset: copy?.dataset ?? '', snapshot: ours };
    const target = await acts(scene).cloneSnapshot(ref, signal);
    expect((await volumes.details(signal)).map(({ name }) => name)).toContain(target);
    expect(scene.cluster.facts('n2').volumes).toHaveLength(1);
    for (const node of ['n1', 'n2', 'n1'] as const) {
      scene.cluster.write(runningOn(scene.cluster)[0] ?? '', volumeId, MiB);
      scene.setConfig(pgOn(node));
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    }
    expect((await volumes.details(signal)).find(({ name }) => name === copy?.dataset)?.snapshots).toContainEqual(
      expect.objectContaining({ name: ours }),
    );
  });
});

describe('within one second', () => {
  it('two snapshots without a name, two clones and two roll-backs do not collide', async () => {
    const scene = await runningScene();
    const refs: SnapshotRef[] = [];
    for (const _ of [1, 2]) refs.push(...(await acts(scene).snapshot('pg', undefined, signal)));
    expect(refs[1]?.snapshot).toBe(`${refs[0]?.snapshot}-2`);
    const [ref = expect.fail('no snapshot')] = refs;
    const clones = [await acts(scene).cloneSnapshot(ref, signal), await acts(scene).cloneSnapshot(ref, signal)];
    expect(clones[1]).toBe(`${clones[0]}-2`);
    await acts(scene).rollBack('pg', ref, signal);
    const again = scene.cluster.facts('n1').volumes.find(({ id }) => id === volumeId) ?? expect.fail('no volume');
    await acts(scene).rollBack('pg', { ...ref, dataset: again.dataset }, signal);
    expect(new Set(scene.cluster.facts('n1').volumes.map(({ id }) => id)).size).toBe(3);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
  });
});

describe('an application with two volumes', () => {
  const both = anApplication('pg', {
    ...pg,
    volumes: [aMount('data', undefined, '/data'), aMount('log', undefined, '/log')],
  });
  const twoVolumes = async (): Promise<Scene> => {
    const config = aConfig([both], { n1: ['pg'], n2: [], n3: [] });
    const scene = createScene({ seed: threeNodes, config });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    for (const id of ['data', 'log']) scene.cluster.write('n1', id, MiB);
    return scene;
  };
  const contents = (scene: Scene) => ['data', 'log'].map((id) => scene.cluster.content('n1', id));

  it('has one snapshot of one moment, or none', async () => {
    const scene = await twoVolumes();
    const refs = await acts(scene).snapshot('pg', 'good', signal);
    expect(refs.map(({ volume, snapshot }) => [volume, snapshot])).toEqual([
      ['data', 'user-good'],
      ['log', 'user-good'],
    ]);
    expect(scene.cluster.calls('n1', 'volumes.snapshot')).toBe(1);
    const snapshots = scene.cluster.facts('n1').volumes.map((one) => one.snapshots.at(-1));
    expect(new Set(snapshots.map((one) => one?.createTxg)).size).toBe(1);
    scene.cluster.fail('n1', 'volumes.snapshot', new AppError('command-failed', 'no space'), 1);
    await failure(acts(scene).snapshot('pg', 'half', signal));
    const names = scene.cluster.facts('n1').volumes.flatMap((one) => one.snapshots.map(({ name }) => name));
    expect(names).not.toContain('user-half');
  });

  it('goes back in both together, whichever snapshot was named, and forward again', async () => {
    const scene = await twoVolumes();
    const refs = await acts(scene).snapshot('pg', 'good', signal);
    const [, ofLog] = refs;
    const good = contents(scene);
    for (const id of ['data', 'log']) scene.cluster.write('n1', id, 2 * MiB);
    const present = contents(scene);
    const kept = await acts(scene).rollBack('pg', ofLog ?? expect.fail('no snapshot'), signal);
    expect(kept).toEqual(refs.map(({ dataset }) => dataset));
    expect(contents(scene)).toEqual(good);
    expect(scene.cluster.calls('n1', 'volumes.swap')).toBe(1);
    const retired = scene.cluster.facts('n1').volumes.filter(({ role }) => role === 'retired');
    expect(retired.map(({ id }) => scene.cluster.content('n1', id))).toEqual(present);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('stays as it is, in both, where the swap fails', async () => {
    const scene = await twoVolumes();
    const [ref = expect.fail('no snapshot')] = await acts(scene).snapshot('pg', 'good', signal);
    for (const id of ['data', 'log']) scene.cluster.write('n1', id, 2 * MiB);
    const present = contents(scene);
    scene.cluster.fail('n1', 'volumes.swap', new AppError('command-failed', 'cannot swap: no space'), 1);
    expect((await failure(acts(scene).rollBack('pg', ref, signal))).message).toContain('cannot swap: no space');
    expect(contents(scene)).toEqual(present);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
  });

  it('does not go back where only one volume has the snapshot, or has it of another moment', async () => {
    const scene = await twoVolumes();
    const dataset = (id: string): string =>
      scene.cluster.facts('n1').volumes.find((one) => one.id === id)?.dataset ?? expect.fail('no volume');
    const { volumes } = await scene.cluster.node('n1', signal);
    const ref: SnapshotRef = { node: 'n1', volume: 'data', dataset: dataset('data'), snapshot: 'user-one' };
    await volumes.snapshot(dataset('data'), 'user-one', signal);
    const lacking = await failure(acts(scene).rollBack('pg', ref, signal));
    expect(lacking.message).toContain('has no snapshot "user-one", and volumes go back together');
    expect(lacking.hint).toContain('drover clone pg ');
    await volumes.snapshot(dataset('log'), 'user-one', signal);
    const separate = await failure(acts(scene).rollBack('pg', ref, signal));
    expect(separate.message).toContain('is of another moment than');
    expect(separate.hint).not.toContain('from one moment');
    await acts(scene).snapshot('pg', 'both', signal);
    const advised = await failure(acts(scene).rollBack('pg', ref, signal));
    expect(advised.hint).toContain('all of its volumes have from one moment: @user-both');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });
});

describe('rolling back', () => {
  it('goes on with the content of the snapshot, and keeps what was there', async () => {
    const scene = await runningScene();
    const good = scene.cluster.content('n1', volumeId);
    const ref = await snapshotOf(scene);
    scene.cluster.write('n1', volumeId, 5 * MiB);
    const present = scene.cluster.content('n1', volumeId);
    scene.events.length = 0;
    const kept = await acts(scene).rollBack('pg', ref, signal);
    expect(kept).toEqual([ref.dataset]);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.cluster.content('n1', volumeId)).toEqual(good);
    expect(volumesOn(scene, 'n1')).toEqual([
      { id: expect.stringMatching(`^${volumeId}-before-\\d{8}-\\d{6}$`), role: 'retired', epoch: 1 },
      { id: volumeId, role: 'owner', epoch: 2 },
    ]);
    const retired = volumesOn(scene, 'n1')[0]?.id ?? '';
    expect(scene.cluster.content('n1', retired)).toEqual(present);
    expect(finished(scene)).toEqual([['roll "pg" back to "user-good"', undefined]]);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('can be taken back with the snapshot of what was kept', async () => {
    const scene = await runningScene();
    const ref = await snapshotOf(scene);
    scene.cluster.write('n1', volumeId, 5 * MiB);
    const present = scene.cluster.content('n1', volumeId);
    await acts(scene).rollBack('pg', ref, signal);
    const kept = scene.cluster.facts('n1').volumes.find(({ role }) => role === 'retired');
    const last = {
      node: 'n1',
      volume: kept?.id ?? '',
      dataset: ref.dataset,
      snapshot: kept?.snapshots.at(-1)?.name ?? '',
    };
    await scene.clock.advance(2_000);
    await acts(scene).rollBack('pg', last, signal);
    expect(scene.cluster.content('n1', volumeId)).toEqual(present);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
  });

  it('the next move is an increment where the other copy is older than the snapshot, and full where it is newer', async () => {
    for (const [name, retires] of [
      ['older', false],
      ['newer', true],
    ] as const) {
      const scene = await runningScene();
      const early = await snapshotOf(scene, 'early');
      for (const node of ['n2', 'n1'] as const) {
        scene.cluster.write(runningOn(scene.cluster)[0] ?? '', volumeId, 20 * MiB);
        scene.setConfig(pgOn(node));
        expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
      }
      const late = await snapshotOf(scene, 'late');
      scene.cluster.write('n1', volumeId, MiB);
      await acts(scene).rollBack('pg', retires ? early : late, signal);
      const wanted = scene.cluster.content('n1', volumeId);
      expect(volumesOn(scene, 'n2').map(({ role }) => role)).toEqual([retires ? 'retired' : 'replica']);
      scene.setConfig(pgOn('n2'));
      expect(await scene.engine.converge(signal), name).toMatchObject({ result: 'converged' });
      expect(runningOn(scene.cluster), name).toEqual(['n2']);
      expect(scene.cluster.content('n2', volumeId), name).toEqual(wanted);
      const sent = (scene.receipts.at(-1)?.bytes ?? []).reduce((sum, bytes) => sum + bytes, 0);
      expect(sent < MiB, `${name}: ${sent} bytes`).toBe(!retires);
      scene.setConfig(pgOn('n1'));
      expect(await scene.engine.converge(signal), name).toMatchObject({ result: 'converged' });
      expect(scene.cluster.content('n1', volumeId), name).toEqual(wanted);
      expect(scene.cluster.violations()).toEqual([]);
    }
  });

  it('with a copy on a node that is away, the next move there is blocked and never wrong', async () => {
    const scene = await runningScene();
    const early = await snapshotOf(scene, 'early');
    for (const node of ['n2', 'n1'] as const) {
      scene.setConfig(pgOn(node));
      await scene.engine.converge(signal);
    }
    scene.cluster.disconnect('n2');
    await acts(scene).rollBack('pg', early, signal);
    scene.cluster.reconnect('n2');
    scene.setConfig(pgOn('n2'));
    expect(await scene.engine.converge(signal)).toMatchObject({
      result: 'blocked',
      blockers: [{ reason: expect.stringContaining('has no snapshot in common with "n1"') }],
    });
    expect(runningOn(scene.cluster)).toEqual(['n1']);
  });

  it('refuses what is elsewhere, gone, or of another application, before anything stops', async () => {
    const scene = await runningScene();
    const ref = await snapshotOf(scene);
    const before = containerOf(scene)?.startedAt;
    const wrong: readonly (readonly [SnapshotRef, string])[] = [
      [{ ...ref, node: 'n2' }, 'the snapshot is on "n2", its data on "n1"'],
      [{ ...ref, snapshot: 'user-nowhere' }, 'is not there'],
      [{ ...ref, volume: 'ds-other' }, 'is not one of its volumes'],
      [{ ...ref, dataset: 'drover/volumes/other' }, 'is not there'],
    ];
    for (const [one, text] of wrong) {
      expect((await failure(acts(scene).rollBack('pg', one, signal))).message).toContain(text);
    }
    scene.cluster.fail('n1', 'volumes.checkSwap', new AppError('command-failed', 'cannot swap datasets'));
    expect((await failure(acts(scene).rollBack('pg', ref, signal))).message).toBe('cannot swap datasets');
    expect(containerOf(scene)).toMatchObject({ state: 'running', startedAt: before });
    expect(volumesOn(scene, 'n1')).toEqual([{ id: volumeId, role: 'owner', epoch: 1 }]);
  });

  it('runs again with its present data where the swap fails', async () => {
    const scene = await runningScene();
    const ref = await snapshotOf(scene);
    scene.cluster.write('n1', volumeId, MiB);
    const present = scene.cluster.content('n1', volumeId);
    scene.cluster.fail('n1', 'volumes.swap', new AppError('command-failed', 'cannot swap: no space'));
    expect((await failure(acts(scene).rollBack('pg', ref, signal))).message).toBe('cannot swap: no space');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.cluster.content('n1', volumeId)).toEqual(present);
  });

  it('says that the application is stopped where it cannot be brought up again', async () => {
    const scene = await runningScene();
    const ref = await snapshotOf(scene);
    scene.cluster.fail('n1', 'volumes.swap', new AppError('command-failed', 'cannot swap: no space'));
    scene.cluster.fail('n1', 'containers.start', new Error('broken'), 9);
    const error = await failure(acts(scene).rollBack('pg', ref, signal));
    expect([error.message, error.hint]).toEqual([
      'cannot swap: no space; "pg" is stopped',
      'run `drover apply`, which starts it again',
    ]);
  });

  it('starts the container it had, not what the files want by now', async () => {
    const scene = await runningScene();
    const ref = await snapshotOf(scene);
    const next = { ...pg, environment: { NEW: '1' } };
    scene.setConfig(aConfig([next], { n1: ['pg'], n2: [], n3: [] }, { revision: 'new' }));
    await acts(scene).rollBack('pg', ref, signal);
    expect(containerOf(scene)?.spec.environment).not.toHaveProperty('NEW');
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(containerOf(scene)?.spec.environment).toHaveProperty('NEW', '1');
  });
});

describe('programs and datasets', () => {
  it('a program runs where the application does, and its end is reported', async () => {
    const scene = await runningScene();
    const session = await acts(scene).exec('pg', { command: ['echo', 'hello'], tty: false }, signal);
    expect(await readText(session.stdout)).toBe('hello\n');
    expect(await session.ended).toBe(0);
    expect(finished(scene)).toEqual([['run "echo" in "pg"', undefined]]);
    await acts(scene).stop('pg', signal);
    const error = await failure(acts(scene).exec('pg', { tty: true }, signal));
    expect([error.message, error.hint]).toEqual([
      'cannot run a shell in "pg": it does not run on "n1"',
      'start it: drover start pg',
    ]);
  });

  it('datasets come with their snapshots and holds', async () => {
    const scene = await runningScene();
    await acts(scene).snapshot('pg', 'one', signal);
    expect(await acts(scene).zfs('n1', signal)).toMatchObject([
      { volume: volumeId, application: 'pg', role: 'owner', snapshots: [{ name: 'user-one', holds: [] }] },
    ]);
  });
});
