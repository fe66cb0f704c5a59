import { describe, expect, it } from 'vitest';
import { actions } from '../../../src/tui/actions/actions.ts';
import {
  checkKeys,
  createKeyOf,
  keyComplaint,
  keyLabel,
  keyMapOf,
  keysOf,
  knownKeys,
  messageForKey,
} from '../../../src/tui/keymap.ts';
import { openDiff } from '../../../src/tui/parts/diff.ts';
import { anInput, aScreen } from './update-parts.ts';

const { registry } = aScreen();
const { ui } = anInput();
const press = (key: string, screen = registry, state = ui, userKeys = {}) =>
  messageForKey(keyMapOf(userKeys), { key }, state, screen);
const action = (name: string) => ({ type: 'action', action: name });

describe('a key', () => {
  it.each([
    ['q', 'quit'],
    ['ctrl+c', 'interrupt'],
    ['shift+tab', 'previous-pane'],
    ['space', 'mark'],
    ['?', 'help'],
    ['A', 'policy'],
    ['a', 'apply'],
    ['enter', 'open'],
  ])('%s is %s', (key, name) => {
    expect(press(key)).toEqual(action(name));
  });

  it('that nothing takes does nothing', () => {
    expect(press('k')).toBeUndefined();
    expect(press('f11')).toBeUndefined();
  });

  it('of two actions is that of the part with the keys', () => {
    const screen = aScreen({ plan: { actions: ['fix'] }, events: { actions: ['follow'] } }).registry;
    expect(press('f', screen, { ...ui, focus: 'plan' })).toEqual(action('fix'));
    expect(press('f', screen, { ...ui, focus: 'events' })).toEqual(action('follow'));
    expect(press('f', screen)).toBeUndefined();
  });

  it('of a part and of the screen is that of the part', () => {
    const screen = aScreen({ plan: { actions: ['step-log'] } }).registry;
    const userKeys = { 'step-log': ['R'] };
    expect(press('R', screen, { ...ui, focus: 'plan' }, userKeys)).toEqual(action('step-log'));
    expect(press('R', screen, ui, userKeys)).toEqual(action('refresh'));
  });

  it('of the user takes the place of the default', () => {
    const userKeys = { logs: ['f5', 'L'] };
    expect(press('l', registry, ui, userKeys)).toBeUndefined();
    expect(press('f5', registry, ui, userKeys)).toEqual(action('logs'));
    expect(press('L', registry, ui, userKeys)).toEqual(action('logs'));
    expect(press('q', registry, ui, { quit: [] })).toBeUndefined();
  });

  it('ctrl+c always leaves', () => {
    const typing = aScreen({ cluster: { typing: true } }).registry;
    const userKeys = { interrupt: ['ctrl+x'], logs: ['ctrl+c'] };
    expect(press('ctrl+c', typing, ui, userKeys)).toEqual(action('interrupt'));
    expect(keysOf('interrupt', userKeys)).toEqual(['ctrl+c', 'ctrl+x']);
    expect(keysOf('logs', userKeys)).toEqual([]);
  });
});

describe('while text is typed', () => {
  const typing = aScreen({ cluster: { typing: true, actions: ['page-down'] } }).registry;

  it.each(['q', '?', 'A', ':', 'ü', '日'])('%s is text', (key) => {
    expect(press(key, typing)).toEqual({ type: 'text', text: key });
  });

  it('space is a space, and what a key types is taken as it is', () => {
    expect(press('space', typing)).toEqual({ type: 'text', text: ' ' });
    expect(messageForKey(keyMapOf({}), { key: 'q', text: 'Q' }, ui, typing)).toEqual({ type: 'text', text: 'Q' });
  });

  it.each([
    ['enter', 'enter'],
    ['escape', 'escape'],
    ['ctrl+w', 'word-back'],
    ['ctrl+u', 'clear'],
    ['tab', 'tab'],
    ['up', 'up'],
  ])('%s edits', (key, edit) => {
    expect(press(key, typing)).toEqual({ type: 'edit-key', key: edit });
  });

  it('keys that are no text keep their meaning', () => {
    expect(press('pagedown', typing)).toEqual(action('page-down'));
    expect(press('ctrl+l', typing)).toEqual(action('redraw'));
    expect(press('ctrl+z', typing)).toEqual(action('suspend'));
  });

  it('in a filter everything is text as well', () => {
    expect(press('q', registry, { ...ui, filtering: true })).toEqual({ type: 'text', text: 'q' });
  });

  it('in an overlay the pane behind does not matter', () => {
    const screen = aScreen({ cluster: { typing: true } }, { diff: { typing: false } }).registry;
    const state = { ...ui, overlays: [openDiff()] };
    expect(press('q', screen, state)).toEqual(action('quit'));
  });
});

describe('the name of a key', () => {
  it.each([
    ['ctrl+u', '^u', '^u'],
    ['shift+tab', '⇧tab', 'shift+tab'],
    ['ctrl+alt+x', '^alt+x', '^alt+x'],
    ['up', '↑', 'up'],
    ['escape', 'esc', 'esc'],
    ['+', '+', '+'],
    ['ctrl++', '^+', '^+'],
    ['A', 'A', 'A'],
    ['pagedown', 'pgdn', 'pgdn'],
  ])('%s is shown as %s, or as %s in ASCII', (key, label, plain) => {
    expect(keyLabel(key)).toBe(label);
    expect(keyLabel(key, true)).toBe(plain);
  });

  it('in force is the first of the action', () => {
    const keyOf = createKeyOf({ move: ['f6', 'm'], undo: [] });
    expect([keyOf('move'), keyOf('undo'), keyOf('half-up')]).toEqual(['f6', undefined, '^u']);
  });

  it.each(['f0', 'f13', 'hyper+x', 'ctrl+', 'ctrl+ctrl+x', 'spce', '', 'ab', 'ctrl+c', 'shift+a', 'ctrl+m'])(
    '%j is refused',
    (key) => {
      expect(keyComplaint(key)).toBeDefined();
    },
  );

  it('of every action in the table can be used', () => {
    const complaints = actions.filter(({ id }) => id !== 'interrupt').flatMap(({ keys }) => keys.map(keyComplaint));
    expect(complaints.filter((each) => each !== undefined)).toEqual([]);
    expect(complaints.length).toBeGreaterThan(60);
  });
});

describe('the keys of a user', () => {
  it('are reported where the action or the key does not exist, with what was probably meant', () => {
    expect(checkKeys({ restrt: ['r'], logs: ['pagedwn'], move: ['shift+m'] }, registry)).toEqual([
      { action: 'restrt', message: 'unknown action "restrt"; did you mean "restart"?' },
      { action: 'logs', message: '"pagedwn" is not a key; did you mean "pagedown"?' },
      { action: 'move', message: '"shift+m" is written as the letter itself: "M"' },
    ]);
  });

  it('are reported where two actions have the same one, with the one that wins', () => {
    const screen = aScreen({ plan: { actions: ['step-log', 'cancel'] } }).registry;
    expect(checkKeys({ 'step-log': ['c'] }, screen)).toEqual([
      { action: 'step-log', message: '"c" is also the key of "cancel": in pane "plan", "cancel" wins' },
    ]);
    expect(checkKeys({ 'step-log': ['R'] }, screen)).toEqual([
      { action: 'step-log', message: '"R" is also the key of "refresh": in pane "plan", "step-log" wins' },
    ]);
    expect(checkKeys({ logs: ['d'] }, registry)[0]?.message).toContain('"diff" wins');
  });

  it('are silent where nothing is wrong, as the defaults are', () => {
    expect(checkKeys({}, registry)).toEqual([]);
    expect(checkKeys({ logs: ['f5'], mark: ['m'], move: ['space'] }, registry)).toEqual([]);
  });

  it('that cannot be used leave the defaults in force', () => {
    expect(knownKeys({ logs: ['nonsense'], move: ['f6', 'nonsense'], undo: [], nothing: ['x'] })).toEqual({
      move: ['f6'],
      undo: [],
    });
  });
});
