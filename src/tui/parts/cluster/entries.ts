import { groupBy } from '../../../model/collect.ts';
import type { NodeName } from '../../../model/config.ts';
import { defined } from '../../../model/defined.ts';
import { compareNames } from '../../../view/board/plan.ts';
import type { Board, BoardNode, BoardNote, BoardRow } from '../../../view/board/types.ts';
import type { Item, UiState } from '../../state.ts';
import { widthOf } from '../../text/fit.ts';
import { type ClusterFilter, parseFilter } from './filter.ts';

/** One application (or container, or volume) wherever it is: a line of the table and of the matrix. */
export interface Entry {
  readonly item: Item;
  /** Where it is; the ghost where it is nowhere. */
  readonly row: BoardRow;
  /** All of its rows. */
  readonly rows: readonly BoardRow[];
  readonly node: string;
  /** Where it goes. */
  readonly to?: string;
  readonly note?: BoardNote;
}

/** What the cluster pane shows of the board. */
export interface Listing {
  readonly nodes: readonly BoardNode[];
  /** Rows of each node that pass the filter. */
  readonly rows: ReadonlyMap<NodeName, readonly BoardRow[]>;
  readonly entries: readonly Entry[];
  /** Entries without any filter. */
  readonly total: number;
  /** Applications among the entries. */
  readonly apps: number;
  /** Cells of the longest name and of the longest place among the entries. */
  readonly widths: { readonly name: number; readonly node: number };
  readonly problem?: string;
}

export type ListingUi = Pick<UiState, 'filter' | 'faultsOnly' | 'sort'>;

/** What `Item` says about a row. */
export function itemOf({ node, app, volume, foreign, kind }: BoardRow): Item {
  if (foreign !== undefined) return { node, foreign };
  if (kind === 'volume' || app === undefined) return { node, ...(volume === undefined ? {} : { volume }) };
  return { node, app };
}

/** The rows and entries that pass the filter, sorted. */
export function listingOf(board: Board, ui: ListingUi): Listing {
  const filter = parseFilter(ui.filter);
  const title = new Map(board.nodes.map((each) => [each.node, each.title]));
  const passes = passing(ui, filter, title);
  const all = entriesOf(board, title);
  const entries = sorted(
    all.filter((entry) => entry.rows.some(passes)),
    ui.sort,
  );
  // The board has the rows of each node by kind and name already.
  const isOrdered = ui.sort === 'node' || ui.sort === 'name';
  let widths: Listing['widths'] | undefined;
  const rows = board.nodes.map(({ node, rows }) => {
    const passed = rows.filter(passes);
    return [node, isOrdered ? passed : passed.toSorted(rowOrder(ui.sort))] as const;
  });
  return {
    nodes: board.nodes,
    rows: new Map(rows),
    entries,
    total: all.length,
    apps: entries.reduce((sum, { row }) => sum + (row.app === undefined || row.kind === 'volume' ? 0 : 1), 0),
    // The board asks for none of them, and there may be thousands.
    get widths() {
      widths ??= widthsOf(entries);
      return widths;
    },
    ...(filter.problem === undefined ? {} : { problem: filter.problem }),
  };
}

const widthsOf = (entries: readonly Entry[]): Listing['widths'] => ({
  name: entries.reduce((most, { row }) => Math.max(most, widthOf(row.name)), 0),
  node: entries.reduce((most, entry) => Math.max(most, placeWidth(entry)), 0),
});

function passing(ui: ListingUi, filter: ClusterFilter, title: ReadonlyMap<NodeName, string>) {
  if (!ui.faultsOnly && ui.filter.trim() === '') return () => true;
  const titlesOf = (row: BoardRow): readonly string[] =>
    [row.node, row.wanted].flatMap((node) => (node === undefined ? [] : (title.get(node) ?? [])));
  return (row: BoardRow): boolean => (!ui.faultsOnly || isFault(row)) && filter.matches(row, titlesOf(row));
}

/** Failed, unknown, or different from the files. */
export const isFault = ({ state, note, kind }: BoardRow): boolean => {
  if (note !== undefined && note.kind !== 'foreign' && note.kind !== 'kept') return true;
  return kind !== 'foreign' && (state === 'failed' || state === 'unknown' || state === 'absent');
};

/** Rows of the same application together, as they come. */
function entriesOf({ nodes }: Board, title: ReadonlyMap<NodeName, string>): readonly Entry[] {
  const groups = groupBy(
    nodes.flatMap((node) => node.rows),
    ({ app, node, foreign, volume }) =>
      app === undefined ? `${node}\n${foreign ?? ''}\n${volume ?? ''}` : `app\n${app}`,
  );
  return [...groups.values()].map((rows) => entryOf(rows, title));
}

function entryOf(rows: readonly BoardRow[], title: ReadonlyMap<NodeName, string>): Entry {
  const [first] = rows;
  if (first === undefined) throw new Error('a group of rows is never empty');
  const apps = rows.filter(({ kind }) => kind === 'app');
  const row = apps.find(({ node, wanted }) => node === wanted) ?? apps[0] ?? rows.find(isGhost) ?? first;
  const ghost = rows.find((each) => isGhost(each) && each.node !== row.node);
  const note = pickNote(row.note, ghost?.note);
  const to = row.wanted === undefined || row.wanted === row.node ? undefined : title.get(row.wanted);
  return {
    item: itemOf(row),
    row,
    rows,
    node: title.get(row.node) ?? row.node,
    ...defined({ to, note }),
  };
}

const isGhost = ({ kind }: BoardRow): boolean => kind === 'ghost';

const urgent: readonly BoardNote['kind'][] = ['failed', 'working', 'blocked'];

/** Where it goes is said by the node's column already. */
function pickNote(own: BoardNote | undefined, ghosts: BoardNote | undefined): BoardNote | undefined {
  const notes = [own, ghosts].filter((note) => note !== undefined);
  return urgent.flatMap((kind) => notes.filter((note) => note.kind === kind))[0] ?? own;
}

const severity: Readonly<Record<BoardRow['state'], number>> = {
  failed: 0,
  unknown: 1,
  changing: 2,
  absent: 3,
  stopped: 4,
  up: 5,
};

/** Foreign containers and volumes stay below the applications. */
const kinds: Readonly<Record<BoardRow['kind'], number>> = { app: 0, ghost: 0, foreign: 1, volume: 2 };

type RowOrder = (a: BoardRow, b: BoardRow) => number;

/** Within one node: where everything is on it anyway, by name. */
function rowOrder(sort: UiState['sort']): RowOrder {
  const by = rankOf(sort);
  return (a, b) => kinds[a.kind] - kinds[b.kind] || by(a, b) || compareNames(a.name, b.name);
}

const rankOf = (sort: UiState['sort']): RowOrder => {
  if (sort === 'state') return (a, b) => severity[a.state] - severity[b.state];
  return sort === 'data' ? (a, b) => (b.dataBytes ?? -1) - (a.dataBytes ?? -1) : () => 0;
};

/** They come node by node. */
function sorted(entries: readonly Entry[], sort: UiState['sort']): readonly Entry[] {
  if (sort === 'node') return entries;
  const by = rowOrder(sort);
  return entries.toSorted((a, b) => by(a.row, b.row) || compareNames(a.node, b.node));
}

/** With ` ⇢ ` where it goes somewhere. */
const placeWidth = ({ node, to }: Entry): number => widthOf(node) + (to === undefined ? 0 : 3 + widthOf(to));
