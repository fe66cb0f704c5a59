import { type ActionId, actions } from '../actions/actions.ts';
import { type Command, commands, type Outcome } from '../actions/commands.ts';
import { isTaken, offBecause } from '../actions/disabled-reason.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import { ranked } from '../fuzzy.ts';
import { behindTop, type Registry } from '../routing.ts';
import type { Drawn, EditKey, Message, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { PaletteState } from '../state.ts';
import { drawField, editField, fieldOf, insertText } from '../text/field.ts';
import { clamp, columns, ends, keepInSight, movingActions, rowsMoved, said, select } from './drawing.ts';

/** One line of the list. */
interface Entry {
  /** The whole command line it stands for. */
  readonly line: string;
  readonly label: string;
  readonly key?: string;
  readonly off?: string;
  /** It cannot be run before something follows. */
  readonly needsMore?: true;
}

/** The command line: `move wiki beta`, and every action by its name and label. */
export function createPalettePart(registry: () => Registry): OverlayPart<'palette'> {
  return {
    actions: ['open', 'back', 'page-up', 'page-down', 'half-down'],
    inFooter: 2,
    labelOf: (_state, action) => (action === 'open' ? 'run' : undefined),
    isTyping: () => true,
    draw: (input, state, size) => draw(entriesOf(behind(input), registry(), state.field.text), state, size, input),
    update: (input, state, message, size) => update(behind(input), registry(), state, message, size),
  };
}

/** Commands are for the screen behind the palette. */
const behind = (input: ScreenInput): ScreenInput => ({ ...input, ui: behindTop(input.ui) });

function entriesOf(input: ScreenInput, registry: Registry, text: string): readonly Entry[] {
  const line = text.trimStart();
  const words = line.split(/\s+/);
  const command = commands.find(({ word }) => word === words[0]);
  if (command !== undefined && words.length > 1) return completions(input, command, words.slice(1));
  const all = [...commands.map((each) => commandEntry(input, registry, each)), ...actionEntries(input, registry)];
  return ranked(line.trim(), all, (entry) => [entry.line, entry.label]);
}

function commandEntry(input: ScreenInput, registry: Registry, command: Command): Entry {
  const { word, label, action, usage } = command;
  const off = offOf(input, command, []);
  const key = action === undefined ? undefined : input.about.keyOf(action);
  // Without a word it is the action on what the cursor is on; where that cannot be, it asks for the word.
  const isDone =
    action === undefined
      ? usage === word
      : isTaken(input, registry, action) && offBecause(input, registry, action) === undefined;
  return {
    line: word,
    label: usage === word ? label : `${usage.slice(word.length + 1)}  ${label}`,
    ...(key === undefined ? {} : { key }),
    ...(off === undefined ? {} : { off }),
    ...(isDone || off !== undefined ? {} : { needsMore: true }),
  };
}

/** Nobody moves a cursor by command. */
const keysOnly: readonly ActionId[] = [...movingActions, 'left', 'right', 'open', 'back', 'palette', 'interrupt'];

function actionEntries(input: ScreenInput, registry: Registry): readonly Entry[] {
  const named = new Set(commands.map(({ word }) => word));
  return actions
    .filter(({ id }) => !named.has(id) && !keysOnly.includes(id) && isTaken(input, registry, id))
    .map(({ id, label }) => {
      const key = input.about.keyOf(id);
      const off = offBecause(input, registry, id);
      return { line: id, label, ...(key === undefined ? {} : { key }), ...(off === undefined ? {} : { off }) };
    });
}

const offOf = (input: ScreenInput, command: Command, words: readonly string[]): string | undefined =>
  input.about.isReadOnly && command.changes === true ? 'read-only' : command.off?.(input, words);

/** What may stand at the end of the line. */
function completions(input: ScreenInput, command: Command, words: readonly string[]): readonly Entry[] {
  const given = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  const known = command.words(input, given.length);
  // Free text, or nothing more: the line itself is the only entry.
  const next = known === undefined ? [typed] : ranked(typed, known, (each) => [each]);
  return next.map((each) => {
    const all = [...given, each].filter((word) => word !== '');
    const off = offOf(input, command, all);
    return {
      line: [command.word, ...all].join(' '),
      label: command.label,
      ...(off === undefined ? {} : { off }),
    };
  });
}

function draw(entries: readonly Entry[], { field, cursor }: PaletteState, size: Size, input: ScreenInput): Drawn {
  const shown = Math.max(1, size.rows - 2);
  const at = clamp(cursor, 0, Math.max(0, entries.length - 1));
  const offset = keepInSight(0, at, shown, entries.length);
  const lines = columns(entries.map((entry) => cellsOf(entry)));
  const list = lines.slice(offset, offset + shown).map((row, i): Row => {
    const entry = entries[offset + i];
    const mark = offset + i === at ? input.glyphs.cursor : ' ';
    const whole = ends([said(`${mark} `), ...row], keyOf(entry), size.columns, input.glyphs.ellipsis);
    return offset + i === at ? select(whole) : whole;
  });
  return {
    title: [span('commands', 'title')],
    aside: [span('enter runs · tab completes · esc closes', 'dim')],
    rows: [
      [span(': ', 'key'), ...drawField(field, size.columns - 2)],
      [],
      ...(list.length > 0 ? list : [[span('no command fits; esc closes', 'dim')]]),
    ],
    hits: list.map((_, i) => ({
      x: 0,
      y: i + 2,
      columns: size.columns,
      rows: 1,
      click: { type: 'pick', index: offset + i },
      twice: { type: 'edit-key', key: 'enter' },
    })),
    scroll: { offset, shown, total: entries.length },
  };
}

const cellsOf = ({ line, label, off }: Entry): Row =>
  off === undefined ? [said(line, 'strong'), said(label, 'dim')] : [said(line, 'dim'), said(`off: ${off}`, 'dim')];

const keyOf = (entry: Entry | undefined): Row => (entry?.key === undefined ? [] : [said(`${entry.key} `, 'key')]);

function update(
  input: ScreenInput,
  registry: Registry,
  state: PaletteState,
  message: Message,
  size: Size,
): Step<PaletteState> {
  const entries = entriesOf(input, registry, state.field.text);
  const move = (rows: number): Step<PaletteState> => ({
    state: { ...state, cursor: clamp(state.cursor + rows, 0, Math.max(0, entries.length - 1)) },
  });
  switch (message.type) {
    case 'text':
      return { state: { ...state, field: insertText(state.field, message.text), cursor: 0 } };
    case 'edit-key':
      return edit(input, registry, state, message.key, entries, move);
    case 'pick':
      return { state: { ...state, cursor: clamp(message.index, 0, Math.max(0, entries.length - 1)) } };
    case 'wheel':
      return move(message.rows);
    case 'action': {
      if (message.action === 'open') return choose(input, registry, state, entries);
      if (message.action === 'back') return { closes: true };
      const rows = rowsMoved(message.action, size.rows - 2);
      return rows === undefined ? {} : move(rows);
    }
    default:
      return {};
  }
}

function edit(
  input: ScreenInput,
  registry: Registry,
  state: PaletteState,
  key: EditKey,
  entries: readonly Entry[],
  move: (rows: number) => Step<PaletteState>,
): Step<PaletteState> {
  if (key === 'escape') return { closes: true };
  if (key === 'up' || key === 'down') return move(key === 'up' ? -1 : 1);
  if (key === 'enter') return choose(input, registry, state, entries);
  if (key === 'tab') {
    const entry = entries[state.cursor];
    return entry === undefined ? {} : { state: completed(entry) };
  }
  // The command line was opened by mistake.
  if (key === 'backspace' && state.field.text === '') return { closes: true };
  const field = editField(state.field, key);
  return { state: { ...state, field, cursor: field.text === state.field.text ? state.cursor : 0 } };
}

const completed = ({ line }: Entry): PaletteState => ({ kind: 'palette', field: fieldOf(`${line} `), cursor: 0 });

function choose(
  input: ScreenInput,
  registry: Registry,
  state: PaletteState,
  entries: readonly Entry[],
): Step<PaletteState> {
  const entry = entries[state.cursor];
  if (entry?.needsMore === true) return { state: completed(entry) };
  const done = runLine(input, registry, entry?.line ?? state.field.text, entry?.off);
  return typeof done === 'string' ? { notice: { text: done, tone: 'warn' } } : done;
}

function runLine(input: ScreenInput, registry: Registry, line: string, off: string | undefined): Outcome {
  if (off !== undefined) return `${line}: ${off}`;
  const [word = '', ...rest] = line.trim().split(/\s+/);
  const command = commands.find((each) => each.word === word);
  if (command !== undefined && (rest.length > 0 || command.action === undefined)) return command.run(input, rest);
  const action = command?.action ?? actions.find(({ id }) => id === word)?.id;
  return action === undefined ? `there is no command "${word}"` : runAction(input, registry, action);
}

/** The palette stays open where the action is off: its reason is said beside it. */
function runAction(input: ScreenInput, registry: Registry, action: ActionId): Outcome {
  const off = offBecause(input, registry, action);
  return off === undefined ? { closes: true, sends: [{ type: 'action', action }] } : `${action}: ${off}`;
}
