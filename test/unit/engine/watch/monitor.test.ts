import { describe, expect, it } from 'vitest';
import type { Cluster, NodeClient } from '../../../../src/engine/node-client.ts';
import type { ClusterView } from '../../../../src/view/cluster-view.ts';
import { aConfig, anApplication } from '../../../builders.ts';
import { createClock } from '../../../fakes/clock.ts';
import {
  createScene,
  MiB,
  pgOn,
  type Scene,
  type SceneOptions,
  signal,
  threeNodes,
  volumeId,
} from '../../../fakes/scene.ts';

interface Monitoring extends Scene {
  view(): ClusterView;
  end(): Promise<void>;
}

/** pg runs on n1 and everything is as the files say. */
async function monitoring(
  options: Partial<SceneOptions> = {},
  wrap: (cluster: Cluster) => Cluster = (cluster) => cluster,
): Promise<Monitoring> {
  const clock = createClock('manual');
  const scene: Scene = createScene({
    seed: threeNodes,
    config: pgOn('n1'),
    clock,
    ...options,
    deps: { openCluster: () => wrap(scene.cluster.session()), ...options.deps },
  });
  let isDone = false;
  const first = scene.engine.converge(signal).finally(() => {
    isDone = true;
  });
  while (!isDone) await clock.advance(100);
  await first;
  const stop = new AbortController();
  const done = scene.engine.monitor(stop.signal);
  await clock.advance(4_000);
  scene.events.length = 0;
  return Object.assign(scene, {
    view: () => scene.engine.store.getSnapshot(),
    end: async () => {
      stop.abort();
      await clock.advance(10);
      await done;
    },
  });
}

const stateOf = (view: ClusterView, node: string, app = 'pg') => {
  const seen = view.nodes[node];
  return seen?.status === 'reachable'
    ? seen.facts.containers.find(({ application }) => application === app)?.state
    : seen?.status;
};

/** Nodes that never send figures, like a machine without power behind a connection that still looks open. */
function silencer(cluster: Cluster, silent: ReadonlySet<string>): Cluster {
  return {
    ...cluster,
    node: async (name, inner) => {
      const client = await cluster.node(name, inner);
      const wait = <T>(work: () => Promise<T>): Promise<T> => (silent.has(name) ? new Promise<T>(() => {}) : work());
      return {
        ...client,
        figures: (names, each) => wait(() => client.figures(names, each)),
        observe: (each) => wait(() => client.observe(each)),
      } satisfies NodeClient;
    },
  };
}

describe('the monitor', () => {
  it('shows a container that was killed, the plan that would start it, and the line of the trail within a second', async () => {
    const scene = await monitoring();
    scene.cluster.crash('n1', 'pg', { code: 137, oomKilled: true });
    await scene.clock.advance(1_000);
    expect(stateOf(scene.view(), 'n1')).toBe('exited');
    expect(scene.view().plan?.steps.map(({ id }) => id)).toContain('start-container:pg:n1');
    expect(scene.view().running).toBe(false);
    expect(scene.view().trail.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        '"pg" out of memory: the kernel killed a process in this container',
        '"pg" exited with code 137 (killed)',
      ]),
    );
    await scene.end();
  });

  it('starts and changes nothing', async () => {
    const scene = await monitoring();
    const writes = scene.cluster.writes();
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    await scene.clock.advance(60_000);
    expect(scene.cluster.writes()).toBe(writes);
    expect(scene.events.filter(({ type }) => type === 'run-started')).toEqual([]);
    await scene.end();
  });

  it('shows a node that is gone within three seconds, with what was seen last, and that it is back', async () => {
    const scene = await monitoring();
    const goneAt = scene.clock.now();
    scene.cluster.disconnect('n1');
    await scene.clock.advance(3_000);
    const lost = scene.view().nodes.n1;
    if (lost?.status !== 'unreachable') throw new Error('not lost');
    expect(lost.since - goneAt).toBeLessThanOrEqual(2_000);
    expect(lost.lastFacts?.containers.map(({ application }) => application)).toEqual(['pg']);
    await scene.clock.advance(20_000);
    expect(scene.view().nodes.n1).toMatchObject({ since: lost.since });
    expect(scene.events.filter((event) => event.type === 'node-observed' && event.node === 'n1')).toHaveLength(1);
    scene.cluster.reconnect('n1');
    await scene.clock.advance(3_000);
    expect(stateOf(scene.view(), 'n1')).toBe('running');
    await scene.end();
  });

  it('shows a node that says nothing any more within six seconds, and a plan that knows of it', async () => {
    const silent = new Set<string>();
    const scene = await monitoring({}, (cluster) => silencer(cluster, silent));
    silent.add('n1');
    await scene.clock.advance(6_000);
    expect(stateOf(scene.view(), 'n1')).toBe('unreachable');
    expect(scene.view().nodes.n1).toMatchObject({ error: { code: 'timeout' } });
    expect(scene.view().plan?.blocked.map(({ node }) => node)).toContain('n1');
    silent.clear();
    await scene.clock.advance(16_000);
    expect(stateOf(scene.view(), 'n1')).toBe('running');
    await scene.end();
  });

  it('has figures of every node every second, and only of containers that are visible', async () => {
    const scene = await monitoring();
    const before = scene.cluster.calls('n2', 'figures');
    await scene.clock.advance(30_000);
    expect(scene.cluster.calls('n2', 'figures') - before).toBe(30);
    const { n1, n2 } = scene.view().figures;
    expect(n1?.latest.containers).toHaveProperty('drover-pg');
    expect(n2?.latest.containers).toEqual({});
    expect(n1?.cpuHistory.length).toBeGreaterThan(20);
    scene.engine.send({ type: 'visible', apps: [] });
    await scene.clock.advance(2_000);
    expect(scene.view().figures.n1?.latest.containers).toEqual({});
    scene.engine.send({ type: 'visible', apps: ['pg'] });
    await scene.clock.advance(2_000);
    expect(scene.view().figures.n1?.latest.containers).toHaveProperty('drover-pg');
    await scene.end();
  });

  it('shows a pool that fills up within two seconds', async () => {
    const seed = { nodes: { n1: { poolBytes: 100 * MiB }, n2: {}, n3: {} } };
    const scene = await monitoring({ seed });
    scene.cluster.write('n1', volumeId, 85 * MiB);
    await scene.clock.advance(2_000);
    expect(scene.view().figures.n1?.latest.pool.freeBytes).toBe(15 * MiB);
    expect(scene.view().trail.at(-1)).toMatchObject({ source: 'node', node: 'n1', tone: 'warning' });
    await scene.end();
  });

  it('observes from time to time only while nothing happens, and never twice at once', async () => {
    const underWay = new Map<string, number>();
    let most = 0;
    const counted = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      underWay.set(what, (underWay.get(what) ?? 0) + 1);
      most = Math.max(most, underWay.get(what) ?? 0);
      return await work().finally(() => underWay.set(what, (underWay.get(what) ?? 0) - 1));
    };
    const counting = (cluster: Cluster): Cluster => ({
      ...cluster,
      node: async (name, inner) => {
        const client = await cluster.node(name, inner);
        return {
          ...client,
          figures: (names, each) => counted(`${name} figures`, () => client.figures(names, each)),
          observe: (each) => counted(`${name} observe`, () => client.observe(each)),
        };
      },
    });
    const scene = await monitoring({ seed: { ...threeNodes, roundTripMs: 400 } }, counting);
    most = 0;
    const before = scene.cluster.calls('n2', 'observe');
    await scene.clock.advance(100_000);
    expect(scene.cluster.calls('n2', 'observe') - before).toBeLessThanOrEqual(6);
    expect(scene.cluster.calls('n2', 'observe') - before).toBeGreaterThanOrEqual(4);
    for (let n = 0; n < 20; n += 1) {
      scene.cluster.emit('n1', 'start', 'pg');
      await scene.clock.advance(70);
    }
    await scene.clock.advance(2_000);
    expect(most).toBe(1);
    await scene.end();
  });

  it('does not show an observation where a newer one was kept', async () => {
    let isSlow = false;
    const scene = await monitoring({}, (cluster) => ({
      ...cluster,
      node: async (name, inner) => {
        const client = await cluster.node(name, inner);
        return {
          ...client,
          observe: async (each) => {
            const wasSlow = isSlow && name === 'n1';
            isSlow &&= !wasSlow;
            const facts = await client.observe(each);
            if (wasSlow) await scene.clock.sleep(3_000, each);
            return facts;
          },
        };
      },
    }));
    isSlow = true;
    scene.engine.send({ type: 'refresh' });
    await scene.clock.advance(100);
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    await scene.engine.observe(signal);
    expect(stateOf(scene.view(), 'n1')).toBe('exited');
    scene.events.length = 0;
    await scene.clock.advance(14_000);
    const seen = scene.events.flatMap((event) =>
      event.type === 'node-observed' && event.node === 'n1' && event.state.status === 'reachable'
        ? event.state.facts.containers.map(({ state }) => state)
        : [],
    );
    expect(seen).toEqual(['exited']);
    await scene.end();
  });

  it('does not look at a node because of a health check', async () => {
    const scene = await monitoring();
    const before = scene.cluster.calls('n1', 'observe');
    for (const action of ['exec_create: /bin/check', 'exec_start: /bin/check', 'exec_die'])
      scene.cluster.emit('n1', action, 'pg');
    await scene.clock.advance(2_000);
    expect(scene.cluster.calls('n1', 'observe')).toBe(before);
    expect(scene.events.filter(({ type }) => type === 'container-event')).toEqual([]);
    await scene.end();
  });

  it('says nothing about a plan that is still the same, and asks for forecasts only when other moves are planned', async () => {
    const scene = await monitoring();
    scene.setConfig(pgOn('n2'));
    const planning = scene.engine.plan(signal);
    await scene.clock.advance(1_000);
    await planning;
    scene.events.length = 0;
    const estimates = scene.cluster.calls('n1', 'volumes.estimate');
    await scene.clock.advance(60_000);
    expect(scene.events.filter(({ type }) => type === 'plan-made')).toEqual([]);
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    await scene.clock.advance(2_000);
    expect(scene.events.filter(({ type }) => type === 'plan-made').length).toBeGreaterThan(0);
    expect(scene.view().forecasts).toHaveLength(1);
    expect(scene.cluster.calls('n1', 'volumes.estimate')).toBe(estimates);
    await scene.end();
  });

  it('follows the nodes of a newer configuration', async () => {
    const scene = await monitoring();
    scene.setConfig(aConfig([anApplication('pg')], { n1: ['pg'], n2: [] }, { revision: 'two' }));
    const planning = scene.engine.plan(signal);
    await scene.clock.advance(1_000);
    await planning;
    const before = scene.cluster.calls('n3', 'figures');
    await scene.clock.advance(10_000);
    expect(scene.cluster.calls('n3', 'figures')).toBe(before);
    expect(Object.keys(scene.view().figures).toSorted()).toEqual(['n1', 'n2']);
    await scene.end();
  });

  it('observes at once when a person asks for it', async () => {
    const scene = await monitoring();
    const before = scene.cluster.calls('n3', 'observe');
    scene.engine.send({ type: 'refresh' });
    await scene.clock.advance(100);
    expect(scene.cluster.calls('n3', 'observe')).toBe(before + 1);
    await scene.end();
  });
});
