import type { BoardRow } from '../../../view/board/types.ts';
import { type Row, type Span, span } from '../../frame/rows.ts';
import type { HitArea } from '../../screen.ts';
import { fitText } from '../../text/fit.ts';
import { clamp } from '../drawing.ts';
import type { Entry } from './entries.ts';
import { type Arranged, type ClusterPaneInput, clicks } from './grid.ts';
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
  snapshotText,
  stateSpan,
} from './signs.ts';

/** One line an application. */
export function arrangeTable(pane: ClusterPaneInput): Arranged {
  const { listing, size } = pane;
  const stops = listing.entries.map(({ item }, line) => ({ item, line, height: 1 }));
  const columns = columnsFor(pane);
  return {
    grid: { columns: [stops], lines: stops.length, head: 1 },
    part: () => '',
    draw: ({ cursor, from, count }) => {
      const entries = listing.entries.slice(from, from + count);
      const rows = entries.map((entry) => entryRow(pane, columns, entry, sameItem(entry.item, cursor ?? {})));
      const hits = entries.map(
        ({ item }, i): HitArea => ({ x: 0, y: 1 + i, columns: size.columns, rows: 1, ...clicks(item) }),
      );
      const sorts: HitArea = { x: 0, y: 0, columns: size.columns, rows: 1, click: { type: 'action', action: 'sort' } };
      return { rows: [headRow(columns), ...rows], hits: [sorts, ...hits] };
    },
  };
}

interface Column {
  readonly head: string;
  readonly width: number;
  readonly align?: 'right';
  readonly text: (pane: ClusterPaneInput, entry: Entry) => Span;
}

const figure =
  (text: (row: BoardRow, now: number) => string) =>
  ({ input }: ClusterPaneInput, { row }: Entry): Span =>
    span(text(row, input.now), row.isStale ? 'dim' : 'plain');

/** Dimmed where it was measured some seconds ago. */
const use =
  (text: (row: BoardRow) => string) =>
  (_: ClusterPaneInput, { row }: Entry): Span =>
    span(text(row), row.isStale || row.isUseOld === true ? 'dim' : 'plain');

const gap = 1;
const signs = 3;
const leastNote = 8;

/** Mark and sign, then columns; the note has what is left, and the ones that matter least go until it has enough. */
function columnsFor({ listing, input, size }: ClusterPaneInput): readonly Column[] {
  const arrow = input.glyphs.goes;
  const most = Math.max(12, Math.floor(size.columns / 5));
  const name: Column = {
    head: 'APP',
    width: clamp(listing.widths.name, 8, most),
    text: (_, { row }) => span(row.name, row.isStale ? 'dim' : row.kind === 'app' ? 'strong' : 'plain'),
  };
  const node: Column = {
    head: 'NODE',
    width: clamp(listing.widths.node, 6, most),
    text: (_, entry) => span(nodeText(entry, arrow), entry.to === undefined ? 'plain' : 'change'),
  };
  const state: Column = { head: 'STATE', width: 13, text: (pane, { row }) => stateSpan(row, pane.input.now) };
  const right = { align: 'right' } as const;
  const cpu: Column = { head: 'CPU', width: 4, ...right, text: use(cpuText) };
  const memory: Column = { head: 'MEM', width: 5, ...right, text: use(memoryText) };
  const data: Column = { head: 'DATA', width: 5, ...right, text: figure(dataText) };
  const snap: Column = { head: 'SNAP', width: 4, ...right, text: figure(snapshotText) };
  const base = [name, node, state];
  const choices = [[cpu, memory, data, snap], [cpu, memory, data], [cpu, data], [data], []];
  const fits = choices.find((more) => restFor([...base, ...more], size.columns) >= leastNote) ?? [];
  const chosen = [...base, ...fits];
  const note: Column = { head: 'NOTE', width: restFor(chosen, size.columns), text: noteText };
  return note.width > 2 ? [...chosen, note] : chosen;
}

const restFor = (columns: readonly Column[], width: number): number =>
  width - signs - columns.reduce((sum, column) => sum + column.width + gap, 0);

const nodeText = ({ node, to }: Entry, arrow: string): string => (to === undefined ? node : `${node} ${arrow} ${to}`);

/** That it moves is said by the node's column; the rest of the row is for why it does not, or how far it is. */
function noteText({ input }: ClusterPaneInput, { note }: Entry): Span {
  if (note === undefined) return span('');
  if (note.kind === 'goes') return span(`${input.glyphs.goes} moves`, 'change');
  return noteSpan(note, input.glyphs);
}

function headRow(columns: readonly Column[]): Row {
  const heads = columns.map(({ head, width, align }) => span(fitText(head, width, align), 'dim'));
  return [span(' '.repeat(signs)), ...separated(heads)];
}

function entryRow(pane: ClusterPaneInput, columns: readonly Column[], entry: Entry, isCursor: boolean): Row {
  const { glyphs } = pane.input;
  const [glyph, token] = signOf(entry.row, entry.note, glyphs);
  const cells = columns.map(({ width, align, text }): Span => {
    const cell = text(pane, entry);
    return { ...cell, text: fitText(cell.text, width, align, glyphs.ellipsis) };
  });
  const row = [markSpan(entry.item, isCursor, { ui: pane.ui, glyphs }), span(`${glyph} `, token), ...separated(cells)];
  return selectIf(row, isCursor && hasKeys(pane));
}

const separated = (cells: readonly Span[]): Row => cells.flatMap((cell, i) => (i === 0 ? [cell] : [span(' '), cell]));
