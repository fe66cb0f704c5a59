import { describe, expect, it } from 'vitest';
import type { NodeFigures } from '../../../../../src/model/cluster.ts';
import { detailPart } from '../../../../../src/tui/parts/detail/detail.ts';
import type { DetailTab, Item } from '../../../../../src/tui/state.ts';
import type { ClusterView } from '../../../../../src/view/cluster-view.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aForeignContainer,
  anApplication,
  aVolume,
  onNode,
  snaps,
  tcp,
  unreachable,
} from '../../../../builders.ts';
import { aView, begun, config, runningView } from '../../../view/move-view.ts';
import { play } from '../../overlay-frames.ts';
import { expectPanes, paneFrame, paneInput, paneLines } from '../../pane-frames.ts';

const now = Date.parse('2026-11-22T12:00:00Z');

const latest: NodeFigures = {
  at: now,
  roundTripMs: 4,
  cores: 2,
  cpuPercent: 12,
  load1: 0.5,
  memoryTotalBytes: 4 * 1024 ** 3,
  memoryUsedBytes: 1024 ** 3,
  pool: { name: 'tank', health: 'ONLINE', sizeBytes: 100 * 1024 ** 3, freeBytes: 15 * 1024 ** 3 },
  containers: { 'drover-db': { cpuPercent: 31, memoryBytes: 210 * 1024 ** 2 } },
};

const receipt = {
  app: 'db',
  volume: 'vol-db',
  from: 'node2',
  to: 'node1',
  startedAt: now - 3_600_000,
  rounds: 1,
  bytes: [1024],
  mode: 'direct',
  totalMs: 5000,
  downtimeMs: 3000,
  refused: 0,
} as const;

const view = aView({
  figures: { node1: { latest, cpuHistory: [] } },
  receipts: [receipt],
  commands: [
    { at: new Date(2026, 0, 1, 10, 0, 0).getTime(), node: 'node1', text: 'zfs snapshot drover/volumes/db@a' },
    { at: new Date(2026, 0, 1, 10, 0, 5).getTime(), node: 'node2', text: 'docker start drover-db' },
    { at: new Date(2026, 0, 1, 10, 0, 9).getTime(), node: 'node3', text: 'somewhere else' },
  ],
});

const at = (cursor: Item, detailTab: DetailTab = 'summary', of: ClusterView = view) =>
  paneInput(of, { cursor, detailTab, focus: 'detail' }, { now });

const text = (cursor: Item, tab?: DetailTab, of?: ClusterView, columns = 100): string => {
  const input = at(cursor, tab, of);
  return paneLines(detailPart, input, input.ui, columns, 200).join('\n');
};

describe('the details of an application', () => {
  it('are image, state, use, ports, links, volumes and the last move', () => {
    const input = at({ app: 'db', node: 'node1' });
    expectPanes('detail-app', detailPart, input, input.ui, [
      [40, 14],
      [80, 22],
      [118, 22],
    ]);
  });

  it('name the variables and hide their values, in every tab', () => {
    expect(text({ app: 'db' })).toContain('variables PASSWORD (values hidden)');
    for (const tab of ['summary', 'files', 'zfs', 'history', 'commands'] as const) {
      expect(text({ app: 'db' }, tab)).not.toContain('hunter2');
    }
    expect(text({ app: 'db' }, 'files')).toContain('PASSWORD: (hidden)');
  });

  it('say what runs now where another image is wanted', () => {
    expect(text({ app: 'web' })).toContain('image     acme/web:2\n          runs acme/web:1 now');
  });

  it('say what the plan cannot do for it now, and what helps', () => {
    const blocked = [
      { app: 'web', node: 'node1', reason: 'cannot place "web": port 80 is taken', hint: 'choose another' },
      { node: 'node2', reason: 'cannot retire volume "x": in use' },
    ];
    const of = aView({ plan: { revision: 'r', steps: [], notes: [], blocked } });
    expect(text({ app: 'web' }, 'summary', of)).toContain(
      'blocked   cannot place "web": port 80 is taken\n          choose another',
    );
    expect(text({ app: 'db' }, 'summary', of)).not.toContain('blocked');
    expect(text({ node: 'node2' }, 'summary', of)).toContain('blocked   cannot retire volume "x": in use');
    expect(text({ node: 'node1' }, 'summary', of)).not.toContain('blocked');
  });

  it('say what stands in for the image of the files', () => {
    const insteadOf = { repository: 'acme/big', tag: '9' };
    const app = anApplication('web', { insteadOf });
    const of = aView({ config: aConfig([app], { node1: ['web'] }) });
    expect(text({ app: 'web' }, 'summary', of)).toContain('in place of acme/big:9, as the nodes file says');
  });

  it('lead a link to its application', () => {
    expect(text({ app: 'web' })).toContain('links     database port 5432 to "db", port 5432');
  });

  it('say how a container ended', () => {
    const app = anApplication('web');
    const exit = { code: 137, oomKilled: true };
    const nodes = aCluster(
      onNode('node1', { containers: [aContainer(app, 'node1', { state: 'exited', exit })] }),
    ).nodes;
    const of = aView({ config: aConfig([app], { node1: ['web'] }), nodes });
    expect(text({ app: 'web' }, 'summary', of)).toContain('✖ exited 137, out of memory on node1');
  });

  it('are those last seen where its node cannot be reached', () => {
    const app = anApplication('web');
    const lost = unreachable('node1', { containers: [aContainer(app, 'node1')] });
    const of = aView({ config: aConfig([app], { node1: ['web'] }), nodes: Object.fromEntries([lost]) });
    const lines = text({ app: 'web' }, 'summary', of);
    expect(lines).toMatch(/◌ running on node1, last seen .* ago/);
    expect(lines).not.toContain('●');
  });

  it('begin with the sentence about its move while that goes on', () => {
    const of = runningView('db', 7);
    const input = paneInput(of, { cursor: { app: 'db' } }, { now: begun + 7300 });
    expect(paneLines(detailPart, input, input.ui, 200, 30)[0]).toContain('"db" is DOWN · downtime so far 4.3 s');
  });

  it('say that the files do not have it', () => {
    const nodes = aCluster(onNode('node1', { containers: [aContainer(anApplication('ghost'), 'node1')] })).nodes;
    const of = aView({ nodes });
    expect(text({ app: 'ghost' }, 'summary', of)).toContain('on no node: the files do not place it');
    expect(text({ app: 'ghost' }, 'files', of)).toBe('"ghost" is not in the files');
  });
});

describe('the other tabs', () => {
  it('show the declaration with its defaults', () => {
    expect(text({ app: 'web' }, 'files')).toMatchInlineSnapshot(`
      "# application.yml says, with every default
      image: acme/web:2
      name: web
      ports:
        - internal: 80
          external: 8080
          protocol: tcp
      links:
        - alias: database
          localPort: 5432
          remotePort: 5432
      environment: {}
      volumes: []
      restartPolicy:
        name: never
      # deployment.yml places it on node2"
    `);
  });

  it('show datasets with snapshots', () => {
    const lines = text({ app: 'db' }, 'zfs');
    expect(lines).toContain('owner, 14.2 MiB of 1.00 GiB, 2 snapshots, newest @b, epoch 1');
    expect(lines).toContain('  @a  guid 1\n  @b  guid 2');
    expect(text({ node: 'node2' }, 'zfs')).toBe('no datasets of drover');
  });

  it('show its moves, newest first', () => {
    expect(text({ app: 'db' }, 'history')).toContain('1 h 00 min ago\n  "db" moved from node2 to node1 in 5.0 s');
    expect(text({ app: 'web' }, 'history')).toMatch(/^no moves since this program began/);
    expect(text({ node: 'node2' }, 'history')).toContain('"db" moved');
  });

  it('show the commands of its nodes, newest first', () => {
    expect(text({ app: 'db' }, 'commands')).toBe(
      '2 commands, newest first\n10:00:05 node2 $ docker start drover-db\n10:00:00 node1 $ zfs snapshot drover/volumes/db@a',
    );
    expect(text({ node: 'node3' }, 'commands')).toContain('somewhere else');
  });
});

describe('the details of a node', () => {
  it('are its address, its figures, what it can do and what listens there', () => {
    const listeners = [{ port: 22, protocol: 'tcp', address: '0.0.0.0', process: 'sshd' }] as const;
    const nodes = aCluster(
      onNode('node1', {
        containers: [aContainer(anApplication('db', { ports: [tcp(5432)] }), 'node1'), aForeignContainer('blog')],
        listeners,
      }),
      onNode('node2', { containers: [aContainer(anApplication('web', { ports: [tcp(8080)] }), 'node2')] }),
    ).nodes;
    const named = { ...config, nodes: { node1: { name: 'alpha', user: 'root', host: '10.0.0.11' }, node2: {} } };
    const seen = Object.fromEntries(
      Object.entries(nodes).map(([name, node]) => [name, { ...node, observedAt: now - 2000 }]),
    );
    const input = at({ node: 'node1' }, 'summary', { ...view, nodes: seen, config: named });
    expectPanes('detail-node', detailPart, input, input.ui, [
      [40, 22],
      [100, 18],
    ]);
  });

  it('are why it cannot be reached, since when, and what was seen last', () => {
    const [name, state] = unreachable('node1', { containers: [aForeignContainer('blog')] });
    const lines = text({ node: name }, 'summary', aView({ nodes: { [name]: { ...state, ...{ since: now - 9000 } } } }));
    expect(lines).toContain('✖ not reachable since 9.0 s');
    expect(lines).toContain('cannot connect to "node1": no answer');
    expect(lines).toContain('what follows is what was seen last');
    expect(lines).toContain('not ours  blog');
  });
});

describe('the details of other things', () => {
  it("are those of a container that is not drover's", () => {
    const nodes = aCluster(onNode('node1', { containers: [aForeignContainer('blog', [tcp(80)])] })).nodes;
    const lines = text({ node: 'node1', foreign: 'blog' }, 'summary', aView({ nodes }));
    expect(lines).toContain('container blog on node1');
    expect(lines).toContain('not made by drover, which never touches it');
  });

  it('are the copies of a volume without an application', () => {
    const nodes = aCluster(
      onNode('node1', { volumes: [aVolume('loose', { on: 'node1', snapshots: snaps('a1') })] }),
      onNode('node2', { volumes: [aVolume('loose', { role: 'replica' })] }),
    ).nodes;
    const lines = text({ volume: 'loose' }, 'summary', aView({ nodes }));
    expect(lines).toContain('the files do not name it; it is kept');
    expect(lines).toContain('owner, 977 KiB, 1 snapshot @a');
    expect(lines).toContain('replica, 977 KiB, no snapshots');
  });

  it('are asked for where nothing is chosen', () => {
    expect(text({})).toBe('nothing selected: move the cursor to an application or a node');
  });
});

describe('the keys of the details', () => {
  const input = at({ app: 'db', node: 'node1' });
  const size = { columns: 40, rows: 5 };

  it('go round the tabs, from the top of each', () => {
    const scrolled = play(detailPart, input, input.ui, ['page-down'], size).state;
    expect(scrolled.offsets.detail).toBeGreaterThan(0);
    const next = play(detailPart, input, scrolled, ['next-tab'], size).state;
    expect([next.detailTab, next.offsets.detail]).toEqual(['files', 0]);
    expect(play(detailPart, input, input.ui, ['previous-tab'], size).state.detailTab).toBe('commands');
    expect(play(detailPart, input, input.ui, Array(5).fill('next-tab'), size).state.detailTab).toBe('summary');
  });

  it('scroll to the end and no further', () => {
    const end = play(detailPart, input, input.ui, ['last'], size).state;
    const drawn = detailPart.draw({ ...input, ui: end }, end, size);
    expect(drawn.scroll?.offset).toBe((drawn.scroll?.total ?? 0) - 5);
    expect(play(detailPart, input, end, ['down'], size).state.offsets.detail).toBe(end.offsets.detail);
  });

  it('show a bounded part of what a node says about itself, without control characters', () => {
    const evil = aContainer(anApplication('web'), 'node1');
    const spec = { ...evil.spec, image: 'acme/\u001b]0;title\u0007web:\u001b[31m1' };
    const nodes = aCluster(onNode('node1', { containers: [{ ...evil, spec }] })).nodes;
    const frame = paneFrame(
      detailPart,
      at({ app: 'web' }, 'summary', aView({ nodes })),
      { ...input.ui, cursor: { app: 'web' } },
      { columns: 60, rows: 12 },
    );
    expect(frame).toContain('runs acme/web:1 now');
    expect(frame).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});
