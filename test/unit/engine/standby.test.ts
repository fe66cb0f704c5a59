import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/model/config.ts';
import type { Standby } from '../../../src/model/standby/declared.ts';
import type { MemoryCluster } from '../../../src/simulation/memory/cluster.ts';
import { createScene, MiB, movingScene, pgOn, type Scene, signal, volumeId } from '../../fakes/scene.ts';

const seed = { nodes: { n1: { standby: true }, n2: { standby: true }, n3: { standby: true } } } as const;
const minute: Standby = { on: ['n2', 'n3'], everyMs: 60_000, loseMs: 300_000 };
const withStandby = (node: 'n1' | 'n2' | 'n3', standby: Standby = minute): Config =>
  pgOn(node, { revision: `on-${node}-${JSON.stringify(standby)}`, standbys: { pg: standby } });

const copyOn = (cluster: MemoryCluster, node: string) => cluster.facts(node).volumes.find(({ id }) => id === volumeId);
const sentOf = (cluster: MemoryCluster, node: string) => cluster.facts(node).standby?.sent ?? [];

async function scene(config = withStandby('n1')): Promise<Scene> {
  const made = createScene({ seed, config });
  expect((await made.engine.converge(signal)).result).toBe('converged');
  made.cluster.write('n1', volumeId, 40 * MiB);
  made.cluster.sendStandbys('n1');
  return made;
}

describe('declared standbys', () => {
  it('are set on the owner and on each node with one, and a second run has nothing to do', async () => {
    const { cluster, engine } = await scene();
    expect(cluster.facts('n1').standby?.rules).toMatchObject({
      sends: [{ volume: volumeId, targets: ['id-n2', 'id-n3'] }],
      accepts: [],
    });
    expect(cluster.facts('n2').standby?.rules).toMatchObject({ sends: [], accepts: [{ from: 'id-n1' }] });
    const again = await engine.plan(signal);
    expect(again.ok && again.plan.steps).toEqual([]);
  });

  it('get what was written since the round before, and nothing twice', async () => {
    const { cluster } = await scene();
    expect(sentOf(cluster, 'n1').map(({ bytes, error }) => [bytes, error])).toEqual([
      [40 * MiB, undefined],
      [40 * MiB, undefined],
    ]);
    cluster.write('n1', volumeId, MiB);
    cluster.sendStandbys('n1');
    expect(sentOf(cluster, 'n1').map(({ bytes }) => bytes)).toEqual([MiB, MiB]);
    expect(copyOn(cluster, 'n2')).toMatchObject({ role: 'replica', owner: 'id-n1', mounted: false });
    expect(cluster.content('n2', volumeId)).toEqual(cluster.content('n1', volumeId));
    expect(cluster.violations()).toEqual([]);
  });

  it('are kept up as time passes, without a run of drover', async () => {
    const { cluster, clock } = await scene();
    cluster.write('n1', volumeId, MiB);
    await clock.sleep(minute.everyMs, signal);
    expect(cluster.facts('n2').standby?.received[0]?.newest.takenAt).toBe(clock.now());
    expect(cluster.content('n2', volumeId)).toEqual(cluster.content('n1', volumeId));
  });

  it('end when the files no longer declare them, and the copies stay', async () => {
    const made = await scene();
    made.setConfig(pgOn('n1'));
    expect((await made.engine.converge(signal)).result).toBe('converged');
    expect(made.cluster.facts('n1').standby?.rules?.sends).toEqual([]);
    expect(copyOn(made.cluster, 'n2')?.role).toBe('replica');
  });

  it('turn round with a move: the old copy is a standby, and only what is new is sent', async () => {
    const made = await scene(withStandby('n1', { ...minute, on: ['n1', 'n2', 'n3'] }));
    made.cluster.write('n1', volumeId, MiB);
    made.setConfig(withStandby('n2', { ...minute, on: ['n1', 'n2', 'n3'] }));
    expect((await made.engine.converge(signal)).result).toBe('converged');
    expect(Math.max(...(made.receipts.at(-1)?.bytes ?? []))).toBeLessThan(2 * MiB);
    made.cluster.write('n2', volumeId, 2 * MiB);
    made.cluster.sendStandbys('n1');
    made.cluster.sendStandbys('n2');
    expect(sentOf(made.cluster, 'n2').map(({ target, bytes, error }) => [target, bytes, error])).toEqual([
      ['id-n1', 2 * MiB, undefined],
      ['id-n3', expect.any(Number), undefined],
    ]);
    expect(made.cluster.content('n1', volumeId)).toEqual(made.cluster.content('n2', volumeId));
    expect(made.cluster.content('n3', volumeId)).toEqual(made.cluster.content('n2', volumeId));
    expect(made.cluster.violations()).toEqual([]);
  });

  it('with auto keep the node that has the copy', async () => {
    const made = await scene(withStandby('n1', { ...minute, on: 'auto' }));
    const [first] = made.cluster.facts('n1').standby?.rules?.sends[0]?.targets ?? [];
    made.setConfig(withStandby('n2', { ...minute, on: 'auto' }));
    expect((await made.engine.converge(signal)).result).toBe('converged');
    const [second] = made.cluster.facts('n2').standby?.rules?.sends[0]?.targets ?? [];
    expect([first, second]).toEqual(['id-n2', 'id-n1']);
  });
});

describe('a node that does not own the volume', () => {
  it.each(['replica', 'frozen', 'released', 'diverged', 'retired'] as const)('sends nothing as %s', async (role) => {
    const { cluster } = await scene();
    const before = copyOn(cluster, 'n2')?.snapshots;
    for (const dataset of cluster.machine('n1').datasets.values()) dataset.properties.role = role;
    cluster.write('n1', volumeId, MiB);
    cluster.sendStandbys('n1');
    expect(copyOn(cluster, 'n2')?.snapshots).toEqual(before);
  });

  it('cannot send into a copy that became the owner, or that knows a later owner', async () => {
    const { cluster } = await scene();
    for (const [node, role, epoch] of [
      ['n2', 'owner', 3],
      ['n3', 'replica', 3],
    ] as const) {
      for (const dataset of cluster.machine(node).datasets.values())
        dataset.properties = { ...dataset.properties, role, epoch };
    }
    cluster.sendStandbys('n1');
    expect(sentOf(cluster, 'n1').map(({ error }) => error)).toEqual([
      'its copy there has role owner',
      'its copy there has epoch 3, and the owner here 1',
    ]);
  });
});

/** Rounds on all nodes at each call of a move, which is cut off there; the next run finishes it. */
describe('rounds during a move', () => {
  const move = async (at: number | undefined, kill: boolean) => {
    const made = await movingScene({ seed, config: withStandby('n1') });
    made.cluster.sendStandbys('n1');
    made.cluster.write('n1', volumeId, 3 * MiB);
    made.setConfig(withStandby('n2'));
    let calls = 0;
    const stop = new AbortController();
    made.cluster.intercept(({ phase, write }) => {
      if (!write || phase !== 'before') return;
      calls += 1;
      if (at !== calls && !(kill && at !== undefined && calls > at)) return;
      if (at === calls) for (const node of ['n1', 'n2', 'n3']) made.cluster.sendStandbys(node);
      if (kill) {
        stop.abort(new Error('killed'));
        throw new Error('killed');
      }
    });
    const run = await made.engine.converge(stop.signal).catch(() => undefined);
    made.cluster.intercept(undefined);
    return { made, calls, run };
  };

  it('at any call harm nothing, and are refused once the move has the volume', async () => {
    const { calls } = await move(undefined, false);
    expect(calls).toBeGreaterThan(20);
    for (let at = 1; at <= calls; at += 1) {
      const { made, run } = await move(at, false);
      expect([at, run?.result]).toEqual([at, 'converged']);
      expect([at, made.cluster.violations()]).toEqual([at, []]);
    }
  });

  it('at any call where drover is killed harm nothing, and the next run finishes the move', async () => {
    const { calls } = await move(undefined, false);
    for (let at = 1; at <= calls; at += 1) {
      const { made } = await move(at, true);
      const { cluster } = made;
      const written = Math.max(...['n1', 'n2'].map((node) => cluster.content(node, volumeId)?.written ?? 0));
      await made.restart();
      for (const node of ['n1', 'n2', 'n3']) cluster.sendStandbys(node);
      for (let pass = 0; pass < 3; pass += 1) await made.engine.converge(signal);
      expect([at, cluster.violations()]).toEqual([at, []]);
      expect([at, copyOn(cluster, 'n2')?.role, cluster.content('n2', volumeId)?.written]).toEqual([
        at,
        'owner',
        written,
      ]);
      cluster.sendStandbys('n2');
      expect([at, sentOf(cluster, 'n2').map(({ error }) => error)]).toEqual([at, [undefined]]);
      expect([at, cluster.content('n3', volumeId)]).toEqual([at, cluster.content('n2', volumeId)]);
    }
  });
});
