import { describe, expect, it } from 'vitest';
import type { EngineDeps, FailoverRequest } from '../../../../src/engine/types.ts';
import { AppError } from '../../../../src/model/errors.ts';
import { aConfig, aMount, anApplication } from '../../../builders.ts';
import {
  createScene,
  MiB,
  movingScene,
  pg,
  pgOn,
  runningOn,
  type Scene,
  signal,
  volumeId,
} from '../../../fakes/scene.ts';

const gated = { nodes: { n1: { boot: {} }, n2: { boot: {} }, n3: { boot: {} } } };

const failure = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error as AppError, // what the acts throw
  );

const off: Pick<FailoverRequest, 'app' | 'to' | 'prove'> = {
  app: 'pg',
  to: 'n1',
  prove: async () => ({ kind: 'powered-off' }),
};
const fenced: FailoverRequest = { ...off, prove: async () => ({ kind: 'fence', command: 'cut n2' }) };

/** pg has moved to n2 and has written there since; n1 has a copy of the move, and n2 is lost. */
async function lostScene(deps: Partial<EngineDeps> = {}): Promise<Scene> {
  const scene = await movingScene({ deps, seed: gated });
  await scene.engine.converge(signal);
  scene.cluster.write('n2', volumeId, MiB);
  scene.cluster.powerOff('n2');
  await scene.restart();
  return scene;
}

describe('failover', () => {
  it('starts the application on its copy, with a higher epoch, a snapshot of what it began with, and a receipt', async () => {
    const scene = await lostScene();
    const stages: string[] = [];
    const copy = scene.cluster.facts('n1').volumes[0];
    const report = await scene.engine.acts.failOver({ ...off, onStage: (stage) => stages.push(stage) }, signal);
    expect(stages).toEqual(['looking', 'fenced', 'taking', 'starting', 'serving']);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    const [volume] = scene.cluster.facts('n1').volumes;
    expect(volume).toMatchObject({ role: 'owner', owner: 'id-n1', mounted: true });
    expect(volume?.epoch).toBeGreaterThanOrEqual((copy?.epoch ?? 0) + 2);
    expect(volume?.snapshots.at(-1)?.name).toBe(`drover-failover-e${volume?.epoch}`);
    expect(report.volumes).toMatchObject([{ volume: volumeId, snapshot: copy?.snapshots.at(-1)?.name }]);
    expect(scene.cluster.machine('n1').failovers).toMatchObject([
      { application: 'pg', from: ['n2'], to: 'n1', by: 'test', proofs: [{ kind: 'powered-off', node: 'n2' }] },
    ]);
    expect(scene.cluster.connect('n3', { port: 5432, protocol: 'tcp' })).toBe('accepted');
    scene.setConfig(pgOn('n1'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('is refused while the owner answers, and names the command for that', async () => {
    const scene = await movingScene({ seed: gated });
    await scene.engine.converge(signal);
    const writes = scene.cluster.writes();
    const error = await failure(scene.engine.acts.failOver(off, signal));
    expect([error.code, error.message]).toEqual(['volume-conflict', expect.stringContaining('"n2" owns it')]);
    expect(error.hint).toContain('drover move pg n1');
    expect(scene.cluster.writes()).toBeLessThanOrEqual(writes);
  });

  it('is refused where another node reaches the owner: only this machine is cut off', async () => {
    const scene = await movingScene({ seed: gated });
    await scene.engine.converge(signal);
    await scene.restart();
    scene.cluster.intercept(({ node, phase }) => {
      if (node === 'n2' && phase === 'before') throw new AppError('connection-failed', 'no route', { retryable: true });
    });
    let asked = false;
    const prove = async () => {
      asked = true;
      return { kind: 'powered-off' } as const;
    };
    const error = await failure(scene.engine.acts.failOver({ ...off, prove }, signal));
    expect(error.message).toMatch(/"n[13]" reaches "n2"/);
    expect(asked).toBe(false);
  });

  it('where the controller dies before the take-over, nothing has changed, and it can be run again', async () => {
    const scene = await lostScene();
    const before = scene.cluster.facts('n1').volumes;
    scene.cluster.fail('n1', 'volumes.takeOver', new Error('killed'));
    await failure(scene.engine.acts.failOver(off, signal));
    expect(scene.cluster.facts('n1').volumes).toEqual(before);
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    await scene.restart();
    await scene.engine.acts.failOver(off, signal);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
  });

  it('goes on without a new proof where a node without channel programs took one of two volumes over', async () => {
    const both = anApplication('pg', { ...pg, volumes: [aMount('data'), aMount('log', undefined, '/log')] });
    const on = (node: string) =>
      aConfig([both], { n1: [], n2: [], n3: [], [node]: ['pg'] }, { revision: `both-on-${node}` });
    const scene = createScene({ seed: gated, config: on('n1') });
    await scene.engine.converge(signal);
    scene.setConfig(on('n2'));
    await scene.engine.converge(signal);
    scene.cluster.powerOff('n2');
    await scene.restart();
    scene.cluster.fail('n1', 'volumes.takeOver', new Error('killed'));
    await failure(scene.engine.acts.failOver(off, signal));
    const [receipt] = scene.cluster.machine('n1').failovers;
    const first = [...scene.cluster.machine('n1').datasets.values()].find(
      ({ properties }) => properties.volume === 'data',
    );
    if (first === undefined || receipt === undefined) return expect.fail('no copy');
    const epoch = receipt.volumes.find(({ volume }) => volume === 'data')?.epoch ?? 0;
    first.properties = { ...first.properties, role: 'owner', owner: 'id-n1', epoch };
    first.readonly = false;
    await scene.restart();
    const report = await scene.engine.acts.failOver(
      { ...off, prove: () => Promise.reject(new Error('asked again')) },
      signal,
    );
    expect(report.proofs).toEqual(receipt.proofs);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('is refused where the fence command fails or hangs, with what it printed', async () => {
    const scene = await lostScene({ runHere: async () => ({ code: 3, output: 'no such outlet' }) });
    const before = scene.cluster.writes();
    const error = await failure(scene.engine.acts.failOver(fenced, signal));
    expect(error.message).toContain('exited with 3; it printed: no such outlet');
    expect(scene.cluster.writes()).toBe(before);
    await scene.restart({ runHere: () => new Promise(() => undefined) });
    expect((await failure(scene.engine.acts.failOver(fenced, signal))).message).toContain('no answer within 60.0 s');
    expect(scene.cluster.writes()).toBe(before);
  });

  it('is refused where the fence command exits with 0 and the node answers afterwards', async () => {
    const scene = await lostScene({
      runHere: async () => {
        scene.cluster.reboot('n2');
        return { code: 0, output: '' };
      },
    });
    await scene.restart();
    const error = await failure(scene.engine.acts.failOver(fenced, signal));
    expect(error.message).toContain('"n2" answers, although its fence command exited with 0');
    expect(error.hint).toContain('drover doctor --fence n2 --really');
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
  });

  it('waits until the node has been silent for 10 s after its fence', async () => {
    const scene = await lostScene({ runHere: async () => ({ code: 0, output: 'off' }) });
    const began = scene.clock.now();
    const report = await scene.engine.acts.failOver(fenced, signal);
    expect(scene.clock.now() - began).toBeGreaterThanOrEqual(10_000);
    expect(report.proofs).toEqual([{ kind: 'fence', node: 'n2', command: 'cut n2', output: 'off' }]);
  });

  it('where the new node dies during the start, a failover to another node needs a proof about that one', async () => {
    const scene = await movingScene({ seed: gated });
    await scene.engine.converge(signal);
    scene.setConfig(pgOn('n3'));
    await scene.engine.converge(signal);
    // n2 and n1 have copies; n3 is lost.
    scene.cluster.disconnect('n3');
    await scene.restart();
    scene.cluster.intercept(({ node, operation, phase }) => {
      if (node !== 'n2' || operation !== 'containers.start' || phase !== 'before') return;
      scene.cluster.disconnect('n2');
      throw new AppError('connection-failed', 'no route', { retryable: true });
    });
    const error = await failure(scene.engine.acts.failOver({ ...off, to: 'n2' }, signal));
    expect(error.message).toContain('"n2" owns the volumes of "pg" now');
    scene.cluster.intercept(undefined);
    const proven: string[] = [];
    const prove = async (node: string) => {
      proven.push(node);
      return { kind: 'powered-off' } as const;
    };
    await scene.engine.acts.failOver({ ...off, prove, isAlone: true }, signal);
    expect(proven).toEqual(['n2', 'n3']);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
  });

  it('looks again before the take-over: an owner that is back is refused, and offered as a move', async () => {
    const scene = await lostScene();
    const prove = async () => {
      scene.cluster.reboot('n2');
      scene.cluster.bootGate('n2');
      return { kind: 'powered-off' } as const;
    };
    const error = await failure(scene.engine.acts.failOver({ ...off, prove }, signal));
    expect(error.message).toContain('"n2" answers');
    expect(error.hint).toContain('drover move pg n1');
    expect(runningOn(scene.cluster, ['n1'])).toEqual([]);
    expect(scene.cluster.facts('n2').volumes).toMatchObject([{ role: 'owner' }]);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('asks whether the loss is accepted, with the age, before anything else', async () => {
    const scene = await lostScene();
    const at = scene.clock.now();
    let since = 0;
    const accept = async (look: { readonly lostSince?: number }) => {
      since = look.lostSince ?? 0;
      throw new AppError('usage', 'too old');
    };
    const writes = scene.cluster.writes();
    expect((await failure(scene.engine.acts.failOver({ ...off, accept }, signal))).message).toBe('too old');
    expect(since).toBeGreaterThan(0);
    expect(since).toBeLessThanOrEqual(at);
    expect(scene.cluster.writes()).toBe(writes);
  });

  it('is refused where no third node can be reached, unless that is allowed', async () => {
    const scene = await lostScene();
    scene.cluster.disconnect('n3');
    const error = await failure(scene.engine.acts.failOver(off, signal));
    expect(error.message).toContain('may be cut off');
    expect(error.hint).toContain('--alone');
    await scene.engine.acts.failOver({ ...off, isAlone: true }, signal);
    expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
  });

  it('chooses the node with a copy itself, and changes nothing in a dry run', async () => {
    const scene = await lostScene();
    const writes = scene.cluster.writes();
    const { to: _to, ...anywhere } = off;
    const report = await scene.engine.acts.failOver({ ...anywhere, isDryRun: true }, signal);
    expect(report).toMatchObject({ to: 'n1', from: ['n2'], away: [] });
    expect(report.plan.steps.map(({ action }) => action.kind)).toContain('start-container');
    expect(scene.cluster.writes()).toBe(writes);
  });

  it('starts an application without volumes on another node too', async () => {
    const web = anApplication('web', { image: { repository: 'acme/web', tag: '1' } });
    const config = aConfig([web], { n1: [], n2: ['web'], n3: [] });
    const scene = createScene({ seed: gated, config });
    await scene.engine.converge(signal);
    scene.cluster.disconnect('n2');
    await scene.engine.observe(signal);
    await scene.engine.acts.failOver({ ...off, app: 'web' }, signal);
    expect(scene.cluster.facts('n1').containers).toMatchObject([{ application: 'web', state: 'running' }]);
  });

  it('lists what a lost node has, in the order of the dependencies', async () => {
    const web = anApplication('web', { dependsOn: [{ app: 'pg', until: 'started' }] });
    const api = anApplication('api', { dependsOn: [{ app: 'web', until: 'started' }] });
    const scene = createScene({
      seed: gated,
      config: aConfig([api, pg, web], { n1: [], n2: ['pg', 'web', 'api'], n3: [] }),
    });
    scene.cluster.disconnect('n2');
    expect(await scene.engine.applicationsOn('n2', signal)).toEqual(['pg', 'web', 'api']);
  });
});

/** After a failover to n1, n2 is back: its copy diverged. */
async function returnedScene(): Promise<Scene> {
  const scene = await lostScene();
  await scene.engine.acts.failOver(off, signal);
  scene.cluster.write('n1', volumeId, 3 * MiB);
  scene.cluster.reboot('n2');
  scene.cluster.bootGate('n2');
  scene.setConfig(pgOn('n1'));
  return scene;
}

describe('an owner that returns after a failover', () => {
  it('is diverged at its boot, keeps its data, and starts nothing', async () => {
    const scene = await lostScene();
    const lost = scene.cluster.machine('n2');
    const content = [...lost.datasets.values()][0]?.content;
    await scene.engine.acts.failOver(off, signal);
    scene.cluster.reboot('n2');
    expect(scene.cluster.bootGate('n2')).toBe(true);
    expect(scene.cluster.facts('n2').volumes).toMatchObject([{ role: 'diverged', mounted: false }]);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect([...lost.datasets.values()][0]?.content).toEqual(content);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('is reported with what it wrote that never arrived', async () => {
    const scene = await returnedScene();
    const [copy] = await scene.engine.diverged(signal);
    expect(copy).toMatchObject({ volume: volumeId, application: 'pg', node: 'n2', owner: 'n1', bytes: MiB });
    expect(copy?.since).toBeLessThanOrEqual(scene.clock.now());
  });

  it('becomes a standby again from the newest common snapshot; what it had is kept, and it can move home', async () => {
    const scene = await returnedScene();
    const before = scene.cluster.content('n2', volumeId);
    const [seeded] = await scene.engine.acts.reseed('pg', 'n2', signal);
    expect(seeded).toMatchObject({ volume: volumeId, from: 'n1', base: expect.stringMatching(/^drover-e/) });
    const datasets = [...scene.cluster.machine('n2').datasets.values()];
    const kept = datasets.find(({ name }) => name === seeded?.kept);
    expect(kept).toMatchObject({ properties: { role: 'retired' }, content: before, readonly: true });
    expect(scene.cluster.content('n2', volumeId)).toEqual(scene.cluster.content('n1', volumeId));
    expect(await scene.engine.diverged(signal)).toEqual([]);
    expect(await scene.engine.acts.reseed('pg', 'n2', signal)).toEqual([{ volume: volumeId, from: 'n1' }]);
    scene.setConfig(pgOn('n2'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    expect(scene.cluster.machine('n2').datasets.get(seeded?.kept ?? '')?.content).toEqual(before);
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('gets everything again where no snapshot is common', async () => {
    const scene = await returnedScene();
    for (const dataset of scene.cluster.machine('n2').datasets.values()) dataset.snapshots = [];
    const [seeded] = await scene.engine.acts.reseed('pg', 'n2', signal);
    expect([seeded?.base, seeded?.kept]).toEqual([undefined, expect.stringContaining('-diverged-')]);
    expect(scene.cluster.content('n2', volumeId)).toEqual(scene.cluster.content('n1', volumeId));
  });

  it('is left as it is without enough space, with the figures', async () => {
    const scene = await returnedScene();
    const machine = scene.cluster.machine('n2');
    machine.poolBytes = scene.cluster.content('n2', volumeId)?.bytes ?? 0;
    const facts = scene.cluster.facts('n2').volumes;
    const error = await failure(scene.engine.acts.reseed('pg', 'n2', signal));
    expect(error.message).toMatch(/does not fit: "n2" needs \d+ MiB and its pool has \d+ MiB free/);
    expect(scene.cluster.facts('n2').volumes).toEqual(facts);
  });

  it('is refused on the node that owns the volume', async () => {
    const scene = await returnedScene();
    expect((await failure(scene.engine.acts.reseed('pg', 'n1', signal))).message).toContain('"n1" owns');
  });

  it('is finished by the next one where it was cut off at any write', async () => {
    for (let killedAt = 1; ; killedAt += 1) {
      const scene = await returnedScene();
      const before = scene.cluster.content('n2', volumeId);
      let writes = 0;
      scene.cluster.intercept(({ write, phase }) => {
        if (write && phase === 'after') writes += 1;
        if (write && phase === 'after' && writes >= killedAt) throw new Error('killed');
      });
      await scene.engine.acts.reseed('pg', 'n2', signal).catch(() => undefined);
      scene.cluster.intercept(undefined);
      if (writes < killedAt) break;
      await scene.restart();
      await scene.engine.acts.reseed('pg', 'n2', signal);
      expect(scene.cluster.content('n2', volumeId)).toEqual(scene.cluster.content('n1', volumeId));
      const contents = [...scene.cluster.machine('n2').datasets.values()].map(({ content }) => content);
      expect(contents).toContainEqual(before);
      expect(scene.cluster.violations()).toEqual([]);
    }
  });
});

describe('a failover that is killed', () => {
  it('at any write, is finished by the next one: one owner, one writer, all that had arrived', async () => {
    for (let killedAt = 1; ; killedAt += 1) {
      const scene = await lostScene();
      const arrived = scene.cluster.content('n1', volumeId);
      let writes = 0;
      scene.cluster.intercept(({ write, phase }) => {
        if (write && phase === 'after') writes += 1;
        if (write && phase === 'after' && writes >= killedAt) throw new Error('killed');
      });
      await scene.engine.acts.failOver(off, signal).catch(() => undefined);
      scene.cluster.intercept(undefined);
      if (writes < killedAt) break;
      await scene.restart();
      await scene.engine.acts.failOver(off, signal);
      expect(runningOn(scene.cluster, ['n1'])).toEqual(['n1']);
      expect(scene.cluster.content('n1', volumeId)).toEqual(arrived);
      scene.cluster.reboot('n2');
      scene.cluster.bootGate('n2');
      expect(scene.cluster.facts('n2').volumes).toMatchObject([{ role: 'diverged' }]);
      expect(scene.cluster.violations()).toEqual([]);
    }
  });

  it('in the middle of a move, with the owner back at any write, never has two owners or two writers', async () => {
    // The move is cut at its k-th write by the power of n1; the failover is to n2, and n1 is back at its m-th write.
    for (let cutAt = 1; cutAt <= 24; cutAt += 1) {
      for (const backAt of [0, 1, 2, 4, 7]) {
        const scene = await movingScene({ seed: gated });
        let writes = 0;
        scene.cluster.intercept(({ write, phase }) => {
          if (write && phase === 'after') writes += 1;
          if (writes === cutAt && phase === 'after' && write) scene.cluster.powerOff('n1');
        });
        await scene.engine.converge(signal).catch(() => undefined);
        scene.cluster.intercept(undefined);
        await scene.restart();
        let more = 0;
        scene.cluster.intercept(({ write, phase, node }) => {
          if (write && phase === 'after' && node !== 'n1') more += 1;
          if (backAt === 0 || more !== backAt || phase !== 'after' || !scene.cluster.machine('n1').isOff) return;
          if (scene.cluster.machine('n1').connected) return;
          scene.cluster.reboot('n1');
          scene.cluster.bootGate('n1');
        });
        await scene.engine.acts.failOver({ ...off, to: 'n2' }, signal).catch(() => undefined);
        scene.cluster.intercept(undefined);
        if (scene.cluster.machine('n1').isOff) scene.cluster.reboot('n1');
        for (const node of ['n1', 'n2', 'n3']) scene.cluster.elapse(node);
        scene.cluster.bootGate('n1');
        await scene.restart();
        await scene.engine.converge(signal);
        expect([cutAt, backAt, scene.cluster.violations()]).toEqual([cutAt, backAt, []]);
        expect(runningOn(scene.cluster).length).toBeLessThanOrEqual(1);
        if (writes < cutAt) return;
      }
    }
  });
});
