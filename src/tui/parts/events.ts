import type { NodeName } from '../../model/config.ts';
import type { ClusterView, TrailEntry } from '../../view/cluster-view.ts';
import { formatClock, namesOf } from '../../view/wording.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import type { Drawn, Message, Part, ScreenInput, Step } from '../screen.ts';
import type { UiState } from '../state.ts';
import { columns, fitOffset, movingActions, rowsMoved, said, tokenOf } from './drawing.ts';

/**
 * The audit trail, newest at the bottom. `offsets.events` is 0 while it follows, else the number of the first row that
 * is shown, counted from 1.
 */
export const eventsPart: Part<UiState> = {
  actions: ['follow', 'filter', 'zoom-in', ...movingActions],
  inFooter: 3,
  draw,
  offBecause: (_input, ui, action) =>
    action === 'follow' && ui.offsets.events === 0 ? 'it follows already' : undefined,
  update,
};

function draw(input: ScreenInput, ui: UiState, size: Size): Drawn {
  const entries = shownEntries(input.view, ui.filter);
  const offset = offsetOf(ui, size, entries.length);
  const names = namesOf(input.view.config);
  const rows = columns(entries.slice(offset, offset + size.rows).map((entry) => entryRow(entry, names.node)));
  const waiting = entries.length - offset - size.rows;
  return {
    title: titleRow(input, ui, entries.length),
    ...(waiting > 0 ? { aside: [span(`${waiting} newer below`, 'dim')] } : {}),
    rows: rows.length > 0 ? rows : [[said(emptyText(input.view, ui.filter), 'dim')]],
    scroll: { offset, shown: size.rows, total: entries.length },
  };
}

function titleRow({ about, view }: ScreenInput, { filter }: UiState, shown: number): Row {
  const key = about.keyOf('pane-4');
  const some = filter === '' ? '' : ` · ${shown} of ${view.trail.length} match "${filter}"`;
  return [...(key === undefined ? [] : [span(`${key} `, 'key')]), span('events', 'title'), said(some)];
}

const emptyText = ({ trail }: ClusterView, filter: string): string =>
  trail.length === 0 ? 'nothing has happened yet' : `no event matches "${filter}"`;

function entryRow(entry: TrailEntry, name: (node: NodeName) => string): Row {
  const who = entry.node === undefined ? entry.source : name(entry.node);
  return [span(formatClock(entry.at), 'dim'), said(who, 'dim'), said(entry.text, tokenOf(entry.tone))];
}

/** Entries the filter of the screen lets through: `word`, `!word`, `node:beta`, `/pattern/`, several of them all. */
export function shownEntries(view: ClusterView, filter: string): readonly TrailEntry[] {
  const words = filter.trim().split(/\s+/).filter(isReadable);
  if (words.length === 0) return view.trail;
  const names = namesOf(view.config);
  return view.trail.filter((entry) => words.every((word) => matches(entry, word, names.node)));
}

function matches(entry: TrailEntry, word: string, name: (node: NodeName) => string): boolean {
  if (word.startsWith('!') && word.length > 1) return !matches(entry, word.slice(1), name);
  const node = entry.node === undefined ? '' : `${entry.node} ${name(entry.node)}`;
  const text = `${node} ${entry.app ?? ''} ${entry.source} ${entry.text}`;
  if (word.startsWith('/')) return patternOf(word)?.test(text) ?? true;
  const wanted = word.toLowerCase();
  if (wanted.startsWith('node:')) return node.toLowerCase().includes(wanted.slice('node:'.length));
  // States belong to applications; events have none.
  if (wanted.startsWith('state:')) return true;
  return text.toLowerCase().includes(wanted);
}

/** A pattern that is still being typed hides nothing. */
const isReadable = (word: string): boolean =>
  word !== '' && (!/^!?\//.test(word) || patternOf(word.replace(/^!/, '')) !== undefined);

/** Undefined for what is no regular expression. */
function patternOf(word: string): RegExp | undefined {
  try {
    return new RegExp(word.endsWith('/') && word.length > 1 ? word.slice(1, -1) : word.slice(1), 'iu');
  } catch {
    return undefined;
  }
}

function offsetOf({ offsets }: UiState, { rows }: Size, total: number): number {
  return fitOffset(offsets.events === 0 ? total : offsets.events - 1, rows, total);
}

function update(input: ScreenInput, ui: UiState, message: Message, size: Size): Step<UiState> {
  if (message.type === 'wheel') return scrollBy(input, ui, message.rows, size);
  if (message.type !== 'action') return {};
  if (message.action === 'follow') return scrollBy(input, ui, Number.POSITIVE_INFINITY, size);
  const moved = rowsMoved(message.action, size.rows);
  return moved === undefined ? {} : scrollBy(input, ui, moved, size);
}

/** At the end it follows again. */
function scrollBy(input: ScreenInput, ui: UiState, by: number, size: Size): Step<UiState> {
  const total = shownEntries(input.view, ui.filter).length;
  const next = fitOffset(offsetOf(ui, size, total) + by, size.rows, total);
  const events = next + size.rows >= total ? 0 : next + 1;
  return { state: { ...ui, offsets: { ...ui.offsets, events } } };
}
