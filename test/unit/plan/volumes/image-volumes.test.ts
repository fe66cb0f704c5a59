import { describe, expect, it } from 'vitest';
import type { Application } from '../../../../src/model/config.ts';
import { makePlan } from '../../../../src/plan/make-plan.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  type BuiltNode,
  imageIdOf,
  type NodeParts,
  onNode,
} from '../../../builders.ts';

/** A node whose image of `db` keeps these directories in volumes of its own. */
function withVolumes(node: string, volumes: readonly string[], parts: NodeParts = {}): BuiltNode {
  const [name, state] = onNode(node, { images: ['acme/db:1'], ...parts });
  if (state.status !== 'reachable') return [name, state];
  return [name, { ...state, facts: { ...state.facts, imageVolumes: { [imageIdOf('acme/db:1')]: volumes } } }];
}

const dbAt = (mountpoint?: string): Application =>
  anApplication('db', { volumes: mountpoint === undefined ? [] : [aMount('v1', undefined, mountpoint)] });
const v1 = aVolume('v1', { on: 'a', application: 'db' });
const planOf = (app: Application, ...nodes: readonly BuiltNode[]) =>
  makePlan(aConfig([app], { a: ['db'], ...(nodes.length > 1 ? { b: [] } : {}) }), aCluster(...nodes));

describe('what an image keeps in a volume of its own', () => {
  it('blocks a start where it lies below a mountpoint: the volume that moves would stay empty', () => {
    const plan = planOf(dbAt('/var/lib/db'), withVolumes('a', ['/var/lib/db/data']));
    expect(plan.steps.map(({ action }) => action.kind)).not.toContain('start-container');
    expect(plan.blocked).toMatchObject([
      {
        app: 'db',
        hint: 'set the mountpoint to /var/lib/db/data',
        reason: expect.stringContaining('/var/lib/db/data'),
      },
    ]);
  });

  it('is only reported if it already runs like this, and blocks its move', () => {
    const app = dbAt('/var/lib/db');
    const running = { containers: [aContainer(app, 'a')], volumes: [v1] };
    const plan = planOf(app, withVolumes('a', ['/var/lib/db/data'], running));
    expect([plan.steps, plan.blocked]).toEqual([[], []]);
    expect(plan.notes.join()).toContain('it stays on "a"');
    const config = aConfig([app], { a: [], b: ['db'] });
    const moved = makePlan(config, aCluster(withVolumes('a', ['/var/lib/db/data'], running), onNode('b')));
    expect(moved.blocked).toHaveLength(1);
  });

  it('is not a problem if the file has a volume at the same mountpoint', () => {
    const plan = planOf(dbAt('/data'), withVolumes('a', ['/data']));
    expect([plan.blocked, plan.notes]).toEqual([[], []]);
  });

  it('is reported at a first start, at a new container in place, and at a move', () => {
    const old = {
      containers: [{ ...aContainer(dbAt(), 'a'), spec: { ...aContainer(dbAt(), 'a').spec, cpuShares: 2 } }],
    };
    expect(planOf(dbAt(), withVolumes('a', ['/data'])).notes.join()).toContain('it does not move with the application');
    expect(planOf(dbAt(), withVolumes('a', ['/data'], old)).notes.join()).toContain(
      'a new container there has it again',
    );
    const away = { containers: [aContainer(dbAt(), 'b')] };
    const moved = planOf(dbAt(), withVolumes('a', ['/data']), withVolumes('b', ['/data'], away));
    expect(moved.notes.join()).toContain('it stays on "b" and does not move to "a"');
  });

  it('is reported as not copied to a volume that the file gets at its place', () => {
    const plan = planOf(dbAt('/data'), withVolumes('a', ['/data'], { containers: [aContainer(dbAt(), 'a')] }));
    expect(plan.notes.join()).toContain('and not copied to the new volume');
  });
});
