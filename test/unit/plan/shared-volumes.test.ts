import { describe, expect, it } from 'vitest';
import type { ClusterState, Container } from '../../../src/model/cluster.ts';
import type { Application, Config } from '../../../src/model/config.ts';
import { movesWith, sharersOf } from '../../../src/model/shared-volumes.ts';
import { keepGroups } from '../../../src/plan/keep-groups.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { aCluster, aConfig, aContainer, aMount, anApplication, aVolume, onNode, snaps, tcp } from '../../builders.ts';
import { expectPlan } from './golden.ts';

const web = anApplication('web', { ports: [tcp(80)], volumes: [aMount('site', undefined, '/srv')] });
const cron = anApplication('cron', {
  volumes: [{ ...aMount('site', undefined, '/var/www'), readOnly: true }, aMount('log', undefined, '/log')],
});
const images = ['acme/web:1', 'acme/cron:1'];
const both = [web, cron];

const volumes = [aVolume('site', { on: 'a', application: 'cron' }), aVolume('log', { on: 'a', application: 'cron' })];
const running = (apps: readonly Application[], more: Partial<Container> = {}): Container[] =>
  apps.map((app) => aContainer(app, 'a', more));
const onA = (containers: readonly Container[] = running(both)): ClusterState =>
  aCluster(onNode('a', { containers, volumes, images }), onNode('b', { images }));
const placed = (a: readonly string[], b: readonly string[], apps: readonly Application[] = both): Config =>
  aConfig(apps, { a, b });
const stepsOf = (config: Config, state: ClusterState): readonly string[] =>
  makePlan(config, state)
    .steps.map(({ id }) => id)
    .filter((id) => !/^(replace-network|set-boot-rules|hold-ports)/.test(id));
const reasonsOf = (config: Config, state: ClusterState): readonly string[] =>
  makePlan(config, state).blocked.map(({ reason }) => reason);

describe('applications that share a volume', () => {
  it('move together: the volume is sent once, after all of them have stopped, and none starts before it has arrived', () => {
    expectPlan('shared-move', placed([], ['web', 'cron']), onA());
  });

  it('start for the first time on one new volume', () => {
    expectPlan('shared-first-start', placed(['web', 'cron'], []), aCluster(onNode('a', { images }), onNode('b')));
  });

  it('run on while one joins, leaves, or is replaced in its place', () => {
    expect(stepsOf(placed(['web', 'cron'], []), onA(running([web])))).toEqual([
      'start-container:cron:a',
      'check-container:cron:a',
    ]);
    expect(stepsOf(placed(['web'], []), onA())).toEqual(['stop-container:cron:a']);
    const other = { ...cron, image: { repository: 'acme/cron', tag: '1' }, environment: { MODE: 'b' } };
    expect(stepsOf(placed(['web', 'cron'], [], [web, other]), onA())).toEqual([
      'stop-container:cron:a',
      'start-container:cron:a',
      'check-container:cron:a',
    ]);
    expect(makePlan(placed(['web', 'cron'], []), onA()).steps).toEqual([]);
  });

  it('move after one that leaves the deployment has stopped', () => {
    const { steps } = makePlan(placed([], ['web']), onA());
    expect(steps.find(({ id }) => id === 'freeze-volume:site:a')?.after).toContain('stop-container:cron:a');
  });

  it('are blocked where the files place them on two nodes, and run on', () => {
    const config = placed(['web'], ['cron']);
    expect(makePlan(config, onA()).steps.filter(({ group }) => group === 'web' || group === 'cron')).toEqual([]);
    expect(reasonsOf(config, onA())).toEqual([
      'cannot place application "cron" on "b": it shares its volume at /var/www with "web", which is placed on "a"',
      'cannot place application "web" on "a": it shares its volume at /srv with "cron", which is placed on "b"',
    ]);
  });

  it('move all or none: what blocks one blocks the others', () => {
    const taken = aContainer(anApplication('foreign', { ports: [tcp(80)] }), 'b', { managed: false, name: 'nginx' });
    const state = aCluster(
      onNode('a', { containers: running(both), volumes, images }),
      onNode('b', { containers: [taken], images }),
    );
    expect(stepsOf(placed([], ['web', 'cron']), state)).toEqual([]);
    expect(reasonsOf(placed([], ['web', 'cron']), state).at(0)).toBe(
      'cannot place application "cron" on "b": "web" uses its volume on "a" and does not stop now',
    );
  });

  it('do not stop before everything is there that one of them waits for', () => {
    const db = anApplication('db', { ports: [tcp(5432)], volumes: [aMount('data')] });
    const needy: Application = { ...cron, dependsOn: [{ app: 'db', until: 'healthy' }] };
    const state = aCluster(
      onNode('a', {
        containers: running([db, web, needy]),
        volumes: [...volumes, aVolume('data', { on: 'a', application: 'db' })],
        images: [...images, 'acme/db:1'],
      }),
      onNode('b', { images: ['acme/db:1'] }),
    );
    const { steps } = makePlan(aConfig([db, web, needy], { a: [], b: ['db', 'web', 'cron'] }), state);
    for (const app of ['web', 'cron']) {
      const after = steps.find(({ id }) => id === `stop-container:${app}:a`)?.after;
      expect(after).toEqual(
        expect.arrayContaining([
          'check-container:db:b',
          'pull-image:acme/cron:1:b',
          'pull-image:acme/web:1:b',
          'sync-volume:log:a>b',
          'sync-volume:site:a>b',
        ]),
      );
    }
  });

  it('count their volume once where space is short', () => {
    const sized = volumes.map((volume) => ({ ...volume, referencedBytes: 600, usedBytes: 600 }));
    const state = (freeBytes: number) =>
      aCluster(
        onNode('a', { containers: running(both), volumes: sized, images }),
        onNode('b', { images, pool: { freeBytes } }),
      );
    expect(reasonsOf(placed([], ['web', 'cron']), state(1300))).toEqual([]);
    expect(reasonsOf(placed([], ['web', 'cron']), state(1100))).toHaveLength(2);
  });

  it('start again after a reboot, where a job among them is done', () => {
    const job = anApplication('job', { mayEnd: 'job', volumes: [aMount('site', undefined, '/srv')] });
    const needy: Application = { ...web, dependsOn: [{ app: 'job', until: 'done' }] };
    const exit = { state: 'exited', exit: { code: 0, oomKilled: false } } as const;
    const state = aCluster(
      onNode('a', {
        containers: [aContainer(needy, 'a', exit), aContainer(job, 'a', exit)],
        volumes: [aVolume('site', { on: 'a', mounted: false })],
        images: [...images, 'acme/job:1'],
      }),
    );
    const config = aConfig([needy, job], { a: ['web', 'job'] });
    expect(stepsOf(config, state)).toEqual([
      'stop-container:web:a',
      'mount-volume:site:a',
      'start-container:web:a',
      'check-container:web:a',
    ]);
    expect(reasonsOf(config, state)).toEqual([]);
  });

  it('start on a new volume only where the data of none may be elsewhere', () => {
    const old: Application = { ...web, volumes: [aMount('old', undefined, '/srv')] };
    const state = aCluster(
      onNode('a', { containers: [aContainer(old, 'a')], volumes: [aVolume('old', { on: 'a', application: 'web' })] }),
    );
    expect(stepsOf(aConfig(both, { a: ['web', 'cron'] }), state).filter((id) => !id.startsWith('pull'))).toEqual([]);
    expect(reasonsOf(aConfig(both, { a: ['web', 'cron'] }), state)).toEqual([
      'cannot start "cron" on "a": "web" shares a new volume with it, and is blocked',
      expect.stringContaining('cannot start "web" on "a" with a new, empty volume at /srv'),
    ]);
  });

  it('are left out together: one without the steps of another keeps what it has', () => {
    const plan = keepGroups(makePlan(placed([], ['web', 'cron']), onA()), (group) => group !== 'cron');
    expect(plan.steps.filter(({ group }) => group === 'web')).toEqual([]);
    const other = keepGroups(makePlan(placed([], ['web', 'cron']), onA()), (group) => group !== 'web');
    expect(other.steps.filter(({ group }) => group === 'cron')).toEqual([]);
  });

  it('are finished after a crash behind the acquire, with one of them started', () => {
    const state = aCluster(
      onNode('a', {
        volumes: [
          aVolume('site', { on: 'a', role: 'released', owner: 'id-b', epoch: 2, snapshots: snaps('s1') }),
          aVolume('log', { on: 'a', role: 'released', owner: 'id-b', epoch: 2, snapshots: snaps('s1') }),
        ],
        containers: [aContainer(cron, 'a', { state: 'exited' })],
        images,
      }),
      onNode('b', {
        volumes: [
          aVolume('site', { on: 'b', epoch: 2, snapshots: snaps('s1') }),
          aVolume('log', { on: 'b', role: 'incoming', epoch: 1, snapshots: snaps('s1') }),
        ],
        containers: [aContainer(web, 'b')],
        images,
      }),
    );
    expect(stepsOf(placed([], ['web', 'cron']), state)).toEqual([
      'stop-container:cron:a',
      'acquire-volume:log:a>b',
      'start-container:cron:b',
      'check-container:cron:b',
      'check-container:web:b',
      'settle-volume:log:a>b',
      'settle-volume:site:a>b',
    ]);
  });

  it('include those that share through another one, and one at two mountpoints', () => {
    const log = anApplication('log', { volumes: [aMount('log', undefined, '/in')] });
    const config = aConfig([...both, log], { a: ['web', 'cron', 'log'] });
    expect(movesWith(config, 'web')).toEqual(['cron', 'log', 'web']);
    expect(sharersOf(config, 'cron')).toEqual({ site: ['web'], log: ['log'] });
    const twice: Application = { ...web, volumes: [...web.volumes, aMount('site', undefined, '/again')] };
    const state = aCluster(onNode('a', { images }), onNode('b'));
    expect(stepsOf(aConfig([twice], { a: ['web'] }), state).filter((id) => id.startsWith('create'))).toEqual([
      'create-volume:site:a',
    ]);
  });
});
