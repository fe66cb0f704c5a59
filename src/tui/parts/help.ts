import { type ActionId, type ActionInfo, actions } from '../actions/actions.ts';
import { disabledReason, isTaken } from '../actions/disabled-reason.ts';
import type { Glyphs } from '../frame/glyphs.ts';
import { type Row, type Size, span, type Token } from '../frame/rows.ts';
import { behindTop, ownLabel, partTakes, type Registry, topOf } from '../routing.ts';
import type { Drawn, HitArea, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import { drawField, type EditKey, editField, emptyField, type Field, insertText } from '../text/field.ts';
import { fitRow, fitText, widthOf } from '../text/fit.ts';
import { select } from './drawing.ts';
import { cursorAfter, inList } from './list.ts';
import { pageWith, rowsOn } from './page.ts';

const sections: readonly { readonly id: ActionInfo['section']; readonly title: string }[] = [
  { id: 'tutorial', title: 'TUTORIAL' },
  { id: 'plan', title: 'PLAN AND APPLY' },
  { id: 'application', title: 'APPLICATION' },
  { id: 'run', title: 'RUN' },
  { id: 'view', title: 'VIEW' },
  { id: 'navigate', title: 'NAVIGATE' },
  { id: 'general', title: 'GENERAL' },
];

interface Entry {
  readonly action: ActionId;
  readonly section: ActionInfo['section'];
  readonly key: string;
  readonly label: string;
  readonly disabled?: string;
}

export interface HelpState {
  readonly kind: 'help';
  readonly query: Field;
  readonly cursor: number;
}

/** The help; what is typed searches in it. */
export const openHelp = (): HelpState => ({ kind: 'help', query: emptyField, cursor: 0 });

/** Every action of the place the help was opened in, with its keys and why it is disabled; Enter runs one. */
export function createHelpPart(registry: () => Registry): OverlayPart<HelpState> {
  return {
    kind: 'help',
    isDialog: true,
    actions: ['open', 'back', 'page-up', 'page-down', 'half-down'],
    inFooter: 2,
    labelOf: (_state, action) => (action === 'open' ? 'run' : undefined),
    isTyping: () => true,
    draw: (input, state, size) => draw(input, entriesOf(input, registry(), state.query.text), state, size),
    update: (input, state, message, size) =>
      update(state, message, entriesOf(input, registry(), state.query.text), size),
  };
}

/** The actions that match the query, in the order they are shown. */
function entriesOf(input: ScreenInput, registry: Registry, query: string): readonly Entry[] {
  const there: ScreenInput = { ...input, ui: behindTop(input.ui) };
  const wanted = query.trim().toLowerCase();
  const found = actions
    .filter(({ id }) => id !== 'interrupt' && isTaken(there, registry, id))
    .map(({ id, section, label }): Entry => {
      const disabled = disabledReason(there, registry, id);
      const key = input.about.keyOf(id) ?? '';
      const own = labelThere(there, registry, id) ?? label;
      return { action: id, section, key, label: own, ...(disabled === undefined ? {} : { disabled }) };
    })
    .filter(({ key, label, action, disabled = '' }) =>
      [key, label, action, disabled].some((text) => text.toLowerCase().includes(wanted)),
    );
  return sections.flatMap(({ id }) => found.filter(({ section }) => section === id));
}

/** What the action does in that place. A label that several keys of the footer share is not used: it describes none of them alone. */
function labelThere({ ui }: ScreenInput, registry: Registry, action: ActionId): string | undefined {
  const mine = partTakes(ui, registry);
  const before = mine[mine.indexOf(action) - 1];
  const isShared = before !== undefined && ownLabel(ui, registry, before) === '';
  return isShared ? undefined : ownLabel(ui, registry, action) || undefined;
}

/** A line of the list; `index` is set where the line is an entry. */
interface Line {
  readonly row: Row;
  readonly index?: number;
}

const twoColumns = 96;

function draw(input: ScreenInput, entries: readonly Entry[], state: HelpState, size: Size): Drawn {
  const at = inList(state.cursor, entries.length);
  // A search leaves few entries: one column has room for their reasons.
  const isWide = size.columns >= twoColumns && state.query.text === '';
  const wide = isWide ? Math.floor((size.columns - 2) / 2) : size.columns;
  const [left, right] = splitLines(linesOf(entries, at, wide, input.glyphs), isWide);
  const legend = ['', ...legendTexts(input.glyphs, size.columns)].map((text): Row => [span(text, 'dim')]);
  const body = Array.from({ length: Math.max(left.length, right.length) }, (_, i): Row => {
    const other = right[i];
    const row = left[i]?.row ?? [];
    return other === undefined ? row : [...fitRow(row, wide + 2), ...other.row];
  });
  const rows = [...body, ...(state.query.text === '' ? legend : [])];
  const shown = Math.max(1, size.rows - 1);
  const line = Math.max(lineOf(left, at), lineOf(right, at));
  // On the last entry the legend below it is in sight as well, on the first one the title above it.
  const edge = at === entries.length - 1 ? rows.length - 1 : at === 0 ? 0 : line;
  const around = pageWith(edge, 0, shown, rows.length);
  const scroll = pageWith(Math.max(0, line), around.offset, shown, rows.length);
  const hits = [...hitsOf(left, 0, wide), ...hitsOf(right, wide + 2, wide)]
    .map((hit) => ({ ...hit, y: hit.y - scroll.offset + 1 }))
    .filter(({ y }) => y > 0 && y <= shown);
  return {
    title: [span('help', 'title'), span(titleOf(input), 'dim')],
    rows: [searchRow(state, size), ...rowsOn(scroll, rows)],
    hits,
    scroll,
  };
}

function titleOf({ ui, about }: ScreenInput): string {
  const top = topOf(behindTop(ui));
  const place = ` · ${top?.kind ?? ui.focus}`;
  return about.settingsFile === undefined ? place : `${place} · keys are from ${about.settingsFile}`;
}

function searchRow({ query }: HelpState, size: Size): Row {
  const hint = query.text === '' ? 'type to search · enter runs · esc closes' : 'enter runs · esc clears';
  return [
    span('/ ', 'key'),
    ...drawField(query, Math.max(10, size.columns - widthOf(hint) - 6)),
    span(`  ${hint}`, 'dim'),
  ];
}

function linesOf(entries: readonly Entry[], at: number, width: number, glyphs: Glyphs): readonly Line[] {
  if (entries.length === 0) return [{ row: [span('no match', 'dim')] }];
  const lines: Line[] = [];
  for (const { id, title } of sections) {
    const mine = entries.flatMap((entry, index) => (entry.section === id ? [{ entry, index }] : []));
    if (mine.length === 0) continue;
    if (lines.length > 0) lines.push({ row: [] });
    lines.push({ row: [span(title, 'title')] });
    for (const { entry, index } of mine) lines.push({ row: entryRow(entry, index === at, width, glyphs), index });
  }
  return lines;
}

const keyWidth = 9;

function entryRow({ key, label, disabled }: Entry, isHere: boolean, width: number, glyphs: Glyphs): Row {
  const token: Token = disabled === undefined ? 'plain' : 'dim';
  const row: Row = [
    span(isHere ? `${glyphs.cursor} ` : '  '),
    span(fitText(key, keyWidth), disabled === undefined ? 'key' : 'dim'),
    span(disabled === undefined ? label : `${label}  disabled: ${disabled}`, token),
  ];
  return isHere ? select(fitRow(row, width, glyphs.ellipsis)) : row;
}

/** Whole sections in two columns of about the same height. */
function splitLines(lines: readonly Line[], isWide: boolean): readonly [readonly Line[], readonly Line[]] {
  if (!isWide) return [lines, []];
  const gaps = lines.flatMap((line, i) => (line.row.length === 0 ? [i] : []));
  const half = gaps.find((gap) => gap >= lines.length / 2 - 2);
  return half === undefined ? [lines, []] : [lines.slice(0, half), lines.slice(half + 1)];
}

const lineOf = (lines: readonly Line[], at: number): number => lines.findIndex(({ index }) => index === at);

const hitsOf = (lines: readonly Line[], x: number, columns: number): readonly HitArea[] =>
  lines.flatMap(({ index }, y) =>
    index === undefined
      ? []
      : [
          {
            x,
            y,
            columns,
            rows: 1,
            click: { type: 'pick', index },
            twice: { type: 'action', action: 'open' },
          } as const,
        ],
  );

/** The meaning of the signs, in as many lines as they need. */
function legendTexts(glyphs: Glyphs, width: number): readonly string[] {
  const signs = [
    `${glyphs.up} up`,
    `${glyphs.changing} changing`,
    `${glyphs.stopped} stopped`,
    `${glyphs.failed} failed, blocked`,
    `${glyphs.unknown} unknown, stale`,
    `${glyphs.add} comes`,
    `${glyphs.remove} goes`,
    `${glyphs.change} changes`,
    `${glyphs.foreign} not drover's`,
    `${glyphs.goes} moves away`,
    `${glyphs.comes} moves here`,
    `${glyphs.marked} marked`,
  ];
  const lines: string[] = [];
  let line = 'signs  ';
  for (const sign of signs) {
    if (widthOf(line) + widthOf(sign) + 2 > width) {
      lines.push(line);
      line = '       ';
    }
    line += `  ${sign}`;
  }
  return [...lines, line];
}

function update(state: HelpState, message: Message, entries: readonly Entry[], size: Size): Update<HelpState> {
  const cursor = cursorAfter(message, state.cursor, entries.length, size.rows - 1);
  if (cursor !== undefined) return { state: { ...state, cursor } };
  switch (message.type) {
    case 'text':
      // The key that opened the help closes it.
      if (message.text === '?' && state.query.text === '') return { closes: true };
      return { state: { ...state, query: insertText(state.query, message.text), cursor: 0 } };
    case 'edit-key':
      return edit(state, message.key, entries);
    case 'action':
      if (message.action === 'open') return run(entries[state.cursor]);
      return message.action === 'back' ? { closes: true } : {};
    default:
      return {};
  }
}

function edit(state: HelpState, key: EditKey, entries: readonly Entry[]): Update<HelpState> {
  switch (key) {
    case 'tab':
      return { state: { ...state, cursor: inList(state.cursor + 1, entries.length) } };
    case 'enter':
      return run(entries[state.cursor]);
    case 'escape':
      return state.query.text === '' ? { closes: true } : { state: { ...state, query: emptyField, cursor: 0 } };
    default: {
      const query = editField(state.query, key);
      return { state: { ...state, query, cursor: query.text === state.query.text ? state.cursor : 0 } };
    }
  }
}

function run(entry: Entry | undefined): Update<HelpState> {
  if (entry === undefined) return {};
  if (entry.disabled !== undefined) return { notice: { text: `${entry.label}: ${entry.disabled}`, tone: 'warn' } };
  return { closes: true, sends: [{ type: 'action', action: entry.action }] };
}
