import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { asciiGlyphs, type Glyphs, unicodeGlyphs } from '../../../../src/tui/frame/glyphs.ts';
import { cut, fitRow, fitText, graphemesOf, widthOf, widthOfRow } from '../../../../src/tui/text/fit.ts';
import fc from '../../../support/random.ts';

/** Without escapes: rows have none, for plainText took them. */
const text = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc
      .array(fc.constantFrom('a', '字', 'é', 'e\u0301', '😀', '👨‍👩‍👧', '│', '●', '▏', '\u00ad', 'ﬀ', '한'), {
        maxLength: 15,
      })
      .map((all) => all.join('')),
    fc.string({ maxLength: 30 }),
  )
  .filter((each) => !/[\u0000-\u001f\u007f-\u009f]/.test(each));
const width = fc.integer({ min: 0, max: 24 });

describe('fitText', () => {
  it('takes exactly the cells it is given, whatever the characters', () => {
    fc.assert(
      fc.property(text, width, fc.constantFrom('left', 'right'), (each, cells, align) => {
        expect(stringWidth(fitText(each, cells, align))).toBe(cells);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['short', 8, 'left', 'short   '],
    ['short', 8, 'right', '   short'],
    ['exactly', 7, 'left', 'exactly'],
    ['too long', 5, 'left', 'too …'],
    ['字字字', 5, 'left', '字字…'],
    ['字字字', 4, 'left', '字… '],
    ['字', 1, 'left', '…'],
    ['e\u0301e\u0301e\u0301', 2, 'left', 'e\u0301…'],
    ['anything', 0, 'left', ''],
  ] as const)('makes of %s in %i cells, %s: "%s"', (each, cells, align, fitted) => {
    expect(fitText(each, cells, align)).toBe(fitted);
  });

  it('cuts with the given sign', () => {
    expect(fitText('too long', 5, 'left', '.')).toBe('too .');
  });
});

describe('cut', () => {
  it('gives the longest beginning of whole characters that has room', () => {
    fc.assert(
      fc.property(text, width, (each, cells) => {
        const kept = cut(each, cells);
        expect(each.startsWith(kept)).toBe(true);
        expect(stringWidth(kept)).toBeLessThanOrEqual(cells);
        const next = graphemesOf(each.slice(kept.length))[0];
        if (next !== undefined) expect(stringWidth(kept) + stringWidth(next)).toBeGreaterThan(cells);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('fitRow', () => {
  it('takes exactly the cells it is given, and keeps what it does not cut', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), width, (texts, cells) => {
        const row = texts.map((each) => ({ text: each, token: 'ok' as const }));
        const fitted = fitRow(row, cells);
        expect(widthOfRow(fitted)).toBe(cells);
        if (widthOfRow(row) <= cells) expect(fitted.slice(0, row.length)).toEqual(row);
        else if (cells > 0) expect(fitted.map((each) => each.text).join('')).toMatch(/… *$/);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps token and selection of the part it cuts', () => {
    expect(
      fitRow(
        [
          { text: 'ab', token: 'key' },
          { text: 'cdef', token: 'bad', selected: true },
        ],
        4,
      ),
    ).toEqual([
      { text: 'ab', token: 'key' },
      { text: 'c…', token: 'bad', selected: true },
    ]);
  });

  it('says that something is missing even where the cut falls between two parts', () => {
    expect(fitRow([{ text: 'abc' }, { text: 'd' }], 3)).toEqual([{ text: 'ab…' }]);
  });
});

describe('widthOf', () => {
  it('is that of string-width for every character, the quick way too', () => {
    const wrong: string[] = [];
    for (let code = 0x20; code < 0x3000; code++) {
      if (code >= 0x7f && code < 0xa0) continue;
      const character = String.fromCodePoint(code);
      if (widthOf(`a${character}`) !== stringWidth(`a${character}`)) wrong.push(code.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  it('is one cell for every glyph', () => {
    const all = ({ eighths, spark, border, ...others }: Glyphs): readonly string[] => [
      ...eighths,
      ...spark,
      ...Object.values(border),
      ...Object.values(others),
    ];
    for (const glyph of [...all(unicodeGlyphs), ...all(asciiGlyphs)]) {
      expect([glyph, widthOf(glyph), [...glyph].length]).toEqual([glyph, 1, 1]);
    }
    for (const glyph of all(asciiGlyphs)) expect(glyph).toMatch(/^[\x20-\x7e]$/);
  });
});
