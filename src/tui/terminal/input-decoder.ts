import { plainText } from '../../model/plain-text.ts';
import type { InputEvent } from './input-event.ts';
import { mouseEventOf } from './input-event.ts';
import type { KeyPress } from './keys.ts';
import { keyOfCharacter, keyOfConsole, keyOfCsi, keyOfSs3, keyWithAlt } from './keys.ts';

/** A lone Esc is Esc after so long; longer than any terminal takes between the bytes of a sequence. */
const loneEscapeMs = 40;
/** A sequence that was cut by a slow line gets its rest within so long. */
const cutSequenceMs = 400;
/** Text that is being pasted; after it the keys would be taken for commands, hence rather too long. */
const pasteMs = 10_000;
const pasteLimit = 1_048_576;

const pasteBegins = '\u001b[200~';
const pasteEnds = '\u001b[201~';

/** Makes events of what the terminal sends; the same ones however its bytes were cut into chunks. */
export interface InputDecoder {
  readonly feed: (bytes: Uint8Array) => readonly InputEvent[];
  /** How long to wait for more before `expire`; undefined: nothing is unfinished. */
  readonly waitMs: () => number | undefined;
  /** Nothing more came: what is unfinished is taken for what it looks like. */
  readonly expire: () => readonly InputEvent[];
}

/** What the beginning of the text is: so many characters of it, and what they mean; undefined: its end is missing. */
interface Token {
  readonly length: number;
  readonly event?: InputEvent | undefined;
}

export function createInputDecoder(): InputDecoder {
  // Cut characters are kept by the decoder; a byte order mark is text like any other.
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  let pasted: string | undefined;

  const takePaste = (): InputEvent | undefined => {
    const end = rest.indexOf(pasteEnds);
    const text = end < 0 ? rest.slice(0, rest.length - overlap(rest, pasteEnds)) : rest.slice(0, end);
    pasted = `${pasted ?? ''}${text}`.slice(0, pasteLimit);
    rest = rest.slice(end < 0 ? text.length : end + pasteEnds.length);
    if (end < 0) return undefined;
    return endPaste();
  };
  const endPaste = (): InputEvent => {
    const text = cleanPaste(pasted ?? '');
    pasted = undefined;
    return { type: 'paste', text };
  };
  const drain = (events: InputEvent[]): InputEvent[] => {
    while (rest !== '') {
      if (pasted !== undefined) {
        const paste = takePaste();
        if (paste === undefined) break;
        events.push(paste);
        continue;
      }
      if (rest.startsWith(pasteBegins)) {
        pasted = '';
        rest = rest.slice(pasteBegins.length);
        continue;
      }
      const token = nextToken(rest);
      if (token === undefined) break;
      rest = rest.slice(token.length);
      if (token.event !== undefined) events.push(token.event);
    }
    return events;
  };

  return {
    feed: (bytes) => {
      rest += utf8.decode(bytes, { stream: true });
      return drain([]);
    },
    waitMs: () => {
      if (pasted !== undefined) return pasteMs;
      if (rest === '') return undefined;
      return rest === '\u001b' ? loneEscapeMs : cutSequenceMs;
    },
    expire: () => {
      if (pasted !== undefined) {
        pasted += rest;
        rest = '';
        return [endPaste()];
      }
      const event = unfinished(rest);
      rest = '';
      return event === undefined ? [] : [event];
    },
  };
}

/** How much of the text's end is the beginning of the mark. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}

function cleanPaste(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/\t/g, ' ')
    .split('\n')
    .map((line) => plainText(line).replace(/\ufffd/g, ''))
    .join('\n');
}

const keyToken = (length: number, key: KeyPress | undefined): Token => ({
  length,
  event: key === undefined ? undefined : { type: 'key', ...key },
});

function nextToken(text: string): Token | undefined {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  if (first !== '\u001b') return keyToken(first.length, keyOfCharacter(first));
  if (text.length === 1) return undefined;
  const second = String.fromCodePoint(text.codePointAt(1) ?? 0);
  if (second === '[') return controlSequence(text);
  if (second === 'O') return singleShift(text);
  if (second === ']' || second === 'P' || second === '_') return controlString(text, second);
  // Esc directly followed by the sequence of another key: two keys, pressed fast.
  if (second === '\u001b') return keyToken(1, { key: 'escape' });
  return keyToken(1 + second.length, keyWithAlt(second));
}

/** `ESC [ parameters intermediates final`. */
function controlSequence(text: string): Token | undefined {
  const match = /^\u001b\[([0-?]*)([ -/]*)(.)?/su.exec(text);
  const [all = '', parameters = '', intermediates = '', final] = match ?? [];
  if (final === undefined) return undefined;
  // Broken off by something that has no place in it: forgotten up to there.
  if (!/^[@-~]$/.test(final)) return { length: all.length - final.length };
  if (parameters === '' && intermediates === '') {
    if (final === '[') return consoleKey(text);
    if (final === 'I' || final === 'O') return { length: 3, event: { type: 'focus', has: final === 'I' } };
    // The mouse of terminals that know no other form: three more bytes, that are nothing to us.
    if (final === 'M') return text.length < 6 ? undefined : { length: 6 };
  }
  const mouse = /^<(\d+);(\d+);(\d+)$/.exec(parameters);
  if (mouse !== null && (final === 'M' || final === 'm')) {
    return {
      length: all.length,
      event: mouseEventOf(Number(mouse[1]), Number(mouse[2]), Number(mouse[3]), final === 'M'),
    };
  }
  // Answers to questions that others asked.
  if (/^[<=>?]/.test(parameters) || intermediates !== '') return { length: all.length };
  return keyToken(all.length, keyOfCsi(parameters, final));
}

function consoleKey(text: string): Token | undefined {
  return text.length < 4 ? undefined : keyToken(4, keyOfConsole(text.charAt(3)));
}

/** `ESC O letter`, in some terminals with a modifier before the letter. */
function singleShift(text: string): Token | undefined {
  const match = /^\u001bO([0-9;]*)(.)?/su.exec(text);
  const [all = '', parameters = '', letter] = match ?? [];
  if (letter === undefined) return undefined;
  if (!/^[A-Za-z]$/.test(letter)) return { length: all.length - letter.length };
  return keyToken(all.length, keyOfSs3(parameters, letter));
}

/** Answers of the terminal to what others asked; a key with alt where no answer looks like it. */
function controlString(text: string, second: ']' | 'P' | '_'): Token | undefined {
  const third = text.charAt(2);
  if (third === '') return undefined;
  const isAnswer = { ']': /\d/, P: /[\d>!|$+]/, _: /G/ }[second].test(third);
  if (!isAnswer) return keyToken(2, keyWithAlt(second));
  const end = /\u0007|\u001b\\/.exec(text.slice(3));
  return end === null ? undefined : { length: 3 + end.index + end[0].length };
}

/** Something that never got its end. */
function unfinished(text: string): InputEvent | undefined {
  if (text === '\u001b') return { type: 'key', key: 'escape' };
  const second = text.length === 2 ? keyWithAlt(text.charAt(1)) : undefined;
  return second === undefined ? undefined : { type: 'key', ...second };
}
