import type { Drawn } from '../screen.ts';
import { fitRow, widthOfRow } from '../text/fit.ts';
import type { Glyphs } from './glyphs.ts';
import { insideOf, type Joins } from './layout.ts';
import type { Rect, Row, Span, Token } from './rows.ts';

export interface FrameOptions {
  readonly focused: boolean;
  readonly glyphs: Glyphs;
  /** In place of the drawn one. Neither: no border. */
  readonly title?: Row;
  /** How the border meets its neighbours; absent: it stands alone. */
  readonly joins?: Joins;
}

const alone: Joins = {
  left: 'topLeft',
  right: 'topRight',
  bottom: { left: 'bottomLeft', right: 'bottomRight' },
  tees: [],
};

/**
 * What was drawn, in its border: exactly `rect.rows` rows of exactly `rect.columns` cells. Title and aside are in the
 * upper border, the aside in what the title leaves.
 */
export function framePane(drawn: Drawn, rect: Rect, options: FrameOptions): readonly Row[] {
  const { glyphs } = options;
  const title = options.title ?? drawn.title;
  if (title === undefined) return fill(drawn.rows, rect, glyphs);
  const joins = options.joins ?? alone;
  const inside = insideOf({ ...rect, joins });
  const token: Token = options.focused ? 'accent' : 'dim';
  const { vertical } = glyphs.border;
  const left: Row = joins.left === undefined ? [] : [{ text: vertical, token }];
  const thumb = thumbOf(drawn.scroll, inside.rows);
  const rows = fill(drawn.rows, inside, glyphs).map((row, i): Row => {
    const right = i >= thumb.from && i < thumb.to ? glyphs.thumb : vertical;
    return [...left, ...row, { text: right, token }];
  });
  const framed = [upper(title, drawn.aside, rect, { joins, token, glyphs }), ...rows];
  if (joins.bottom !== undefined) framed.push(lower(rect, joins.bottom, { token, glyphs }));
  // A rectangle without room for a border is cut like everything else.
  return fill(framed, rect, glyphs);
}

/** The rows, cut and padded to the size. */
export function fill(rows: readonly Row[], { columns, rows: count }: Pick<Rect, 'columns' | 'rows'>, glyphs: Glyphs) {
  return Array.from({ length: Math.max(0, count) }, (_, i) => fitRow(rows[i] ?? [], columns, glyphs.ellipsis));
}

interface Style {
  readonly token: Token;
  readonly glyphs: Glyphs;
}

function upper(title: Row, aside: Row | undefined, rect: Rect, style: Style & { readonly joins: Joins }): Row {
  const { joins, token, glyphs } = style;
  const { border, ellipsis } = glyphs;
  const left = joins.left === undefined ? '' : border[joins.left];
  const right = border[joins.right];
  const room = rect.columns - left.length - right.length;
  const padded = (row: Row): Row => [{ text: ' ', token }, ...row, { text: ' ', token }];
  const named =
    widthOfRow(title) === 0 || room < 6 ? [] : [...rule(1, 1), ...padded(cutRow(title, room - 4, ellipsis))];
  const free = room - widthOfRow(named) - 4;
  const has = aside === undefined || free < leastAside ? 0 : widthOfRow(aside);
  const ends = has === 0 ? [] : [...padded(cutRow(aside ?? [], free, ellipsis)), ...rule(1, room - 1)];
  const between = room - widthOfRow(named) - widthOfRow(ends);
  const start = left.length + widthOfRow(named);
  return [{ text: left, token }, ...named, ...rule(between, start), ...ends, { text: right, token }].filter(hasText);

  // Where a border from above ends under the title, the title wins.
  function rule(cells: number, from: number): Row {
    const text = Array.from({ length: Math.max(0, cells) }, (_, i) =>
      joins.tees.includes(rect.x + from + i) ? border.teeUp : border.horizontal,
    );
    return [{ text: text.join(''), token }];
  }
}

/** A shorter aside says nothing. */
const leastAside = 6;

const hasText = ({ text }: Span): boolean => text !== '';

const cutRow = (row: Row, width: number, ellipsis: string): Row =>
  widthOfRow(row) <= width ? row : fitRow(row, width, ellipsis);

function lower(rect: Rect, ends: NonNullable<Joins['bottom']>, { token, glyphs }: Style): Row {
  const { border } = glyphs;
  const left = ends.left === undefined ? '' : border[ends.left];
  const right = border[ends.right];
  const text = left + border.horizontal.repeat(Math.max(0, rect.columns - left.length - right.length)) + right;
  return [{ text, token }];
}

/** Rows of the right border that show where in the whole the visible part is; at least one where not all is visible. */
function thumbOf(scroll: Drawn['scroll'], rows: number): { readonly from: number; readonly to: number } {
  if (scroll === undefined || scroll.total <= scroll.shown || rows <= 0) return { from: 0, to: 0 };
  const length = Math.max(1, Math.round((rows * scroll.shown) / scroll.total));
  const last = scroll.total - scroll.shown;
  const from = Math.round((Math.min(scroll.offset, last) * (rows - length)) / last);
  return { from, to: from + length };
}
