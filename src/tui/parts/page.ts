import type { ActionId } from '../actions/actions.ts';
import type { Drawn, Message } from '../screen.ts';
import { clamp } from './drawing.ts';

// A page scrolls as a whole. A part keeps one number of it, the first row that is shown.

/** Which rows of a page are shown. */
export type Scroll = NonNullable<Drawn['scroll']>;

/** The page from row `offset` on; further up where rows at the end would stay empty. */
export const pageAt = (offset: number, shown: number, total: number): Scroll => ({
  offset: clamp(offset, 0, Math.max(0, total - shown)),
  shown,
  total,
});

/** Where a list of lines has to begin so that line `at` is among those shown; `offset` where it is already. */
export const pageWith = (at: number, offset: number, shown: number, total: number): Scroll =>
  pageAt(clamp(offset, at - shown + 1, at), shown, total);

/** The part of the rows that is shown. */
export const rowsOn = <T>({ offset, shown }: Scroll, rows: readonly T[]): readonly T[] =>
  rows.slice(offset, offset + shown);

/**
 * The first row after a message: keys and the wheel scroll; undefined for every other message, for which `countRows` is
 * not called.
 */
export function scrolled(message: Message, offset: number, shown: number, countRows: () => number): number | undefined {
  const by = rowsMoved(message, shown);
  if (by === undefined) return undefined;
  const total = countRows();
  return pageAt(pageAt(offset, shown, total).offset + by, shown, total).offset;
}

/** How many rows a message moves by; undefined where it does not move. The ends are infinitely far away. */
export function rowsMoved(message: Message, page: number): number | undefined {
  if (message.type === 'wheel') return message.rows;
  if (message.type !== 'action') return undefined;
  switch (message.action) {
    case 'up':
      return -1;
    case 'down':
      return 1;
    case 'page-up':
      return -Math.max(1, page - 1);
    case 'page-down':
      return Math.max(1, page - 1);
    case 'half-up':
      return -Math.max(1, Math.floor(page / 2));
    case 'half-down':
      return Math.max(1, Math.floor(page / 2));
    case 'first':
      return Number.NEGATIVE_INFINITY;
    case 'last':
      return Number.POSITIVE_INFINITY;
    default:
      return undefined;
  }
}

/** The actions that `rowsMoved` knows. */
export const movingActions: readonly ActionId[] = [
  'up',
  'down',
  'page-up',
  'page-down',
  'half-up',
  'half-down',
  'first',
  'last',
];
