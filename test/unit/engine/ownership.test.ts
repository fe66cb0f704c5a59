import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/model/errors.ts';
import { aConfig, aMount, anApplication, tcp } from '../../builders.ts';
import { type Controller, createControllers, type OnItsWay } from '../../fakes/delivery.ts';
import { MiB, pgOn, runningOn, signal, threeNodes, volumeId } from '../../fakes/scene.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
/** The role that a call gives. */
const roleIn = ({ operation, args }: OnItsWay): unknown => {
  if (operation === 'volumes.freeze') return 'frozen';
  if (operation === 'volumes.acquire') return 'owner';
  return operation === 'volumes.setProperties' ? (args[1] as { role?: string }).role : undefined;
};

/** pg runs on n1 with data, and one more controller wants it on n2. */
async function moving() {
  const world = createControllers(threeNodes);
  const a = world.controller(pgOn('n1'));
  expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
  world.cluster.write('n1', volumeId, 30 * MiB);
  a.setConfig(pgOn('n2'));
  return { ...world, a };
}

/** The controller is cut off where it sends this; the call is returned, not delivered. */
async function cutOffAt(a: Controller, fits: (call: OnItsWay) => boolean): Promise<OnItsWay> {
  let late: OnItsWay | undefined;
  const stop = new AbortController();
  a.hook = async (call, go) => {
    if (late !== undefined) throw new Error('cut off');
    if (!fits(call)) return go();
    late = call;
    stop.abort();
    throw new Error('cut off');
  };
  await a.engine.converge(stop.signal);
  await a.cutOff();
  if (late === undefined) throw new Error('it never got there');
  return late;
}

async function killedAfterRelease(a: Controller): Promise<void> {
  const stop = new AbortController();
  a.hook = async (call, go) => {
    if (call.operation === 'deadMan.arm') a.cluster.write('n1', volumeId, 4096);
    const result = await go();
    if (roleIn(call) !== 'released') return result;
    stop.abort();
    throw new Error('killed');
  };
  await a.engine.converge(stop.signal);
  await a.cutOff();
}

describe('a command that arrives after its run was cut off', () => {
  for (const role of ['frozen', 'released', 'owner', 'replica']) {
    it.each(nodes)(`(role ${role}) changes nothing that another run has made of it on %s`, async (node) => {
      const { cluster, controller, a } = await moving();
      const late = await cutOffAt(a, (call) => roleIn(call) === role);
      const b = controller(pgOn(node));
      expect(await b.engine.converge(signal)).toMatchObject({ result: 'converged' });
      const before = nodes.map((each) => cluster.facts(each).volumes);
      await expect(late.arrive()).rejects.toThrow();
      expect(nodes.map((each) => cluster.facts(each).volumes)).toEqual(before);
      expect(await b.engine.converge(signal)).toMatchObject({ result: 'converged', steps: 0 });
      expect(cluster.violations()).toEqual([]);
    });
  }

  it('does not create a volume that another run has created elsewhere', async () => {
    const { cluster, controller } = createControllers(threeNodes);
    const a = controller(pgOn('n1'));
    const late = await cutOffAt(a, ({ operation }) => operation === 'volumes.create');
    expect(await controller(pgOn('n2')).engine.converge(signal)).toMatchObject({ result: 'converged' });
    await expect(late.arrive()).rejects.toThrow('lock of the node was lost');
    expect(cluster.facts('n1').volumes).toEqual([]);
  });

  it('does not roll a volume back that another run has taken over and frozen again', async () => {
    const { cluster, controller, a } = await moving();
    a.setConfig(pgOn('n1'));
    const [ref] = await a.engine.acts.snapshot('pg', 'user-good', signal);
    if (ref === undefined) expect.fail('no snapshot');
    let late: OnItsWay | undefined;
    const stop = new AbortController();
    a.hook = async (call, go) => {
      if (late !== undefined) throw new Error('cut off');
      if (call.operation !== 'volumes.swap') return go();
      late = call;
      stop.abort();
      throw new Error('cut off');
    };
    await a.engine.acts.rollBack('pg', ref, stop.signal).catch(() => undefined);
    await a.cutOff();
    const b = controller(pgOn('n1'));
    expect(await b.engine.converge(signal)).toMatchObject({ result: 'converged' });
    cluster.write('n1', volumeId, MiB);
    const newest = cluster.content('n1', volumeId);
    b.setConfig(pgOn('n2'));
    b.hook = async (call, go) => {
      const result = await go();
      if (roleIn(call) === 'frozen') await expect(late?.arrive()).rejects.toThrow();
      return result;
    };
    expect(await b.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(cluster.content('n2', volumeId)).toEqual(newest);
  });
});

describe('what was released', () => {
  const loseCopy = {
    'another program takes a snapshot of the source': async (cluster: Controller['cluster']) => {
      const source = await cluster.session().node('n1', signal);
      await source.volumes.snapshot(cluster.facts('n1').volumes[0]?.dataset ?? '', 'autosnap_1', signal);
    },
    'another program takes a snapshot of the target': async (cluster: Controller['cluster']) => {
      const target = await cluster.session().node('n2', signal);
      await target.volumes.snapshot(cluster.facts('n2').volumes[0]?.dataset ?? '', 'autosnap_1', signal);
    },
    'the copy on the target is gone': async (cluster: Controller['cluster']) => cluster.machine('n2').datasets.clear(),
    'the pool of the target was rewound by some seconds': async (cluster: Controller['cluster']) => {
      for (const copy of cluster.machine('n2').datasets.values()) {
        expect(copy.snapshots.length).toBeGreaterThan(1);
        copy.snapshots = copy.snapshots.slice(0, -1);
        copy.content = copy.snapshots.at(-1)?.content ?? copy.content;
      }
    },
  };
  it.each(Object.entries(loseCopy))('is acquired by the next run although %s', async (_, happens) => {
    const { cluster, controller, a } = await moving();
    await killedAfterRelease(a);
    const data = cluster.content('n1', volumeId);
    await happens(cluster);
    const c = controller(pgOn('n2'));
    expect(await c.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(cluster)).toEqual(['n2']);
    expect(cluster.content('n2', volumeId)).toEqual(data);
    expect(await c.engine.converge(signal)).toMatchObject({ result: 'converged', steps: 0 });
  });

  it('is not acquired by memory while another run takes it back: that one waits for the lock of its new node', async () => {
    const { cluster, controller, a } = await moving();
    const b = controller(pgOn('n1'));
    let isReleased = false;
    const seen: string[] = [];
    a.hook = async (call, go) => {
      if (call.node === 'n1' && isReleased) {
        if (seen.length === 0) {
          cluster.stealLock('n1');
          seen.push((await b.engine.converge(signal)).result);
        }
        throw new AppError('connection-failed', 'cannot reach node "n1": timed out', { retryable: true });
      }
      const result = await go();
      isReleased ||= roleIn(call) === 'released';
      return result;
    };
    await a.engine.converge(signal);
    expect(seen).toEqual(['locked']);
    expect(cluster.violations()).toEqual([]);
    expect(runningOn(cluster)).toEqual(['n2']);
  });

  it.each(['frozen', 'released'] as const)(
    'is not taken back where its new node had it and is %s again',
    async (role) => {
      const { cluster, controller, a } = await moving();
      await killedAfterRelease(a);
      const b = controller(pgOn('n1'));
      b.hook = async (call, go) => {
        if (call.node === 'n2' && call.operation === 'volumes.list') {
          const [copy] = cluster.machine('n2').datasets.values();
          if (copy !== undefined) copy.properties = { ...copy.properties, role, owner: 'id-n2', epoch: 2 };
        }
        return go();
      };
      expect(await b.engine.converge(signal)).toMatchObject({
        result: 'failed',
        error: { message: expect.stringContaining(`"n2" has it with role ${role}, epoch 2`) },
      });
      expect(cluster.facts('n1').volumes[0]).toMatchObject({ role: 'released' });
    },
  );

  it('and what was frozen has a higher epoch once it was taken back: no late command fits it any more', async () => {
    const { cluster, controller, a } = await moving();
    await cutOffAt(a, (call) => roleIn(call) === 'released');
    expect(cluster.facts('n1').volumes[0]).toMatchObject({ role: 'frozen', epoch: 1 });
    expect(await controller(pgOn('n1')).engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(cluster.facts('n1').volumes[0]).toMatchObject({ role: 'owner', epoch: 2 });
  });

  it('goes on as a move of what was taken back, where taking back was cut off after its first half', async () => {
    const { cluster, controller, a } = await moving();
    await killedAfterRelease(a);
    const b = controller(pgOn('n1'));
    await cutOffAt(b, (call) => roleIn(call) === 'owner');
    expect(cluster.facts('n2').volumes[0]).toMatchObject({ role: 'incoming', epoch: 2 });
    expect(await controller(pgOn('n2')).engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(cluster)).toEqual(['n2']);
  });
});

describe('a snapshot job', () => {
  const moments: Readonly<Record<string, (call: OnItsWay) => boolean>> = {
    'before the volume is acquired': (call) => roleIn(call) === 'owner',
    'while the volume is released': (call) => roleIn(call) === 'released',
    'between the freeze and the final send': (call) => roleIn(call) === 'frozen',
  };
  it.each(Object.entries(moments))('that fires %s is in no way of the move', async (_, isNow) => {
    const { cluster, a } = await moving();
    let fired = 0;
    a.hook = async (call, go) => {
      if (call.operation === 'deadMan.arm') cluster.write('n1', volumeId, 4096);
      if (!isNow(call)) return go();
      const other = await cluster.session().node('n1', signal);
      fired += 1;
      await other.volumes.snapshot(cluster.facts('n1').volumes[0]?.dataset ?? '', `autosnap_${fired}`, signal);
      return go();
    };
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(fired).toBeGreaterThan(0);
    expect(a.events.filter((event) => event.type === 'step-started' && event.step.startsWith('stop-'))).toHaveLength(1);
  });

  it('whose snapshot both copies have is no base: it removes that again, and the way back stays short', async () => {
    const { cluster, a } = await moving();
    const copies = () => ['n1', 'n2'].flatMap((node) => [...cluster.machine(node).datasets.values()]);
    a.hook = async (call, go) => {
      if (call.node !== 'n2' || call.operation !== 'containers.start') return go();
      for (const copy of copies()) {
        const newest = copy.snapshots.at(-1);
        if (newest === undefined) expect.fail('no snapshot');
        const createTxg = newest.createTxg + 1;
        copy.snapshots.push({ ...newest, name: 'autosnap', guid: 'foreign', createTxg, holds: new Set() });
      }
      return go();
    };
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    for (const copy of copies()) copy.snapshots = copy.snapshots.filter(({ guid }) => guid !== 'foreign');
    a.hook = undefined;
    a.setConfig(pgOn('n1'));
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
  });

  it('whose hold keeps a snapshot of drover’s fails no move: the failure is a line', async () => {
    const { cluster, a } = await moving();
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const other = await cluster.session().node('n2', signal);
    const [copy] = cluster.facts('n2').volumes;
    for (const { name } of copy?.snapshots ?? []) await other.volumes.hold(copy?.dataset ?? '', name, 'zrepl', signal);
    cluster.write('n2', volumeId, 20 * MiB);
    a.setConfig(pgOn('n1'));
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const lines = a.events.flatMap((event) => (event.type === 'step-output' ? [event.line] : []));
    expect(lines.join('\n')).toContain('left for a later move to tidy up');
  });
});

describe('a node that was away while its peers moved a volume', () => {
  it('takes it again later, in a process that has never seen it before', async () => {
    const { cluster, controller, a } = await moving();
    await a.engine.converge(signal);
    cluster.write('n2', volumeId, MiB);
    cluster.disconnect('n1');
    expect(await controller(pgOn('n3')).engine.converge(signal)).toMatchObject({ result: 'converged' });
    cluster.reconnect('n1');
    expect(await controller(pgOn('n1')).engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(cluster)).toEqual(['n1']);
  });
});

describe('two applications on one node', () => {
  const app = (name: string, port: number, volumes: readonly string[]) =>
    anApplication(name, { ports: [tcp(port)], volumes: volumes.map((id) => aMount(id)) });

  it('are not brought back onto one volume where the one that has it could not be stopped', async () => {
    const { cluster, controller } = createControllers(threeNodes);
    const place = { n1: ['es', 'worker'], n2: [], n3: [] };
    const a = controller(aConfig([app('es', 1, ['e1', 'e2']), app('worker', 2, ['w'])], place));
    await a.engine.converge(signal);
    const next = [app('es', 1, ['e1']), app('worker', 2, ['w', 'e2'])];
    a.setConfig(aConfig(next, place, { revision: 'r2' }));
    cluster.fail('n1', 'containers.stop', new AppError('docker-failed', 'cannot stop: no exit event'));
    const outcome = await a.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed' });
    const used = cluster
      .facts('n1')
      .containers.flatMap(({ state, spec }) => (state === 'running' ? spec.mounts.map(({ volume }) => volume) : []));
    expect(new Set(used).size).toBe(used.length);
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
  });

  it('do not run on one volume: a start looks who uses it at the last moment', async () => {
    const { cluster, controller } = createControllers(threeNodes);
    const place = { n1: ['other', 'pg'], n2: [], n3: [] };
    const a = controller(aConfig([app('other', 1, ['o'])], { ...place, n1: ['other'] }));
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    a.setConfig(aConfig([app('other', 1, ['o']), app('pg', 2, [volumeId])], place, { revision: 'r2' }));
    a.hook = async (call, go) => {
      const result = await go();
      const { containers } = cluster.machine('n1');
      const other = containers.get('drover-other');
      if (call.operation === 'volumes.create' && other !== undefined) {
        const mounts = [{ volume: volumeId, mountpoint: '/o' }];
        containers.set('drover-other', { ...other, spec: { ...other.spec, mounts } });
      }
      return result;
    };
    expect(await a.engine.converge(signal)).toMatchObject({
      result: 'failed',
      error: { message: expect.stringContaining('container "drover-other" runs on it') },
    });
    expect(runningOn(cluster)).toEqual([]);
  });

  it('do not run on one volume: a start waits until the stopped container of the other is gone', async () => {
    const { cluster, controller, a, clock } = await moving();
    const stop = new AbortController();
    a.hook = async (call, go) => {
      const result = await go();
      if (roleIn(call) !== 'frozen') return result;
      stop.abort();
      throw new Error('killed');
    };
    await a.engine.converge(stop.signal);
    await a.cutOff();
    const renamed = anApplication('pg2', { ports: [tcp(5433)], volumes: [aMount(volumeId, undefined, '/data')] });
    const b = controller(aConfig([renamed], { n1: ['pg2'], n2: [], n3: [] }));
    cluster.fail('n1', 'containers.remove', new AppError('docker-failed', 'device or resource busy'));
    expect(await b.engine.converge(signal)).toMatchObject({ result: 'failed' });
    await b.cutOff();
    await clock.sleep(600_000, signal);
    const running = cluster.facts('n1').containers.filter(({ state }) => state === 'running');
    expect(running.length).toBeLessThanOrEqual(1);
    expect(cluster.violations()).toEqual([]);
  });
});

describe('a run that creates a volume', () => {
  it('has every node to itself, so that no other run creates it elsewhere at the same moment', async () => {
    const { cluster, controller } = createControllers(threeNodes);
    const worker = anApplication('worker', { volumes: [aMount('w')] });
    const on = (node: string) => aConfig([worker], { n1: [], n2: [], n3: [], [node]: ['worker'] }, { revision: node });
    expect(await controller(aConfig([], { n1: [], n2: [], n3: [] })).engine.converge(signal)).toMatchObject({
      result: 'converged',
    });
    const a = controller(on('n1'));
    const b = controller(on('n2'));
    const seen: string[] = [];
    a.hook = async (call, go) => {
      if (call.operation === 'volumes.create') seen.push((await b.engine.converge(signal)).result);
      return go();
    };
    expect(await a.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(seen).toEqual(['locked']);
    expect(nodes.flatMap((node) => cluster.facts(node).volumes)).toHaveLength(1);
  });
});
