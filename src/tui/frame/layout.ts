import type { Arrangement, PaneId, UiState } from '../state.ts';
import type { Rect, Size } from './rows.ts';

/** The smallest screen anything is drawn on. */
export const smallest: Size = { columns: 60, rows: 16 };

/** A column of the board is worth looking at from here on. */
export const boardColumns = 36;
const mostBoardNodes = 6;
/** Below, the table has room for name, node and state only, and many nodes are better seen as a matrix. */
const tableColumns = 72;

/** Which way the cluster is shown; columns are those of its pane. */
export type Shown = Exclude<Arrangement, 'auto'>;

/** What the layout depends on in addition to the size. */
export interface LayoutFacts {
  readonly ui: Pick<UiState, 'focus' | 'zoomed' | 'arrangement'> & {
    readonly isGuided?: true | undefined;
  };
  readonly nodes: number;
  /** Shown where nothing else fits: `3 nodes, 1 unreachable, 2 changes`. */
  readonly counters: string;
}

type Corner = 'topLeft' | 'topRight' | 'bottomLeft' | 'bottomRight' | 'teeDown' | 'teeUp' | 'teeRight' | 'teeLeft';

/** How a pane's border meets those of its neighbours; a border between two panes is drawn once. */
export interface Joins {
  /** Absent: the neighbour to the left has drawn it. */
  readonly left: Corner | undefined;
  readonly right: Corner;
  /** Absent: the pane below has it as its upper border. */
  readonly bottom: { readonly left: Corner | undefined; readonly right: Corner } | undefined;
  /** Columns of the screen at which a border from above ends on the upper border. */
  readonly tees: readonly number[];
}

export interface PaneRect extends Rect {
  readonly joins: Joins;
}

/** Where everything is. */
export type Layout =
  | { readonly tooSmall: readonly string[] }
  | {
      readonly header: Rect;
      /** Those that are shown; tiles of `body`. */
      readonly panes: Readonly<Partial<Record<PaneId, PaneRect>>>;
      /** Where panes are, and overlays over them. */
      readonly body: Rect;
      /** Next to the panes or below them, while a tutorial is followed. */
      readonly guide?: Rect;
      readonly footer: Rect;
      readonly arrangement: Shown;
    };

/** Pure: the same size and state give the same rectangles. */
export function layoutOf(size: Size, facts: LayoutFacts): Layout {
  if (size.columns < smallest.columns || size.rows < smallest.rows) {
    const has = `has ${size.columns}×${size.rows}`;
    return { tooSmall: [`needs ${smallest.columns}×${smallest.rows}, ${has}`, facts.counters] };
  }
  const footerRows = footerRowsOf(size);
  const whole: Rect = { x: 0, y: 1, columns: size.columns, rows: size.rows - 1 - footerRows };
  const guide = facts.ui.isGuided === true ? guideOf(whole) : undefined;
  const body = guide === undefined ? whole : without(whole, guide);
  return {
    header: { x: 0, y: 0, columns: size.columns, rows: 1 },
    panes: panesOf(body, facts.ui),
    body,
    ...(guide === undefined ? {} : { guide }),
    footer: { x: 0, y: size.rows - footerRows, columns: size.columns, rows: footerRows },
    arrangement: arrangementOf(facts.ui.arrangement, facts.nodes, body.columns),
  };
}

/** To the right where the board keeps its columns, else below, in at most two fifths of the rows. */
function guideOf(whole: Rect): Rect {
  const columns = Math.min(56, Math.floor(whole.columns * 0.36));
  if (whole.columns - columns >= 2 * boardColumns && columns >= 42) {
    return { ...whole, x: whole.columns - columns, columns };
  }
  const rows = Math.min(15, Math.max(6, Math.floor(whole.rows * 0.45)));
  return { ...whole, y: whole.y + whole.rows - rows, rows };
}

const without = (whole: Rect, guide: Rect): Rect =>
  guide.x > 0 ? { ...whole, columns: whole.columns - guide.columns } : { ...whole, rows: whole.rows - guide.rows };

/** A second row for notices where there is room for it. */
export const footerRowsOf = ({ rows }: Size): 1 | 2 => (rows >= 30 ? 2 : 1);

/** The arrangement that is asked for, or the one that shows most on so many columns. */
export function arrangementOf(arrangement: Arrangement, nodes: number, columns: number): Shown {
  if (arrangement !== 'auto') return arrangement;
  if (nodes <= mostBoardNodes) return columns >= boardColumns * nodes ? 'board' : 'table';
  return columns < tableColumns ? 'matrix' : 'table';
}

/** Three rows of panes, each side by side; what does not fit gives way to what has the focus. */
function panesOf(body: Rect, { focus, zoomed }: LayoutFacts['ui']): Readonly<Partial<Record<PaneId, PaneRect>>> {
  if (zoomed) return tile(body, [{ rows: body.rows, panes: [{ id: focus, columns: body.columns }] }]);
  const all = (id: PaneId) => [{ id, columns: body.columns }];
  const isWide = body.columns >= 100;
  if (isWide) {
    const detail = Math.min(90, Math.max(40, Math.floor(body.columns * 0.36)));
    const pair: Tile['panes'] = [
      { id: 'plan', columns: body.columns - detail },
      { id: 'detail', columns: detail },
    ];
    return tile(body, wideTiles(body, pair, focus));
  }
  if (body.rows >= 34) {
    const [plan, detail, events] = [share(body, 0.2, 5), share(body, 0.22, 6), share(body, 0.16, 4)];
    return tile(body, [
      { rows: body.rows - plan - detail - events, panes: all('cluster') },
      { rows: plan, panes: all('plan') },
      { rows: detail, panes: all('detail') },
      { rows: events, panes: all('events') },
    ]);
  }
  const lower = focus === 'cluster' ? 'plan' : focus;
  const rows = lower === 'plan' ? share(body, focus === 'plan' ? 0.4 : 0.2, 4) : share(body, 0.5, 6);
  return tile(body, [
    { rows: body.rows - rows, panes: all('cluster') },
    { rows, panes: all(lower) },
  ]);
}

const share = ({ rows }: Size, part: number, least: number): number => Math.max(least, Math.round(rows * part));

function wideTiles(body: Rect, pair: Tile['panes'], focus: PaneId): readonly Tile[] {
  const events: Tile['panes'] = [{ id: 'events', columns: body.columns }];
  const cluster: Tile['panes'] = [{ id: 'cluster', columns: body.columns }];
  if (body.rows < 22) {
    const lower = share(body, 0.42, 5);
    return [
      { rows: body.rows - lower, panes: cluster },
      { rows: lower, panes: focus === 'events' ? events : pair },
    ];
  }
  const [middle, last] = [share(body, 0.36, 8), share(body, 0.18, 5)];
  return [
    { rows: body.rows - middle - last, panes: cluster },
    { rows: middle, panes: pair },
    { rows: last, panes: events },
  ];
}

interface Tile {
  readonly rows: number;
  readonly panes: readonly { readonly id: PaneId; readonly columns: number }[];
}

function tile(body: Rect, tiles: readonly Tile[]): Readonly<Partial<Record<PaneId, PaneRect>>> {
  let y = body.y;
  const placed = tiles.map(({ rows, panes }) => {
    let x = body.x;
    const rects = panes.map(({ id, columns }) => {
      const rect = { id, x, y, columns, rows };
      x += columns;
      return rect;
    });
    y += rows;
    return rects;
  });
  const entries = placed.flatMap((rects, at) =>
    rects.map(({ id, ...rect }, i) => {
      const joins = joinsOf(rects, i, placed[at - 1], at === placed.length - 1);
      return [id, { ...rect, joins }] as const;
    }),
  );
  return Object.fromEntries(entries);
}

function joinsOf(row: readonly Rect[], i: number, above: readonly Rect[] | undefined, isLowest: boolean): Joins {
  const rect = row[i] ?? { x: 0, y: 0, columns: 0, rows: 0 };
  const [isFirst, isLast] = [i === 0, i === row.length - 1];
  // A pane's right border ends on the upper border of the pane below it.
  const ends = (above ?? []).map(({ x, columns }) => x + columns - 1).filter((x) => x > rect.x && x < edgeOf(rect) - 1);
  return {
    left: isFirst ? (above === undefined ? 'topLeft' : 'teeRight') : undefined,
    right: isLast ? (above === undefined ? 'topRight' : 'teeLeft') : 'teeDown',
    bottom: isLowest
      ? { left: isFirst ? 'bottomLeft' : undefined, right: isLast ? 'bottomRight' : 'teeUp' }
      : undefined,
    tees: ends,
  };
}

const edgeOf = ({ x, columns }: Rect): number => x + columns;

/** The inside of a pane's border, on the screen. */
export function insideOf(rect: Rect & { readonly joins?: Joins }): Rect {
  const left = rect.joins === undefined || rect.joins.left !== undefined ? 1 : 0;
  const bottom = rect.joins === undefined || rect.joins.bottom !== undefined ? 1 : 0;
  return {
    x: rect.x + left,
    y: rect.y + 1,
    columns: Math.max(0, rect.columns - left - 1),
    rows: Math.max(0, rect.rows - 1 - bottom),
  };
}
