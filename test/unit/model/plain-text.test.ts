import { describe, expect, it } from 'vitest';
import { plainJson, plainLines, plainText, visibleText } from '../../../src/model/plain-text.ts';
import fc from '../../support/random.ts';

const bad =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}|[\u{e0000}-\u{e007f}]/u;

describe('plainText', () => {
  it.each([
    ['colours and cursor movements', '\u001b[31mred\u001b[0m\u001b[2J\u001b[H', 'red'],
    [
      'titles and the clipboard, ended either way',
      'a\u001b]0;t\u0007b\u001b]52;c;WA==\u001b\\c\u009d0;t\u009cd',
      'abcd',
    ],
    ['DCS, APC, PM and SOS', 'a\u001bPq\u001b\\b\u001b_G\u001b\\c\u001b^x\u001b\\d\u0098y\u009ce', 'abcde'],
    ['an end that is missing: nothing is hidden', 'a\u001b]0;and more', 'a]0;and more'],
    ['eight-bit sequences', 'a\u009b31mb\u0085c', 'ab c'],
    ['resets and character sets', 'a\u001bcb\u001b(Bd\u001b#8e', 'abde'],
    ['line ends of all kinds', 'a\nb\r\nc\rd\u2028e\u2029f\u0085g\vh\fi\n', 'a b c d e f g h i'],
    ['marks of direction', 'a\u202eb\u2066c\u2069d\u200fe\u061cf', 'abcdef'],
    ['invisible characters', 'a\u200bb\u200dc\u00add\ufeffe\u2060f\u{e0041}g\ufffah', 'abcdefgh'],
    ['half characters', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
    ['what is put together after a removal', '\u001b\u200b[31mx', '[31mx'],
  ])('takes away %s', (_what, text, plain) => expect(plainText(text)).toBe(plain));

  it('leaves what people write', () => {
    const text = 'tab\there, día, 日本, ✔ ▸ ━ 👩‍👩‍👧 👍🏽 ❤️ “quoted”';
    expect(plainText(text)).toBe(text);
  });

  it('leaves no control character and no second line in any text', () => {
    const piece = fc.constantFrom(
      ...'\u001b[];0mPX^_\\(B#8c\u0007\u0018\u007f\u0080\u0085\u0090\u009b\u009c\u009d\u2028\u202e\u200b\u200d\ufeff\ud83d\udc69\u{e0001}ab \n\r\t',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const plain = plainText(pieces.join(''));
        expect(plain).not.toMatch(bad);
        expect(plainText(plain)).toBe(plain);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes time in proportion to the text', () => {
    const began = performance.now();
    for (const piece of [
      '\u001b]',
      '\u001b[',
      '\u001b[0',
      '\u0090',
      '\u009d',
      '\u009b',
      '\n',
      '\u200d',
      '👩',
      '👩\u200d',
      '\u001b ',
    ])
      plainText(`${piece.repeat(200_000)}x`);
    expect(performance.now() - began).toBeLessThan(60_000);
  });
});

describe('its relatives', () => {
  it('keep lines, or cells', () => {
    expect(plainLines('a\u001b[2J\nb\r\nc\u2028d\n')).toBe('a\nb\nc d\n');
    expect(visibleText('a\u001bb\u202ec\ufeff\u{e0041}')).toBe('a?b?c???');
  });

  it('JSON is the same value, and ASCII where it is not plain', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = plainJson({ text });
        expect(JSON.parse(json)).toEqual({ text });
        expect(json).not.toMatch(bad);
      }),
    );
  });
});
