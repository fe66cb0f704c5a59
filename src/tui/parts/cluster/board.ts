import type { BoardNode, BoardRow } from '../../../view/board/types.ts';
import { type Row, type Span, span } from '../../frame/rows.ts';
import type { HitArea } from '../../screen.ts';
import type { Item } from '../../state.ts';
import { fitRow, fitText, widthOf } from '../../text/fit.ts';
import { headLines, headRows } from './board-head.ts';
import { itemOf } from './entries.ts';
import { type Arranged, type ClusterPaneInput, clicks, type Stop, type Window } from './grid.ts';
import { partText } from './matrix.ts';
import {
  cpuText,
  dataText,
  hasKeys,
  markSpan,
  memoryText,
  noteSpan,
  sameItem,
  selectIf,
  signOf,
  stateSpan,
} from './signs.ts';

/** As many nodes side by side as there is room for. */
export function arrangeBoard(pane: ClusterPaneInput, leastColumns: number): Arranged {
  const { listing, size } = pane;
  const columns = listing.nodes.map((node) => stopsOf(node, listing.rows.get(node.node) ?? []));
  const heights = columns.map((stops) => stops.reduce((sum, { height }) => sum + height, 0));
  // The borders of the pane count as the outer half of a column.
  const most = Math.max(1, Math.min(listing.nodes.length, Math.floor((size.columns + 2) / leastColumns)));
  const shown = (cursor: Item | undefined): readonly BoardNode[] => {
    const at = listing.nodes.findIndex(({ node }) => node === cursor?.node);
    const first = Math.min(Math.floor(Math.max(0, at) / most) * most, listing.nodes.length - most);
    return listing.nodes.slice(Math.max(0, first), Math.max(0, first) + most);
  };
  return {
    grid: { columns, lines: Math.max(0, ...heights), head: headRows(size) + 1 },
    part: (cursor) => partText(listing.nodes, shown(cursor)),
    draw: (window) => drawBoard(pane, shown(window.cursor), window),
  };
}

/** A node's head is a stop as well: its datasets and its errors belong to no application. */
function stopsOf({ node }: BoardNode, rows: readonly BoardRow[]): readonly Stop[] {
  let line = 0;
  const stops = rows.map((row): Stop => {
    const stop = { item: itemOf(row), line, height: hasNoteLine(row) ? 2 : 1 };
    line += stop.height;
    return stop;
  });
  return [{ item: { node }, line: -1, height: 0 }, ...stops];
}

/** What is not here yet has nothing but its note to say, and says it in its only line. */
const hasNoteLine = ({ kind, note, state }: BoardRow): boolean =>
  note !== undefined && (kind === 'app' || (kind === 'volume' && note.kind !== 'kept')) && state !== 'absent';

interface NodeColumn {
  readonly node: BoardNode;
  readonly x: number;
  readonly width: number;
}

function drawBoard(pane: ClusterPaneInput, nodes: readonly BoardNode[], window: Window) {
  const { vertical, horizontal, cross } = pane.input.glyphs.border;
  const columns = placeColumns(nodes, pane.size.columns);
  const isHead = ({ node }: NodeColumn): boolean => sameItem(window.cursor ?? {}, { node: node.node });
  const heads = columns.map((column) => headLines(pane, column.node, column.width, isHead(column)));
  const bodies = columns.map((column) => bodyOf(pane, column, window));
  const join = (cells: readonly Row[]): Row =>
    cells.flatMap((cell, i) => {
      const fitted = fitRow(cell, columns[i]?.width ?? 0, pane.input.glyphs.ellipsis);
      return i === 0 ? fitted : [span(vertical, 'dim'), ...fitted];
    });
  const head = headRows(pane.size);
  const rule = columns.map(({ width }) => horizontal.repeat(width)).join(cross);
  const rows = [
    ...Array.from({ length: head }, (_, i) => join(heads.map((lines) => lines[i] ?? []))),
    [span(rule, 'dim')],
    ...Array.from({ length: window.count }, (_, i) => join(bodies.map((body) => body.rows[i] ?? []))),
  ];
  const headHits = columns.map(({ node, x, width }): HitArea => {
    return { x, y: 0, columns: width, rows: head, ...clicks({ node: node.node }) };
  });
  return { rows, hits: [...headHits, ...bodies.flatMap(({ hits }) => hits)] };
}

/** One cell between neighbours; the first ones get what does not divide. */
function placeColumns(nodes: readonly BoardNode[], columns: number): readonly NodeColumn[] {
  const room = columns - (nodes.length - 1);
  const width = Math.floor(room / nodes.length);
  const wider = room - width * nodes.length;
  return nodes.map((node, i) => ({
    node,
    x: i * (width + 1) + Math.min(i, wider),
    width: i < wider ? width + 1 : width,
  }));
}

function bodyOf(pane: ClusterPaneInput, { node, x, width }: NodeColumn, { cursor, from, count }: Window) {
  const all = pane.listing.rows.get(node.node) ?? [];
  const stops = stopsOf(node, all).slice(1);
  const longest = all.reduce((most, { name }) => Math.max(most, widthOf(name)), 0);
  const rows: Row[] = [];
  const hits: HitArea[] = [];
  if (all.length === 0 && from === 0) rows.push([span(emptyText(pane, node), 'dim')]);
  for (const [i, row] of all.entries()) {
    const { line, height, item } = stops[i] ?? { line: 0, height: 1, item: {} };
    if (line + height <= from || line >= from + count) continue;
    const isCursor = sameItem(item, cursor ?? {});
    for (const [at, drawn] of rowLines(pane, row, { width, longest, isCursor }).entries()) {
      const y = line + at - from;
      if (y >= 0 && y < count) rows[y] = drawn;
    }
    const top = Math.max(0, line - from);
    const y = headRows(pane.size) + 1 + top;
    hits.push({ x, y, columns: width, rows: Math.min(count, line + height - from) - top, ...clicks(item) });
  }
  return { rows, hits };
}

interface RowShape {
  readonly width: number;
  /** Cells of the longest name of the node. */
  readonly longest: number;
  readonly isCursor: boolean;
}

function emptyText({ ui }: ClusterPaneInput, { rows, status }: BoardNode): string {
  if (rows.length > 0) return ui.faultsOnly && ui.filter === '' ? '   no faults' : '   nothing matches';
  return status === 'reachable' ? '   nothing runs here' : '';
}

function rowLines(pane: ClusterPaneInput, row: BoardRow, shape: RowShape): readonly Row[] {
  const { width, longest, isCursor } = shape;
  const { input, ui } = pane;
  const { glyphs } = input;
  const isSelected = isCursor && hasKeys(pane);
  const [glyph, token] = signOf(row, row.note, glyphs);
  const start = [markSpan(itemOf(row), isCursor, { ui, glyphs }), span(`${glyph} `, token)];
  const first = [...start, ...cells(pane, row, width - 3, longest)];
  const lines: Row[] = [selectIf(fitRow(first, width, glyphs.ellipsis), isSelected)];
  if (row.note !== undefined && hasNoteLine(row)) {
    const note = [span(`   ${glyphs.branch} `, 'dim'), noteSpan(row.note, glyphs)];
    lines.push(selectIf(fitRow(note, width, glyphs.ellipsis), isSelected));
  }
  return lines;
}

const stateWidth = 7;
const figureWidths = { cpu: 5, memory: 6, data: 6 } as const;

/** Name, state and figures; what has no figures gives their room to its state. */
function cells({ input }: ClusterPaneInput, row: BoardRow, width: number, longest: number): Row {
  const { ellipsis } = input.glyphs;
  const dim = row.isStale ? 'dim' : 'plain';
  const hasMemory = width >= 10 + 1 + stateWidth + figureWidths.cpu + figureWidths.memory + figureWidths.data;
  const used = figureWidths.cpu + (hasMemory ? figureWidths.memory : 0);
  const most = Math.max(8, width - 1 - stateWidth - used - figureWidths.data);
  const name = Math.min(Math.max(8, longest), most);
  const title = span(`${fitText(row.name, name, 'left', ellipsis)} `, nameToken(row));
  const rest = width - name - 1;
  if (row.kind === 'ghost' || row.kind === 'foreign') return [title, fitSpan(onlyLine(input, row), rest, ellipsis)];
  const use = row.isUseOld === true ? 'dim' : dim;
  const data = span(fitText(dataText(row), figureWidths.data, 'right'), dim);
  const state = stateSpan(row, input.now);
  if (row.cpuPercent === undefined) return [title, fitSpan(state, rest - figureWidths.data, ellipsis), data];
  return [
    title,
    fitSpan(state, rest - used - figureWidths.data, ellipsis),
    span(fitText(cpuText(row), figureWidths.cpu, 'right'), use),
    ...(hasMemory ? [span(fitText(memoryText(row), figureWidths.memory, 'right'), use)] : []),
    data,
  ];
}

const nameToken = ({ kind, isStale }: BoardRow) =>
  isStale || kind === 'foreign' || kind === 'volume' ? 'dim' : kind === 'ghost' ? 'plain' : 'strong';

/** Its note; but what cannot be seen says so first. */
function onlyLine({ glyphs, now }: ClusterPaneInput['input'], row: BoardRow): Span {
  const isQuiet = row.note === undefined || (row.isStale && row.note.kind === 'add');
  if (isQuiet || row.note === undefined) return stateSpan(row, now);
  return row.kind === 'foreign' ? span(row.note.text, 'dim') : noteSpan(row.note, glyphs);
}

const fitSpan = (each: Span, width: number, ellipsis: string): Span => ({
  ...each,
  text: fitText(each.text, width, 'left', ellipsis),
});
