import { describe, expect, it } from 'vitest';
import type { Size } from '../../../../../src/tui/frame/rows.ts';
import { clusterPart, cursorOf, settleCursor } from '../../../../../src/tui/parts/cluster/cluster.ts';
import { openLeave } from '../../../../../src/tui/parts/leave.ts';
import { registry } from '../../../../../src/tui/parts.ts';
import { isTyping } from '../../../../../src/tui/routing.ts';
import type { Drawn, HitArea, Message } from '../../../../../src/tui/screen.ts';
import type { Arrangement, Item, UiState } from '../../../../../src/tui/state.ts';
import { update } from '../../../../../src/tui/update.ts';
import type { ClusterView } from '../../../../../src/view/cluster-view.ts';
import { emptyView } from '../../../../../src/view/reduce.ts';
import { aConfig, aContainer, anApplication, onNode } from '../../../../builders.ts';
import fc from '../../../../support/random.ts';
import { bigView, inputOf, now, sampleView, textOf, uiOf } from '../../cluster-scenes.ts';

const size: Size = { columns: 116, rows: 14 };
const screen: Size = { columns: 118, rows: 28 };
const sample = sampleView();

const draw = (view: ClusterView, ui: UiState, inside = size): Drawn => clusterPart.draw(inputOf(view, ui), ui, inside);
const linesOf = (view: ClusterView, ui: UiState, inside = size): string[] => draw(view, ui, inside).rows.map(textOf);

/** The state after these messages; a word is an action. */
function pressing(ui: UiState, ...messages: readonly (Message | UiAction)[]): UiState {
  return messages.reduce((state: UiState, each) => {
    const message: Message = typeof each === 'string' ? { type: 'action', action: each } : each;
    return update(inputOf(sample, state), message, registry, { panes: { cluster: size }, overlay: size }).ui;
  }, ui);
}
type UiAction = Extract<Message, { type: 'action' }>['action'];

const at = (ui: UiState): string => {
  const { node, app, volume, foreign } = cursorOf(inputOf(sample, ui), ui, size) ?? {};
  return [node, app ?? foreign ?? volume].filter((each) => each !== undefined).join(' ');
};
const boardUi = uiOf(screen, { arrangement: 'board' });
const tableUi = uiOf(screen, { arrangement: 'table' });
const typed = (text: string): Message => ({ type: 'text', text });

describe('the cursor of the cluster', () => {
  it('starts on the first application, and goes through the rows and the heads of the board', () => {
    const start = pressing(boardUi, { type: 'tick' });
    expect(start.cursor).toEqual({ node: 'alpha', app: 'db' });
    expect(at(pressing(start, 'down', 'down'))).toBe('alpha media');
    expect(at(pressing(start, 'up'))).toBe('alpha');
    expect(at(pressing(start, 'last'))).toBe('alpha ds-old');
    expect(at(pressing(start, 'last', 'first'))).toBe('alpha');
    expect(at(pressing(start, 'page-down', 'page-down'))).toBe('alpha ds-old');
  });

  it('goes to the neighbouring node in the board, to the nearest line', () => {
    const start = pressing(boardUi, { type: 'tick' });
    expect(at(pressing(start, 'right'))).toBe('beta mail');
    expect(at(pressing(start, 'right', 'right'))).toBe('gamma media');
    expect(at(pressing(start, 'right', 'right', 'right'))).toBe('gamma media');
    expect(at(pressing(start, 'right', 'right', 'left', 'left'))).toBe('alpha db');
    expect(at(pressing(start, 'last', 'right'))).toBe('beta old-blog');
    expect(at(pressing(start, 'up', 'right'))).toBe('beta');
  });

  it('stays in the table with left and right, and goes through the nodes of an application in the matrix', () => {
    const table = pressing(tableUi, { type: 'tick' });
    expect(at(pressing(table, 'right'))).toBe('alpha db');
    const matrix = pressing(uiOf(screen, { arrangement: 'matrix' }), { type: 'tick' });
    expect(at(pressing(matrix, 'right', 'right', 'down'))).toBe('gamma grafana');
    expect(at(pressing(matrix, 'left'))).toBe('alpha db');
  });

  it('is on the same application after it has moved to another node', () => {
    const wiki = anApplication('wiki');
    const config = aConfig([wiki], { a: [], b: ['wiki'] });
    const view: ClusterView = {
      ...emptyView,
      config,
      nodes: Object.fromEntries([onNode('a'), onNode('b', { containers: [aContainer(wiki, 'b')] })]),
    };
    const ui = { ...boardUi, cursor: { node: 'a', app: 'wiki' } };
    expect(settleCursor(inputOf(view, ui), ui, size).cursor).toEqual({ node: 'b', app: 'wiki' });
  });

  it('leaves a row that the filter has hidden, so that a key never acts on what is not seen', () => {
    const ui = pressing({ ...tableUi, cursor: { node: 'alpha', app: 'db' }, filtering: true }, typed('wik'));
    expect(ui.filter).toBe('wik');
    expect(ui.cursor).toEqual({ node: 'alpha', app: 'wiki' });
  });

  it('takes a click on any row, also in the board and the matrix', () => {
    for (const arrangement of ['board', 'table', 'matrix'] as const) {
      const ui = uiOf(screen, { arrangement, focus: 'plan' });
      const { rows, hits = [] } = draw(sample, ui);
      const y = rows.findIndex((row) => textOf(row).includes('mail'));
      const x = textOf(rows[y] ?? []).indexOf('mail');
      const hit = lastAt(hits, x, y);
      expect(hit?.twice).toEqual({ type: 'action', action: 'open' });
      if (hit === undefined) throw new Error('nothing to click');
      const clicked = pressing(ui, hit.click);
      expect(clicked.cursor.app).toBe('mail');
      expect(clicked.focus).toBe('cluster');
    }
  });

  it('is drawn over its whole row, and only while the pane has the keys', () => {
    const selected = (ui: UiState): string =>
      draw(sample, ui)
        .rows.map((row) => textOf(row.filter(({ selected }) => selected)))
        .join('');
    const ui = { ...tableUi, cursor: { node: 'beta', app: 'mail' } };
    expect(selected(ui)).toMatch(/^▸● mail .* beta .* up 40d/);
    expect(selected(ui).length).toBe(size.columns);
    expect(selected({ ...ui, focus: 'plan' })).toBe('');
    expect(selected({ ...ui, overlays: [openLeave()] })).toBe('');
  });
});

const lastAt = (hits: readonly HitArea[], x: number, y: number): HitArea | undefined =>
  hits.findLast((hit) => x >= hit.x && x < hit.x + hit.columns && y >= hit.y && y < hit.y + hit.rows);

describe('scrolling', () => {
  const many = bigView(3, 40);

  it('keeps the cursor in sight wherever the keys lead', () => {
    const moves = fc.constantFrom<UiAction>(
      'up',
      'down',
      'page-up',
      'page-down',
      'half-down',
      'half-up',
      'first',
      'last',
      'left',
      'right',
    );
    const arrangements = fc.constantFrom<Arrangement>('board', 'table', 'matrix');
    fc.assert(
      fc.property(
        arrangements,
        fc.array(moves, { maxLength: 30 }),
        fc.integer({ min: 6, max: 20 }),
        (arrangement, keys, rows) => {
          const inside = { columns: 116, rows };
          let ui = settleCursor(inputOf(many, uiOf(screen, { arrangement })), uiOf(screen, { arrangement }), inside);
          for (const action of keys) {
            ui = clusterPart.update(inputOf(many, ui), ui, { type: 'action', action }, inside).state ?? ui;
          }
          const drawn = draw(many, ui, inside);
          const isSeen = drawn.rows.slice(0, rows).some((row) => row.some(({ selected }) => selected));
          expect(isSeen).toBe(true);
          expect(drawn.scroll?.offset).toBe(ui.offsets.cluster);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('moves what is shown with the wheel, and takes the cursor along only where it would be left behind', () => {
    const inside = { columns: 116, rows: 11 };
    const wheel = (ui: UiState, rows: number): UiState =>
      clusterPart.update(inputOf(many, ui), ui, { type: 'wheel', pane: 'cluster', rows }, inside).state ?? ui;
    const start: UiState = { ...tableUi, cursor: { node: 'node-001', app: 'app-001-5' } };
    const three = wheel(start, 3);
    expect([three.offsets.cluster, three.cursor.app]).toEqual([3, 'app-001-5']);
    const six = wheel(three, 3);
    expect([six.offsets.cluster, six.cursor.app]).toEqual([6, 'app-001-7']);
    const back = wheel(six, -600);
    expect([back.offsets.cluster, back.cursor.app]).toEqual([0, 'app-001-7']);
    expect(wheel(back, 600).offsets.cluster).toBe(110);
  });

  it('builds only the rows that are shown', () => {
    const drawn = draw(bigView(100, 20), { ...tableUi, filter: '' }, { columns: 116, rows: 12 });
    expect(drawn.rows.length).toBe(12);
    expect(drawn.scroll).toEqual({ offset: 0, shown: 11, total: 2000 });
  });

  it('shows a page of the nodes that do not fit side by side: the one with the cursor', () => {
    const ui: UiState = { ...boardUi, cursor: { node: 'node-005' } };
    const view = bigView(7, 2);
    expect(linesOf(view, ui)[0]).toMatch(/node-004.*node-005.*node-006/);
    expect(linesOf(view, { ...ui, cursor: { node: 'node-007', app: 'app-007-1' } })[0]).toMatch(/node-005.*node-007/);
    expect(textOf(draw(view, ui).aside ?? [])).toBe('nodes 4-6 of 7, by node');
  });
});

describe('what the cluster shows', () => {
  const names = (ui: Partial<UiState>, view = sample): string[] =>
    linesOf(view, { ...tableUi, ...ui })
      .slice(1)
      .map((line) => line.slice(3).split(' ')[0] ?? '');

  it('filters by name, node, state and pattern, each turned by an exclamation mark', () => {
    expect(names({ filter: 'wik' })).toEqual(['wiki']);
    expect(names({ filter: '!a' })).toEqual(['db', 'wiki', 'ds-old', 'registry', 'web', 'old-blog']);
    // What goes to beta belongs to it as well.
    expect(names({ filter: 'node:beta' })).toEqual(['wiki', 'mail', 'registry', 'web', 'old-blog']);
    expect(names({ filter: 'state:failed' })).toEqual(['db']);
    expect(names({ filter: 'state:drift' })).toEqual(['db', 'registry', 'web']);
    expect(names({ filter: 'node:beta !state:up' })).toEqual(['wiki', 'web']);
    expect(names({ filter: '/^(db|ma.l)$/' })).toEqual(['db', 'mail']);
    expect(names({ filter: '!/^(db|ma.l)$/ node:alpha state:up' })).toEqual(['grafana', 'wiki', 'ds-old']);
  });

  it('hides nothing for a pattern that is not one, and says so', () => {
    const ui = { ...tableUi, filter: '/(/' };
    expect(names(ui).length).toBe(9);
    expect(textOf(draw(sample, ui).aside ?? [])).toContain('/(/ is not a regular expression');
  });

  it('shows only faults and drift when asked', () => {
    expect(names({ faultsOnly: true })).toEqual(['db', 'media', 'wiki', 'registry', 'web']);
    expect(pressing(tableUi, 'faults').faultsOnly).toBe(true);
  });

  it('sorts by name, state and data', () => {
    expect(names({ sort: 'name' })).toEqual([
      'db',
      'grafana',
      'mail',
      'media',
      'registry',
      'web',
      'wiki',
      'old-blog',
      'ds-old',
    ]);
    expect(names({ sort: 'state' }).slice(0, 3)).toEqual(['db', 'media', 'web']);
    expect(names({ sort: 'data' }).slice(0, 3)).toEqual(['media', 'db', 'mail']);
    expect([pressing(tableUi, 'sort').sort, pressing(tableUi, 'sort', 'sort', 'sort', 'sort').sort]).toEqual([
      'name',
      'node',
    ]);
  });

  it('marks what is marked', () => {
    const ui = { ...tableUi, marks: new Set(['mail', 'wiki']) };
    const marked = linesOf(sample, ui).filter((line) => line.startsWith('◆'));
    expect(marked.map((line) => line.slice(3, 7))).toEqual(['wiki', 'mail']);
    expect(textOf(draw(sample, ui).aside ?? [])).toContain('2 marked');
  });

  it('drops columns where there is no room, and keeps name, node and state', () => {
    const heads = (columns: number): string[] =>
      linesOf(sample, tableUi, { columns, rows: 9 })[0]?.trim().split(/ +/) ?? [];
    expect(heads(116)).toEqual(['APP', 'NODE', 'STATE', 'CPU', 'MEM', 'DATA', 'SNAP', 'NOTE']);
    expect(heads(66)).toEqual(['APP', 'NODE', 'STATE', 'CPU', 'MEM', 'DATA', 'NOTE']);
    expect(heads(54)).toEqual(['APP', 'NODE', 'STATE', 'DATA', 'NOTE']);
  });

  it('says in the head of a lost node why, and since when', () => {
    const lines = linesOf(sample, boardUi, { columns: 200, rows: 14 });
    expect(lines[0]).toMatch(/✖ gamma 10\.0\.0\.13 +lost 9s ago$/);
    expect(lines[1]).toContain('cannot connect to "gamma": no answer within 15 s');
  });

  it('says of a node that does not answer any more how long that is, before it counts as lost', () => {
    const measured = sample.figures.alpha;
    if (measured === undefined) expect.fail('alpha has no figures');
    const silent = { ...measured, latest: { ...measured.latest, at: now - 4_000, roundTripMs: 5 } };
    const view = { ...sample, figures: { ...sample.figures, alpha: silent } };
    const [first] = linesOf(view, boardUi, { columns: 200, rows: 14 });
    expect(first).toMatch(/alpha .* no answer for 4s/);
    const slow = { ...silent, latest: { ...silent.latest, roundTripMs: 2_000 } };
    const usual = { ...sample, figures: { ...sample.figures, alpha: slow } };
    expect(linesOf(usual, boardUi, { columns: 200, rows: 14 })[0]).not.toContain('no answer');
  });

  it('says in the head of a node that something on it is blocked that belongs to no application', () => {
    const plan = { revision: 'r', steps: [], notes: [], blocked: [{ node: 'alpha', reason: 'cannot retire "x"' }] };
    const [first] = linesOf({ ...sample, plan }, boardUi, { columns: 200, rows: 14 });
    expect(first).toMatch(/alpha [^│]* ✖ 1 blocked/);
  });

  it('shows what a container used last in another tone, where it is not measured now', () => {
    const figures = sample.figures.alpha;
    if (figures === undefined) expect.fail('alpha has no figures');
    const latest = { ...figures.latest, containers: {} };
    const earlier = { 'drover-grafana': { cpuPercent: 42, memoryBytes: 1024, at: now - 9000 } };
    const view = { ...sample, figures: { ...sample.figures, alpha: { ...figures, latest, earlier } } };
    for (const ui of [tableUi, boardUi]) {
      const cells = draw(view, ui).rows.flat();
      expect(cells.find(({ text }) => text.trim() === '42%')?.token).toBe('dim');
    }
  });

  it('is the same picture for the same input a second later but for ages', () => {
    const input = inputOf(sample, tableUi);
    const later = { ...input, now: now + 1000 };
    const lines = (each: typeof input): string => clusterPart.draw(each, tableUi, size).rows.map(textOf).join('\n');
    expect(lines(later)).toBe(lines(input));
    expect(lines({ ...input, now: now + 86_400_000 })).toContain('up 41d');
  });
});

describe('an empty cluster', () => {
  const says = (view: ClusterView, ui: Partial<UiState> = {}): string =>
    linesOf(view, { ...tableUi, ...ui }).join('\n');

  it('says what to do', () => {
    expect(says({ ...emptyView, config: aConfig([], {}) })).toContain('add one under `nodes:`');
    expect(says(emptyView)).toContain('reading the files');
    const problem = { file: 'a', path: '', message: 'm' };
    expect(says({ ...emptyView, problems: [problem] })).toContain('fix the files and save them');
    const noApps = { ...emptyView, config: aConfig([], { a: [] }), nodes: Object.fromEntries([onNode('a')]) };
    expect(says(noApps)).toContain('describe one in application.yml');
    expect(linesOf(noApps, boardUi).join('\n')).toContain('nothing runs here');
  });

  it('says how to see everything again', () => {
    expect(says(sample, { filter: 'nothing-like-it' })).toContain('escape shows everything');
    expect(says(bigView(1, 2), { faultsOnly: true })).toContain('! shows everything');
  });
});

describe('typing a filter', () => {
  const typing = { ...tableUi, filtering: true };

  it('takes letters, and gives them back', () => {
    expect(pressing(typing, typed('ma'), typed('il')).filter).toBe('mail');
    expect(pressing(typing, typed('ma'), { type: 'edit-key', key: 'backspace' }).filter).toBe('m');
    expect(pressing(typing, typed('node:a wi'), { type: 'edit-key', key: 'word-back' }).filter).toBe('node:a ');
    expect(pressing(typing, typed('x'), { type: 'edit-key', key: 'clear' }).filter).toBe('');
  });

  it('is kept with enter, and ended with escape', () => {
    expect(pressing(typing, typed('ma'), { type: 'edit-key', key: 'enter' })).toMatchObject({
      filter: 'ma',
      filtering: false,
    });
    expect(pressing(typing, typed('ma'), { type: 'edit-key', key: 'escape' })).toMatchObject({
      filter: '',
      filtering: false,
    });
    expect(isTyping(typing, registry)).toBe(true);
  });

  it('leaves to the screen what is the screen’s', () => {
    const item: Item = { node: 'alpha', app: 'db' };
    const ui = { ...tableUi, cursor: item };
    for (const action of ['apply', 'logs', 'open', 'mark', 'filter'] as const) {
      expect(clusterPart.update(inputOf(sample, ui), ui, { type: 'action', action }, size)).toEqual({});
      expect(clusterPart.actions).toContain(action);
    }
  });
});
