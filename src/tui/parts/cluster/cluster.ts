import { boardOf } from '../../../view/board/board.ts';
import type { Board } from '../../../view/board/types.ts';
import { count } from '../../../view/wording.ts';
import type { ActionId } from '../../actions/actions.ts';
import { arrangements, sorts } from '../../actions/screen-actions.ts';
import { arrangementOf, boardColumns } from '../../frame/layout.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { Drawn, Message, Part, ScreenInput, Step } from '../../screen.ts';
import type { Item, UiState } from '../../state.ts';
import { clamp, fitOffset, keepInSight, movingActions, rowsMoved } from '../drawing.ts';
import { arrangeBoard } from './board.ts';
import { type Listing, listingOf } from './entries.ts';
import { type Arranged, findStop, type Grid, moveAlong, moveAside, type Scene } from './grid.ts';
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
  // Most of what the footer names is done by the screen, to what the cursor is on.
  actions: [...named, 'sort', ...movingActions, 'left', 'right'],
  inFooter: named.length,
  isTyping: ({ filtering, focus }) => filtering && focus === 'cluster',
  draw: (input, ui, size) => drawCluster(input, ui, size),
  update: (input, ui, message, size) => updateCluster(input, ui, message, size),
};

/** The cursor where it is drawn: on a row that exists. Undefined where there is none. */
export function cursorOf(input: ScreenInput, ui: UiState, size: Size): Item | undefined {
  return findStop(arrange(sceneOf(input, ui, size)).grid, ui.cursor)?.stop.item;
}

/**
 * The state with its cursor on a row that exists and the row in sight; the same object where it is. For after every
 * message: what a key acts on must be what the cursor is drawn on.
 */
export function settleCursor(input: ScreenInput, ui: UiState, size: Size): UiState {
  const { grid } = arrange(sceneOf(input, ui, size));
  const place = findStop(grid, ui.cursor);
  if (place === undefined) return Object.keys(ui.cursor).length === 0 ? ui : { ...ui, cursor: {} };
  const offset = offsetFor(grid, place.stop, ui.offsets.cluster, size);
  const isSettled = sameItem(place.stop.item, ui.cursor) && offset === ui.offsets.cluster;
  return isSettled ? ui : { ...ui, cursor: place.stop.item, offsets: { ...ui.offsets, cluster: offset } };
}

function sceneOf(input: ScreenInput, ui: UiState, size: Size): Scene {
  return { input, ui, size, listing: listingOf(boardOf(input.view, input.now), ui) };
}

function arrange(scene: Scene): Arranged {
  const { ui, listing, size } = scene;
  const shown = arrangementOf(ui.arrangement, listing.nodes.length, size.columns + 2);
  if (shown === 'board') return arrangeBoard(scene, boardColumns);
  return shown === 'table' ? arrangeTable(scene) : arrangeMatrix(scene);
}

const shownLines = (grid: Grid, { rows }: Size): number => Math.max(1, rows - grid.head);

/** Both lines of a row are in sight, and the first stop shows everything above it. */
function offsetFor(grid: Grid, { line, height }: { line: number; height: number }, offset: number, size: Size): number {
  const shown = shownLines(grid, size);
  if (line < 0) return 0;
  const below = keepInSight(offset, line + Math.max(0, height - 1), shown, grid.lines);
  return keepInSight(below, line, shown, grid.lines);
}

function drawCluster(input: ScreenInput, ui: UiState, size: Size): Drawn {
  const board = boardOf(input.view, input.now);
  const scene: Scene = { input, ui, size, listing: listingOf(board, ui) };
  const title = titleOf(input, scene.listing);
  const sentence = emptySentence(scene, board);
  if (sentence !== undefined) return { title, rows: [[], ...sentence.map((each) => [span(` ${each}`, 'dim')])] };
  const arranged = arrange(scene);
  const { grid } = arranged;
  const stop = findStop(grid, ui.cursor)?.stop;
  const shown = shownLines(grid, size);
  const offset = stop === undefined ? 0 : offsetFor(grid, stop, ui.offsets.cluster, size);
  const { rows, hits } = arranged.draw({ cursor: stop?.item, from: offset, count: shown });
  return {
    title,
    aside: asideOf(scene, board, arranged.part(stop?.item)),
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

function asideOf({ ui, listing }: Scene, board: Board, part: string): Row {
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

/** What to do where there is nothing to see. */
function emptySentence({ input, ui, listing }: Scene, board: Board): readonly string[] | undefined {
  const { view, about } = input;
  const { files } = about;
  if (board.nodes.length === 0) {
    if (files === undefined) return ['this folder has no application.yml and no deployment.yml'];
    if (view.problems.length > 0) return ['nothing is in force: correct the files, and save them'];
    if (view.config === undefined) return ['the files are being read'];
    return [`${files.deployment} names no node`, 'add one below `nodes:`, with the applications that belong on it'];
  }
  if (listing.entries.length > 0) return undefined;
  const showsAll = (action: 'back' | 'faults'): string => `${about.keyOf(action) ?? action} shows everything`;
  if (ui.filter !== '') return [`nothing matches "${ui.filter}"`, showsAll('back')];
  if (ui.faultsOnly) return ['everything is as the files say, and runs', showsAll('faults')];
  if (arrangementOf(ui.arrangement, board.nodes.length, Number.POSITIVE_INFINITY) === 'board') return undefined;
  return ['no application yet', `describe one in ${files?.application ?? 'application.yml'}, and name it below a node`];
}

function updateCluster(input: ScreenInput, ui: UiState, message: Message, size: Size): Step<UiState> {
  // Not shown: which rows there are depends on the room for them.
  if (size.rows <= 0 || size.columns <= 0) return {};
  switch (message.type) {
    case 'action': {
      const next = acted(input, ui, message.action, size);
      return next === undefined ? {} : settled(input, next, ui, size);
    }
    case 'select':
      if (message.pane !== 'cluster' || message.item === undefined) return {};
      return settled(input, { ...ui, cursor: message.item, focus: 'cluster' }, ui, size);
    case 'wheel':
      return message.pane === 'cluster' ? settled(input, scrolled(input, ui, message.rows, size), ui, size) : {};
    case 'text':
      return ui.filtering ? settled(input, { ...ui, filter: ui.filter + message.text }, ui, size) : {};
    case 'edit-key':
      return ui.filtering ? settled(input, edited(ui, message.key), ui, size) : {};
    default:
      return settled(input, ui, ui, size);
  }
}

function settled(input: ScreenInput, next: UiState, before: UiState, size: Size): Step<UiState> {
  const state = settleCursor(input, next, size);
  return state === before ? {} : { state };
}

/** Undefined for what the screen does. */
function acted(input: ScreenInput, ui: UiState, action: ActionId, size: Size): UiState | undefined {
  if (action === 'faults') return { ...ui, faultsOnly: !ui.faultsOnly };
  if (action === 'sort') return { ...ui, sort: after(sorts, ui.sort) };
  if (action === 'arrange') return { ...ui, arrangement: after(arrangements, ui.arrangement) };
  const by = rowsMoved(action, 1);
  if (by === undefined && action !== 'left' && action !== 'right') return undefined;
  const { grid } = arrange(sceneOf(input, ui, size));
  const place = findStop(grid, ui.cursor);
  if (place === undefined) return ui;
  if (by === undefined) return { ...ui, cursor: moveAside(grid, place, action === 'left' ? -1 : 1) };
  return { ...ui, cursor: moveAlong(grid, place, rowsMoved(action, shownLines(grid, size)) ?? by) };
}

const after = <T>(all: readonly T[], present: T): T => all[(all.indexOf(present) + 1) % all.length] ?? present;

/** The wheel moves what is shown, and the cursor only where it would be left behind. */
function scrolled(input: ScreenInput, ui: UiState, by: number, size: Size): UiState {
  const { grid } = arrange(sceneOf(input, ui, size));
  const place = findStop(grid, ui.cursor);
  if (place === undefined) return ui;
  const shown = shownLines(grid, size);
  const offset = fitOffset(ui.offsets.cluster + by, shown, grid.lines);
  const offsets = { ...ui.offsets, cluster: offset };
  const isIn = ({ line, height }: { line: number; height: number }): boolean =>
    line >= offset && line + height <= offset + shown;
  if (isIn(place.stop)) return { ...ui, offsets };
  const stops = (grid.columns[place.column] ?? []).filter(isIn);
  const nearest = clamp(place.stop.line, stops[0]?.line ?? 0, stops.at(-1)?.line ?? 0);
  const stop = stops.find(({ line }) => line >= nearest) ?? stops.at(-1);
  return stop === undefined ? ui : { ...ui, offsets, cursor: stop.item };
}

type EditKey = Extract<Message, { type: 'edit-key' }>['key'];

function edited(ui: UiState, key: EditKey): UiState {
  switch (key) {
    case 'backspace':
      return { ...ui, filter: [...ui.filter].slice(0, -1).join('') };
    case 'word-back':
      return { ...ui, filter: ui.filter.replace(/\S*\s*$/, '') };
    case 'clear':
      return { ...ui, filter: '' };
    case 'enter':
      return { ...ui, filtering: false };
    case 'escape':
      return { ...ui, filtering: false, filter: '' };
    default:
      return ui;
  }
}
