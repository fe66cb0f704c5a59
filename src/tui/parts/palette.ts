import { defined } from '../../model/defined.ts';
import { type ActionId, actions } from '../actions/actions.ts';
import { type Command, commands, type Outcome } from '../actions/commands.ts';
import { disabledReason, isTaken } from '../actions/disabled-reason.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import { behindTop, type Registry } from '../routing.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import { drawField, type EditKey, editField, type Field, fieldOf, insertText } from '../text/field.ts';
import { columns, ends } from './drawing.ts';
import { cursorAfter, drawList, inList } from './list.ts';
import { movingActions, rowsOn } from './page.ts';

/** One line of the list. */
interface Entry {
  /** The whole command line it stands for. */
  readonly line: string;
  readonly label: string;
  readonly key?: string;
  readonly disabled?: string;
  /** It needs another word before it can run. */
  readonly needsMore?: true;
}

export interface PaletteState {
  readonly kind: 'palette';
  readonly field: Field;
  readonly cursor: number;
}

/** The command line, with this text in it. */
export const openPalette = (text = ''): PaletteState => ({ kind: 'palette', field: fieldOf(text), cursor: 0 });

/** The command line: `move wiki beta`, and every action by its name and label. */
export function createPalettePart(registry: () => Registry): OverlayPart<PaletteState> {
  return {
    kind: 'palette',
    isDialog: true,
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
  const disabled = reasonOf(input, command, []);
  const key = action === undefined ? undefined : input.about.keyOf(action);
  // Without a word the command acts on what the cursor is on; where that is impossible, it needs the word.
  const isDone =
    action === undefined
      ? usage === word
      : isTaken(input, registry, action) && disabledReason(input, registry, action) === undefined;
  return {
    line: word,
    label: usage === word ? label : `${usage.slice(word.length + 1)}  ${label}`,
    ...defined({ key, disabled }),
    ...(isDone || disabled !== undefined ? {} : { needsMore: true }),
  };
}

/** Useless as commands: they move a cursor, or open and close what has the keys. */
const keysOnly: readonly ActionId[] = [...movingActions, 'left', 'right', 'open', 'back', 'palette', 'interrupt'];

function actionEntries(input: ScreenInput, registry: Registry): readonly Entry[] {
  const named = new Set(commands.map(({ word }) => word));
  return actions
    .filter(({ id }) => !named.has(id) && !keysOnly.includes(id) && isTaken(input, registry, id))
    .map(({ id, label }) => {
      const key = input.about.keyOf(id);
      const disabled = disabledReason(input, registry, id);
      return {
        line: id,
        label,
        ...defined({ key, disabled }),
      };
    });
}

const reasonOf = (input: ScreenInput, command: Command, words: readonly string[]): string | undefined =>
  input.about.isReadOnly && command.changes === true ? 'read-only' : command.disabledReason?.(input, words);

/** What may stand at the end of the line. */
function completions(input: ScreenInput, command: Command, words: readonly string[]): readonly Entry[] {
  const given = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  const known = command.words(input, given.length);
  // Free text, or nothing more: the line itself is the only entry.
  const next = known === undefined ? [typed] : ranked(typed, known, (each) => [each]);
  return next.map((each) => {
    const all = [...given, each].filter((word) => word !== '');
    const disabled = reasonOf(input, command, all);
    return {
      line: [command.word, ...all].join(' '),
      label: command.label,
      ...(disabled === undefined ? {} : { disabled }),
    };
  });
}

function draw(entries: readonly Entry[], { field, cursor }: PaletteState, size: Size, input: ScreenInput): Drawn {
  const at = inList(cursor, entries.length);
  const lines = columns(entries.map((entry) => cellsOf(entry)));
  const head: readonly Row[] = [[span(': ', 'key'), ...drawField(field, size.columns - 2)], []];
  return {
    title: [span('commands', 'title')],
    aside: [span('enter runs · tab completes · esc closes', 'dim')],
    ...drawList({
      size,
      cursor: at,
      lines: entries.length,
      head,
      below: entries.length > 0 ? [] : [[span('no command matches; esc closes', 'dim')]],
      draw: (shown) =>
        rowsOn(shown, lines).map((row, i): Row => {
          const mark = shown.offset + i === at ? input.glyphs.cursor : ' ';
          return ends(
            [span(`${mark} `), ...row],
            keyOf(entries[shown.offset + i]),
            size.columns,
            input.glyphs.ellipsis,
          );
        }),
      twice: { type: 'edit-key', key: 'enter' },
    }),
  };
}

const cellsOf = ({ line, label, disabled }: Entry): Row =>
  disabled === undefined
    ? [span(line, 'strong'), span(label, 'dim')]
    : [span(line, 'dim'), span(`disabled: ${disabled}`, 'dim')];

const keyOf = (entry: Entry | undefined): Row => (entry?.key === undefined ? [] : [span(`${entry.key} `, 'key')]);

function update(
  input: ScreenInput,
  registry: Registry,
  state: PaletteState,
  message: Message,
  size: Size,
): Update<PaletteState> {
  const entries = entriesOf(input, registry, state.field.text);
  const cursor = cursorAfter(message, state.cursor, entries.length, size.rows - 2);
  if (cursor !== undefined) return { state: { ...state, cursor } };
  switch (message.type) {
    case 'text':
      return { state: { ...state, field: insertText(state.field, message.text), cursor: 0 } };
    case 'edit-key':
      return edit(input, registry, state, message.key, entries);
    case 'action':
      if (message.action === 'open') return choose(input, registry, state, entries);
      return message.action === 'back' ? { closes: true } : {};
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
): Update<PaletteState> {
  if (key === 'escape') return { closes: true };
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
): Update<PaletteState> {
  const entry = entries[state.cursor];
  if (entry?.needsMore === true) return { state: completed(entry) };
  const done = runLine(input, registry, entry?.line ?? state.field.text, entry?.disabled);
  return typeof done === 'string' ? { notice: { text: done, tone: 'warn' } } : { closes: true, ...done };
}

function runLine(input: ScreenInput, registry: Registry, line: string, disabled: string | undefined): Outcome {
  if (disabled !== undefined) return `${line}: ${disabled}`;
  const [word = '', ...rest] = line.trim().split(/\s+/);
  const command = commands.find((each) => each.word === word);
  if (command !== undefined && (rest.length > 0 || command.action === undefined)) return command.run(input, rest);
  const action = command?.action ?? actions.find(({ id }) => id === word)?.id;
  return action === undefined ? `unknown command "${word}"` : runAction(input, registry, action);
}

/** The palette stays open where the action is disabled: the list shows the reason. */
function runAction(input: ScreenInput, registry: Registry, action: ActionId): Outcome {
  const reason = disabledReason(input, registry, action);
  return reason === undefined ? { sends: [{ type: 'action', action }] } : `${action}: ${reason}`;
}

/** How well a typed word fits a text: 0 is the word itself, larger is worse, undefined is not at all. */
export function scoreOf(typed: string, text: string): number | undefined {
  const word = typed.toLowerCase();
  const all = text.toLowerCase();
  if (word === '' || word === all) return 0;
  if (all.startsWith(word)) return 1;
  const at = all.indexOf(word);
  if (at >= 0) return /[^a-z0-9]/.test(all.charAt(at - 1)) ? 2 : 3;
  return isWithin(word, all) ? 4 : undefined;
}

/** Every letter, in this order. */
function isWithin(word: string, text: string): boolean {
  let at = 0;
  for (const letter of word) {
    at = text.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** Those that fit, the best first; equals stay in their order. */
export function ranked<T>(typed: string, all: readonly T[], textsOf: (one: T) => readonly string[]): readonly T[] {
  return all
    .flatMap((one) => {
      const scores = textsOf(one).flatMap((text, i) => {
        const score = scoreOf(typed, text);
        // A word within a description counts, letters strewn over it do not.
        return score === undefined || (i > 0 && score > 3) ? [] : [score * 2 + Math.min(i, 1)];
      });
      return scores.length === 0 ? [] : [{ one, score: Math.min(...scores) }];
    })
    .toSorted((a, b) => a.score - b.score)
    .map(({ one }) => one);
}
