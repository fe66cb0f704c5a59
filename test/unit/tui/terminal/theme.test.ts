import { describe, expect, it } from 'vitest';
import type { Row, Token } from '../../../../src/tui/frame/rows.ts';
import { span } from '../../../../src/tui/frame/rows.ts';
import type { ColourDepth } from '../../../../src/tui/frame/theme.ts';
import { colourDepth, createTheme, paintRow, themeNames } from '../../../../src/tui/frame/theme.ts';
import { parseAnsi, stripAnsi } from '../../../../src/tui/text/ansi.ts';
import { widthOf, widthOfRow } from '../../../../src/tui/text/fit.ts';

const tokens: readonly Token[] = [
  'plain',
  'dim',
  'strong',
  'ok',
  'warn',
  'bad',
  'add',
  'remove',
  'change',
  'accent',
  'title',
  'key',
];
const row: Row = tokens.map((token) => span(`${token} `, token));
const depths: readonly ColourDepth[] = [0, 16, 256, 16777216];
const readable = (painted: string): string => painted.replaceAll('\u001b', '');

describe('paintRow', () => {
  it('paints signs in ASCII where that is asked for, each in its own cell, and leaves words alone', () => {
    const signs: Row = [span('wiki · node1 → node2 · 2× ± 4 s…', 'dim'), span(' Grüße, 日本 ● ✔ │ — “x”')];
    const painted = paintRow(signs, createTheme('mono', { depth: 0, isAscii: true }));
    expect(stripAnsi(painted)).toBe('wiki - node1 > node2 - 2x ~ 4 s. Grüße, 日本 * v | - "x"');
    expect(widthOf(stripAnsi(painted))).toBe(widthOfRow(signs));
    expect(stripAnsi(paintRow(signs, createTheme('mono', { depth: 0 })))).toContain('wiki · node1 → node2 · 2× ± 4 s…');
  });

  it('writes the style before the text and nothing of it after', () => {
    const theme = createTheme('auto', { depth: 16 });
    expect(readable(paintRow([span('a'), span('b', 'ok'), span('c', 'bad'), span('d')], theme))).toBe(
      'a[32mb[0m[1m[31mc[0md',
    );
    expect(readable(paintRow([span('a'), span('b', 'ok')], theme))).toBe('a[32mb[0m');
    expect(paintRow([span('a'), span('b')], theme)).toBe('ab');
  });

  it('writes neighbours of one style as one, and nothing for nothing', () => {
    const theme = createTheme('auto', { depth: 16 });
    expect(readable(paintRow([span('a', 'ok'), span('', 'bad'), span('b', 'add')], theme))).toBe('[32mab[0m');
    expect(paintRow([], theme)).toBe('');
  });

  it('exchanges the colours under the cursor, or puts a background there where there are enough of them', () => {
    const cursor: Row = [{ text: 'x', token: 'ok', selected: true }];
    expect(readable(paintRow(cursor, createTheme('auto', { depth: 256 })))).toBe('[7m[32mx[0m');
    expect(readable(paintRow(cursor, createTheme('dark', { depth: 16 })))).toBe('[7m[32mx[0m');
    expect(readable(paintRow(cursor, createTheme('dark', { depth: 16777216 })))).toBe(
      '[48;2;45;79;118m[38;2;126;201;126mx[0m',
    );
    expect(readable(paintRow(cursor, createTheme('dark', { depth: 256 })))).toMatch(/^\[48;5;\d+m\[38;5;\d+mx\[0m$/);
  });

  it('changes nothing but the style, in every theme and with every number of colours', () => {
    for (const name of themeNames) {
      for (const depth of depths) {
        const theme = createTheme(name, { depth });
        expect(stripAnsi(paintRow(row, theme))).toBe(row.map(({ text }) => text).join(''));
        expect(paintRow(row, createTheme(name, { depth }))).toBe(paintRow(row, theme));
      }
    }
  });
});

describe('themes', () => {
  it.each(themeNames)(
    '%s has no colour where none is wanted, and bad, faint and cursor still look different',
    (name) => {
      const theme = createTheme(name, { noColour: true, depth: 16777216 });
      const painted = paintRow([...row, { text: 'x', selected: true }], theme);
      expect(readable(painted)).not.toMatch(/\[(?:[349]\d|10\d)/);
      expect([theme.sgr.bad, theme.sgr.title, theme.sgr.dim, theme.selected].map(readable)).toEqual([
        '[1m[4m',
        '[1m',
        '[2m',
        '[7m',
      ]);
    },
  );

  it('mono has no colour at all', () => {
    expect(paintRow(row, createTheme('mono', { depth: 16777216 }))).not.toMatch(/\[[34]8/);
  });

  it('high contrast has nothing faint', () => {
    const runs = parseAnsi(paintRow(row, createTheme('high-contrast', { depth: 16 })));
    expect(runs.filter(({ style }) => style.dim)).toEqual([]);
    expect(runs.filter(({ style }) => style.bold).length).toBeGreaterThan(3);
  });

  it('colour-blind shows good and bad in blue and orange', () => {
    const { ok, bad, add, remove } = createTheme('colour-blind', { depth: 16777216 }).sgr;
    expect([ok, add].map(readable)).toEqual(['[38;2;86;180;233m', '[38;2;86;180;233m']);
    expect([bad, remove].map(readable)).toEqual(['[1m[38;2;230;159;0m', '[38;2;230;159;0m']);
  });

  it.each(['dark', 'light', 'colour-blind'] as const)('%s shows good and bad differently with 16 colours', (name) => {
    const { ok, bad } = createTheme(name, { depth: 16 }).sgr;
    expect(ok).not.toBe(bad);
  });

  it.each([
    ['dark', '#16181d'],
    ['light', '#fdfdfb'],
  ] as const)('%s can be read on its background, at least 4.5 to 1', (name, background) => {
    for (const { style } of parseAnsi(paintRow(row, createTheme(name, { depth: 16777216 })))) {
      if (typeof style.foreground === 'string') expect(contrast(style.foreground, background)).toBeGreaterThan(4.5);
    }
  });
});

/** As the W3C's guidelines define it. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

describe('colourDepth', () => {
  it.each([
    [{ TERM: 'xterm-256color', COLORTERM: 'truecolor' }, 16777216],
    [{ TERM: 'xterm-kitty' }, 16777216],
    [{ TERM: 'tmux-256color' }, 256],
    [{ TERM: 'xterm' }, 16],
    [{ TERM: 'linux' }, 16],
    [{ TERM: 'dumb', COLORTERM: 'truecolor' }, 0],
    [{}, 16],
  ])('of %j is %i', (env, depth) => {
    expect(colourDepth(env)).toBe(depth);
  });
});
