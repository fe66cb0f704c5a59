import { describe, expect, it } from 'vitest';
import type { Application, Config } from '../../../../src/model/config.ts';
import type { EngineEvent } from '../../../../src/model/events.ts';
import { aConfig, anApplication } from '../../../builders.ts';
import { createClock } from '../../../fakes/clock.ts';
import {
  createScene,
  MiB,
  pg,
  pgOn,
  runningOn,
  type Scene,
  type SceneOptions,
  signal,
  threeNodes,
  volumeId,
} from '../../../fakes/scene.ts';

interface Watching extends Scene {
  save(config: Config): Promise<void>;
  outcomes(): string[];
  /** What waits for approval now. */
  wanted(): string | undefined;
  running(): string[];
  approve(): Promise<void>;
  end(): Promise<void>;
}

async function watching(options: Partial<SceneOptions> = {}): Promise<Watching> {
  let changed = () => {};
  const clock = createClock('manual');
  const scene = createScene({
    seed: threeNodes,
    config: pgOn('n1'),
    clock,
    ...options,
    deps: {
      watchFiles: (callback, inner) => {
        changed = callback;
        return new Promise((resolve) => inner.addEventListener('abort', () => resolve()));
      },
      ...options.deps,
    },
  });
  const stop = new AbortController();
  const done = scene.engine.watch(stop.signal);
  await clock.advance(5_000);
  const view = () => scene.engine.store.getSnapshot();
  return Object.assign(scene, {
    save: async (config: Config) => {
      scene.setConfig(config);
      changed();
      await clock.advance(5_000);
    },
    outcomes: () => scene.events.flatMap((event) => (event.type === 'run-finished' ? [event.outcome.result] : [])),
    wanted: () => view().approval?.because,
    running: () =>
      ['n1', 'n2', 'n3'].flatMap((node) =>
        scene.cluster
          .facts(node)
          .containers.filter(({ state }) => state === 'running')
          .map(({ application }) => `${application} ${node}`),
      ),
    approve: async () => {
      scene.engine.send({ type: 'approve', revision: view().approval?.revision ?? '' });
      await clock.advance(10_000);
    },
    end: async () => {
      stop.abort();
      await clock.advance(10);
      await done;
    },
  });
}

const asking = (): Promise<Watching> => watching({ deps: { policy: 'ask', asks: true } });
const apps: readonly Application[] = ['a', 'b', 'c', 'd'].map((name) => anApplication(name));
const placed = (names: readonly string[], revision: string): Config =>
  aConfig(
    apps.filter(({ name }) => names.includes(name)),
    { n1: names, n2: [], n3: [] },
    { revision },
  );

describe('with the policy to ask', () => {
  it('does nothing before the plan is approved, then exactly that', async () => {
    const scene = await asking();
    expect(scene.wanted()).toBe('policy');
    expect(scene.engine.store.getSnapshot().plan?.revision).toBe('on-n1');
    expect(scene.engine.store.getSnapshot().policy).toBe('ask');
    expect(scene.cluster.writes()).toBe(0);
    await scene.clock.advance(120_000);
    expect(scene.cluster.writes()).toBe(0);
    expect(scene.events.filter(({ type }) => type === 'approval-wanted')).toHaveLength(1);
    await scene.approve();
    expect(scene.outcomes()).toEqual(['converged']);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.wanted()).toBeUndefined();
    await scene.end();
  });

  it('asks where a save with nothing to do finds something to do by the time it is run', async () => {
    const scene = await asking();
    await scene.approve();
    let looks = 0;
    scene.cluster.intercept(({ operation, node, phase }) => {
      if (operation !== 'observe' || node !== 'n1' || phase !== 'after') return;
      looks += 1;
      // Between the look that decides and the one of the run.
      if (looks === 1) scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    });
    await scene.save(pgOn('n1', { revision: 'the same in other words' }));
    const blocked = scene.events.flatMap((event) =>
      event.type === 'run-finished' && event.outcome.result === 'blocked' ? event.outcome.blockers : [],
    );
    expect(blocked.map(({ reason }) => reason)).toEqual([
      'cannot go on: there is something to do now, and it has not been approved',
    ]);
    expect([scene.wanted(), scene.running()]).toEqual(['policy', []]);
    await scene.approve();
    expect(scene.running()).toEqual(['pg n1']);
    await scene.end();
  });

  it('takes no approval of a revision that is not shown', async () => {
    const scene = await asking();
    scene.engine.send({ type: 'approve', revision: 'another' });
    await scene.clock.advance(10_000);
    expect(scene.cluster.writes()).toBe(0);
    await scene.end();
  });

  it('asks again when what has to be done changed between the look and the answer', async () => {
    const scene = await asking();
    await scene.approve();
    await scene.save(pgOn('n2'));
    expect(scene.wanted()).toBe('policy');
    const shown = scene.engine.store.getSnapshot().plan?.steps.length;
    // Stopped, and its volume not mounted: other steps than those that were shown.
    scene.cluster.reboot('n1');
    const wantedBefore = scene.events.filter(({ type }) => type === 'approval-wanted').length;
    await scene.approve();
    const { plan } = scene.engine.store.getSnapshot();
    expect(plan?.steps.length).not.toBe(shown);
    const extra = scene.events.filter(({ type }) => type === 'approval-wanted').length - wantedBefore;
    expect(extra).toBe(1);
    expect(scene.outcomes()).toEqual(['converged']);
    expect(runningOn(scene.cluster)).toEqual([]);
    await scene.approve();
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    await scene.end();
  });

  it('asks again also when it changes while the run takes its locks', async () => {
    const scene = await asking();
    await scene.approve();
    await scene.save(pgOn('n2'));
    scene.cluster.intercept(({ operation, phase }) => {
      if (operation !== 'mutex.acquire' || phase !== 'before') return;
      scene.cluster.intercept(undefined);
      scene.cluster.reboot('n3');
      scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    });
    const writes = scene.cluster.writes();
    await scene.approve();
    expect(scene.outcomes()).toEqual(['converged', 'blocked']);
    expect(scene.cluster.writes()).toBe(writes);
    expect(scene.wanted()).toBe('policy');
    await scene.approve();
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    await scene.end();
  });

  it('asks for the newest save only, and for nothing when that one wants what is there', async () => {
    const scene = await asking();
    await scene.approve();
    await scene.save(pgOn('n2'));
    await scene.save(pgOn('n3'));
    expect(scene.engine.store.getSnapshot().approval?.revision).toBe('on-n3');
    await scene.save(pgOn('n1'));
    expect(scene.wanted()).toBeUndefined();
    await scene.save(pgOn('n3'));
    await scene.approve();
    expect(runningOn(scene.cluster)).toEqual(['n3']);
    await scene.end();
  });

  it('lets an approved run go on when something newer is saved, and asks for that one afterwards', async () => {
    const scene = await asking();
    await scene.approve();
    await scene.save(pgOn('n2'));
    scene.engine.send({ type: 'approve', revision: 'on-n2' });
    scene.cluster.intercept(({ operation, phase }) => {
      if (operation !== 'containers.stop' || phase !== 'before') return;
      scene.cluster.intercept(undefined);
      void scene.save(pgOn('n3'));
    });
    await scene.clock.advance(20_000);
    expect(scene.outcomes()).toEqual(['converged', 'converged']);
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    expect(scene.engine.store.getSnapshot().approval?.revision).toBe('on-n3');
    await scene.approve();
    expect(runningOn(scene.cluster)).toEqual(['n3']);
    await scene.end();
  });

  it('asks for what corrects drift too, once; a plan that was declined only when a person wants it, or the files change', async () => {
    const scene = await asking();
    await scene.approve();
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    await scene.clock.advance(3_000);
    expect(scene.wanted()).toBe('policy');
    scene.engine.send({ type: 'decline' });
    expect(scene.wanted()).toBeUndefined();
    await scene.clock.advance(120_000);
    expect(scene.wanted()).toBeUndefined();
    expect(runningOn(scene.cluster)).toEqual([]);
    scene.engine.send({ type: 'apply' });
    await scene.clock.advance(3_000);
    expect(scene.wanted()).toBe('policy');
    await scene.approve();
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });

  it('asks no longer when what it asked for has come about by itself', async () => {
    const scene = await asking();
    await scene.approve();
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    await scene.clock.advance(3_000);
    expect(scene.wanted()).toBe('policy');
    await (await scene.cluster.node('n1', signal)).containers.start('pg', signal);
    await scene.clock.advance(3_000);
    expect(scene.wanted()).toBeUndefined();
    await scene.end();
  });

  it('applies what waits when the policy becomes on-save, and asks from then on when it becomes ask', async () => {
    const scene = await asking();
    scene.engine.send({ type: 'policy', policy: 'on-save' });
    await scene.clock.advance(5_000);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.wanted()).toBeUndefined();
    scene.engine.send({ type: 'policy', policy: 'ask' });
    await scene.save(pgOn('n2'));
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    expect(scene.wanted()).toBe('policy');
    await scene.end();
    expect(scene.wanted()).toBeUndefined();
  });
});

describe('an approval given where nothing waits for it', () => {
  it('serves for the run it starts, after the run before was cancelled', async () => {
    const scene = await watching({
      seed: { ...threeNodes, bytesPerSecond: MiB },
      deps: { policy: 'ask', asks: true },
    });
    await scene.approve();
    scene.cluster.write('n1', volumeId, 60 * MiB);
    await scene.save(pgOn('n2'));
    scene.engine.send({ type: 'approve', revision: 'on-n2' });
    await scene.clock.advance(5_000);
    scene.engine.send({ type: 'cancel' });
    await scene.clock.advance(20_000);
    expect(scene.outcomes()).toEqual(['converged', 'cancelled']);
    expect(scene.wanted()).toBeUndefined();
    const asked = scene.events.filter(({ type }) => type === 'approval-wanted').length;
    scene.engine.send({ type: 'approve', revision: 'on-n2' });
    await scene.clock.advance(120_000);
    expect(scene.outcomes()).toEqual(['converged', 'cancelled', 'converged']);
    expect(runningOn(scene.cluster)).toEqual(['n2']);
    expect(scene.events.filter(({ type }) => type === 'approval-wanted')).toHaveLength(asked);
    await scene.end();
  });

  it('is not used for another plan: that one is asked for', async () => {
    const scene = await asking();
    await scene.approve();
    scene.setConfig(pgOn('n2'));
    scene.engine.send({ type: 'approve', revision: 'on-n1' });
    await scene.clock.advance(20_000);
    expect(scene.wanted()).toBe('policy');
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });
});

describe('the guard', () => {
  const guarded = (): Promise<Watching> =>
    watching({ config: placed(['a', 'b', 'c', 'd'], 'all'), deps: { asks: true } });
  const reason = (event: EngineEvent | undefined) =>
    event?.type === 'approval-wanted' ? event.approval.reason : undefined;

  it('applies on save without asking, but asks when more than half of what runs would be stopped', async () => {
    const scene = await guarded();
    expect(scene.outcomes()).toEqual(['converged']);
    await scene.save(placed(['a', 'b', 'c'], 'three'));
    expect(scene.outcomes()).toEqual(['converged', 'converged']);
    await scene.save(placed(['a'], 'one'));
    expect(scene.wanted()).toBe('removal');
    expect(reason(scene.events.findLast(({ type }) => type === 'approval-wanted'))).toBe(
      'this would stop 2 of the 3 applications that run: "b", "c"',
    );
    expect(scene.running()).toEqual(['a n1', 'b n1', 'c n1']);
    await scene.approve();
    expect(scene.running()).toEqual(['a n1']);
    await scene.save(placed([], 'none'));
    expect(scene.running()).toEqual([]);
    await scene.end();
  });

  it('stops nothing of a save that was declined, whatever happens on the nodes', async () => {
    const scene = await guarded();
    await scene.save(placed(['a'], 'one'));
    scene.engine.send({ type: 'decline' });
    scene.cluster.crash('n1', 'a', { code: 1, oomKilled: false });
    await scene.clock.advance(100_000);
    expect(scene.running()).toEqual(['b n1', 'c n1', 'd n1']);
    expect(scene.wanted()).toBe('removal');
    await scene.save(placed(['a', 'b', 'c', 'd'], 'all'));
    expect(scene.wanted()).toBeUndefined();
    expect(scene.running()).toEqual(['a n1', 'b n1', 'c n1', 'd n1']);
    await scene.end();
  });

  it('does not ask where everything only moves', async () => {
    const scene = await guarded();
    const moved = aConfig(apps, { n1: [], n2: ['a', 'b', 'c', 'd'], n3: [] }, { revision: 'moved' });
    await scene.save(moved);
    expect(scene.outcomes()).toEqual(['converged', 'converged']);
    await scene.end();
  });

  it('refuses once where no person can be asked, until the removal is allowed or taken back', async () => {
    const scene = await watching({ config: placed(['a', 'b', 'c', 'd'], 'all') });
    await scene.save(placed([], 'none'));
    await scene.clock.advance(100_000);
    expect(scene.outcomes()).toEqual(['converged', 'blocked']);
    expect(scene.events.findLast(({ type }) => type === 'run-finished')).toMatchObject({
      outcome: { blockers: [{ because: 'removal', reason: expect.stringContaining('stop 4 of the 4 applications') }] },
    });
    expect(scene.running()).toHaveLength(4);
    await scene.save(placed(['a', 'b', 'c'], 'three'));
    expect(scene.running()).toEqual(['a n1', 'b n1', 'c n1']);
    await scene.end();
    const allowed = await watching({ config: placed(['a', 'b', 'c', 'd'], 'all'), deps: { allowsRemoval: true } });
    await allowed.save(placed([], 'none'));
    expect(allowed.running()).toEqual([]);
    await allowed.end();
  });

  it('holds for a single run as well, which asks before it takes any lock', async () => {
    const scene = createScene({ seed: threeNodes, config: placed(['a', 'b', 'c', 'd'], 'all') });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    scene.setConfig(placed(['a'], 'one'));
    const blocked = { result: 'blocked', blockers: [{ because: 'removal' }] };
    expect(await scene.engine.converge(signal)).toMatchObject(blocked);
    expect(await scene.engine.converge(signal, signal, async () => false)).toMatchObject(blocked);
    const before = scene.cluster.calls('n1', 'mutex.acquire');
    const asked: string[] = [];
    const confirm = async (reason: string): Promise<boolean> => {
      asked.push(`${reason}; locks taken: ${scene.cluster.calls('n1', 'mutex.acquire') - before}`);
      return true;
    };
    expect(await scene.engine.converge(signal, signal, confirm)).toMatchObject({ result: 'converged' });
    expect(asked).toEqual(['this would stop 3 of the 4 applications that run: "b", "c", "d"; locks taken: 0']);
  });

  it('takes a yes for what was shown only: what starts to run afterwards is not part of it', async () => {
    const scene = createScene({ seed: threeNodes, config: placed(['a', 'b', 'c', 'd'], 'all') });
    await scene.engine.converge(signal);
    scene.cluster.crash('n1', 'd', { code: 1, oomKilled: false });
    scene.setConfig(placed(['a'], 'one'));
    const outcome = await scene.engine.converge(signal, signal, async (reason) => {
      expect(reason).toContain('stop 2 of the 3 applications');
      await (await scene.cluster.node('n1', signal)).containers.start('d', signal);
      return true;
    });
    expect(outcome).toMatchObject({ result: 'blocked', blockers: [{ because: 'removal' }] });
  });

  it('asks again after the files were changed and changed back', async () => {
    const scene = await guarded();
    await scene.save(placed(['a'], 'one'));
    await scene.approve();
    expect(scene.running()).toEqual(['a n1']);
    await scene.save(placed(['a', 'b', 'c', 'd'], 'all'));
    expect(scene.running()).toHaveLength(4);
    await scene.save(placed(['a'], 'one'));
    expect(scene.wanted()).toBe('removal');
    expect(scene.running()).toHaveLength(4);
    await scene.end();
  });
});

describe('an application that was stopped by hand', () => {
  it('stays stopped, which the plan says, until it is started', async () => {
    const scene = await watching();
    const stopping = scene.engine.acts.stop('pg', signal);
    await scene.clock.advance(1_000);
    await stopping;
    await scene.clock.advance(100_000);
    expect(runningOn(scene.cluster)).toEqual([]);
    const { plan } = scene.engine.store.getSnapshot();
    expect(plan?.steps).toEqual([]);
    expect(plan?.notes).toEqual(['"pg" was stopped by hand: it stays so until it is started, or the files change']);
    const starting = scene.engine.acts.start('pg', signal);
    await scene.clock.advance(1_000);
    await starting;
    scene.cluster.crash('n1', 'pg', { code: 1, oomKilled: false });
    await scene.clock.advance(5_000);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });

  it('comes back with a save that changes the files', async () => {
    const scene = await watching();
    const stopping = scene.engine.acts.stop('pg', signal);
    await scene.clock.advance(1_000);
    await stopping;
    await scene.save(aConfig([pg], { n1: ['pg'], n2: [], n3: [] }, { revision: 'changed' }));
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });

  it('is not taken for drift while it is restarted', async () => {
    const seed = { ...threeNodes, registry: { 'acme/pg:1': { stopsAfterMs: 3_000 } } };
    const scene = await watching({ seed });
    const restarting = scene.engine.acts.restart('pg', signal);
    await scene.clock.advance(10_000);
    await restarting;
    await scene.clock.advance(60_000);
    expect(scene.outcomes()).toEqual(['converged']);
    expect(runningOn(scene.cluster)).toEqual(['n1']);
    await scene.end();
  });
});
