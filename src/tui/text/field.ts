import { plainText } from '../../model/plain-text.ts';
import type { Row, Token } from '../frame/rows.ts';
import { widthOf } from './fit.ts';

/** A line of text that is being typed. */
export interface Field {
  readonly text: string;
  /** In characters (code points). */
  readonly caret: number;
}

/** A key that edits or leaves a line of text. */
export type EditKey =
  | 'backspace'
  | 'delete'
  | 'left'
  | 'right'
  | 'home'
  | 'end'
  | 'word-back'
  | 'clear'
  | 'enter'
  | 'escape'
  | 'up'
  | 'down'
  | 'tab';

export const emptyField: Field = { text: '', caret: 0 };

/** A field with this text and the caret behind it. */
export const fieldOf = (text: string): Field => ({ text, caret: [...text].length });

/** Longer texts are cut: a pasted file must not make every frame slow. */
const maxLength = 1000;

/** The field after typing or pasting: lines are joined, control characters left out. */
export function insertText(field: Field, text: string): Field {
  const clean = plainText(text).replaceAll('\t', ' ');
  const characters = [...field.text];
  const added = [...clean].slice(0, Math.max(0, maxLength - characters.length));
  if (added.length === 0) return field;
  const all = [...characters.slice(0, field.caret), ...added, ...characters.slice(field.caret)];
  return { text: all.join(''), caret: field.caret + added.length };
}

/** The field after an editing key; the same object where the key means nothing to one line of text. */
export function editField(field: Field, key: EditKey): Field {
  const end = [...field.text].length;
  switch (key) {
    case 'backspace':
      return remove(field, stop(field, -1), field.caret);
    case 'delete':
      return remove(field, field.caret, stop(field, 1));
    case 'word-back':
      return remove(field, wordStart(field), field.caret);
    case 'clear':
      return remove(field, 0, end);
    case 'left':
      return moveTo(field, stop(field, -1));
    case 'right':
      return moveTo(field, stop(field, 1));
    case 'home':
      return moveTo(field, 0);
    case 'end':
      return moveTo(field, end);
    default:
      return field;
  }
}

const moveTo = (field: Field, caret: number): Field => (caret === field.caret ? field : { ...field, caret });

function remove(field: Field, from: number, to: number): Field {
  if (from >= to) return field;
  const characters = [...field.text];
  return { text: [...characters.slice(0, from), ...characters.slice(to)].join(''), caret: from };
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Where the caret may stand next to its place: a letter with its accents is passed at once. */
function stop(field: Field, direction: -1 | 1): number {
  let at = 0;
  let before = 0;
  for (const { segment } of graphemes.segment(field.text)) {
    const after = at + [...segment].length;
    if (direction === 1 && at >= field.caret) return after;
    if (at < field.caret) before = at;
    at = after;
  }
  return direction === 1 ? at : before;
}

/** As in a shell: spaces before the caret, then the word before them. */
function wordStart({ text, caret }: Field): number {
  const characters = [...text];
  let at = caret;
  while (at > 0 && characters[at - 1] === ' ') at -= 1;
  while (at > 0 && characters[at - 1] !== ' ') at -= 1;
  return at;
}

/**
 * The field as spans of at most `width` cells, with the caret as a selected cell; the beginning is left out where the
 * caret would not be seen.
 */
export function drawField(field: Field, width: number, token: Token = 'plain'): Row {
  const cells = [...graphemes.segment(`${field.text} `)].map(({ segment }) => segment);
  const caret = caretCell(cells, field.caret);
  let from = 0;
  while (from < caret && widthOf(cells.slice(from, caret + 1).join('')) > width) from += 1;
  const before = cells.slice(from, caret).join('');
  const under = cells[caret] ?? ' ';
  const rest = cells.slice(caret + 1, -1).join('');
  return [
    ...(before === '' ? [] : [{ text: before, token }]),
    { text: under, token, selected: true },
    ...(rest === '' ? [] : [{ text: rest, token }]),
  ];
}

function caretCell(cells: readonly string[], caret: number): number {
  let at = 0;
  for (const [index, cell] of cells.entries()) {
    if (at >= caret) return index;
    at += [...cell].length;
  }
  return cells.length - 1;
}
