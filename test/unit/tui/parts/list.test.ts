import { describe, expect, it } from 'vitest';
import { type Row, span } from '../../../../src/tui/frame/rows.ts';
import { cursorAfter, drawList, type List } from '../../../../src/tui/parts/list.ts';
import { pageAt, pageWith, rowsOn, scrolled } from '../../../../src/tui/parts/page.ts';
import type { Message } from '../../../../src/tui/screen.ts';

const size = { columns: 20, rows: 5 };
const row = (text: string): Row => [span(text)];
const textOf = (each: Row): string => each.map(({ text }) => text).join('');
const action = (name: 'up' | 'down' | 'page-down' | 'half-up' | 'first' | 'last' | 'open'): Message => ({
  type: 'action',
  action: name,
});

/** Ten entries of one line each. */
function aList(overrides: Partial<List> = {}) {
  const all = Array.from({ length: 10 }, (_, i) => row(`entry ${i}`));
  const {
    rows,
    hits = [],
    scroll,
  } = drawList({
    size,
    cursor: 0,
    lines: all.length,
    draw: (shown) => rowsOn(shown, all),
    ...overrides,
  });
  const isSelected = (each: Row): boolean => each.some(({ selected }) => selected === true);
  return { lines: rows.map(textOf), selected: rows.filter(isSelected).map(textOf), hits, scroll };
}

describe('a list', () => {
  it('keeps the cursor in sight and selects its line', () => {
    expect(aList({ cursor: 7 })).toMatchObject({
      lines: ['entry 3', 'entry 4', 'entry 5', 'entry 6', 'entry 7'],
      selected: ['entry 7'],
      scroll: { offset: 3, shown: 5, total: 10 },
    });
    expect(aList({ cursor: 5, from: 'middle' }).scroll?.offset).toBe(3);
    expect(aList({ cursor: 5, from: 4 }).scroll?.offset).toBe(4);
    expect(aList({ cursor: 99 }).selected).toEqual(['entry 9']);
    expect(aList({ cursor: 7, isSelected: false }).selected).toEqual([]);
  });

  it('has a head and a foot in the first and the last rows, and what is below right behind its lines', () => {
    const few = { lines: 1, draw: () => [row('entry 0')], head: [row('head')] };
    expect(aList({ ...few, foot: [row('foot')] }).lines).toEqual(['head', 'entry 0', '', '', 'foot']);
    expect(aList({ ...few, below: [row('below')] }).lines).toEqual(['head', 'entry 0', 'below']);
  });

  it('has clicks on every line that belongs to an entry, where it is drawn', () => {
    const { hits } = aList({ lines: [undefined, 0, 0, 1, undefined], draw: () => ['a', 'b', 'c', 'd', 'e'].map(row) });
    expect(hits.map(({ y, click }) => [y, click.type === 'pick' ? click.index : -1])).toEqual([
      [1, 0],
      [2, 0],
      [3, 1],
    ]);
    const twice: Message = { type: 'action', action: 'open' };
    expect(aList({ head: [row('head')], twice }).hits[0]).toMatchObject({ y: 1, rows: 1, columns: 20, twice });
  });

  it('moves its cursor with keys, the wheel and clicks, and no further than its ends', () => {
    expect(cursorAfter(action('down'), 0, 10, 5)).toBe(1);
    expect(cursorAfter(action('page-down'), 0, 10, 5)).toBe(4);
    expect(cursorAfter(action('half-up'), 9, 10, 5)).toBe(7);
    expect(cursorAfter(action('last'), 0, 10, 5)).toBe(9);
    expect(cursorAfter(action('up'), 0, 10, 5)).toBe(0);
    expect(cursorAfter({ type: 'wheel', pane: 'cluster', rows: 3 }, 8, 10, 5)).toBe(9);
    expect(cursorAfter({ type: 'pick', index: 12 }, 8, 10, 5)).toBe(9);
    expect(cursorAfter({ type: 'edit-key', key: 'down' }, 8, 10, 5)).toBe(9);
    // After entries have gone, it moves from the last one that is left.
    expect(cursorAfter(action('up'), 20, 10, 5)).toBe(8);
    expect(cursorAfter(action('open'), 8, 10, 5)).toBeUndefined();
    expect(cursorAfter({ type: 'edit-key', key: 'enter' }, 8, 10, 5)).toBeUndefined();
  });
});

describe('a page', () => {
  it('leaves no row empty at its end', () => {
    expect(pageAt(9, 4, 10).offset).toBe(6);
    expect(pageAt(-3, 4, 10).offset).toBe(0);
    expect(pageAt(2, 4, 3).offset).toBe(0);
    expect(pageWith(9, 0, 4, 10).offset).toBe(6);
  });

  it('scrolls with keys and the wheel from where it can be, and counts its rows only then', () => {
    const ten = (): number => 10;
    expect(scrolled(action('down'), 99, 4, ten)).toBe(6);
    expect(scrolled(action('up'), 99, 4, ten)).toBe(5);
    expect(scrolled(action('first'), 6, 4, ten)).toBe(0);
    expect(scrolled({ type: 'wheel', pane: 'plan', rows: 3 }, 0, 4, ten)).toBe(3);
    const never = (): number => {
      throw new Error('its rows were counted');
    };
    expect(scrolled(action('open'), 6, 4, never)).toBeUndefined();
    expect(scrolled({ type: 'tick' }, 6, 4, never)).toBeUndefined();
  });
});
