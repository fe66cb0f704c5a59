import { addTo } from '../model/collect.ts';
import { closest } from '../view/closest.ts';
import { type ActionId, actions, infoOf } from './actions/actions.ts';
import { firstTaken } from './actions/disabled-reason.ts';
import { isTyping, onPanes, type Registry } from './routing.ts';
import type { Message } from './screen.ts';
import type { UiState } from './state.ts';
import type { EditKey } from './text/field.ts';

/** Keys of the user by action, in place of the action's own. */
export type UserKeys = Readonly<Partial<Record<ActionId, readonly string[]>>>;

/** A key as the terminal layer names it, with the text it types, where it types any. */
export interface Pressed {
  readonly key: string;
  readonly text?: string;
}

/** Actions by key, in the order of the table. */
export type KeyMap = ReadonlyMap<string, readonly ActionId[]>;

/** Whatever the settings say: the way out. */
const wayOut = 'ctrl+c';

/** The keys in force. */
export function keyMapOf(userKeys: UserKeys): KeyMap {
  const map = new Map<string, ActionId[]>();
  for (const { id } of actions) {
    for (const key of keysOf(id, userKeys)) addTo(map, key, id);
  }
  return map;
}

/** Keys of an action as they are in force. */
export function keysOf(action: ActionId, userKeys: UserKeys): readonly string[] {
  const keys = userKeys[action] ?? infoOf(action)?.keys ?? [];
  if (action === 'interrupt') return [...new Set([wayOut, ...keys])];
  return keys.filter((key) => key !== wayOut);
}

/**
 * What a key means now; undefined where it means nothing. Where several actions have it, one of the part with the keys
 * wins over one of the screen, and the earlier one in the table over the later.
 */
export function messageForKey(map: KeyMap, pressed: Pressed, ui: UiState, registry: Registry): Message | undefined {
  if (pressed.key === wayOut) return { type: 'action', action: 'interrupt' };
  if (isTyping(ui, registry)) {
    const edit = editKeys[pressed.key];
    if (edit !== undefined) return { type: 'edit-key', key: edit };
    const text = textOf(pressed);
    if (text !== undefined) return { type: 'text', text };
  }
  const action = firstTaken(map.get(pressed.key) ?? [], ui, registry);
  return action === undefined ? undefined : { type: 'action', action };
}

const editKeys: Readonly<Record<string, EditKey>> = {
  backspace: 'backspace',
  'ctrl+h': 'backspace',
  delete: 'delete',
  left: 'left',
  right: 'right',
  home: 'home',
  end: 'end',
  'ctrl+a': 'home',
  'ctrl+e': 'end',
  'ctrl+w': 'word-back',
  'ctrl+backspace': 'word-back',
  'alt+backspace': 'word-back',
  'ctrl+u': 'clear',
  enter: 'enter',
  escape: 'escape',
  up: 'up',
  down: 'down',
  'ctrl+p': 'up',
  'ctrl+n': 'down',
  tab: 'tab',
};

function textOf({ key, text }: Pressed): string | undefined {
  if (text !== undefined) return text;
  if (key === 'space') return ' ';
  return [...key].length === 1 ? key : undefined;
}

const namedKeys: Readonly<Record<string, { readonly sign: string; readonly plain: string }>> = {
  up: { sign: '↑', plain: 'up' },
  down: { sign: '↓', plain: 'down' },
  left: { sign: '←', plain: 'left' },
  right: { sign: '→', plain: 'right' },
  enter: { sign: 'enter', plain: 'enter' },
  escape: { sign: 'esc', plain: 'esc' },
  space: { sign: 'space', plain: 'space' },
  tab: { sign: 'tab', plain: 'tab' },
  backspace: { sign: 'backspace', plain: 'backspace' },
  delete: { sign: 'del', plain: 'del' },
  insert: { sign: 'ins', plain: 'ins' },
  home: { sign: 'home', plain: 'home' },
  end: { sign: 'end', plain: 'end' },
  pageup: { sign: 'pgup', plain: 'pgup' },
  pagedown: { sign: 'pgdn', plain: 'pgdn' },
};

/** A key as it is shown: `^u`, `⇧tab`, `↑`; only letters and signs of ASCII where asked. */
export function keyLabel(key: string, ascii = false): string {
  const { modifiers, base } = partsOf(key);
  const named = namedKeys[base];
  const label = named === undefined ? base : ascii ? named.plain : named.sign;
  return modifiers.reduceRight((text, modifier) => prefixOf(modifier, ascii) + text, label);
}

function prefixOf(modifier: string, ascii: boolean): string {
  if (modifier === 'ctrl') return '^';
  if (modifier === 'shift') return ascii ? 'shift+' : '⇧';
  return `${modifier}+`;
}

/** What `About.keyOf` answers: the first key of the action, as it is shown. */
export function createKeyOf(userKeys: UserKeys, ascii = false): (action: ActionId) => string | undefined {
  const labels = new Map(
    actions.map(({ id }) => {
      const [key] = keysOf(id, userKeys);
      return [id, key === undefined ? undefined : keyLabel(key, ascii)] as const;
    }),
  );
  return (action) => labels.get(action);
}

const modifierNames = ['super', 'ctrl', 'alt', 'shift'];

function partsOf(key: string): { readonly modifiers: readonly string[]; readonly base: string } {
  // The key `+` itself, and chords with it, end in the sign that joins.
  const words = key.endsWith('+') ? [...key.slice(0, -2).split('+').filter(Boolean), '+'] : key.split('+');
  return { modifiers: words.slice(0, -1), base: words.at(-1) ?? '' };
}

/** Why a name is not one of a key; undefined where it is. */
export function keyComplaint(key: string): string | undefined {
  const { modifiers, base } = partsOf(key);
  if (key === wayOut) return '"ctrl+c" always leaves';
  const strange = modifiers.find((each) => !modifierNames.includes(each));
  if (strange !== undefined || new Set(modifiers).size < modifiers.length) return unknownKey(key);
  if (namedKeys[base] !== undefined || /^f(?:[1-9]|1[0-2])$/.test(base)) return undefined;
  if ([...base].length !== 1 || /[\s\u0000-\u001f\u007f-\u009f]/.test(base)) return unknownKey(key);
  if (modifiers.includes('shift')) return `"${key}" is written as the letter itself: "${base.toUpperCase()}"`;
  // Terminals send them as another key: tab, enter and backspace.
  if (['ctrl+i', 'ctrl+m', 'ctrl+j'].includes(key)) return `"${key}" is the same as another key in a terminal`;
  return undefined;
}

function unknownKey(key: string): string {
  const near = closest(key, [...Object.keys(namedKeys), 'ctrl+u', 'shift+tab']);
  return `"${key}" is not a key${near === undefined ? '' : `; did you mean "${near}"?`}`;
}

/** Something about the keys of the user that does not do what it seems to. */
export interface KeyProblem {
  /** As it is written in the settings. */
  readonly action: string;
  readonly message: string;
}

/**
 * What is wrong with the user's keys: unknown actions, names that are not keys, and keys that two actions have in one
 * place. There the part's action wins over the screen's, and the earlier in the table over the later.
 */
export function checkKeys(
  userKeys: Readonly<Record<string, readonly string[]>>,
  registry: Registry,
): readonly KeyProblem[] {
  const problems: KeyProblem[] = [];
  for (const [action, keys] of Object.entries(userKeys)) {
    if (infoOf(action) === undefined) problems.push({ action, message: unknownAction(action) });
    for (const key of keys) {
      const complaint = keyComplaint(key);
      if (complaint !== undefined) problems.push({ action, message: complaint });
    }
  }
  return [...problems, ...clashes(knownKeys(userKeys), registry)];
}

/** Those of the user's keys that can be used. */
export function knownKeys(userKeys: Readonly<Record<string, readonly string[]>>): UserKeys {
  const keys: Partial<Record<ActionId, readonly string[]>> = {};
  for (const { id } of actions) {
    const wanted = userKeys[id];
    if (wanted === undefined) continue;
    const usable = wanted.filter((key) => keyComplaint(key) === undefined);
    // An action whose keys are all unusable keeps its own; an empty list takes them away on purpose.
    if (usable.length > 0 || wanted.length === 0) keys[id] = usable;
  }
  return keys;
}

function unknownAction(action: string): string {
  const near = closest(
    action,
    actions.map(({ id }) => id),
  );
  return `unknown action "${action}"${near === undefined ? '' : `; did you mean "${near}"?`}`;
}

function clashes(userKeys: UserKeys, registry: Registry): readonly KeyProblem[] {
  const places = [
    ...Object.entries(registry.panes).map(([name, part]) => ({ name: `pane "${name}"`, takes: part.actions })),
    ...Object.entries(registry.overlays).map(([name, part]) => ({ name: `"${name}"`, takes: part.actions })),
    { name: 'the screen', takes: onPanes },
  ];
  const isUsers = (action: ActionId): boolean => userKeys[action] !== undefined;
  const found = new Map<string, KeyProblem>();
  for (const [key, candidates] of keyMapOf(userKeys)) {
    for (const { name, takes } of places) {
      const mine = candidates.filter((action) => takes.includes(action));
      const behind = candidates.filter((action) => !takes.includes(action) && onPanes.includes(action));
      const [winner, ...losers] = [...mine, ...(name.startsWith('pane') ? behind : [])];
      for (const loser of losers) {
        // What the table itself does is meant; a clash has a key of the user in it.
        const action = isUsers(winner ?? loser) ? winner : isUsers(loser) ? loser : undefined;
        if (action === undefined || winner === undefined) continue;
        const id = `${key} ${winner} ${loser}`;
        const message = `"${key}" is also the key of "${winner === action ? loser : winner}": in ${name}, "${winner}" wins`;
        if (!found.has(id)) found.set(id, { action, message });
      }
    }
  }
  return [...found.values()];
}
