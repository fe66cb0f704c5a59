import { boardOf } from '../../../view/board/board.ts';
import type { Board } from '../../../view/board/types.ts';
import { count } from '../../../view/wording.ts';
import type { ActionId } from '../../actions/actions.ts';
import { arrangementOf, boardColumns } from '../../frame/layout.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { Drawn, Message, Part, ScreenInput, Update } from '../../screen.ts';
import type { Item, UiState } from '../../state.ts';
import { clamp } from '../drawing.ts';
import { movingActions, pageAt, pageWith, rowsMoved } from '../page.ts';
import { arrangeBoard } from './board.ts';
import { type Listing, listingOf } from './entries.ts';
import { type Arranged, type ClusterPaneInput, findStop, type Grid, moveAlong, moveAside } from './grid.ts';
import { arrangeMatrix } from './matrix.ts';
import { sameItem } from './signs.ts';
import { arrangeTable } from './table.ts';

const named: readonly ActionId[] = [
  'apply',
  'diff',
  'logs',
  'shell',
  'move',
  'filter',
  'faults',
  'arrange',
  'open',
  'mark',
  'restart',
  'zfs',
  'edit',
  'snapshot',
  'stop-start',
  'zoom-in',
  'policy',
];

/** Nodes and what is on them: board, table or matrix. */
export const clusterPart: Part<UiState> = {
  // The screen does most of what the footer names, to what the cursor is on.
  actions: [...named, 'sort', ...movingActions, 'left', 'right'],
  inFooter: named.length,
  draw: (input, ui, size) => drawCluster(input, ui, size),
  update: (input, ui, message, size) => updateCluster(input, ui, message, size),
};

/** The item that the cursor is drawn on. Undefined where there are no rows. */
export function cursorOf(input: ScreenInput, ui: UiState, size: Size): Item | undefined {
  return findStop(arrange(paneInputOf(input, ui, size)).grid, ui.cursor)?.stop.item;
}

/**
 * The state with its cursor on a row that exists and is in sight; the same object where it is already. A key must act
 * on what the cursor is drawn on, so this follows every message.
 */
export function settleCursor(input: ScreenInput, ui: UiState, size: Size): UiState {
  const { grid } = arrange(paneInputOf(input, ui, size));
  const place = findStop(grid, ui.cursor);
  if (place === undefined) return Object.keys(ui.cursor).length === 0 ? ui : { ...ui, cursor: {} };
  const offset = offsetFor(grid, place.stop, ui.offsets.cluster, size);
  const isSettled = sameItem(place.stop.item, ui.cursor) && offset === ui.offsets.cluster;
  return isSettled ? ui : { ...ui, cursor: place.stop.item, offsets: { ...ui.offsets, cluster: offset } };
}

function paneInputOf(input: ScreenInput, ui: UiState, size: Size): ClusterPaneInput {
  return { input, ui, size, listing: listingOf(boardOf(input.view, input.now), ui) };
}

function arrange(pane: ClusterPaneInput): Arranged {
  const { ui, listing, size } = pane;
  const shown = arrangementOf(ui.arrangement, listing.nodes.length, size.columns + 2);
  if (shown === 'board') return arrangeBoard(pane, boardColumns);
  return shown === 'table' ? arrangeTable(pane) : arrangeMatrix(pane);
}

const shownLines = (grid: Grid, { rows }: Size): number => Math.max(1, rows - grid.head);

/** Brings all lines of the stop into sight; on the first one, everything above it as well. */
function offsetFor(grid: Grid, { line, height }: { line: number; height: number }, offset: number, size: Size): number {
  const shown = shownLines(grid, size);
  if (line < 0) return 0;
  const below = pageWith(line + Math.max(0, height - 1), offset, shown, grid.lines);
  return pageWith(line, below.offset, shown, grid.lines).offset;
}

function drawCluster(input: ScreenInput, ui: UiState, size: Size): Drawn {
  const board = boardOf(input.view, input.now);
  const pane: ClusterPaneInput = { input, ui, size, listing: listingOf(board, ui) };
  const title = titleOf(input, pane.listing);
  const sentence = emptySentence(pane, board);
  if (sentence !== undefined) return { title, rows: [[], ...sentence.map((each) => [span(` ${each}`, 'dim')])] };
  const arranged = arrange(pane);
  const { grid } = arranged;
  const stop = findStop(grid, ui.cursor)?.stop;
  const shown = shownLines(grid, size);
  const offset = stop === undefined ? 0 : offsetFor(grid, stop, ui.offsets.cluster, size);
  const { rows, hits } = arranged.draw({ cursor: stop?.item, from: offset, count: shown });
  return {
    title,
    aside: asideOf(pane, board, arranged.part(stop?.item)),
    rows,
    hits,
    scroll: { offset, shown, total: grid.lines },
  };
}

function titleOf({ about }: ScreenInput, { entries, total, apps }: Listing): Row {
  const key = about.keyOf('pane-1');
  const all = count(apps, 'application');
  return [
    ...(key === undefined ? [] : [span(`${key} `, 'key')]),
    span('cluster', 'title'),
    span(entries.length === total ? ` ${all}` : ` ${entries.length} of ${total} shown`, 'dim'),
  ];
}

function asideOf({ ui, listing }: ClusterPaneInput, board: Board, part: string): Row {
  const parts = [
    part,
    board.idle.length === 0 ? '' : `${board.idle.length} on no node`,
    listing.problem ?? (ui.filter === '' ? '' : `filter: ${ui.filter}`),
    ui.faultsOnly ? 'only faults' : '',
    ui.marks.size === 0 ? '' : `${ui.marks.size} marked`,
    `by ${ui.sort}`,
  ];
  const text = parts.filter((each) => each !== '').join(', ');
  return [span(text, listing.problem === undefined ? 'dim' : 'warn')];
}

/** What the pane says where it has nothing to show. */
function emptySentence({ input, ui, listing }: ClusterPaneInput, board: Board): readonly string[] | undefined {
  const { view, about } = input;
  const { files } = about;
  if (board.nodes.length === 0) {
    if (files === undefined) return ['this folder has no application.yml and no deployment.yml'];
    if (view.problems.length > 0) return ['no configuration is in force: fix the files and save them'];
    if (view.config === undefined) return ['reading the files'];
    return [`${files.deployment} names no node`, 'add one under `nodes:`, with the applications that belong on it'];
  }
  if (listing.entries.length > 0) return undefined;
  const showsAll = (action: 'back' | 'faults'): string => `${about.keyOf(action) ?? action} shows everything`;
  if (ui.filter !== '') return [`nothing matches "${ui.filter}"`, showsAll('back')];
  if (ui.faultsOnly) return ['everything runs and matches the files', showsAll('faults')];
  if (arrangementOf(ui.arrangement, board.nodes.length, Number.POSITIVE_INFINITY) === 'board') return undefined;
  return ['no applications yet', `describe one in ${files?.application ?? 'application.yml'} and list it under a node`];
}

function updateCluster(input: ScreenInput, ui: UiState, message: Message, size: Size): Update<UiState> {
  // A pane that is not shown has no room, on which its rows depend.
  if (size.rows <= 0 || size.columns <= 0) return {};
  const next = moved(input, ui, message, size);
  if (next === undefined) return {};
  const state = settleCursor(input, next, size);
  return state === ui ? {} : { state };
}

/** Undefined for actions that the screen does. */
function moved(input: ScreenInput, ui: UiState, message: Message, size: Size): UiState | undefined {
  switch (message.type) {
    case 'action':
      return movedBy(input, ui, message, size);
    case 'select':
      if (message.pane !== 'cluster' || message.item === undefined) return undefined;
      return { ...ui, cursor: message.item, focus: 'cluster' };
    case 'wheel':
      return message.pane === 'cluster' ? scrolled(input, ui, message.rows, size) : undefined;
    case 'text':
    case 'edit-key':
      return undefined;
    default:
      return ui;
  }
}

function movedBy(
  input: ScreenInput,
  ui: UiState,
  message: Extract<Message, { type: 'action' }>,
  size: Size,
): UiState | undefined {
  const { grid } = arrange(paneInputOf(input, ui, size));
  const by = rowsMoved(message, shownLines(grid, size));
  const aside = message.action === 'left' ? -1 : message.action === 'right' ? 1 : undefined;
  if (by === undefined && aside === undefined) return undefined;
  const place = findStop(grid, ui.cursor);
  if (place === undefined) return ui;
  return { ...ui, cursor: aside === undefined ? moveAlong(grid, place, by ?? 0) : moveAside(grid, place, aside) };
}

/** The wheel moves what is shown; the cursor moves only where it would be out of sight. */
function scrolled(input: ScreenInput, ui: UiState, by: number, size: Size): UiState {
  const { grid } = arrange(paneInputOf(input, ui, size));
  const place = findStop(grid, ui.cursor);
  if (place === undefined) return ui;
  const shown = shownLines(grid, size);
  const offset = pageAt(ui.offsets.cluster + by, shown, grid.lines).offset;
  const offsets = { ...ui.offsets, cluster: offset };
  const isIn = ({ line, height }: { line: number; height: number }): boolean =>
    line >= offset && line + height <= offset + shown;
  if (isIn(place.stop)) return { ...ui, offsets };
  const stops = (grid.columns[place.column] ?? []).filter(isIn);
  const nearest = clamp(place.stop.line, stops[0]?.line ?? 0, stops.at(-1)?.line ?? 0);
  const stop = stops.find(({ line }) => line >= nearest) ?? stops.at(-1);
  return stop === undefined ? ui : { ...ui, offsets, cursor: stop.item };
}
