import { describe, expect, it } from 'vitest';
import { asciiGlyphs } from '../../../src/tui/frame/glyphs.ts';
import { createKeyOf } from '../../../src/tui/keymap.ts';
import { createHelpPart, type HelpState, openHelp } from '../../../src/tui/parts/help.ts';
import { openLogs } from '../../../src/tui/parts/logs/logs.ts';
import { registry as real } from '../../../src/tui/parts.ts';
import { asPart, partOf, type Registry } from '../../../src/tui/routing.ts';
import type { Message, ScreenInput } from '../../../src/tui/screen.ts';
import type { Overlay } from '../../../src/tui/state.ts';
import type { EditKey } from '../../../src/tui/text/field.ts';
import { update } from '../../../src/tui/update.ts';
import { expectFrames, linesOf, play } from './overlay-frames.ts';
import { allShown, anInput, aScreen, aView } from './update-parts.ts';

const text = (each: string): Message => ({ type: 'text', text: each });
const key = (each: EditKey): Message => ({ type: 'edit-key', key: each });

/** A screen with the real help, opened over these overlays. */
function opened(behind: readonly Overlay[] = [], about: Partial<ScreenInput['about']> = {}, app = 'wiki') {
  const { registry, received } = aScreen(
    { cluster: { actions: ['up', 'down'] } },
    { logs: { actions: ['follow', 'wrap'] } },
  );
  const help = createHelpPart(() => whole);
  const whole: Registry = { ...registry, overlays: { ...registry.overlays, help: asPart(help) } };
  const overlays = [...behind, openHelp()];
  const keyOf = createKeyOf({ logs: ['f5'] });
  const input = anInput({ cursor: { node: 'alpha', app }, overlays }, aView, { keyOf, ...about });
  return { help, input, registry: whole, received };
}

const all = { columns: 100, rows: 200 };
const linesFor = (screen: ReturnType<typeof opened>, query = ''): readonly string[] =>
  linesOf(screen.help, screen.input, stateWith(query), all.columns, all.rows);
const stateWith = (query: string): HelpState => ({ ...openHelp(), query: { text: query, caret: query.length } });

describe('the help', () => {
  it('looks as it should on every screen', () => {
    const { help, input } = opened();
    expectFrames('help', help, input, openHelp());
  });

  it('names the keys in force', () => {
    const line = linesFor(opened(), 'logs').find((each) => each.endsWith('logs'));
    expect(line).toMatch(/f5 +logs/);
  });

  it('shows what can be done where one was, and nothing else', () => {
    const onPanes = linesFor(opened()).join('\n');
    expect(onPanes).toContain('restart');
    expect(onPanes).not.toContain('wrap long lines');
    const overLogs = linesFor(opened([openLogs(['wiki'])])).join('\n');
    expect(overLogs).toContain('wrap long lines');
    expect(overLogs).not.toContain('restart');
  });

  it('says what keys do there in the words of the page, but for words that several keys share', () => {
    const keyOf = createKeyOf({});
    const input = anInput({ overlays: [openLogs(['wiki']), openHelp()] }, aView, { keyOf });
    const said = linesOf(partOf(real, openHelp()), input, openHelp(), all.columns, all.rows).join('\n');
    expect(said).toMatch(/! +hide others/);
    expect(said).toMatch(/n +next match/);
    expect(said).toMatch(/N +previous match/);
  });

  it('says why something is off', () => {
    expect(linesFor(opened([], {}, 'shop'), 'shell').join('\n')).toContain('disabled: "shop" is not running');
    expect(linesFor(opened([], { isReadOnly: true }), 'restart').join('\n')).toContain('restart…  disabled: read-only');
    expect(linesFor(opened([], { isReadOnly: true }), 'read-only').join('\n')).toContain('move to another node…');
  });

  it('says what the signs mean, and where the keys are from', () => {
    const { help, input } = opened([], { settingsFile: '~/.config/drover/config.yml' });
    expect(linesFor(opened()).join('\n')).toContain('● up  ◐ changing');
    const ascii = linesOf(help, { ...input, glyphs: asciiGlyphs }, openHelp(), all.columns, all.rows).join('\n');
    expect(ascii).toContain('* up  ~ changing');
    const title = help.draw(input, openHelp(), all).title?.map((each) => each.text);
    expect(title?.join('')).toBe('help · cluster · keys are from ~/.config/drover/config.yml');
  });

  it('searches in what is typed, and Escape first clears and then closes', () => {
    const { help, input } = opened();
    const found = play(help, input, openHelp(), [text('dat'), text('asets')]).state;
    expect(linesOf(help, input, found).join('\n')).toContain('datasets and snapshots');
    expect(linesOf(help, input, found).join('\n')).not.toContain('restart');
    const cleared = play(help, input, found, [key('escape')]);
    expect([cleared.state.query.text, cleared.closes]).toEqual(['', undefined]);
    expect(play(help, input, cleared.state, [key('escape')]).closes).toBe(true);
    expect(linesOf(help, input, stateWith('xyzzy')).join('\n')).toContain('no match');
  });

  it('closes with the key that opened it', () => {
    const { help, input } = opened();
    expect(play(help, input, openHelp(), [text('?')]).closes).toBe(true);
  });

  it('reaches everything on the smallest screen', () => {
    const { help, input } = opened();
    const seen = new Set<string>();
    let state: HelpState = openHelp();
    for (let i = 0; i < 100; i += 1) {
      for (const line of linesOf(help, input, state, 60, 16)) seen.add(line.replace(/▸/, ' '));
      const drawn = help.draw(input, state, { columns: 58, rows: 12 });
      expect(drawn.rows).toHaveLength(12);
      expect(drawn.rows.filter((row) => row.some((each) => each.selected && each.text.includes('▸')))).toHaveLength(1);
      state = play(help, input, state, [key('down')]).state;
    }
    const missing = linesOf(help, input, openHelp(), 60, 300).filter((line) => !seen.has(line.replace(/▸/, ' ')));
    expect(missing).toEqual([]);
  });

  it('does what is highlighted, once it has closed', () => {
    const { input, registry } = opened();
    let ui = input.ui;
    for (const message of [
      text('zfs'),
      key('backspace'),
      key('backspace'),
      key('backspace'),
      text('datasets'),
      key('enter'),
    ]) {
      ui = update({ ...input, ui }, message, registry, allShown).ui;
    }
    expect(ui.overlays.map(({ kind }) => kind)).toEqual(['zfs']);
  });

  it('does nothing that is off, and says why', () => {
    const { input, registry } = opened([], { isReadOnly: true });
    let ui = input.ui;
    for (const message of [text('restart'), key('enter')])
      ui = update({ ...input, ui }, message, registry, allShown).ui;
    expect(ui.overlays.map(({ kind }) => kind)).toEqual(['help']);
    expect(ui.notice?.text).toBe('restart…: read-only');
  });

  it('can be clicked where its entries are drawn', () => {
    const { help, input } = opened();
    const drawn = help.draw(input, openHelp(), { columns: 58, rows: 12 });
    const wanted = drawn.hits?.find(({ click }) => click.type === 'pick' && click.index === 2);
    const there = play(help, input, openHelp(), wanted === undefined ? [] : [wanted.click]).state;
    const rowText = drawn.rows[wanted?.y ?? 0]
      ?.map((each) => each.text)
      .join('')
      .trim();
    const now = help.draw(input, there, { columns: 58, rows: 12 }).rows[wanted?.y ?? 0];
    expect(now?.map((each) => each.text).join('')).toContain(`▸ ${rowText}`);
  });
});
