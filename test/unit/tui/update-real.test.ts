import { describe, expect, it } from 'vitest';
import { actNames, actOf } from '../../../src/model/acts.ts';
import { actions } from '../../../src/tui/actions/actions.ts';
import { commands } from '../../../src/tui/actions/commands.ts';
import { checkKeys, keyMapOf, messageForKey } from '../../../src/tui/keymap.ts';
import { openGuide } from '../../../src/tui/parts/guide/page.ts';
import { openLeave } from '../../../src/tui/parts/leave.ts';
import { openProblems } from '../../../src/tui/parts/problems.ts';
import { openReview } from '../../../src/tui/parts/run/review.ts';
import { openRun } from '../../../src/tui/parts/run/run.ts';
import { openStages } from '../../../src/tui/parts/stages.ts';
import { openWelcome } from '../../../src/tui/parts/welcome.ts';
import { registry } from '../../../src/tui/parts.ts';
import { guideActions, isTyping, onPanes, partOf, screenTakes } from '../../../src/tui/routing.ts';
import type { Message } from '../../../src/tui/screen.ts';
import type { Effect, Overlay, UiState } from '../../../src/tui/state.ts';
import { update } from '../../../src/tui/update.ts';
import { allShown, anInput, aView, aViewWithWork } from './update-parts.ts';

/** Presses keys on the real screen, one after the other. */
function pressed(keys: string, ui: Partial<UiState> = {}, view = aViewWithWork) {
  const input = anInput({ cursor: { node: 'alpha', app: 'wiki' }, ...ui }, view);
  const map = keyMapOf({});
  let now = input.ui;
  const effects: Effect[] = [];
  for (const key of keys.split(' ')) {
    const message = messageForKey(map, { key }, now, registry);
    if (message === undefined) continue;
    const next = update({ ...input, ui: now }, message, registry, allShown);
    now = next.ui;
    effects.push(...next.effects);
  }
  return { ui: now, effects, kinds: now.overlays.map(({ kind }) => kind) };
}

describe('the parts of the screen together', () => {
  it('have no key with two meanings in one place', () => {
    const places = [...Object.entries(registry.panes), ...Object.entries(registry.overlays)];
    const clashes = places.flatMap(([name, part]) =>
      [...keyMapOf({})].flatMap(([key, ids]) => {
        const mine = ids.filter((id) => part.actions.includes(id));
        return mine.length > 1 ? [`${name}: ${key} is ${mine.join(' and ')}`] : [];
      }),
    );
    expect(clashes).toEqual([]);
    expect(checkKeys({}, registry)).toEqual([]);
  });

  it('name only as many actions in the footer as they have', () => {
    for (const [name, part] of [...Object.entries(registry.panes), ...Object.entries(registry.overlays)]) {
      expect([name, part.inFooter <= part.actions.length]).toEqual([name, true]);
    }
  });

  it('leave no action of the table without a place where it does something', () => {
    const taken = new Set([
      ...onPanes,
      ...guideActions,
      ...Object.values(registry.panes).flatMap(({ actions }) => actions),
      ...Object.values(registry.overlays).flatMap(({ actions }) => actions),
    ]);
    expect(actions.map(({ id }) => id).filter((id) => !taken.has(id))).toEqual([]);
  });

  it('let everybody out of every overlay with Escape', () => {
    const kinds = Object.keys(registry.overlays);
    const stuck = kinds.filter((kind) => {
      const { overlays } = openedAs(kind);
      return pressed('escape escape', { overlays }, aView).kinds.length > 0;
    });
    // There is nothing behind the first page and the stages.
    expect(stuck.filter((kind) => kind !== 'welcome' && kind !== 'stages')).toEqual([]);
  });

  it('let ctrl+c out of everything', () => {
    for (const kind of Object.keys(registry.overlays)) {
      expect(pressed('ctrl+c', openedAs(kind), aView).effects).toContainEqual({ type: 'leave', how: 'now' });
    }
  });

  it.each<[string, readonly string[]]>([
    ['?', ['help']],
    [':', ['palette']],
    ['l', ['logs']],
    ['z', ['zfs']],
    ['m', ['move']],
    ['r', ['confirm']],
    ['S', ['confirm']],
    ['a', ['review']],
    ['d', ['diff']],
    ['t', ['history']],
    ['u', ['confirm']],
    ['B', ['zfs']],
    ['2 enter', ['diff']],
    [': a p p l y enter', ['review']],
    ['l escape', []],
    ['? r e s t a r t enter', ['confirm']],
  ])('%s opens %j', (keys, kinds) => {
    expect(pressed(keys).kinds).toEqual(kinds);
  });

  it.each(actNames.flatMap((name) => actOf(name).screen ?? []))('does the act behind $action', (act) => {
    const { action, keys, label, command } = act;
    expect(keys).not.toEqual([]);
    expect(actions.filter(({ id }) => id === action)).toMatchObject([{ keys, label }]);
    for (const key of keys) {
      const { effects, kinds } = pressed(key);
      expect([key, effects.length + kinds.length]).toEqual([key, 1 + effects.filter(isReading).length]);
    }
    if (command !== undefined) expect(commands).toContainEqual(expect.objectContaining({ word: command[0], action }));
  });

  it('asks before it restarts, and takes no for an answer', () => {
    expect(pressed('r enter')).toMatchObject({ effects: [], kinds: [] });
    expect(pressed('r y')).toMatchObject({ effects: [{ type: 'restart', app: 'wiki' }], kinds: [] });
  });

  it('goes through the review to the apply', () => {
    expect(pressed('a enter').effects).toEqual([{ type: 'approve', revision: 'r2' }]);
    expect(pressed('a escape').effects).toEqual([]);
  });

  it('filters while it is typed and keeps the keys for the filter', () => {
    const { ui, effects } = pressed('/ q u i t enter');
    expect([ui.filter, ui.filtering, effects]).toEqual(['quit', false, []]);
  });

  it('take every letter for text in the palette, and let no act through', () => {
    const state = pressed(':').ui;
    expect(pressed(': a').ui.overlays).toMatchObject([{ kind: 'palette', field: { text: 'a' } }]);
    expect(isTyping(state, registry)).toBe(true);
    expect(screenTakes(state, registry)).not.toContain('apply');
  });
});

/** What an overlay reads when it opens. */
const isReading = ({ type }: Effect): boolean => type === 'read-zfs';

function openedAs(kind: string): { readonly overlays: readonly Overlay[] } {
  const messages: Readonly<Record<string, Message>> = {
    help: { type: 'action', action: 'help' },
    palette: { type: 'action', action: 'palette' },
    problems: { type: 'open', overlay: openProblems() },
    review: { type: 'open', overlay: openReview(aView, false) },
    run: { type: 'open', overlay: openRun() },
    diff: { type: 'action', action: 'diff' },
    move: { type: 'action', action: 'move' },
    confirm: { type: 'action', action: 'restart' },
    logs: { type: 'action', action: 'logs' },
    zfs: { type: 'action', action: 'zfs' },
    history: { type: 'action', action: 'history' },
    leave: { type: 'open', overlay: openLeave() },
    welcome: { type: 'open', overlay: openWelcome() },
    stages: { type: 'open', overlay: openStages() },
    guide: { type: 'open', overlay: openGuide() },
  };
  const message = messages[kind];
  if (message === undefined) throw new Error(`nothing opens "${kind}"`);
  const { ui } = update(anInput({ cursor: { node: 'alpha', app: 'wiki' } }), message, registry, allShown);
  expect(ui.overlays.map((each) => each.kind)).toEqual([kind]);
  expect(partOf(registry, ui.overlays[0] ?? openWelcome())).toBeDefined();
  return { overlays: ui.overlays };
}
