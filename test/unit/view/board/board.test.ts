import { describe, expect, it } from 'vitest';
import type { Container } from '../../../../src/model/cluster.ts';
import type { Config } from '../../../../src/model/config.ts';
import type { Plan } from '../../../../src/model/plan.ts';
import { makePlan } from '../../../../src/plan/make-plan.ts';
import { boardOf, figuresLastMs } from '../../../../src/view/board/board.ts';
import { snapshotTime } from '../../../../src/view/board/rows.ts';
import type { Board, BoardRow } from '../../../../src/view/board/types.ts';
import type { ClusterView } from '../../../../src/view/cluster-view.ts';
import { emptyView } from '../../../../src/view/reduce.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aForeignContainer,
  aMount,
  anApplication,
  aVolume,
  type BuiltNode,
  onNode,
  unreachable,
} from '../../../builders.ts';

const now = 1_700_000_000_000;
const db = anApplication('db', { volumes: [aMount('v1')] });
const web = anApplication('web');

function viewOf(config: Config, nodes: readonly BuiltNode[], more: Partial<ClusterView> = {}): ClusterView {
  const state = aCluster(...nodes);
  return { ...emptyView, config, nodes: state.nodes, plan: makePlan(config, state), ...more };
}

const rowsOn = (board: Board, node: string): readonly BoardRow[] =>
  board.nodes.find((each) => each.node === node)?.rows ?? [];
const short = (rows: readonly BoardRow[]) =>
  rows.map(({ kind, name, state, text, note }) => [kind, name, state, text, note?.kind, note?.text].join(' | '));

/** Running on a, wanted on b. */
const moving = (): ClusterView =>
  viewOf(aConfig([db], { a: [], b: ['db'] }), [
    onNode('a', { containers: [aContainer(db, 'a')], volumes: [aVolume('v1', { on: 'a', application: 'db' })] }),
    onNode('b'),
  ]);

describe('the board', () => {
  it('shows a copy that diverged as what it is, with the reason in full', () => {
    const config = aConfig([db], { a: [], b: ['db'] });
    const diverged = aVolume('v1', { role: 'diverged', owner: 'id-a', application: 'db', mounted: false });
    const later = aVolume('v1', { on: 'b', application: 'db', epoch: 2 });
    const view = viewOf(config, [
      onNode('a', { volumes: [diverged] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [later] }),
    ]);
    const [row] = rowsOn(boardOf(view, now), 'a');
    expect(row).toMatchObject({ kind: 'volume', state: 'failed', text: 'diverged' });
    expect(row?.note?.text).toMatch(/^it diverged, another node took over/);
    expect(row?.note?.full).toContain('epoch 2');
    expect(row?.note?.full).toContain('drover reseed db a');
  });

  it('says which node an application waits for since its own one booted', () => {
    const config = aConfig([db], { a: ['db'], b: [] });
    const boot = { waiting: [{ volume: 'v1', why: 'silent', peers: ['b'] } as const] };
    const volumes = [aVolume('v1', { on: 'a', application: 'db', mounted: false })];
    const container = aContainer(db, 'a', { state: 'exited', exit: { code: 128, oomKilled: false } });
    const view = viewOf(config, [onNode('a', { containers: [container], volumes, boot }), unreachable('b')]);
    const [row] = rowsOn(boardOf(view, now), 'a');
    expect(row?.note).toMatchObject({ kind: 'blocked', text: 'waits for b' });
    expect(row?.note?.full).toContain('b does not answer and may have taken it over');
  });

  it('shows an application that moves where it is and where it goes', () => {
    const board = boardOf(moving(), now);
    expect(short(rowsOn(board, 'a'))).toEqual(['app | db | up | up | goes | to b']);
    expect(short(rowsOn(board, 'b'))).toEqual(['ghost | db | absent | not here | comes | from a']);
    expect(rowsOn(board, 'a')[0]?.dataBytes).toBe(1_000_000);
  });

  it('says what happens with it now, and how far it is', () => {
    const view = moving();
    const sync = view.plan?.steps.find(({ action }) => action.kind === 'sync-volume')?.id ?? '';
    const running = { state: 'running', doneBytes: 605, totalBytes: 1000 } as const;
    const board = boardOf({ ...view, running: true, steps: { [sync]: running } }, now);
    // It is up while it is copied; what is not there yet is on its way.
    expect(short(rowsOn(board, 'a'))).toEqual(['app | db | up | up | working | copying 60 %']);
    expect(short(rowsOn(board, 'b'))).toEqual(['ghost | db | changing | not here | working | copying 60 %']);
    const stop = view.plan?.steps.find(({ action }) => action.kind === 'stop-container')?.id ?? '';
    const stopping = boardOf({ ...view, running: true, steps: { [stop]: { state: 'running' } } }, now);
    expect(short(rowsOn(stopping, 'a'))).toEqual(['app | db | changing | up | working | stopping']);
  });

  it('says why a step failed, without what the row says already', () => {
    const view = moving();
    const sync = view.plan?.steps.find(({ action }) => action.kind === 'sync-volume')?.id ?? '';
    const error = {
      code: 'timeout',
      message: 'cannot copy "v1" to "b": no answer',
      retryable: true,
      causes: [],
    } as const;
    const failed = { state: 'failed', outcome: { result: 'failed', durationMs: 1, error } } as const;
    const [row] = rowsOn(boardOf({ ...view, steps: { [sync]: failed } }, now), 'a');
    expect(row?.note).toEqual({ kind: 'failed', text: 'no answer', full: 'cannot copy "v1" to "b": no answer' });
  });

  it('shows drift as from and to, and nothing any more once the step is done', () => {
    const old = anApplication('web', { image: { repository: 'acme/web', tag: '0.9' } });
    const view = viewOf(aConfig([web], { a: ['web'] }), [onNode('a', { containers: [aContainer(old, 'a')] })]);
    expect(rowsOn(boardOf(view, now), 'a')[0]?.note).toMatchObject({
      kind: 'change',
      text: 'image',
      from: '0.9',
      to: '1',
    });
    const done = Object.fromEntries((view.plan?.steps ?? []).map(({ id }) => [id, { state: 'succeeded' as const }]));
    expect(rowsOn(boardOf({ ...view, steps: done }, now), 'a')[0]?.note).toBeUndefined();
  });

  it('tells what is missing, dead, not ours and not wanted apart', () => {
    const extra = anApplication('extra');
    const died = aContainer(db, 'a', { state: 'exited', exit: { code: 137, oomKilled: true } });
    const view = viewOf(aConfig([db, web], { a: ['db', 'web'] }), [
      onNode('a', {
        containers: [died, aContainer(extra, 'a'), aForeignContainer('other')],
        volumes: [aVolume('v1', { on: 'a' }), aVolume('v9', { on: 'a', role: 'retired' })],
      }),
    ]);
    expect(short(rowsOn(boardOf(view, now), 'a'))).toEqual([
      'app | db | failed | exited 137 | add | out of memory; to be started',
      'app | extra | up | up | remove | not in the deployment',
      'ghost | web | absent | not here | add | to be started',
      'foreign | other | up | up | foreign | not in the files',
      'volume | v9 | stopped | retired | kept | kept until removed by hand',
    ]);
  });

  it('shows what was last seen of a lost node as that, and its reason', () => {
    const view = viewOf(aConfig([db, web], { a: ['db', 'web'], b: [] }), [
      unreachable('a', { containers: [aContainer(db, 'a')] }),
    ]);
    const [a, b] = boardOf(view, now).nodes;
    expect(a).toMatchObject({
      status: 'unreachable',
      isStale: true,
      problem: 'cannot connect to "a": no answer',
      since: 0,
    });
    expect(a?.rows.map(({ name, state, text }) => [name, state, text])).toEqual([
      ['db', 'unknown', 'last seen up'],
      ['web', 'unknown', 'not seen'],
    ]);
    expect(b).toMatchObject({ status: 'unseen', rows: [] });
  });

  it('says why a change is blocked', () => {
    const plan: Plan = {
      revision: 'r',
      steps: [],
      blocked: [
        { app: 'web', node: 'a', reason: 'cannot place "web" on "a": port 80 is taken', hint: 'choose another' },
        { node: 'a', reason: 'cannot retire volume "x": in use' },
      ],
      notes: [],
    };
    const view = { ...viewOf(aConfig([web], { a: ['web'] }), [onNode('a')]), plan };
    const [a] = boardOf(view, now).nodes;
    expect(a?.rows[0]?.note).toEqual({
      kind: 'blocked',
      text: 'port 80 is taken',
      full: 'cannot place "web" on "a": port 80 is taken (choose another)',
    });
    expect(a?.blocked).toEqual(['cannot retire volume "x": in use']);
  });

  it('takes figures while they are fresh, and by the name of the container', () => {
    const latest = {
      at: now,
      roundTripMs: 7,
      cores: 2,
      cpuPercent: 18.4,
      load1: 0,
      memoryTotalBytes: 1000,
      memoryUsedBytes: 333,
      pool: { name: 'tank', health: 'ONLINE', sizeBytes: 100, freeBytes: 19 },
      containers: { 'drover-web': { cpuPercent: 12, memoryBytes: 5 } },
    };
    const view = viewOf(aConfig([web], { a: ['web'] }), [onNode('a', { containers: [aContainer(web, 'a')] })], {
      figures: { a: { latest, cpuHistory: [1] } },
    });
    const [fresh] = boardOf(view, now + figuresLastMs).nodes;
    expect(fresh).toMatchObject({ roundTripMs: 7, cpuPercent: 18.4, memoryPercent: 33, pool: { usedPercent: 81 } });
    expect(fresh?.rows[0]).toMatchObject({ cpuPercent: 12, memoryBytes: 5 });
    const [old] = boardOf(view, now + figuresLastMs + 1).nodes;
    expect(old).not.toHaveProperty('cpuPercent');
    expect(old?.rows[0]).not.toHaveProperty('cpuPercent');
    expect(old).toMatchObject({ roundTripMs: 1, pool: { name: 'drover' } });
  });

  it('takes earlier figures, as old ones, of a container that runs and is not measured now', () => {
    const latest = {
      at: now,
      roundTripMs: 7,
      cores: 2,
      load1: 0,
      memoryTotalBytes: 1000,
      memoryUsedBytes: 333,
      pool: { name: 'tank', health: 'ONLINE', sizeBytes: 100, freeBytes: 19 },
      containers: {},
    };
    const earlier = { 'drover-web': { cpuPercent: 12, memoryBytes: 5, at: now - 9000 } };
    const rowOf = (container: Container) =>
      boardOf(
        viewOf(aConfig([web], { a: ['web'] }), [onNode('a', { containers: [container] })], {
          figures: { a: { latest, cpuHistory: [], earlier } },
        }),
        now,
      ).nodes[0]?.rows[0];
    expect(rowOf(aContainer(web, 'a'))).toMatchObject({ cpuPercent: 12, memoryBytes: 5, isUseOld: true });
    expect(rowOf(aContainer(web, 'a', { state: 'exited' }))).not.toHaveProperty('cpuPercent');
  });

  it('lists applications that are on no node, and volumes that are wanted and move by themselves', () => {
    const config = aConfig([web], { a: [], b: [] }, { datasets: [{ id: 'v5', node: 'b' }] });
    const board = boardOf(viewOf(config, [onNode('a', { volumes: [aVolume('v5', { on: 'a' })] }), onNode('b')]), now);
    expect(board.idle).toEqual(['web']);
    expect(short(rowsOn(board, 'a'))).toEqual(['volume | v5 | up | owner | goes | to b']);
    expect(short(rowsOn(board, 'b'))).toEqual(['ghost | v5 | absent | not here | comes | from a']);
  });

  it('lets no control character through', () => {
    const evil = anApplication('web\u001b[2J\u0007');
    const view = viewOf(aConfig([evil], { a: [evil.name] }), [
      onNode('a', { containers: [aContainer(evil, 'a'), aForeignContainer('x\r\ny\u202e')] }),
    ]);
    expect(rowsOn(boardOf(view, now), 'a').map(({ name }) => name)).toEqual(['web', 'x y']);
  });

  it('knows when a snapshot was made where its name tells', () => {
    expect(snapshotTime('user-20251122T140000Z')).toBe(Date.UTC(2025, 10, 22, 14));
    expect(snapshotTime('daily-2025-11-22_14-05')).toBe(Date.UTC(2025, 10, 22, 14, 5));
    expect(snapshotTime('drover-e3-2')).toBeUndefined();
    expect(snapshotTime('20259922T140000')).toBeUndefined();
  });
});

describe('what the board remembers', () => {
  const nodes = Array.from({ length: 100 }, (_, i) => `n${i}`);
  const appsOf = (node: string) => Array.from({ length: 20 }, (_, i) => anApplication(`${node}-${i}`));
  const config = aConfig(
    nodes.flatMap(appsOf),
    Object.fromEntries(nodes.map((node) => [node, appsOf(node).map(({ name }) => name)])),
  );
  const states = Object.fromEntries(
    nodes.map((node) => onNode(node, { containers: appsOf(node).map((app) => aContainer(app, node)) })),
  );
  const big: ClusterView = { ...emptyView, config, nodes: states };

  it('is the same board for the same view', () => {
    expect(boardOf({ ...big, run: 2 }, now + 1)).toBe(boardOf(big, now));
  });

  it('rebuilds only the nodes of which something has changed', () => {
    const before = boardOf(big, now);
    const changed = Object.fromEntries([onNode('n7')]);
    const after = boardOf({ ...big, nodes: { ...states, ...changed } }, now);
    const other = after.nodes.filter((node, i) => node !== before.nodes[i]).map(({ node }) => node);
    expect(other).toEqual(['n7']);
    expect(after.nodes[7]?.rows.every(({ kind }) => kind === 'ghost')).toBe(true);
  });

  it('rebuilds the node that an application has moved to', () => {
    const lost = { ...states, ...Object.fromEntries([onNode('n7')]) };
    const before = boardOf({ ...big, nodes: lost }, now);
    const stray = onNode('n9', { containers: [...appsOf('n9'), ...appsOf('n7')].map((app) => aContainer(app, 'n9')) });
    const after = boardOf({ ...big, nodes: { ...lost, ...Object.fromEntries([stray]) } }, now);
    expect(before.nodes[7]?.rows[0]?.note?.kind).toBe('add');
    expect(after.nodes[7]?.rows[0]?.note).toEqual({ kind: 'comes', text: 'from n9' });
  });

  it('costs a fraction where one of a hundred nodes changes', () => {
    const took = (nodes: () => ClusterView['nodes']): number => {
      const start = performance.now();
      for (let i = 0; i < 6; i += 1) boardOf({ ...big, nodes: nodes() }, now);
      return performance.now() - start;
    };
    const copied = () => Object.fromEntries(Object.entries(states).map(([node, state]) => [node, { ...state }]));
    const one = () => ({ ...states, ...Object.fromEntries([onNode('n7')]) });
    took(copied);
    took(one);
    // Measured a sixth.
    expect(took(one)).toBeLessThan(took(copied) / 2);
  });
});
