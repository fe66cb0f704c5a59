import { describe, expect, it } from 'vitest';
import { createKeyOf } from '../../../src/tui/keymap.ts';
import { createPalettePart, openPalette, ranked, scoreOf } from '../../../src/tui/parts/palette.ts';
import { asPart, type Registry } from '../../../src/tui/routing.ts';
import type { Message, ScreenInput } from '../../../src/tui/screen.ts';
import type { Effect, UiState } from '../../../src/tui/state.ts';
import type { EditKey } from '../../../src/tui/text/field.ts';
import { update } from '../../../src/tui/update.ts';
import { expectFrames, linesOf } from './overlay-frames.ts';
import { allShown, anInput, aScreen, aView } from './update-parts.ts';

const key = (each: EditKey): Message => ({ type: 'edit-key', key: each });

function opened(about: Partial<ScreenInput['about']> = {}, ui: Partial<UiState> = {}) {
  const { registry } = aScreen({ cluster: { actions: ['up', 'down'] } });
  const palette = createPalettePart(() => whole);
  const whole: Registry = { ...registry, overlays: { ...registry.overlays, palette: asPart(palette) } };
  const cursor = { node: 'alpha', app: 'wiki' };
  const keyOf = createKeyOf({});
  const input = anInput({ cursor, overlays: [openPalette()], ...ui }, aView, { keyOf, ...about });
  return { palette, input, registry: whole };
}

/** What follows from typing this line, and then these keys. */
function typed(line: string, keys: readonly EditKey[] = ['enter'], screen = opened()) {
  let { ui } = screen.input;
  const effects: Effect[] = [];
  const messages: Message[] = [{ type: 'text', text: line }, ...keys.map(key)];
  for (const message of messages) {
    const next = update({ ...screen.input, ui }, message, screen.registry, allShown);
    ui = next.ui;
    effects.push(...next.effects);
  }
  return { ui, effects, kinds: ui.overlays.map(({ kind }) => kind) };
}

/** The list for a line, without the line itself. */
function listed(line: string, screen = opened(), columns = 100): readonly string[] {
  return linesOf(screen.palette, screen.input, openPalette(line), columns, 60)
    .slice(2)
    .map((each) => each.replace(/^[▸ ] /, ''));
}

describe('the command line', () => {
  it('goes to applications and nodes', () => {
    expect(typed('app shop').ui).toMatchObject({
      cursor: { node: 'alpha', app: 'shop' },
      focus: 'cluster',
      overlays: [],
    });
    expect(typed('node beta').ui).toMatchObject({ cursor: { node: 'beta' }, overlays: [] });
  });

  it('moves an application to a node, or asks for the node', () => {
    expect(typed('move wiki beta').effects).toEqual([{ type: 'move', apps: ['wiki'], node: 'beta' }]);
    expect(typed('move wiki').ui.overlays).toEqual([{ kind: 'move', apps: ['wiki'], cursor: 0 }]);
  });

  it('moves nothing to a node without room, as the page does', () => {
    const { beta } = aView.nodes;
    if (beta?.status !== 'reachable') throw new Error('beta is reachable');
    const pool = { ...beta.facts.pool, freeBytes: 1000 };
    const view = { ...aView, nodes: { ...aView.nodes, beta: { ...beta, facts: { ...beta.facts, pool } } } };
    const screen = opened();
    const { effects, kinds } = typed('move wiki beta', ['enter'], { ...screen, input: { ...screen.input, view } });
    expect([effects, kinds]).toEqual([[], ['palette']]);
  });

  it('edits an application in its file, or one of the files', () => {
    const files = { application: 'application.yml', deployment: 'deployment.yml' };
    const at = (line: string) => typed(line, ['enter'], opened({ files }));
    expect(at('edit wiki').effects).toEqual([{ type: 'edit-app', app: 'wiki' }]);
    expect(at('edit deployment').effects).toEqual([{ type: 'edit', file: 'deployment.yml' }]);
    expect(at('edit appl').effects).toEqual([{ type: 'edit', file: 'application.yml' }]);
    expect(typed('edit deployment')).toMatchObject({ kinds: ['palette'], effects: [] });
    expect(typed('edit deployment').ui.notice?.text).toBe('this folder has no files');
    expect(at('edit nothing').ui.notice?.text).toBe('there is no application "nothing"');
  });

  it('shows logs, with the lines that matter', () => {
    const { ui, effects } = typed('logs wiki out of memory');
    expect(ui.overlays).toMatchObject([{ kind: 'logs', apps: ['wiki'], filter: 'out of memory' }]);
    expect(effects).toEqual([{ type: 'read-logs', apps: ['wiki'] }]);
  });

  it.each([
    ['theme mono', { theme: 'mono' }],
    ['filter state:failed', { filter: 'state:failed' }],
    ['filter !wiki node:beta', { filter: '!wiki node:beta' }],
    ['view matrix', { arrangement: 'matrix' }],
    ['sort data', { sort: 'data' }],
    ['faults', { faultsOnly: true }],
  ])('%s changes the screen', (line, expected) => {
    expect(typed(line).ui).toMatchObject({ ...expected, overlays: [] });
  });

  it.each([
    ['screenshot', { type: 'screenshot' }],
    ['snapshot wiki', { type: 'snapshot', app: 'wiki' }],
    ['shell wiki', { type: 'shell', app: 'wiki' }],
    ['edit wiki', { type: 'edit-app', app: 'wiki' }],
    ['policy ask', { type: 'set-policy', policy: 'ask' }],
    ['quit', { type: 'leave', how: 'now' }],
  ])('%s asks for something', (line, effect) => {
    expect(typed(line)).toMatchObject({ effects: [effect], kinds: [] });
  });

  it.each(['restart', 'stop', 'start'])('%s asks first', (verb) => {
    const { ui, effects } = typed(`${verb} wiki`);
    expect(ui.overlays).toMatchObject([{ kind: 'confirm', choice: 'cancel', effect: { type: verb, app: 'wiki' } }]);
    expect(effects).toEqual([]);
  });

  it('without further words is the action of that name, on what the cursor is on', () => {
    expect(typed('restart').ui.overlays).toMatchObject([{ kind: 'confirm', effect: { app: 'wiki' } }]);
    expect(typed('theme').ui.theme).toBe('dark');
    expect(typed('apply').ui.notice?.text).toBe('nothing to do');
  });

  it('knows every action by its label', () => {
    expect(listed('earlier runs')[0]).toMatch(/^history +earlier runs +t$/);
    expect(typed('earlier runs').kinds).toEqual(['history']);
    expect(typed('picture of').effects).toEqual([{ type: 'screenshot' }]);
  });

  it('completes what is typed: commands, applications, nodes, values', () => {
    const text = (line: string): unknown => typed(line, ['tab']).ui.overlays.at(-1);
    expect(text('mo')).toMatchObject({ field: { text: 'move ' } });
    expect(text('move w')).toMatchObject({ field: { text: 'move wiki ' } });
    expect(text('move wiki b')).toMatchObject({ field: { text: 'move wiki beta ' } });
    expect(text('theme hi')).toMatchObject({ field: { text: 'theme high-contrast ' } });
    expect(listed('move wiki ').map((each) => each.split('  ')[0])).toEqual([
      'move wiki alpha',
      'move wiki beta',
      'move wiki gamma',
    ]);
  });

  it('asks for the word a command cannot do without', () => {
    const { ui, kinds } = typed('app');
    expect(kinds).toEqual(['palette']);
    expect(ui.overlays[0]).toMatchObject({ field: { text: 'app ', caret: 4 } });
    const onNode = opened({}, { cursor: { node: 'beta' } });
    expect(typed('restart', ['enter'], onNode).ui.overlays).toMatchObject([{ field: { text: 'restart ' } }]);
  });

  it('takes the line under the cursor', () => {
    expect(typed('app ', ['down', 'enter']).ui.cursor).toEqual({ node: 'alpha', app: 'shop' });
    expect(typed('app ', ['down', 'up', 'enter']).ui.cursor).toMatchObject({ app: 'idle' });
  });

  it('stays open with a sentence where nothing of that name is there', () => {
    for (const [line, sentence] of [
      ['move wki beta', 'there is no application "wki"; did you mean "wiki"?'],
      ['frobnicate', 'unknown command "frobnicate"'],
      ['theme liight', 'there is no theme "liight"; did you mean "light"?'],
      ['node nowhere', 'there is no node "nowhere"'],
    ] as const) {
      const { ui, kinds, effects } = typed(line);
      expect([ui.notice?.text, kinds, effects]).toEqual([sentence, ['palette'], []]);
    }
  });

  it('says why something is off, and does not do it', () => {
    expect(listed('logs idle').join('\n')).toContain('disabled: gamma has been unreachable for 12 s');
    expect(typed('restart idle')).toMatchObject({ kinds: ['palette'], effects: [] });
    expect(typed('move wiki gamma')).toMatchObject({ kinds: ['palette'], effects: [] });
    expect(listed('move wiki alpha').join('\n')).toContain('disabled: "wiki" belongs there already');
    const readOnly = opened({ isReadOnly: true });
    expect(listed('restart', readOnly)[0]).toContain('disabled: read-only');
    expect(listed('move wiki beta', readOnly).join('\n')).toContain('disabled: read-only');
    expect(typed('move wiki beta', ['enter'], readOnly)).toMatchObject({ kinds: ['palette'], effects: [] });
    expect(typed('apply', ['enter'], readOnly).ui.notice?.text).toBe('apply: read-only');
  });

  it('closes at Escape, and at backspace when it is empty', () => {
    expect(typed('move', ['escape']).kinds).toEqual([]);
    expect(typed('m', ['backspace']).kinds).toEqual(['palette']);
    expect(typed('m', ['backspace', 'backspace']).kinds).toEqual([]);
  });

  it('looks as it should on every screen', () => {
    const { palette, input } = opened();
    expectFrames('palette', palette, input, openPalette());
    expectFrames('palette-move', palette, input, openPalette('move wiki '));
  });

  it('shows the line under the cursor, wherever in the list it is', () => {
    const { palette, input } = opened();
    for (const cursor of [0, 15, 40, 1000]) {
      const drawn = palette.draw(input, { ...openPalette(), cursor }, { columns: 58, rows: 12 });
      expect(drawn.rows.length).toBe(12);
      expect(drawn.rows.slice(2).filter((row) => row.some(({ selected }) => selected))).toHaveLength(1);
    }
  });
});

describe('a typed word', () => {
  it('fits best as the whole, then as a beginning, then as the beginning of a word, then anywhere', () => {
    expect(['move', 'movement', 'go move', 'remove', 'm-o-v-e', 'mow'].map((each) => scoreOf('move', each))).toEqual([
      0,
      1,
      2,
      3,
      4,
      undefined,
    ]);
  });

  it('finds letters strewn over a name, but not over a description', () => {
    const all = [
      { name: 'snapshot', label: 'keep a copy' },
      { name: 'x', label: 'some nice apples' },
    ];
    expect(ranked('snp', all, ({ name, label }) => [name, label]).map(({ name }) => name)).toEqual(['snapshot']);
  });
});
