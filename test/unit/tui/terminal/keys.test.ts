import { describe, expect, it } from 'vitest';
import { createInputDecoder } from '../../../../src/tui/terminal/input-decoder.ts';
import type { InputEvent } from '../../../../src/tui/terminal/input-event.ts';
import fc from '../../../support/random.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Everything that comes of the bytes, with nothing after them. */
function decode(...chunks: readonly (string | Uint8Array)[]): readonly InputEvent[] {
  const decoder = createInputDecoder();
  const events = chunks.flatMap((chunk) => decoder.feed(typeof chunk === 'string' ? bytesOf(chunk) : chunk));
  return decoder.waitMs() === undefined ? events : [...events, ...decoder.expire()];
}

const keysOf = (text: string): readonly string[] =>
  decode(text).map((event) => (event.type === 'key' ? event.key : event.type));

describe('keys', () => {
  it.each([
    ['letters, one by one', 'jjA?', ['j', 'j', 'A', '?']],
    ['letters beyond ASCII', 'é字😀', ['é', '字', '😀']],
    ['enter, tab, backspace, space', '\r\t\x7f\x08 ', ['enter', 'tab', 'backspace', 'backspace', 'space']],
    ['control and a letter', '\x03\x15\x1a\x10\x0c', ['ctrl+c', 'ctrl+u', 'ctrl+z', 'ctrl+p', 'ctrl+l']],
    ['control and a sign', '\x00\x1d\x1f', ['ctrl+space', 'ctrl+]', 'ctrl+_']],
    ['arrows', '\x1b[A\x1b[B\x1b[C\x1b[D', ['up', 'down', 'right', 'left']],
    ['arrows in application mode', '\x1bOA\x1bOB\x1bOC\x1bOD', ['up', 'down', 'right', 'left']],
    ['arrows with modifiers', '\x1b[1;5A\x1b[1;2D\x1b[1;7C', ['ctrl+up', 'shift+left', 'ctrl+alt+right']],
    ['arrows of rxvt with modifiers', '\x1b[a\x1bOd', ['shift+up', 'ctrl+left']],
    ['ends in every form', '\x1b[H\x1b[1~\x1b[7~\x1bOF\x1b[4~', ['home', 'home', 'home', 'end', 'end']],
    ['pages, insert, delete', '\x1b[5~\x1b[6~\x1b[2~\x1b[3~', ['pageup', 'pagedown', 'insert', 'delete']],
    ['delete with control', '\x1b[3;5~\x1b[3^', ['ctrl+delete', 'ctrl+delete']],
    ['shift and tab', '\x1b[Z', ['shift+tab']],
    ['function keys', '\x1bOP\x1b[11~\x1b[[A\x1b[15~\x1b[24~\x1b[1;2P', ['f1', 'f1', 'f1', 'f5', 'f12', 'shift+f1']],
    ['alt and a key', '\x1bf\x1b\r\x1b\x7f\x1b\x02', ['alt+f', 'alt+enter', 'alt+backspace', 'ctrl+alt+b']],
    ['escape alone', '\x1b', ['escape']],
    ['escape and at once another key', '\x1b\x1b[A', ['escape', 'up']],
    ['the keypad in application mode', '\x1bOp\x1bOM\x1bOk', ['0', 'enter', '+']],
  ])('names %s', (_, text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });

  it.each([
    ['letters', '\x1b[97u\x1b[97;2u\x1b[97:65;2u\x1b[97;5u\x1b[97;6u', ['a', 'A', 'A', 'ctrl+a', 'ctrl+shift+a']],
    [
      'named keys',
      '\x1b[27u\x1b[13u\x1b[9;2u\x1b[127;5u\x1b[32u',
      ['escape', 'enter', 'shift+tab', 'ctrl+backspace', 'space'],
    ],
    ['keys with a text of their own', '\x1b[49;2;33u', ['!']],
    ['nothing when a key is let go', '\x1b[97;1:3u\x1b[1;1:3A\x1b[97;1:2u', ['a']],
    ['caps lock and num lock as nothing', '\x1b[97;129u\x1b[1;65A', ['a', 'up']],
    ['the keypad', '\x1b[57400u\x1b[57414u\x1b[57419u', ['1', 'enter', 'up']],
    ['nothing for keys without meaning', '\x1b[57358u\x1b[57441;2u', []],
    ['xterm’s modifyOtherKeys', '\x1b[27;5;105~\x1b[27;2;33~\x1b[27;5;13~', ['ctrl+i', '!', 'ctrl+enter']],
  ])('understands the kitty protocol: %s', (_, text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });

  it('says what a key types, and nothing for those that type nothing', () => {
    expect(decode('A \x1b[A\x1bx\x1b[97;2u')).toEqual([
      { type: 'key', key: 'A', text: 'A' },
      { type: 'key', key: 'space', text: ' ' },
      { type: 'key', key: 'up' },
      { type: 'key', key: 'alt+x' },
      { type: 'key', key: 'A', text: 'A' },
    ]);
  });

  it('takes answers of the terminal and unknown sequences for nothing', () => {
    expect(decode('\x1b[?1;2c\x1b]11;rgb:1c1c/1c1c/1c1c\x07\x1bP1$r0m\x1b\\\x1b[?2026;2$y\x1b[99~\x1b[Mabcq')).toEqual([
      { type: 'key', key: 'q', text: 'q' },
    ]);
  });

  it('does not lose a key after a sequence that was broken off', () => {
    expect(keysOf('\x1b[1;\x1b[A\x1b[5\rq')).toEqual(['up', 'enter', 'q']);
  });
});

describe('mouse, focus and paste', () => {
  it('reports clicks with their cell and button', () => {
    const none = { shift: false, alt: false, ctrl: false };
    expect(decode('\x1b[<0;10;5M\x1b[<0;10;5m\x1b[<18;1;1M\x1b[<32;223;300M')).toEqual([
      { type: 'mouse', action: 'press', button: 'left', x: 9, y: 4, ...none },
      { type: 'mouse', action: 'release', button: 'left', x: 9, y: 4, ...none },
      { type: 'mouse', action: 'press', button: 'right', x: 0, y: 0, ...none, ctrl: true },
      { type: 'mouse', action: 'drag', button: 'left', x: 222, y: 299, ...none },
    ]);
  });

  it('reports the wheel up and down, but not to the side', () => {
    expect(decode('\x1b[<64;3;4M\x1b[<65;3;4M\x1b[<66;3;4M')).toEqual([
      { type: 'wheel', x: 2, y: 3, rows: -1 },
      { type: 'wheel', x: 2, y: 3, rows: 1 },
    ]);
  });

  it('reports when the terminal gets and loses the focus', () => {
    expect(decode('\x1b[I\x1b[O')).toEqual([
      { type: 'focus', has: true },
      { type: 'focus', has: false },
    ]);
  });

  it('makes one event of a paste, with line ends as newlines and without control characters', () => {
    expect(decode('\x1b[200~q\r\nrm\x1b[31m -rf\x07\tx\x03\x1b[201~j')).toEqual([
      { type: 'paste', text: 'q\nrm -rf x' },
      { type: 'key', key: 'j', text: 'j' },
    ]);
  });

  it('gives what was pasted even where its end never comes, and goes on with keys', () => {
    const decoder = createInputDecoder();
    expect(decoder.feed(bytesOf('\x1b[200~half'))).toEqual([]);
    expect(decoder.waitMs()).toBe(10_000);
    expect(decoder.expire()).toEqual([{ type: 'paste', text: 'half' }]);
    expect(decoder.feed(bytesOf('j'))).toEqual([{ type: 'key', key: 'j', text: 'j' }]);
  });

  it('keeps no more than a megabyte of a paste', () => {
    const [event] = decode(`\x1b[200~${'x'.repeat(1_200_000)}\x1b[201~`);
    expect(event?.type === 'paste' && event.text.length).toBe(1_048_576);
  });
});

describe('waiting for the rest', () => {
  it('waits shortly for a lone escape, longer for a sequence that was cut, not at all otherwise', () => {
    const waitAfter = (text: string): number | undefined => {
      const decoder = createInputDecoder();
      decoder.feed(bytesOf(text));
      return decoder.waitMs();
    };
    expect([waitAfter('\x1b'), waitAfter('\x1b['), waitAfter('\x1b[1;5'), waitAfter('j')]).toEqual([
      40,
      400,
      400,
      undefined,
    ]);
  });

  it('takes the beginning of a sequence for a key with alt when nothing follows', () => {
    expect([keysOf('\x1b['), keysOf('\x1bO'), keysOf('\x1b]'), keysOf('\x1b[1;5')]).toEqual([
      ['alt+['],
      ['alt+O'],
      ['alt+]'],
      [],
    ]);
  });
});

/** Bytes that terminals send, among bytes that no terminal sends. */
const stream = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom('j', 'jjj', '\x1b[A', '\x1bOB', '\x1b[1;5C', '\x1b[<0;12;7M', '\x1b[<65;1;1M'),
      },
      {
        weight: 3,
        arbitrary: fc.constantFrom('\x1b', '\x1b[200~a\r\nb\x1b[201~', '\x1b[I', '\x1bf', '\x1b[97;5u', '\r'),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom('字', '😀', 'e\u0301', '\x1b]11;rgb:1/2/3\x07', '\x1b[[A', '\x1b[Mabc', '\x1b[1;'),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
    ),
    { maxLength: 25 },
  )
  .map((parts) => Buffer.from(parts.join('')));
const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));

function cutUp(bytes: Buffer, places: readonly number[]): readonly Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...cuts, bytes.length].map((end, i) => bytes.subarray(cuts[i - 1] ?? 0, end));
}

describe('however the bytes are cut into chunks', () => {
  it.each([
    ['what terminals send', stream],
    ['any bytes at all', noise],
  ])('%s gives the same events', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, fc.array(fc.nat(), { maxLength: 12 }), (bytes, places) => {
        expect(decode(...cutUp(bytes, places))).toEqual(decode(bytes));
        expect(decode(...cutUp(bytes, [...bytes.keys()]))).toEqual(decode(bytes));
      }),
      { numRuns: 400 },
    );
  });
});
