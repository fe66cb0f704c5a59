import type { BoardNode, BoardNote, BoardRow } from '../../../view/board/types.ts';
import { shortBytes, shortDuration } from '../../../view/wording.ts';
import type { Glyphs } from '../../frame/glyphs.ts';
import { type Row, type Span, span, type Token } from '../../frame/rows.ts';
import type { ScreenInput } from '../../screen.ts';
import type { Item, UiState } from '../../state.ts';

type Sign = readonly [glyph: string, token: Token];

/** One glyph and its colour; where something is planned with a row that is well, the sign of that. */
export function signOf(row: BoardRow, note: BoardNote | undefined, glyphs: Glyphs): Sign {
  if (row.kind === 'foreign') return [glyphs.foreign, 'dim'];
  if (row.isStale) return [glyphs.unknown, 'warn'];
  if (note?.kind === 'failed') return [glyphs.failed, 'bad'];
  if (row.state === 'up' && note?.kind === 'change') return [glyphs.change, 'change'];
  if (row.state === 'up' && note?.kind === 'remove') return [glyphs.remove, 'remove'];
  return stateSign(row, note, glyphs);
}

function stateSign({ state, kind }: BoardRow, note: BoardNote | undefined, glyphs: Glyphs): Sign {
  switch (state) {
    case 'up':
      return [glyphs.up, kind === 'volume' ? 'plain' : 'ok'];
    case 'changing':
      return [glyphs.changing, 'accent'];
    case 'failed':
      return [glyphs.failed, 'bad'];
    case 'stopped':
      return [glyphs.stopped, kind === 'volume' ? 'dim' : 'plain'];
    case 'unknown':
      return [glyphs.unknown, 'warn'];
    case 'absent':
      return note?.kind === 'blocked' ? [glyphs.failed, 'bad'] : [glyphs.add, 'add'];
  }
}

/** The note next to the state, with its own sign: `⇢ to beta`, `~ image 2.8 → 2.9`. */
export function noteSpan(note: BoardNote, glyphs: Glyphs): Span {
  const [glyph, token] = noteSigns(glyphs)[note.kind];
  const change = note.from === undefined ? '' : ` ${note.from} ${glyphs.arrow} ${note.to ?? ''}`;
  return span(`${glyph} ${note.text}${change}`, token);
}

const noteSigns = (glyphs: Glyphs): Readonly<Record<BoardNote['kind'], Sign>> => ({
  working: [glyphs.changing, 'accent'],
  failed: [glyphs.failed, 'bad'],
  blocked: [glyphs.failed, 'bad'],
  goes: [glyphs.goes, 'change'],
  comes: [glyphs.comes, 'change'],
  change: [glyphs.change, 'change'],
  add: [glyphs.add, 'add'],
  remove: [glyphs.remove, 'remove'],
  foreign: [glyphs.foreign, 'dim'],
  kept: [glyphs.skipped, 'dim'],
});

/** `up 12d`, `exited 137`; ages are of the frame that is drawn. */
export function stateSpan(row: BoardRow, now: number): Span {
  const age = row.startedAt === undefined || row.isStale ? '' : ` ${shortDuration(now - row.startedAt)}`;
  const token: Token = row.isStale ? 'dim' : stateTokens[row.state];
  return span(`${row.text}${age}`, row.kind === 'foreign' || row.kind === 'volume' ? 'dim' : token);
}

const stateTokens: Readonly<Record<BoardRow['state'], Token>> = {
  up: 'plain',
  changing: 'accent',
  stopped: 'dim',
  failed: 'bad',
  unknown: 'dim',
  absent: 'dim',
};

/** Figures as columns show them; empty where there are none. */
export const cpuText = ({ cpuPercent }: BoardRow): string =>
  cpuPercent === undefined ? '' : `${Math.round(cpuPercent)}%`;
export const memoryText = ({ memoryBytes }: BoardRow): string =>
  memoryBytes === undefined ? '' : shortBytes(memoryBytes);
export const dataText = ({ dataBytes }: BoardRow): string => (dataBytes === undefined ? '' : shortBytes(dataBytes));

/** The age of the newest snapshot where it is known, else the number of snapshots. */
export function snapshotText({ volumes }: BoardRow, now: number): string {
  const times = volumes.flatMap(({ newestSnapshotAt }) => newestSnapshotAt ?? []);
  if (times.length > 0) return shortDuration(now - Math.max(...times));
  const total = volumes.reduce((sum, { snapshots }) => sum + snapshots, 0);
  return total === 0 ? '' : `${total}x`;
}

/** A pool that is not well, or so full that ZFS gets slow. */
export const isPoolWorrying = ({ pool }: BoardNode): boolean =>
  pool !== undefined && (pool.health !== 'ONLINE' || pool.usedPercent >= 80);

/** The cell before the sign: marked, under the cursor, or nothing. */
export function markSpan(item: Item, isCursor: boolean, { ui, glyphs }: { ui: UiState; glyphs: Glyphs }): Span {
  if (item.app !== undefined && ui.marks.has(item.app)) return span(glyphs.marked, 'accent');
  return isCursor ? span(glyphs.cursor, 'accent') : span(' ');
}

/** True while this pane has the keys: the cursor is drawn over its whole row. */
export const hasKeys = ({ ui }: Pick<ScreenInput, 'ui'>): boolean => ui.focus === 'cluster' && ui.overlays.length === 0;

/** The row as it looks under the cursor, where it is. */
export const selectIf = (row: Row, isSelected: boolean): Row =>
  isSelected ? row.map((each) => ({ ...each, selected: true })) : row;

export const sameItem = (a: Item, b: Item): boolean =>
  a.node === b.node && a.app === b.app && a.volume === b.volume && a.foreign === b.foreign;
