import { describe, expect, it } from 'vitest';
import type { Application, Config } from '../../../../src/model/config.ts';
import type { MemoryImage } from '../../../../src/simulation/memory/types.ts';
import { aConfig, aMount, anApplication, tcp } from '../../../builders.ts';
import { createScene, type Scene, signal } from '../../../fakes/scene.ts';

const db = anApplication('db', { ports: [tcp(5432)] });
const job = anApplication('job', { mayEnd: 'job' });
const web = anApplication('web', {
  ports: [tcp(80)],
  dependsOn: [
    { app: 'db', until: 'healthy' },
    { app: 'job', until: 'done' },
  ],
});

/** The database on one node, the rest on another. */
const placed = (apps: readonly Application[], revision = '1'): Config =>
  aConfig(
    apps,
    {
      n1: apps.flatMap(({ name }) => (name === 'db' ? [name] : [])),
      n2: apps.flatMap(({ name }) => (name === 'db' ? [] : [name])),
    },
    { revision },
  );

const sceneOf = (
  registry: Readonly<Record<string, MemoryImage>>,
  apps: readonly Application[] = [db, job, web],
): Scene => {
  const images = Object.fromEntries(['db:1', 'db:2', 'job:1', 'job:2', 'web:1'].map((name) => [`acme/${name}`, {}]));
  return createScene({
    seed: { nodes: { n1: {}, n2: {} }, registry: { ...images, ...registry } },
    config: placed(apps),
  });
};

const containerOf = (scene: Scene, node: string, app: string) =>
  scene.cluster.machine(node).containers.get(`drover-${app}`);
const startOf = (scene: Scene, node: string, app: string): number =>
  containerOf(scene, node, app)?.startedAtMs ?? Number.POSITIVE_INFINITY;
const startsOf = (scene: Scene, node: string, app: string): number => containerOf(scene, node, app)?.starts ?? 0;
const messageOf = (outcome: unknown): string => JSON.stringify(outcome);

const ends = (code: number, afterMs = 5_000): MemoryImage => ({ exits: { afterMs, code }, logs: ['last words'] });

describe('a run with dependencies', () => {
  it('starts an application when what it needs on another node is healthy and the job is done', async () => {
    const scene = sceneOf({ 'acme/db:1': { health: { afterMs: 20_000, result: 'healthy' } }, 'acme/job:1': ends(0) });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(startOf(scene, 'n2', 'web')).toBeGreaterThanOrEqual(startOf(scene, 'n1', 'db') + 20_000);
    expect(containerOf(scene, 'n2', 'job')).toMatchObject({ state: 'exited', starts: 1 });
    // The next run has nothing to do.
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
  });

  it('names what the health check printed, and what was not started because of it', async () => {
    const output = '\u001b[31mcurl: (7) cannot connect\u001b[0m\n';
    const scene = sceneOf({
      'acme/db:1': { health: { afterMs: 1_000, result: 'unhealthy', output } },
      'acme/job:1': ends(0),
    });
    const outcome = messageOf(await scene.engine.converge(signal));
    expect(outcome).toContain('its health check fails (it printed: curl: (7) cannot connect)');
    expect(outcome).toContain('\\"web\\" is not started: it depends on \\"db\\"');
    expect(containerOf(scene, 'n2', 'web')).toBeUndefined();
  });

  it('stops at a job that fails, with its code, its log and the way to it', async () => {
    const scene = sceneOf({ 'acme/job:1': ends(3) });
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed', failed: ['check-container:job:n2'] });
    expect(messageOf(outcome)).toContain('cannot finish \\"job\\" on \\"n2\\": it exited with code 3');
    expect(messageOf(outcome)).toContain('drover logs job');
    expect(messageOf(outcome)).toContain('last words');
    expect(containerOf(scene, 'n2', 'web')).toBeUndefined();
  });

  it('waits for a job no longer than timeouts.job, reports progress, and goes on waiting in the next run', async () => {
    const scene = sceneOf({ 'acme/job:1': ends(0, 700_000) });
    const outcome = messageOf(await scene.engine.converge(signal));
    expect(outcome).toContain('it still runs after 600 s');
    const lines = scene.events.flatMap((event) => (event.type === 'step-output' ? [event.line] : []));
    expect(lines).toContain('"job" has been running for 30 s');
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(startsOf(scene, 'n2', 'job')).toBe(1);
  });

  it('does not run a job again before its definition changes', async () => {
    const scene = sceneOf({ 'acme/job:1': ends(0), 'acme/job:2': ends(0) });
    await scene.engine.converge(signal);
    const first = containerOf(scene, 'n2', 'job');
    scene.setConfig(placed([{ ...db, environment: { A: '1' } }, job, web], '2'));
    await scene.engine.converge(signal);
    expect(containerOf(scene, 'n2', 'job')).toBe(first);
    scene.setConfig(placed([db, { ...job, image: { repository: 'acme/job', tag: '2' } }, web], '3'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(containerOf(scene, 'n2', 'job')).toMatchObject({
      starts: 1,
      state: 'exited',
      spec: { image: 'acme/job:2' },
    });
  });

  it('moves a job that is done, with its volume, and does not start it again', async () => {
    const keeper = { ...job, volumes: [aMount('v1', undefined, '/data')] };
    const scene = sceneOf({ 'acme/job:1': ends(0) }, [keeper, { ...web, dependsOn: [{ app: 'job', until: 'done' }] }]);
    await scene.engine.converge(signal);
    const { applications } = placed([keeper, { ...web, dependsOn: [{ app: 'job', until: 'done' }] }]);
    scene.setConfig(aConfig(Object.values(applications), { n1: ['job'], n2: ['web'] }, { revision: '2' }));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(containerOf(scene, 'n2', 'job')).toBeUndefined();
    expect(containerOf(scene, 'n1', 'job')).toMatchObject({ state: 'created', starts: 0 });
    expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    expect(scene.cluster.violations()).toEqual([]);
  });

  it('keeps what depends on an update that fails, and brings back what restarts with it', async () => {
    const both = (restarts?: true) => [
      db,
      { ...web, dependsOn: [{ app: 'db', until: 'healthy' as const, ...(restarts && { restarts }) }] },
    ];
    const next = (apps: readonly Application[]) =>
      apps.map((app) => (app.name === 'db' ? { ...app, image: { repository: 'acme/db', tag: '2' } } : app));
    for (const restarts of [undefined, true] as const) {
      const scene = sceneOf({ 'acme/db:2': { health: { afterMs: 1_000, result: 'unhealthy' } } }, both(restarts));
      await scene.engine.converge(signal);
      scene.setConfig(placed(next(both(restarts)), '2'));
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
      expect(containerOf(scene, 'n2', 'web')?.state).toBe('running');
    }
  });

  it('starts an application whose optional dependency fails', async () => {
    const scene = sceneOf({ 'acme/job:1': ends(1) }, [
      db,
      job,
      { ...web, dependsOn: [{ app: 'job', until: 'done', isOptional: true }] },
    ]);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
    expect(containerOf(scene, 'n2', 'web')?.state).toBe('running');
  });
});

describe('hooks', () => {
  const hooked: Application = {
    ...db,
    hooks: { postStart: [{ command: ['prepare', 'x'], user: 'root' }], preStop: [{ command: ['drain'] }] },
  };

  it('run after a start and before a stop, and their output goes to the log of the run', async () => {
    const scene = sceneOf({ 'acme/db:1': { programs: { prepare: 0, drain: 0 } } }, [hooked]);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const first = containerOf(scene, 'n1', 'db');
    expect(first?.programs).toEqual(['root: prepare x']);
    expect(JSON.stringify(scene.events)).toContain('post_start: prepare ran');
    scene.setConfig(aConfig([hooked], { n1: [], n2: ['db'] }, { revision: '2' }));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(first?.programs).toEqual(['root: prepare x', 'drain']);
  });

  it('fail the start, or are reported at the end of a run whose stop goes on', async () => {
    const scene = sceneOf({ 'acme/db:1': { programs: { prepare: 4, drain: 5 } } }, [hooked]);
    const outcome = await scene.engine.converge(signal);
    expect(outcome).toMatchObject({ result: 'failed', failed: ['start-container:db:n1'] });
    expect(messageOf(outcome)).toContain(
      'cannot run the post_start hook of \\"db\\" on \\"n1\\": it exited with code 4',
    );
    scene.setConfig(aConfig([{ ...hooked, hooks: { preStop: [{ command: ['drain'] }] } }], { n1: [], n2: ['db'] }));
    expect(await scene.engine.converge(signal)).toMatchObject({
      result: 'converged',
      warnings: ['cannot run the pre_stop hook of "db" on "n1": it exited with code 5: drain ran'],
    });
  });
});
