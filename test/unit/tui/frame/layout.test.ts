import { describe, expect, it } from 'vitest';
import { framePane } from '../../../../src/tui/frame/frame.ts';
import { unicodeGlyphs } from '../../../../src/tui/frame/glyphs.ts';
import { arrangementOf, insideOf, type Layout, layoutOf } from '../../../../src/tui/frame/layout.ts';
import { type Rect, type Size, span } from '../../../../src/tui/frame/rows.ts';
import type { PaneId, UiState } from '../../../../src/tui/state.ts';
import fc from '../../../support/random.ts';
import { textOf } from '../cluster-scenes.ts';

type Ui = Pick<UiState, 'focus' | 'zoomed' | 'arrangement'>;
const plainUi: Ui = { focus: 'cluster', zoomed: false, arrangement: 'auto' };

function regular(size: Size, ui: Partial<Ui> = {}): Exclude<Layout, { tooSmall: unknown }> {
  const layout = layoutOf(size, { ui: { ...plainUi, ...ui }, nodes: 3, counters: '' });
  if ('tooSmall' in layout) throw new Error('too small');
  return layout;
}

const sizes = fc.record({ columns: fc.integer({ min: 60, max: 240 }), rows: fc.integer({ min: 16, max: 70 }) });
const uis = fc.record({
  focus: fc.constantFrom<PaneId>('cluster', 'plan', 'detail', 'events'),
  zoomed: fc.boolean(),
  arrangement: fc.constant('auto' as const),
});

const cellsOf = ({ x, y, columns, rows }: Rect): string[] =>
  Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => `${x + column},${y + row}`),
  ).flat();

describe('the layout', () => {
  it('covers every cell of every size once', () => {
    fc.assert(
      fc.property(sizes, uis, (size, ui) => {
        const { header, footer, panes, body } = regular(size, ui);
        const rects: Rect[] = [header, ...Object.values(panes), footer];
        const cells = rects.flatMap(cellsOf);
        expect(cells.length).toBe(size.columns * size.rows);
        expect(new Set(cells).size).toBe(cells.length);
        expect(Math.max(...rects.map(({ x, columns }) => x + columns))).toBe(size.columns);
        expect(Math.max(...rects.map(({ y, rows }) => y + rows))).toBe(size.rows);
        expect(body.rows + header.rows + footer.rows).toBe(size.rows);
      }),
      { numRuns: 150 },
    );
  });

  it('always shows the pane that has the focus, with room for text in each pane', () => {
    fc.assert(
      fc.property(sizes, uis, (size, ui) => {
        const { panes } = regular(size, ui);
        expect(Object.keys(panes)).toContain(ui.focus);
        for (const rect of Object.values(panes)) {
          const inside = insideOf(rect);
          expect(inside.rows).toBeGreaterThanOrEqual(2);
          expect(inside.columns).toBeGreaterThanOrEqual(30);
        }
      }),
    );
  });

  it('draws borders that meet: every corner has a line in each direction it points to', () => {
    fc.assert(
      fc.property(sizes, uis, (size, ui) => {
        const { panes, body } = regular(size, ui);
        const grid = Array.from({ length: size.rows }, () => Array.from({ length: size.columns }, () => ' '));
        for (const rect of Object.values(panes)) {
          const rows = framePane({ title: [span('t')], rows: [] }, rect, {
            focused: false,
            glyphs: unicodeGlyphs,
            joins: rect.joins,
          });
          for (const [i, row] of rows.entries()) {
            for (const [j, cell] of [...textOf(row)].entries()) (grid[rect.y + i] ?? [])[rect.x + j] = cell;
          }
        }
        const at = (x: number, y: number): string => grid[y]?.[x] ?? ' ';
        for (let y = body.y; y < body.y + body.rows; y += 1) {
          for (let x = 0; x < size.columns; x += 1) {
            for (const [dx, dy, back] of reach[at(x, y)] ?? []) {
              expect(`${at(x, y)} ${x},${y} -> ${back.includes(at(x + dx, y + dy))}`).toBe(
                `${at(x, y)} ${x},${y} -> true`,
              );
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('shows all four panes on a wide screen, and on a small one the cluster and what has the focus', () => {
    expect(Object.keys(regular({ columns: 118, rows: 28 }).panes)).toEqual(['cluster', 'plan', 'detail', 'events']);
    expect(Object.keys(regular({ columns: 80, rows: 24 }).panes)).toEqual(['cluster', 'plan']);
    expect(Object.keys(regular({ columns: 80, rows: 24 }, { focus: 'events' }).panes)).toEqual(['cluster', 'events']);
    expect(Object.keys(regular({ columns: 80, rows: 24 }, { focus: 'detail', zoomed: true }).panes)).toEqual([
      'detail',
    ]);
    expect(Object.keys(regular({ columns: 80, rows: 50 }).panes)).toEqual(['cluster', 'plan', 'detail', 'events']);
  });

  it('says what is missing where no match', () => {
    const facts = { ui: plainUi, nodes: 3, counters: '3 nodes' };
    expect(layoutOf({ columns: 52, rows: 14 }, facts)).toEqual({ tooSmall: ['needs 60×16, has 52×14', '3 nodes'] });
    expect(layoutOf({ columns: 59, rows: 16 }, facts)).toHaveProperty('tooSmall');
    expect(layoutOf({ columns: 60, rows: 15 }, facts)).toHaveProperty('tooSmall');
    expect(layoutOf({ columns: 60, rows: 16 }, facts)).not.toHaveProperty('tooSmall');
  });

  it('takes the board while every node has its columns, then the table, and the matrix for many nodes in few', () => {
    const shown = (nodes: number, columns: number): string => arrangementOf('auto', nodes, columns);
    expect([shown(3, 108), shown(3, 107), shown(6, 216), shown(7, 252), shown(7, 60)]).toEqual([
      'board',
      'table',
      'board',
      'table',
      'matrix',
    ]);
    expect(arrangementOf('matrix', 1, 240)).toBe('matrix');
  });
});

const right = [1, 0, '─┬┴┤╮╯ t'] as const;
const left = [-1, 0, '─┬┴├╭╰ t'] as const;
const down = [0, 1, '│┴├┤╰╯'] as const;
const up = [0, -1, '│┬├┤╭╮'] as const;
/** Where the lines of each corner go, and what may be there. */
const reach: Readonly<Record<string, readonly (readonly [number, number, string])[]>> = {
  '╭': [right, down],
  '╮': [left, down],
  '╰': [right, up],
  '╯': [left, up],
  '├': [right, up, down],
  '┤': [left, up, down],
  '┬': [left, right, down],
  '┴': [left, right, up],
  '│': [up, down],
};
