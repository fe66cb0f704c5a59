/** One press of a key, named as in the table of actions. */
export interface KeyPress {
  /** `a`, `A`, `ctrl+u`, `shift+tab`, `up`, `enter`, `space`, `f1`, `ctrl+alt+delete`… */
  readonly key: string;
  /** What it types; absent for keys that type nothing. */
  readonly text?: string;
}

/** Final letters of `CSI 1;5A` and `ESC O A`. */
const letters: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
};

/** Numbers of `CSI 5~`. */
const numbers: Readonly<Record<number, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'pageup',
  6: 'pagedown',
  7: 'home',
  8: 'end',
  ...Object.fromEntries([11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24].map((code, i) => [code, `f${i + 1}`])),
};

/** The keypad in application mode: `ESC O p`. */
const keypad: Readonly<Record<string, string>> = {
  j: '*',
  k: '+',
  l: ',',
  m: '-',
  n: '.',
  o: '/',
  X: '=',
  ...Object.fromEntries([...'pqrstuvwxy'].map((letter, digit) => [letter, String(digit)])),
};

/** Code points that the kitty protocol gives to keys without a character. */
const kittyKeys: Readonly<Record<number, string>> = {
  9: 'tab',
  13: 'enter',
  27: 'escape',
  32: 'space',
  127: 'backspace',
  57414: 'enter',
  57417: 'left',
  57418: 'right',
  57419: 'up',
  57420: 'down',
  57421: 'pageup',
  57422: 'pagedown',
  57423: 'home',
  57424: 'end',
  57425: 'insert',
  57426: 'delete',
};

/** Characters of the keypad in the kitty protocol, from 57399 on. */
const kittyKeypad = '0123456789./*-+';

const privateUse = (code: number): boolean => code >= 57344 && code <= 63743;

/** xterm's modifiers minus one: 1 shift, 2 alt, 4 ctrl, 8 super; caps lock and num lock are of no interest. */
interface Modifiers {
  readonly shift: boolean;
  readonly alt: boolean;
  readonly ctrl: boolean;
  readonly command: boolean;
}

function modifiersOf(parameter: number): Modifiers {
  const bits = Math.max(0, parameter - 1);
  return { shift: (bits & 1) > 0, alt: (bits & 2) > 0, ctrl: (bits & 4) > 0, command: (bits & 8) > 0 };
}

function withModifiers(key: string, { shift, alt, ctrl, command }: Modifiers): string {
  return `${command ? 'super+' : ''}${ctrl ? 'ctrl+' : ''}${alt ? 'alt+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** A key that types a character: alone it is called by it, but for the space. */
const typed = (text: string): KeyPress => ({ key: text === ' ' ? 'space' : text, text });

/** A character that arrived alone, control characters included; undefined where it means nothing. */
export function keyOfCharacter(character: string): KeyPress | undefined {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x0d || code === 0x0a) return { key: 'enter' };
  if (code === 0x09) return { key: 'tab' };
  if (code === 0x08 || code === 0x7f) return { key: 'backspace' };
  if (code === 0x1b) return { key: 'escape' };
  if (code === 0) return { key: 'ctrl+space' };
  if (code < 0x20) return { key: `ctrl+${String.fromCharCode(code + 0x40).toLowerCase()}` };
  // C1 control characters and what was no UTF-8.
  if ((code >= 0x80 && code < 0xa0) || code === 0xfffd) return undefined;
  return typed(character);
}

/** A character after an escape: the same key with alt. */
export function keyWithAlt(character: string): KeyPress | undefined {
  const plain = keyOfCharacter(character);
  if (plain === undefined) return undefined;
  return { key: plain.key.startsWith('ctrl+') ? `ctrl+alt+${plain.key.slice(5)}` : `alt+${plain.key}` };
}

/** `ESC O` with its parameters and its letter. */
export function keyOfSs3(parameters: string, letter: string): KeyPress | undefined {
  const name = letters[letter];
  if (name !== undefined) return { key: withModifiers(name, modifiersOf(lastNumber(parameters))) };
  // rxvt: ctrl and an arrow.
  if (/[abcd]/.test(letter)) return { key: `ctrl+${letters[letter.toUpperCase()] ?? ''}` };
  if (letter === 'M') return { key: 'enter' };
  if (letter === 'I') return { key: 'tab' };
  const character = keypad[letter];
  return character === undefined ? undefined : typed(character);
}

/** A control sequence without private parameters: `parameters` as `1;5`, `final` as `A`; undefined: no key. */
export function keyOfCsi(parameters: string, final: string): KeyPress | undefined {
  const fields = parameters.split(';');
  const first = numberOf(fields[0]);
  if (final === 'Z') return { key: 'shift+tab' };
  if (final === 'u') return keyOfCode(fields[0] ?? '', fields[1], fields[2]);
  if (final === '~' && first === 27 && fields.length === 3) return keyOfCode(fields[2] ?? '', fields[1]);
  if (isRelease(fields[1])) return undefined;
  const modifiers = modifiersOf(numberOf(fields[1]));
  if (final === '~' || final === '^' || final === '@') return keyOfNumber(first, final, modifiers);
  const name = letters[final];
  if (name !== undefined) return { key: withModifiers(name, modifiers) };
  // rxvt: shift and an arrow.
  if (/^[abcd]$/.test(final)) return { key: `shift+${letters[final.toUpperCase()] ?? ''}` };
  return undefined;
}

/** rxvt says ctrl with `^` and ctrl with shift by `@`. */
function keyOfNumber(number: number, final: '~' | '^' | '@', modifiers: Modifiers): KeyPress | undefined {
  const name = numbers[number];
  if (name === undefined) return undefined;
  const ctrl = modifiers.ctrl || final !== '~';
  return { key: withModifiers(name, { ...modifiers, ctrl, shift: modifiers.shift || final === '@' }) };
}

/** Function keys of the Linux console: `CSI [ A`. */
export function keyOfConsole(letter: string): KeyPress | undefined {
  const at = 'ABCDE'.indexOf(letter);
  return at < 0 ? undefined : { key: `f${at + 1}` };
}

/** The kitty protocol's `CSI code:shifted ; modifiers:event ; text u`, and xterm's modifyOtherKeys. */
function keyOfCode(codes: string, modifierField?: string, textField?: string): KeyPress | undefined {
  if (isRelease(modifierField)) return undefined;
  const [code = 0, shifted = 0] = codes.split(':').map(numberOf);
  const modifiers = modifiersOf(numberOf(modifierField));
  const name = kittyKeys[code];
  const isHeld = modifiers.ctrl || modifiers.alt || modifiers.command;
  if (name === 'space' && !isHeld) return typed(' ');
  if (name !== undefined) return { key: withModifiers(name, modifiers) };
  const character = kittyKeypad[code - 57399] ?? characterOf(code);
  if (character === undefined) return undefined;
  if (isHeld) return { key: withModifiers(character.toLowerCase(), modifiers) };
  const text = textOf(textField) ?? (modifiers.shift ? (characterOf(shifted) ?? character.toUpperCase()) : character);
  return typed(text);
}

function characterOf(code: number): string | undefined {
  if (code < 0x20 || code > 0x10ffff || privateUse(code) || (code >= 0x7f && code < 0xa0)) return undefined;
  return code >= 0xd800 && code < 0xe000 ? undefined : String.fromCodePoint(code);
}

function textOf(field: string | undefined): string | undefined {
  const text = (field ?? '')
    .split(':')
    .map((code) => characterOf(numberOf(code)) ?? '')
    .join('');
  return text === '' ? undefined : text;
}

/** `5:3`: the key was let go. */
const isRelease = (field: string | undefined): boolean => field?.split(':')[1] === '3';

const numberOf = (field: string | undefined): number => Number.parseInt(field ?? '', 10) || 0;

const lastNumber = (parameters: string): number => numberOf(parameters.split(';').at(-1));
