import type { NodeName } from '../../../model/config.ts';
import type { BoardNode } from '../../../view/board/types.ts';
import { type Row, type Span, span } from '../../frame/rows.ts';
import type { HitArea } from '../../screen.ts';
import type { Item } from '../../state.ts';
import { fitText, widthOf } from '../../text/fit.ts';
import { clamp } from '../drawing.ts';
import type { Entry } from './entries.ts';
import { type Arranged, type ClusterPaneInput, clicks } from './grid.ts';
import { hasKeys, markSpan, sameItem, selectIf, signOf } from './signs.ts';

const signs = 3;

/** Applications by nodes, one sign each: for more nodes than there are columns for. */
export function arrangeMatrix(pane: ClusterPaneInput): Arranged {
  const { listing } = pane;
  const stops = listing.entries.map(({ item }, line) => ({ item, line, height: 1 }));
  const shape = shapeOf(pane);
  return {
    grid: { columns: [stops], lines: stops.length, head: 1, sideways: listing.nodes.map(({ node }) => node) },
    part: (cursor) => partText(listing.nodes, nodesShown(pane, shape, cursor)),
    draw: ({ cursor, from, count }) => {
      const nodes = nodesShown(pane, shape, cursor);
      const entries = listing.entries.slice(from, from + count);
      const rows = entries.map((entry) => entryRow(pane, { shape, nodes, entry, cursor }));
      const hits = entries.flatMap((entry, i) => hitsOf({ shape, nodes, entry }, 1 + i, pane.size.columns));
      return { rows: [headRow(pane, shape, nodes, cursor), ...rows], hits };
    },
  };
}

interface Shape {
  readonly name: number;
  readonly cell: number;
  /** Nodes that fit. */
  readonly most: number;
}

function shapeOf({ listing, size }: ClusterPaneInput): Shape {
  const name = clamp(listing.widths.name, 8, Math.max(12, Math.floor(size.columns / 4)));
  const room = size.columns - signs - name - 1;
  const titles = listing.nodes.reduce((most, { title }) => Math.max(most, widthOf(title)), 1);
  const cell = clamp(Math.floor(room / Math.max(1, listing.nodes.length)), 3, clamp(titles + 1, 3, 12));
  return { name, cell, most: Math.max(1, Math.floor(room / cell)) };
}

/** A page of nodes: the one the cursor is on. */
function nodesShown({ listing }: ClusterPaneInput, { most }: Shape, cursor: Item | undefined): readonly BoardNode[] {
  const at = listing.nodes.findIndex(({ node }) => node === cursor?.node);
  const first = Math.floor(Math.max(0, at) / most) * most;
  return listing.nodes.slice(first, first + most);
}

/** `nodes 4-6 of 100`, where not all are shown. */
export function partText(all: readonly BoardNode[], shown: readonly BoardNode[]): string {
  const [first] = shown;
  if (first === undefined || shown.length === all.length) return '';
  const at = all.indexOf(first);
  return `nodes ${at + 1}-${at + shown.length} of ${all.length}`;
}

function headRow(
  pane: ClusterPaneInput,
  { name, cell }: Shape,
  nodes: readonly BoardNode[],
  cursor: Item | undefined,
): Row {
  const { ellipsis } = pane.input.glyphs;
  const heads = nodes.map(({ node, title, status }): Span => {
    const token = status !== 'reachable' ? 'warn' : node === cursor?.node ? 'strong' : 'dim';
    return span(`${fitText(tailOf(title, cell - 1), cell - 1, 'left', ellipsis)} `, token);
  });
  return [span(`${' '.repeat(signs)}${fitText('APP', name)} `, 'dim'), ...heads];
}

/** Names of nodes differ at their ends. */
function tailOf(title: string, width: number): string {
  let tail = title;
  while (widthOf(tail) > width && tail !== '') tail = [...tail].slice(1).join('');
  return tail;
}

interface Line {
  readonly shape: Shape;
  readonly nodes: readonly BoardNode[];
  readonly entry: Entry;
}

function entryRow(pane: ClusterPaneInput, line: Line & { readonly cursor: Item | undefined }): Row {
  const { shape, nodes, entry, cursor } = line;
  const { glyphs } = pane.input;
  const isLine = cursor !== undefined && sameItem({ ...entry.item, node: '' }, { ...cursor, node: '' });
  const [glyph, token] = signOf(entry.row, entry.note, glyphs);
  const name = fitText(entry.row.name, shape.name, 'left', glyphs.ellipsis);
  const isFocused = hasKeys(pane);
  const head: Row = [
    markSpan(entry.item, isLine, { ui: pane.ui, glyphs }),
    span(`${glyph} `, token),
    span(`${name} `, 'strong'),
  ];
  const cells = nodes.flatMap(({ node }): Row => {
    const sign = selectIf([cellSpan(entry, node, pane)], isLine && isFocused && cursor.node === node);
    return [...sign, span(' '.repeat(shape.cell - 1))];
  });
  return [...selectIf(head, isLine && isFocused), ...cells];
}

function cellSpan({ rows }: Entry, node: NodeName, { input }: ClusterPaneInput): Span {
  const own = rows.filter((each) => each.node === node);
  const row = own.find(({ kind }) => kind === 'app') ?? own[0];
  if (row === undefined) return span(input.glyphs.skipped, 'dim');
  if (row.note?.kind === 'goes') return span(input.glyphs.goes, 'change');
  if (row.note?.kind === 'comes') return span(input.glyphs.comes, 'change');
  const [glyph, token] = signOf(row, row.note, input.glyphs);
  return span(glyph, token);
}

function hitsOf({ shape, nodes, entry }: Line, y: number, columns: number): readonly HitArea[] {
  const whole: HitArea = { x: 0, y, columns, rows: 1, ...clicks(entry.item) };
  if (entry.item.app === undefined) return [whole];
  const start = signs + shape.name + 1;
  const cells = nodes.map(({ node }, i): HitArea => {
    return { x: start + i * shape.cell, y, columns: shape.cell, rows: 1, ...clicks({ ...entry.item, node }) };
  });
  return [whole, ...cells];
}
