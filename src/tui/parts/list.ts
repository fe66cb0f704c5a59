import type { Row, Size } from '../frame/rows.ts';
import type { Drawn, Message } from '../screen.ts';
import { clamp, select } from './drawing.ts';
import { pageWith, rowsMoved, type Scroll } from './page.ts';

// A list has a cursor that goes from entry to entry. A part keeps one number of it, the entry under the cursor, and says
// how its rows look; where they are, which of them are shown and what a click on them does is decided here.

export interface List {
  readonly size: Size;
  /** The entry under the cursor. */
  readonly cursor: number;
  /** The entry that each line belongs to, undefined for lines that belong to none; a number: so many, one line each. */
  readonly lines: number | readonly (number | undefined)[];
  /** Draws these lines only, for there may be thousands. */
  readonly draw: (shown: Scroll) => readonly Row[];
  /** Stays in sight above the list. */
  readonly head?: readonly Row[];
  /** Follows the last line that is shown. */
  readonly below?: readonly Row[];
  /** Stays in the last rows. */
  readonly foot?: readonly Row[];
  /**
   * Where the list begins as long as the cursor is in sight: at its first line, with the cursor in the middle, or at a
   * line that the part keeps.
   */
  readonly from?: 'first' | 'middle' | number;
  /** False: the line under the cursor looks like every other. */
  readonly isSelected?: boolean;
  /** Absent: the part gets a `pick` with the entry. */
  readonly click?: (entry: number) => Message;
  /** What a second click does. */
  readonly twice?: Message;
}

/** The list with everything around it, as the inside of a part. */
export function drawList(list: List): Pick<Drawn, 'rows' | 'hits' | 'scroll'> {
  const { size, lines, head = [], below = [], foot, isSelected = true, twice } = list;
  const shown = Math.max(1, size.rows - head.length - below.length - (foot?.length ?? 0));
  const total = typeof lines === 'number' ? lines : lines.length;
  const at = lineUnderCursor(list);
  const scroll = pageWith(at, firstLine(list, at, shown), shown, total);
  const rows = list.draw(scroll).map((row, i) => (isSelected && scroll.offset + i === at ? select(row) : row));
  const gap = foot === undefined ? [] : Array.from({ length: Math.max(0, shown - rows.length) }, (): Row => []);
  const hits = rows.flatMap((_, i) => {
    const line = scroll.offset + i;
    const entry = typeof lines === 'number' ? line : lines[line];
    if (entry === undefined) return [];
    const click: Message = list.click?.(entry) ?? { type: 'pick', index: entry };
    const area = { x: 0, y: head.length + i, columns: size.columns, rows: 1, click };
    return [twice === undefined ? area : { ...area, twice }];
  });
  return { rows: [...head, ...rows, ...gap, ...below, ...(foot ?? [])], hits, scroll };
}

function lineUnderCursor({ lines, cursor }: List): number {
  return Math.max(0, typeof lines === 'number' ? Math.min(cursor, lines - 1) : lines.indexOf(cursor));
}

function firstLine({ from = 'first' }: List, at: number, shown: number): number {
  if (from === 'middle') return Math.max(0, at - Math.floor(shown / 2));
  return from === 'first' ? 0 : from;
}

/**
 * The entry under the cursor after a message: keys and the wheel move the cursor, a click puts it on its entry. Undefined
 * for every other message. `page` is how many entries a page has.
 */
export function cursorAfter(message: Message, cursor: number, total: number, page: number): number | undefined {
  if (message.type === 'pick') return inList(message.index, total);
  const by = message.type === 'edit-key' ? arrows[message.key] : rowsMoved(message, page);
  return by === undefined ? undefined : inList(inList(cursor, total) + by, total);
}

/** Where text is typed, the arrows still move the cursor of the list below. */
const arrows: Readonly<Record<string, number | undefined>> = { up: -1, down: 1 };

/** The cursor on an entry that exists; 0 in an empty list. */
export const inList = (cursor: number, total: number): number => clamp(cursor, 0, Math.max(0, total - 1));
