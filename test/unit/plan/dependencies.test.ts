import { describe, expect, it } from 'vitest';
import type { Container } from '../../../src/model/cluster.ts';
import type { Application, Dependency, Milestone } from '../../../src/model/config.ts';
import type { Plan } from '../../../src/model/plan.ts';
import { keepGroups } from '../../../src/plan/keep-groups.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  onNode,
  snaps,
  tcp,
  unreachable,
} from '../../builders.ts';
import { expectPlan } from './golden.ts';

const on = (app: string, until: Milestone, more: Partial<Dependency> = {}): Dependency => ({ app, until, ...more });
const db = anApplication('db', { ports: [tcp(5432)] });
const job = anApplication('job', { mayEnd: 'job', dependsOn: [on('db', 'healthy')] });
const web = (...dependsOn: readonly Dependency[]): Application => anApplication('web', { ports: [tcp(80)], dependsOn });
const tagged = (app: Application, tag: string): Application => ({ ...app, image: { ...app.image, tag } });
const images = ['acme/db:1', 'acme/db:2', 'acme/job:1', 'acme/web:1', 'acme/web:2'];
const exited = (code: number): Partial<Container> => ({ state: 'exited', exit: { code, oomKilled: false } });

/** The steps that a step waits for, without those of images and tables. */
const afterOf = (plan: Plan, id: string): readonly string[] =>
  plan.steps.find((step) => step.id === id)?.after.filter((one) => !/^(pull-image|replace-network)/.test(one)) ?? [
    'no such step',
  ];

describe('applications that depend on others', () => {
  it('start after those, on whichever nodes, and a job is waited for until it is done', () => {
    expectPlan(
      'depend-first-start',
      aConfig([db, job, web(on('job', 'done'), on('db', 'started'))], { a: ['db', 'web'], b: ['job'] }),
      aCluster(onNode('a', { images }), onNode('b', { images })),
    );
  });

  it('keep running until what they need has changed and is healthy', () => {
    const apps = [tagged(db, '2'), tagged(web(on('db', 'healthy')), '2')];
    const now = [db, web()].map((app) => aContainer(app, 'a'));
    expectPlan(
      'depend-update',
      aConfig(apps, { a: ['db', 'web'] }),
      aCluster(onNode('a', { containers: now, images })),
    );
  });

  it('restart with one that is replaced: they stop before it and start after it', () => {
    const apps = [tagged(db, '2'), web(on('db', 'healthy', { restarts: true }))];
    const now = [db, web()].map((app) => aContainer(app, 'a'));
    expectPlan(
      'depend-restart',
      aConfig(apps, { a: ['db', 'web'] }),
      aCluster(onNode('a', { containers: now, images })),
    );
  });

  it('do not restart with one that only moves or starts', () => {
    const apps = [db, web(on('db', 'healthy', { restarts: true }))];
    const moves = makePlan(
      aConfig(apps, { a: ['web'], b: ['db'] }),
      aCluster(onNode('a', { containers: apps.map((app) => aContainer(app, 'a')) }), onNode('b', { images })),
    );
    expect(moves.steps.filter(({ group }) => group === 'web')).toEqual([]);
  });

  it('stop before those when all leave the deployment', () => {
    const apps = [db, web(on('db', 'started'))];
    const state = aCluster(onNode('a', { containers: apps.map((app) => aContainer(app, 'a')) }));
    const plan = makePlan(aConfig(apps, { a: [] }), state);
    expect(afterOf(plan, 'stop-container:db:a')).toEqual(['stop-container:web:a']);
    expect(afterOf(plan, 'stop-container:web:a')).toEqual([]);
  });

  it('wait for one that may fail, and start then too', () => {
    const plan = makePlan(
      aConfig([db, web(on('db', 'healthy', { isOptional: true }))], { a: ['db', 'web'] }),
      aCluster(onNode('a', { images })),
    );
    const start = plan.steps.find(({ id }) => id === 'start-container:web:a');
    expect(start?.after).toContain('check-container:db:a');
    expect(start?.optional).toContain('check-container:db:a');
  });

  it('wait for one that runs and is not healthy', () => {
    const plan = makePlan(
      aConfig([db, web(on('db', 'healthy'))], { a: ['db', 'web'] }),
      aCluster(onNode('a', { containers: [aContainer(db, 'a', { health: 'starting' })], images })),
    );
    expect(afterOf(plan, 'start-container:web:a')).toEqual(['check-container:db:a']);
  });

  it('are blocked with one whose node is away, unless it was ready when it was last seen', () => {
    const config = aConfig([db, web(on('db', 'healthy'))], { a: ['web'], b: ['db'] });
    const plan = makePlan(config, aCluster(onNode('a', { images }), unreachable('b')));
    expect(plan.steps.filter(({ group }) => group === 'web')).toEqual([]);
    expect(plan.blocked.map(({ reason }) => reason)).toContain(
      'cannot start "web" on "a": it depends on "db", which is blocked',
    );
    const seen = unreachable('b', { containers: [aContainer(db, 'b', { health: 'healthy' })] });
    const other = makePlan(config, aCluster(onNode('a', { images }), seen));
    expect(afterOf(other, 'start-container:web:a')).toEqual([]);
  });

  it('are left as they are with one that is left as it is, and come back without it', () => {
    const plan = makePlan(
      aConfig([db, web(on('db', 'started'))], { a: ['db', 'web'] }),
      aCluster(onNode('a', { images })),
    );
    const rest = keepGroups(plan, (group) => group !== 'db');
    expect(rest.steps.filter(({ group }) => group === 'web')).toEqual([]);
    expect(rest.blocked.map(({ reason }) => reason)).toEqual([
      'cannot change "web" now: it depends on "db", which is left as it is',
    ]);
    const back = keepGroups(plan, (group) => group === 'web', { returns: true });
    expect(afterOf(back, 'start-container:web:a')).toEqual([]);
  });
});

describe('a job', () => {
  const apps = [anApplication('job', { mayEnd: 'job' }), web(on('job', 'done'))];
  const [own = db, page = db] = apps;
  const planOf = (parts: Partial<Container>, more: Partial<Application> = {}, webs: readonly Container[] = []) =>
    makePlan(
      aConfig([{ ...own, ...more }, page], { a: ['job', 'web'] }),
      aCluster(onNode('a', { containers: [aContainer(own, 'a', parts), ...webs], images })),
    );

  it('that is done is not started again, and what depends on it starts', () => {
    const plan = planOf(exited(0));
    expect(plan.steps.filter(({ group }) => group === 'job')).toEqual([]);
    expect(afterOf(plan, 'start-container:web:a')).toEqual([]);
    expect(planOf({ state: 'exited', exit: { code: 0, oomKilled: false, isBeforeBoot: true } }).steps).toEqual(
      plan.steps,
    );
  });

  it('that has failed or not ended runs again or on, and what depends on it waits', () => {
    for (const state of [exited(3), { state: 'running' } as const]) {
      expect(afterOf(planOf(state), 'start-container:web:a')).toEqual(['check-container:job:a']);
    }
    const check = planOf({ state: 'running' }).steps.find(({ id }) => id === 'check-container:job:a');
    expect(check).toMatchObject({ action: { until: 'done' }, reason: 'other applications wait until it is done' });
  });

  it('runs again if its definition or its image has changed', () => {
    expect(afterOf(planOf(exited(0), { environment: { A: '1' } }), 'start-container:web:a')).toEqual([
      'check-container:job:a',
    ]);
    expect(afterOf(planOf({ ...exited(0), imageId: 'sha256:old' }), 'start-container:web:a')).toEqual([
      'check-container:job:a',
    ]);
  });

  it('that is done moves with its data and is not started again', () => {
    const keeper = anApplication('job', { mayEnd: 'job', volumes: [aMount('v1')] });
    expectPlan(
      'job-moves',
      aConfig([keeper, web(on('job', 'done'))], { a: ['web'], b: ['job'] }),
      aCluster(
        onNode('a', {
          containers: [aContainer(keeper, 'a', exited(0))],
          volumes: [aVolume('v1', { on: 'a', application: 'job', snapshots: snaps('a1') })],
          images,
        }),
        onNode('b', { images }),
      ),
    );
    const arrived = aContainer(own, 'a', { state: 'created' });
    const there = planOf({ ...arrived, spec: { ...arrived.spec, isDone: true } });
    expect(there.steps.filter(({ group }) => group === 'job')).toEqual([]);
  });

  it('for which nothing waits is not started again either, except after a boot of its node', () => {
    const alone = anApplication('job', { mayEnd: 'alone' });
    const state = (parts: Partial<Container>) => aCluster(onNode('a', { containers: [aContainer(alone, 'a', parts)] }));
    const config = aConfig([alone], { a: ['job'] });
    expect(makePlan(config, state(exited(0))).steps).toEqual([]);
    expect(makePlan(config, state(exited(1))).steps).not.toEqual([]);
    const before = { state: 'exited', exit: { code: 0, oomKilled: false, isBeforeBoot: true } } as const;
    expect(makePlan(config, state(before)).steps).not.toEqual([]);
  });
});
