import type { NodeName } from '../../model/config.ts';
import type { ClusterView, TrailEntry } from '../../view/cluster-view.ts';
import { formatClock, namesOf } from '../../view/wording.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import type { Drawn, Message, Part, ScreenInput, Update } from '../screen.ts';
import type { UiState } from '../state.ts';
import { columns, tokenOf } from './drawing.ts';
import { movingActions, pageAt, rowsOn, type Scroll, scrolled } from './page.ts';

/**
 * The event log, newest at the bottom. `offsets.events` is 0 while the pane follows it, else the number of the first row
 * that is shown, counted from 1.
 */
export const eventsPart: Part<UiState> = {
  actions: ['follow', 'filter', 'zoom-in', ...movingActions],
  inFooter: 3,
  draw,
  slice: ({ view, about }, ui) => [view.trail, view.config, about, ui.filter, ui.offsets.events],
  disabledReason: (_input, ui, action) =>
    action === 'follow' && ui.offsets.events === 0 ? 'the pane follows already' : undefined,
  update,
};

function draw(input: ScreenInput, ui: UiState, size: Size): Drawn {
  const entries = shownEntries(input.view, ui.filter);
  const scroll = scrollOf(ui, size, entries.length);
  const names = namesOf(input.view.config);
  const rows = columns(rowsOn(scroll, entries).map((entry) => entryRow(entry, names.node)));
  const newer = entries.length - scroll.offset - size.rows;
  return {
    title: titleRow(input, ui, entries.length),
    ...(newer > 0 ? { aside: [span(`${newer} newer below`, 'dim')] } : {}),
    rows: rows.length > 0 ? rows : [[span(emptyText(input.view, ui.filter), 'dim')]],
    scroll,
  };
}

function titleRow({ about, view }: ScreenInput, { filter }: UiState, shown: number): Row {
  const key = about.keyOf('pane-4');
  const some = filter === '' ? '' : ` · ${shown} of ${view.trail.length} match "${filter}"`;
  return [...(key === undefined ? [] : [span(`${key} `, 'key')]), span('events', 'title'), span(some)];
}

const emptyText = ({ trail }: ClusterView, filter: string): string =>
  trail.length === 0 ? 'no events yet' : `no event matches "${filter}"`;

function entryRow(entry: TrailEntry, name: (node: NodeName) => string): Row {
  const who = entry.node === undefined ? entry.source : name(entry.node);
  return [span(formatClock(entry.at), 'dim'), span(who, 'dim'), span(entry.text, tokenOf(entry.tone))];
}

/** Entries that pass the filter: `word`, `!word`, `node:beta`, `/pattern/`; several words must all match. */
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
  // Applications have states, events do not.
  if (wanted.startsWith('state:')) return true;
  return text.toLowerCase().includes(wanted);
}

/** A pattern that is still being typed hides nothing. */
const isReadable = (word: string): boolean =>
  word !== '' && (!/^!?\//.test(word) || patternOf(word.replace(/^!/, '')) !== undefined);

/** Undefined where it is not a valid regular expression. */
function patternOf(word: string): RegExp | undefined {
  try {
    return new RegExp(word.endsWith('/') && word.length > 1 ? word.slice(1, -1) : word.slice(1), 'iu');
  } catch {
    return undefined;
  }
}

const scrollOf = ({ offsets }: UiState, { rows }: Size, total: number): Scroll =>
  pageAt(offsets.events === 0 ? total : offsets.events - 1, rows, total);

/** At the end the pane follows again. */
function update(input: ScreenInput, ui: UiState, message: Message, size: Size): Update<UiState> {
  const total = (): number => shownEntries(input.view, ui.filter).length;
  const isFollow = message.type === 'action' && message.action === 'follow';
  const from = ui.offsets.events === 0 ? Number.POSITIVE_INFINITY : ui.offsets.events - 1;
  const first = isFollow ? Number.POSITIVE_INFINITY : scrolled(message, from, size.rows, total);
  if (first === undefined) return {};
  const events = first + size.rows >= total() ? 0 : first + 1;
  return { state: { ...ui, offsets: { ...ui.offsets, events } } };
}
