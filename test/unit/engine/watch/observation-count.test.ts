import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../../src/engine/node-client.ts';
import type { Config } from '../../../../src/model/config.ts';
import type { ApplyPolicy } from '../../../../src/model/events.ts';
import { createClock } from '../../../fakes/clock.ts';
import { createScene, pgOn, runningOn, type Scene, threeNodes } from '../../../fakes/scene.ts';

interface Counts {
  /** Before the first lock, or without any. */
  observed: number;
  /** From the first lock on. */
  underLock: number;
  plans: number;
}

interface Counting extends Scene {
  /** Event streams that are open now, on all nodes. */
  streams(): number;
  /** What happens from now on costs so much. */
  count(): Counts;
  save(config: Config): void;
  approve(): void;
  /** All event streams end with an error; what they would have reported is lost. */
  breakStreams(): void;
  end(): Promise<void>;
}

type Face = 'the screen' | 'drover watch';

/** pg runs on n1 of three nodes and nothing is left to do; the face has watched for a minute. */
async function counting(face: Face, policy: ApplyPolicy): Promise<Counting> {
  const clock = createClock('manual');
  let changed = () => {};
  let streams = 0;
  const broken: (() => void)[] = [];
  const counted = (cluster: Cluster): Cluster => ({
    ...cluster,
    node: async (name, signal) => {
      const client = await cluster.node(name, signal);
      const { events } = client.containers;
      return {
        ...client,
        containers: {
          ...client.containers,
          events: async function* (...args: Parameters<typeof events>) {
            streams += 1;
            const stream = events(...args)[Symbol.asyncIterator]();
            const cut = new Promise<never>((_, reject) => {
              broken.push(() => reject(new Error('the stream broke')));
            });
            try {
              for (;;) {
                const next = await Promise.race([stream.next(), cut]);
                if (next.done === true) return;
                yield next.value;
              }
            } finally {
              streams -= 1;
            }
          },
        },
      };
    },
  });
  const scene: Scene = createScene({
    seed: { ...threeNodes, roundTripMs: 10 },
    config: pgOn('n1'),
    clock,
    deps: {
      policy,
      asks: face === 'the screen' || policy === 'ask',
      openCluster: () => counted(scene.cluster.session()),
      watchFiles: (callback, signal) => {
        changed = callback;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    },
  });
  const stop = new AbortController();
  const running = [
    ...(face === 'the screen' ? [scene.engine.monitor(stop.signal)] : []),
    scene.engine.watch(stop.signal),
  ];
  const approve = (): void => {
    const { approval } = scene.engine.store.getSnapshot();
    scene.engine.send({ type: 'approve', revision: approval?.revision ?? '' });
  };
  await clock.advance(5_000);
  approve();
  await clock.advance(60_000);
  expect(runningOn(scene.cluster)).toEqual(['n1']);
  return Object.assign(scene, {
    streams: () => streams,
    count: () => {
      const counts: Counts = { observed: 0, underLock: 0, plans: 0 };
      let isLocked = false;
      scene.cluster.intercept(({ operation, phase }) => {
        if (phase !== 'before') return;
        if (operation === 'mutex.acquire') isLocked = true;
        if (operation === 'observe') counts[isLocked ? 'underLock' : 'observed'] += 1;
      });
      scene.engine.onEvent(({ type }) => {
        if (type === 'plan-made') counts.plans += 1;
      });
      return counts;
    },
    save: (config: Config) => {
      scene.setConfig(config);
      changed();
    },
    approve,
    breakStreams: () => {
      for (const end of broken.splice(0)) end();
    },
    end: async () => {
      stop.abort();
      await clock.advance(10);
      await Promise.all(running);
    },
  });
}

/** Lets time pass until all three nodes have just been observed from time to time, so that it does not happen again soon. */
async function afterPoll(scene: Counting): Promise<void> {
  const polls = scene.count();
  while (polls.observed < 3) await scene.clock.advance(100);
  await scene.clock.advance(1_000);
}

async function crashed(
  face: Face,
  policy: ApplyPolicy,
): Promise<{ readonly scene: Counting; readonly counts: Counts }> {
  const scene = await counting(face, policy);
  await afterPoll(scene);
  const counts = scene.count();
  scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
  await scene.clock.advance(5_000);
  return { scene, counts: { ...counts } };
}

describe.each(['the screen', 'drover watch'] as const)('on three nodes, %s', (face) => {
  const perMinute = face === 'the screen' ? 9 : 6;

  it('has one event stream for each node', async () => {
    const scene = await counting(face, 'on-save');
    expect(scene.streams()).toBe(3);
    scene.cluster.disconnect('n2');
    await scene.clock.advance(5_000);
    expect(scene.streams()).toBe(2);
    scene.cluster.reconnect('n2');
    await scene.clock.advance(20_000);
    expect(scene.streams()).toBe(3);
    await scene.end();
    expect(scene.streams()).toBe(0);
  });

  it('observes each node at most once before the first lock of a save, and then again under it', async () => {
    const scene = await counting(face, 'on-save');
    await afterPoll(scene);
    const counts = scene.count();
    scene.save(pgOn('n2'));
    await scene.clock.advance(3_000);
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    expect(counts.observed).toBeLessThanOrEqual(3);
    // Under the lock, and again before the run says that nothing is left to do; on the screen also after events.
    expect(counts.underLock).toBeGreaterThanOrEqual(3);
    expect(counts.underLock).toBeLessThanOrEqual(9);
    await scene.end();
  });

  it('observes the node of a container that ended, and all of them only under the lock', async () => {
    const { scene, counts } = await crashed(face, 'on-save');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(counts.observed).toBe(1);
    expect(counts.underLock).toBeGreaterThanOrEqual(3);
    expect(counts.observed + counts.underLock).toBeLessThanOrEqual(6);
    await scene.end();
  });

  it('asks about a container that ended after one observation, and observes no more while the question waits', async () => {
    const { scene, counts } = await crashed(face, 'ask');
    expect(scene.engine.store.getSnapshot().approval?.because).toBe('policy');
    expect(counts).toMatchObject({ observed: 1, underLock: 0, plans: 1 });
    const waiting = scene.count();
    await scene.clock.advance(60_000);
    expect(waiting).toMatchObject({ observed: perMinute, underLock: 0, plans: 0 });
    await scene.end();
  });

  it('observes nodes only from time to time while nothing happens', async () => {
    const scene = await counting(face, 'on-save');
    const counts = scene.count();
    await scene.clock.advance(60_000);
    expect(counts).toMatchObject({ observed: perMinute, underLock: 0, plans: 0 });
    await scene.end();
  });

  it('observes a node again when its events come back, for what was not reported in between', async () => {
    const scene = await counting(face, 'on-save');
    await afterPoll(scene);
    scene.breakStreams();
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    await scene.clock.advance(4_000);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.events.filter(({ type }) => type === 'container-event').length).toBeGreaterThan(0);
    await scene.end();
  });

  it('takes a node that is away for unknown, and listens to it again soon after it is back', async () => {
    const scene = await counting(face, 'on-save');
    scene.cluster.disconnect('n1');
    await scene.clock.advance(40_000);
    const { nodes, plan } = scene.engine.store.getSnapshot();
    expect(nodes.n1?.status).toBe('unreachable');
    expect(plan?.steps).toEqual([]);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    scene.cluster.reconnect('n1');
    await scene.clock.advance(10_000);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });
});

it('observes at a save what a person is asked to approve', async () => {
  const scene = await counting('the screen', 'ask');
  await afterPoll(scene);
  const counts = scene.count();
  scene.save(pgOn('n2'));
  await scene.clock.advance(3_000);
  expect(counts).toMatchObject({ observed: 3, underLock: 0, plans: 1 });
  await scene.end();
});
