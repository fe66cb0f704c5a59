import { type ActionId, type ActionInfo, actions } from '../actions/actions.ts';
import { isTaken, offBecause } from '../actions/disabled-reason.ts';
import type { Glyphs } from '../frame/glyphs.ts';
import { type Row, type Size, span, type Token } from '../frame/rows.ts';
import { behindTop, ownLabel, partTakes, type Registry, topOf } from '../routing.ts';
import type { Drawn, EditKey, HitArea, Message, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { HelpState } from '../state.ts';
import { drawField, editField, emptyField, insertText } from '../text/field.ts';
import { fitRow, fitText, widthOf } from '../text/fit.ts';
import { clamp, keepInSight, rowsMoved, said, select } from './drawing.ts';

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
  readonly off?: string;
}

/** What can be done where one was: with the keys in force, and why something is off; Enter does it. */
export function createHelpPart(registry: () => Registry): OverlayPart<'help'> {
  return {
    actions: ['open', 'back', 'page-up', 'page-down', 'half-down'],
    inFooter: 2,
    labelOf: (_state, action) => (action === 'open' ? 'run' : undefined),
    isTyping: ({ isTyping }) => isTyping,
    draw: (input, state, size) => draw(input, entriesOf(input, registry(), state.query.text), state, size),
    update: (input, state, message, size) =>
      update(state, message, entriesOf(input, registry(), state.query.text), size),
  };
}

/** In the order they are shown. */
function entriesOf(input: ScreenInput, registry: Registry, query: string): readonly Entry[] {
  const there: ScreenInput = { ...input, ui: behindTop(input.ui) };
  const wanted = query.trim().toLowerCase();
  const found = actions
    .filter(({ id }) => id !== 'interrupt' && isTaken(there, registry, id))
    .map(({ id, section, label }): Entry => {
      const off = offBecause(there, registry, id);
      const key = input.about.keyOf(id) ?? '';
      const own = labelThere(there, registry, id) ?? label;
      return { action: id, section, key, label: own, ...(off === undefined ? {} : { off }) };
    })
    .filter(({ key, label, action, off = '' }) =>
      [key, label, action, off].some((text) => text.toLowerCase().includes(wanted)),
    );
  return sections.flatMap(({ id }) => found.filter(({ section }) => section === id));
}

/** What it does there; a label that several keys of the footer share says too little of one. */
function labelThere({ ui }: ScreenInput, registry: Registry, action: ActionId): string | undefined {
  const mine = partTakes(ui, registry);
  const before = mine[mine.indexOf(action) - 1];
  const isShared = before !== undefined && ownLabel(ui, registry, before) === '';
  return isShared ? undefined : ownLabel(ui, registry, action) || undefined;
}

/** A line of the list; `index` where it is an entry. */
interface Line {
  readonly row: Row;
  readonly index?: number;
}

const twoColumns = 96;

function draw(input: ScreenInput, entries: readonly Entry[], state: HelpState, size: Size): Drawn {
  const at = clamp(state.cursor, 0, Math.max(0, entries.length - 1));
  // What was searched for is little, and has room for its reasons in one column.
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
  // The last entry shows what stands below it, and the first what stands above.
  const wanted = at === entries.length - 1 ? rows.length - 1 : at === 0 ? 0 : line;
  const offset = keepInSight(keepInSight(0, wanted, shown, rows.length), Math.max(0, line), shown, rows.length);
  const hits = [...hitsOf(left, 0, wide), ...hitsOf(right, wide + 2, wide)]
    .map((hit) => ({ ...hit, y: hit.y - offset + 1 }))
    .filter(({ y }) => y > 0 && y <= shown);
  return {
    title: [span('help', 'title'), said(titleOf(input), 'dim')],
    rows: [searchRow(state, size), ...rows.slice(offset, offset + shown)],
    hits,
    scroll: { offset, shown, total: rows.length },
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
  if (entries.length === 0) return [{ row: [span('nothing fits', 'dim')] }];
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

function entryRow({ key, label, off }: Entry, isHere: boolean, width: number, glyphs: Glyphs): Row {
  const token: Token = off === undefined ? 'plain' : 'dim';
  const row: Row = [
    span(isHere ? `${glyphs.cursor} ` : '  '),
    span(fitText(key, keyWidth), off === undefined ? 'key' : 'dim'),
    said(off === undefined ? label : `${label}  off: ${off}`, token),
  ];
  return isHere ? select(fitRow(row, width, glyphs.ellipsis)) : row;
}

/** Whole sections side by side, about as long as each other. */
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

/** What the signs mean, in as many lines as it takes. */
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

function update(state: HelpState, message: Message, entries: readonly Entry[], size: Size): Step<HelpState> {
  const last = Math.max(0, entries.length - 1);
  const move = (rows: number): Step<HelpState> => ({
    state: { ...state, cursor: clamp(state.cursor + rows, 0, last) },
  });
  switch (message.type) {
    case 'text':
      // The key that opened it closes it.
      if (message.text === '?' && state.query.text === '') return { closes: true };
      return { state: { ...state, query: insertText(state.query, message.text), cursor: 0 } };
    case 'edit-key':
      return edit(state, message.key, entries, move);
    case 'pick':
      return { state: { ...state, cursor: clamp(message.index, 0, last) } };
    case 'wheel':
      return move(message.rows);
    case 'action': {
      if (message.action === 'open') return run(entries[state.cursor]);
      if (message.action === 'back') return { closes: true };
      const rows = rowsMoved(message.action, size.rows - 1);
      return rows === undefined ? {} : move(rows);
    }
    default:
      return {};
  }
}

function edit(
  state: HelpState,
  key: EditKey,
  entries: readonly Entry[],
  move: (rows: number) => Step<HelpState>,
): Step<HelpState> {
  switch (key) {
    case 'up':
      return move(-1);
    case 'down':
    case 'tab':
      return move(1);
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

function run(entry: Entry | undefined): Step<HelpState> {
  if (entry === undefined) return {};
  if (entry.off !== undefined) return { notice: { text: `${entry.label}: ${entry.off}`, tone: 'warn' } };
  return { closes: true, sends: [{ type: 'action', action: entry.action }] };
}
