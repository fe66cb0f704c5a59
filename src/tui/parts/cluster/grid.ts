import type { NodeName } from '../../../model/config.ts';
import type { Row, Size } from '../../frame/rows.ts';
import type { HitArea, Message, ScreenInput } from '../../screen.ts';
import type { Item, UiState } from '../../state.ts';
import { clamp } from '../drawing.ts';
import type { Listing } from './entries.ts';
import { sameItem } from './signs.ts';

/** Somewhere the cursor can be. */
export interface Stop {
  readonly item: Item;
  /** Among the lines that scroll; a node's head does not, and has -1. */
  readonly line: number;
  readonly height: number;
}

/** Where the cursor can go, whatever is drawn there. */
export interface Grid {
  readonly columns: readonly (readonly Stop[])[];
  /** Lines that scroll. */
  readonly lines: number;
  /** Lines above them that do not. */
  readonly head: number;
  /** Nodes that left and right go through in one and the same line. */
  readonly sideways?: readonly NodeName[];
}

/** What all arrangements of the cluster pane draw from. */
export interface ClusterPaneInput {
  readonly input: ScreenInput;
  readonly ui: UiState;
  readonly listing: Listing;
  readonly size: Size;
}

/** Lines `from` to `from + count` of what scrolls, below what does not. */
export interface Window {
  readonly cursor: Item | undefined;
  readonly from: number;
  readonly count: number;
}

export interface Arranged {
  readonly grid: Grid;
  readonly draw: (window: Window) => { readonly rows: readonly Row[]; readonly hits: readonly HitArea[] };
  /** `nodes 4-6 of 100`, where not all are shown. */
  readonly part: (cursor: Item | undefined) => string;
}

interface GridPlace {
  readonly column: number;
  readonly stop: Stop;
}

/**
 * Where the cursor is: on its row, else on another row of the same thing (an application that has moved takes the
 * cursor with it), else on the first row there is.
 */
export function findStop({ columns, sideways }: Grid, cursor: Item): GridPlace | undefined {
  const places = columns.flatMap((stops, column) => stops.map((stop) => ({ column, stop })));
  const isSame = ({ app, volume, foreign }: Item): boolean =>
    app === cursor.app && volume === cursor.volume && foreign === cursor.foreign;
  const isThing = cursor.app !== undefined || cursor.volume !== undefined || cursor.foreign !== undefined;
  const exact = places.find(({ stop }) => sameItem(stop.item, cursor));
  if (exact !== undefined) return exact;
  const same = isThing ? places.find(({ stop }) => isSame(stop.item)) : undefined;
  const here = same ?? places.find(({ stop }) => stop.line >= 0) ?? places[0];
  if (here === undefined || same === undefined || cursor.node === undefined) return here;
  const isCell = sideways?.includes(cursor.node) ?? false;
  return isCell ? { ...here, stop: { ...here.stop, item: { ...here.stop.item, node: cursor.node } } } : here;
}

/** The stop that is `by` stops further on; the ends stop it. */
export function moveAlong(grid: Grid, { column, stop }: GridPlace, by: number): Item {
  const stops = grid.columns[column] ?? [];
  const at = stops.findIndex(({ line }) => line === stop.line);
  const target = stops[clamp(at + by, 0, stops.length - 1)]?.item ?? stop.item;
  const keepsNode = grid.sideways !== undefined && stop.item.node !== undefined && target.foreign === undefined;
  return keepsNode && target.volume === undefined ? { ...target, node: stop.item.node } : target;
}

/** To the neighbouring column, as near to the same line as it has one; or to the neighbouring node in the same line. */
export function moveAside(grid: Grid, { column, stop }: GridPlace, by: 1 | -1): Item {
  if (grid.sideways !== undefined) {
    const { node } = stop.item;
    if (stop.item.app === undefined || node === undefined) return stop.item;
    const next = grid.sideways[grid.sideways.indexOf(node) + by];
    return next === undefined ? stop.item : { ...stop.item, node: next };
  }
  const stops = grid.columns[column + by];
  const nearest = stops?.toSorted((a, b) => Math.abs(a.line - stop.line) - Math.abs(b.line - stop.line))[0];
  return nearest?.item ?? stop.item;
}

/** What clicking on a thing does. */
export const clicks = (item: Item): { readonly click: Message; readonly twice: Message } => ({
  click: { type: 'select', pane: 'cluster', item },
  twice: { type: 'action', action: 'open' },
});
