import { describe, expect, it } from 'vitest';
import type { Application, Config } from '../../../../src/model/config.ts';
import { makePlan } from '../../../../src/plan/make-plan.ts';
import { aCluster, aConfig, aContainer, aMount, anApplication, aVolume, onNode, tcp } from '../../../builders.ts';

const withVolumes = (name: string, ...mounts: readonly [string, string][]): Application =>
  anApplication(name, { ports: [tcp(5432)], volumes: mounts.map(([id, place]) => aMount(id, undefined, place)) });

const before = withVolumes('db', ['old', '/data']);
const old = aVolume('old', { on: 'a', application: 'db', dataset: 'drover/volumes/db-1', referencedBytes: 2 ** 20 });
const running = aCluster(onNode('a', { containers: [aContainer(before, 'a')], volumes: [old] }), onNode('b'));

const planFor = (app: Application, overrides: Partial<Config> = {}, node = 'a') =>
  makePlan(aConfig([app], { a: [], b: [], [node]: [app.name] }, overrides), running);
const kinds = ({ steps }: ReturnType<typeof makePlan>) => steps.map(({ action }) => action.kind);

describe('an application with data', () => {
  it('does not begin on a new volume while one of its own is used by nothing', () => {
    const plan = planFor(withVolumes('db', ['new', '/var/lib/data']));
    expect(kinds(plan)).toEqual([]);
    expect(plan.blocked).toEqual([
      {
        app: 'db',
        node: 'a',
        reason:
          'cannot start "db" on "a" with a new, empty volume at /var/lib/data: "drover/volumes/db-1" on "a" ' +
          '(role owner, 1 MiB) holds data of "db" that nothing would use any more',
        hint:
          'to keep this data write "dataset_id: old" in the volume of "db" at /var/lib/data; ' +
          'to start empty, retire it first: zfs set drover:role=retired drover/volumes/db-1',
      },
    ]);
  });

  it('is asked for in the words of the form of the file', () => {
    const hint = (format: Config['format']) => planFor(withVolumes('db', ['new', '/x']), { format }).blocked[0]?.hint;
    expect(hint('compose')).toContain('write "name: old"');
    expect(hint('fig')).toContain('in the native form, its volume with "dataset_id: old"');
  });

  it('keeps running under its old name while it is not clear whose data is meant, however often it is applied', () => {
    for (const node of ['a', 'b']) {
      const plan = planFor(withVolumes('database', ['new', '/data']), {}, node);
      expect(kinds(plan)).toEqual([]);
      expect(plan.blocked[0]?.hint).toContain('"dataset_id: old" in the volume of "database" at /data');
    }
  });

  it('goes on with the same data under its new name, once the file says so', () => {
    expect(planFor(withVolumes('database', ['old', '/data'])).blocked).toEqual([]);
  });

  it('does not begin on a new volume at the place of a used one: the file has another order', () => {
    const plan = planFor(withVolumes('db', ['old', '/backup'], ['new', '/data']));
    expect(plan.blocked[0]?.reason).toContain('with a new, empty volume at /data');
    expect(plan.blocked[0]?.hint).toBe('to keep this data write "dataset_id: old" in the volume of "db" at /data');
  });

  it('does not begin again where its dataset was renamed, or the pool is another one: its container says that it had one', () => {
    for (const state of ['running', 'exited'] as const) {
      const without = aCluster(onNode('a', { containers: [{ ...aContainer(before, 'a'), state }] }), onNode('b'));
      for (const node of ['a', 'b']) {
        const plan = makePlan(aConfig([before], { a: [], b: [], [node]: ['db'] }), without);
        expect(kinds(plan)).toEqual([]);
        expect(plan.blocked).toMatchObject([
          {
            reason: expect.stringContaining('on "a" has volume "old", and no node has its dataset any more'),
            hint: expect.stringContaining('to start empty, remove "db" in a save of its own first'),
          },
        ]);
      }
    }
    const removed = makePlan(aConfig([before], { a: ['db'], b: [] }), aCluster(onNode('a'), onNode('b')));
    expect(kinds(removed)).toContain('create-volume');
  });

  it('does not begin again under another name, nor on the lost volume of another application, where that one’s is lost', () => {
    const lost = aCluster(onNode('a', { containers: [aContainer(before, 'a')] }));
    const renamed = makePlan(aConfig([withVolumes('database', ['new', '/data'])], { a: ['database'] }), lost);
    expect([kinds(renamed), renamed.blocked.length]).toEqual([[], 1]);
    const other = anApplication('other', { volumes: [aMount('old', undefined, '/x')] });
    const passed = makePlan(aConfig([withVolumes('db'), other], { a: ['db', 'other'] }), lost);
    expect(kinds(passed)).toEqual([]);
    expect(passed.blocked.map(({ reason }) => reason)).toMatchObject([
      expect.stringContaining('cannot start "db" on "a" without its volume at /data'),
      expect.stringContaining('cannot start "other" on "a" with a new, empty volume at /x'),
    ]);
  });

  it('is shown how to go on where its volume goes to another application and it is to begin with a new one', () => {
    const other = anApplication('other', { volumes: [aMount('old', undefined, '/x')] });
    const apps = [withVolumes('db', ['new', '/data']), other];
    const plan = makePlan(aConfig(apps, { a: ['db', 'other'], b: [] }), running);
    expect(plan.blocked.find(({ app }) => app === 'db')?.hint).toBe(
      'to keep this data write "dataset_id: old" in the volume of "db" at /data; ' +
        'to start empty, remove "db" in a save of its own first',
    );
    const removed = makePlan(
      aConfig(apps, { a: ['db', 'other'], b: [] }),
      aCluster(onNode('a', { volumes: [old] }), onNode('b')),
    );
    expect(removed.blocked).toEqual([]);
  });

  it('does get a further volume, and another mountpoint for the one it has', () => {
    const plan = planFor(withVolumes('db', ['old', '/data'], ['new', '/backup']));
    expect([plan.blocked, kinds(plan).includes('create-volume')]).toEqual([[], true]);
    const start = plan.steps.find(({ action }) => action.kind === 'start-container');
    expect(start?.reason).toBe('it gets a volume at /backup; volume "new" is new and empty');
    const moved = planFor(withVolumes('db', ['old', '/var/lib/data'])).steps.at(-1);
    expect(moved?.reason).not.toContain('new');
  });

  it('is said to lose a volume where it does, and to begin with no data where it does', () => {
    const lost = planFor(withVolumes('db')).steps.find(({ action }) => action.kind === 'start-container');
    expect(lost?.reason).toBe('its volume at /data is removed from it, the data is kept');
    const first = makePlan(aConfig([before], { a: ['db'] }), aCluster(onNode('a'))).steps;
    expect(first.find(({ action }) => action.kind === 'start-container')?.reason).toContain(
      'for the first time: it starts without data',
    );
  });
});
