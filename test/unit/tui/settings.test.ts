import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../src/config/settings-file.ts';
import { noScreenSettings } from '../../../src/model/settings.ts';

const path = '~/.config/drover/config.yml';
const problemsOf = (text: string): string[] =>
  readSettings(text, path).problems.map(({ line, column, message, hint }) => {
    const place = `${line}:${column} ${message}`;
    return hint === undefined ? place : `${place} (${hint})`;
  });

describe('the settings file', () => {
  it('may say everything', () => {
    const { settings, problems } = readSettings(
      [
        'theme: colour-blind',
        'colours: false',
        'glyphs: ascii',
        'mouse: true',
        'read-only: true',
        'ask-first: false',
        'view: table',
        'notify: true',
        'keys:',
        '  move: M',
        '  logs: [l, ctrl+o]',
        '  pane-1: 5',
        '  undo: []',
      ].join('\n'),
      path,
    );
    expect(problems).toEqual([]);
    expect(settings).toEqual({
      theme: 'colour-blind',
      colours: false,
      glyphs: 'ascii',
      mouse: true,
      isReadOnly: true,
      asksFirst: false,
      arrangement: 'table',
      notifies: true,
      keys: { move: ['M'], logs: ['l', 'ctrl+o'], 'pane-1': ['5'], undo: [] },
      keyPlaces: {
        move: { line: 10, column: 3 },
        logs: { line: 11, column: 3 },
        'pane-1': { line: 12, column: 3 },
        undo: { line: 13, column: 3 },
      },
    });
  });

  it.each(['', '# only a comment\n', 'keys:\n'])('may say nothing: %j', (text) => {
    expect(readSettings(text, path)).toEqual({ settings: noScreenSettings, problems: [] });
  });

  it('points at unknown keys and values and says what was probably meant', () => {
    expect(problemsOf('colors: true\ntheme: drak\nmuose: true\n')).toEqual([
      '1:1 unknown key "colors" (use "colours")',
      '2:8 "theme" must be one of auto, dark, light, high-contrast, colour-blind, mono, not "drak" (did you mean "dark"?)',
      '3:1 unknown key "muose" (did you mean "mouse"?)',
    ]);
  });

  it('takes no words for truth values, and says which one to write', () => {
    expect(problemsOf('mouse: yes\nread-only: "off"\nnotify: 3')).toEqual([
      '1:8 "mouse" must be true or false, not the text "yes" (write true)',
      '2:12 "read-only" must be true or false, not the text "off" (write false)',
      '3:9 "notify" must be true or false, not the number 3',
    ]);
  });

  it('refuses keys that are no texts', () => {
    expect(problemsOf('keys: {move: true, logs: [l, {a: b}], sort: 12, undo: ""}')).toEqual([
      '1:14 the keys of "move" must be a key or a list of keys, not the truth value true (put the key in quotes)',
      '1:30 the keys of "logs" must be a key or a list of keys, not a mapping',
      '1:45 the keys of "sort" must be a key or a list of keys, not the number 12 (put the key in quotes)',
      '1:55 the keys of "undo" must not be empty',
    ]);
    expect(problemsOf('keys: [a]')[0]).toContain('"keys" must be a mapping, not a list');
  });

  it('keeps the valid settings next to invalid ones', () => {
    const { settings, problems } = readSettings('theme: mono\nview: sideways\nkeys: {move: M, logs: [1.5]}\n', path);
    expect(settings).toMatchObject({ theme: 'mono', keys: { move: ['M'] } });
    expect(settings.arrangement).toBeUndefined();
    expect(problems.map(({ file }) => file)).toEqual([path, path]);
  });

  it('says where the syntax is broken', () => {
    const { settings, problems } = readSettings('theme: mono\nkeys: {move: M\n', path);
    expect(settings).toEqual(noScreenSettings);
    expect(problems[0]?.message).toContain('is not valid YAML');
    expect(problems[0]?.line).toBe(3);
  });

  it('is refused as a list', () => {
    expect(problemsOf('- theme')).toEqual(['1:1 the settings must be a mapping, not a list']);
  });
});
