import { describe, expect, it } from 'vitest';
import type { NodeFacts, NodeState } from '../../../src/model/cluster.ts';
import { allMoving, type MoveState, movePart } from '../../../src/tui/parts/move.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { fitsOf } from '../../../src/view/move-fit.ts';
import { aConfig, aMount, anApplication, aVolume, someFacts, tcp, unreachable } from '../../builders.ts';
import { expectFrames, inputOf, linesOf, noon, play } from './overlay-frames.ts';

const GiB = 2 ** 30;

function node(name: string, overrides: Partial<NodeFacts> = {}): readonly [string, NodeState] {
  return [name, { status: 'reachable', observedAt: noon, facts: { ...someFacts(name), ...overrides } }];
}

const pool = (sizeBytes: number, freeBytes: number, health = 'ONLINE') => ({
  name: 'tank',
  health,
  sizeBytes,
  freeBytes,
});
const wiki = anApplication('wiki', { ports: [tcp(443, 8443)], volumes: [aMount('v-wiki')] });
const web = anApplication('web', { ports: [tcp(80)] });
const names = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta'];
const config = aConfig([wiki, web], {
  ...Object.fromEntries(names.map((each) => [each, []])),
  alpha: ['wiki', 'web'],
});
const arm = { ...someFacts('epsilon').versions, arch: 'aarch64' };
const lost = unreachable('gamma')[1];

const view: Partial<ClusterView> = {
  config: { ...config, nodes: { ...config.nodes, beta: { name: 'beta', host: '10.0.0.12' } } },
  nodes: Object.fromEntries([
    node('alpha', { volumes: [aVolume('v-wiki', { referencedBytes: 14.2 * GiB })], pool: pool(100 * GiB, 40 * GiB) }),
    node('beta', { pool: pool(1000 * GiB, 612 * GiB) }),
    ['gamma', lost.status === 'unreachable' ? { ...lost, since: noon - 9000 } : lost],
    node('delta', { pool: pool(100 * GiB, 3 * GiB) }),
    node('epsilon', { pool: pool(100 * GiB, 30 * GiB), versions: arm }),
    node('zeta', {
      pool: pool(100 * GiB, 80 * GiB),
      listeners: [{ port: 443, protocol: 'tcp', address: '0.0.0.0', process: 'nginx' }],
    }),
  ]),
};
const input = inputOf(view);
const state: MoveState = { kind: 'move', apps: ['wiki'], cursor: 0 };

describe('how an application fits on each node', () => {
  const fits = Object.fromEntries(fitsOf(input.view, ['wiki'], noon).map((fit) => [fit.node, fit]));

  it('counts its data against the free space', () => {
    expect(fits.beta).toMatchObject({ neededBytes: 14.2 * GiB, freeBytes: 612 * GiB, warnings: [] });
    expect(fits.beta?.against).toBeUndefined();
    expect(fits.delta?.against).toBe('does not fit: needs 14.2 GiB, has 3.00 GiB');
  });

  it('names what is in the way: a lost node, a port, no look yet, being there', () => {
    expect(fits.gamma?.against).toBe('not reachable since 9.0 s: cannot connect to "gamma": no answer');
    expect(fits.zeta?.against).toBe('port 443/tcp of "wiki" is taken by "nginx"');
    expect(fits.eta?.against).toBe('was not looked at yet');
    expect(fits.alpha).toMatchObject({ against: 'here now', present: ['wiki'] });
  });

  it('counts a volume once that several of them share, and takes all of them along', () => {
    const backup = anApplication('backup', { volumes: [aMount('v-wiki', undefined, '/in')] });
    const shared = inputOf({
      ...view,
      config: aConfig([wiki, backup, web], { ...config.deployment, alpha: ['backup', 'web', 'wiki'] }),
    });
    const apps = allMoving(shared.view, ['wiki']);
    expect(apps).toEqual(['backup', 'wiki']);
    expect(fitsOf(shared.view, apps, noon).find(({ node }) => node === 'beta')?.neededBytes).toBe(14.2 * GiB);
  });

  it('warns of another processor and of a pool that gets full', () => {
    expect(fits.epsilon?.against).toBeUndefined();
    expect(fits.epsilon?.warnings).toEqual([
      'its processor is aarch64, not x86_64: the image of "wiki" must exist for it',
      'its pool would be 84% full, where ZFS gets slow',
    ]);
  });

  it('warns of a pool that is not well', () => {
    const nodes = {
      ...view.nodes,
      ...Object.fromEntries([node('beta', { pool: pool(100 * GiB, 90 * GiB, 'DEGRADED') })]),
    };
    const [, beta] = fitsOf({ ...input.view, nodes }, ['wiki'], noon);
    expect(beta?.warnings).toEqual(['its pool is DEGRADED']);
  });

  it('needs less where an older copy is', () => {
    const copy = aVolume('v-wiki', { role: 'replica', referencedBytes: 14 * GiB });
    const nodes = {
      ...view.nodes,
      ...Object.fromEntries([node('delta', { pool: pool(100 * GiB, 3 * GiB), volumes: [copy] })]),
    };
    const delta = fitsOf({ ...input.view, nodes }, ['wiki'], noon)[3];
    expect(delta?.against).toBeUndefined();
    expect(delta?.neededBytes).toBeCloseTo(0.2 * GiB, -3);
  });

  it('asks only about those that are not there yet', () => {
    const deployment = { ...config.deployment, alpha: ['wiki'], zeta: ['web'] };
    const spread = { ...input.view, config: { ...config, deployment } };
    const [alpha] = fitsOf(spread, ['web', 'wiki'], noon);
    expect(alpha).toMatchObject({ present: ['wiki'], neededBytes: 0, warnings: ['"wiki" is there already'] });
  });
});

describe('the dialog for moving', () => {
  it('shows every node with what speaks for and against it, those that can be chosen first', () => {
    expectFrames('move', movePart, input, state);
    expectFrames('move-several', movePart, inputOf({ ...view, policy: 'ask' }), {
      ...state,
      apps: ['web', 'wiki'],
      cursor: 1,
    });
  });

  it('moves to the node under the cursor, which never stands on one that cannot be', () => {
    const go = (...keys: Parameters<typeof play>[3]) => play(movePart, input, state, [...keys, 'open']);
    expect(go().effects).toEqual([{ type: 'move', apps: ['wiki'], node: 'beta' }]);
    expect(go('down').effects).toEqual([{ type: 'move', apps: ['wiki'], node: 'epsilon' }]);
    expect(go('last', 'down').effects).toEqual([{ type: 'move', apps: ['wiki'], node: 'epsilon' }]);
    expect(go('down', 'first').closes).toBe(true);
  });

  it('says why a node that is clicked cannot be chosen', () => {
    const lines = linesOf(movePart, input, state, 118, 28);
    const { hits = [] } = movePart.draw(input, state, { columns: 116, rows: 24 });
    const click = hits.find(({ y }) => lines[y]?.includes('gamma'))?.click;
    if (click === undefined) throw new Error('no hit');
    const step = play(movePart, input, state, [click]);
    expect(step.notice?.text).toMatch(/^not reachable since 9\.0 s/);
    expect(step.state.cursor).toBe(0);
  });

  it('leaves out those that are there already', () => {
    const deployment = { ...config.deployment, alpha: ['wiki'], beta: ['web'] };
    const spread = inputOf({ ...view, config: { ...config, deployment } });
    const step = play(movePart, spread, { ...state, apps: ['web', 'wiki'] }, ['first', 'open']);
    expect(step.effects).toEqual([{ type: 'move', apps: ['web'], node: 'alpha' }]);
  });

  it('offers nothing where no node can be, or the files are wrong', () => {
    const alone = inputOf({ ...view, config: { ...config, nodes: { alpha: {} } } });
    expect(movePart.disabledReason?.(alone, state, 'open')).toBe('no node can take it');
    expect(play(movePart, alone, state, ['down', 'open']).effects).toBeUndefined();
    const wrong = inputOf({ ...view, problems: [{ file: 'a.yml', path: '', message: 'x' }] });
    expect(movePart.disabledReason?.(wrong, state, 'open')).toBe('fix the problems in the files first');
    expect(play(movePart, wrong, state, ['open']).effects).toBeUndefined();
  });

  it('says what follows: at once, or after being asked', () => {
    const asks = linesOf(movePart, inputOf({ ...view, policy: 'ask' }), state).at(-1);
    expect(asks).toBe('Enter edits deployment.yml; drover shows the plan first and waits');
    expect(linesOf(movePart, input, state).at(-1)).toMatch(/the move begins at once/);
  });

  it('keeps the cursor in sight among a hundred nodes', () => {
    const many = Array.from({ length: 100 }, (_, i) => node(`n${i}`));
    const wide = inputOf({
      ...view,
      config: aConfig([wiki], { alpha: ['wiki'], ...Object.fromEntries(many.map(([name]) => [name, []])) }),
      nodes: { ...Object.fromEntries(many) },
    });
    const lines = linesOf(movePart, wide, { ...state, cursor: 77 }, 60, 16);
    expect(lines.some((line) => line.startsWith('▸ n77'))).toBe(true);
    expect(lines.length).toBeLessThanOrEqual(12);
  });
});
