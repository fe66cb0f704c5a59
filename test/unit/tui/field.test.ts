import { describe, expect, it } from 'vitest';
import type {} from '../../../src/tui/screen.ts';
import {
  drawField,
  type EditKey,
  editField,
  emptyField,
  type Field,
  fieldOf,
  insertText,
} from '../../../src/tui/text/field.ts';
import { widthOfRow } from '../../../src/tui/text/fit.ts';
import fc from '../../support/random.ts';

const shown = ({ text, caret }: Field): string => {
  const all = [...text];
  return `${all.slice(0, caret).join('')}|${all.slice(caret).join('')}`;
};
const edited = (field: Field, ...keys: EditKey[]): string => shown(keys.reduce(editField, field));

describe('a line of text', () => {
  it('grows at the caret', () => {
    const field = insertText({ text: 'ac', caret: 1 }, 'b');
    expect(shown(field)).toBe('ab|c');
  });

  it('joins pasted lines and leaves control characters out', () => {
    expect(shown(insertText(emptyField, 'one\r\ntwo\n\nthree\u001b[2J\t!'))).toBe('one two three !|');
  });

  it('has an end', () => {
    const field = insertText(emptyField, 'x'.repeat(5000));
    expect(field.text).toHaveLength(1000);
    expect(insertText(field, 'y')).toBe(field);
  });

  it.each<[EditKey, string]>([
    ['backspace', 'move wik|'],
    ['word-back', 'move |'],
    ['clear', '|'],
    ['home', '|move wiki'],
    ['left', 'move wik|i'],
    ['right', 'move wiki|'],
    ['enter', 'move wiki|'],
  ])('%s gives %s', (key, expected) => {
    expect(edited(fieldOf('move wiki'), key)).toBe(expected);
  });

  it('loses the word before the caret with the spaces behind it', () => {
    expect(edited(fieldOf('move  wiki  '), 'word-back')).toBe('move  |');
    expect(edited(fieldOf('move  wiki  '), 'word-back', 'word-back')).toBe('|');
  });

  it('deletes under the caret', () => {
    expect(edited({ text: 'abc', caret: 1 }, 'delete')).toBe('a|c');
    expect(edited(fieldOf('abc'), 'delete')).toBe('abc|');
  });

  it('takes a letter with its accents, and a family, as one', () => {
    expect(edited(fieldOf('ae\u0301'), 'backspace')).toBe('a|');
    expect(edited(fieldOf('a👩‍👩‍👧'), 'left')).toBe('a|👩‍👩‍👧');
    expect(edited({ text: 'e\u0301b', caret: 0 }, 'right')).toBe('e\u0301|b');
  });

  it('is the same object where nothing changed', () => {
    expect(editField(emptyField, 'backspace')).toBe(emptyField);
    expect(editField(emptyField, 'left')).toBe(emptyField);
  });

  it('keeps its caret inside, whatever is pressed', () => {
    const keys = fc.constantFrom<EditKey>('backspace', 'delete', 'left', 'right', 'home', 'end', 'word-back', 'clear');
    const step = fc.oneof(
      keys,
      fc.string({ unit: 'grapheme', maxLength: 4 }).map((text) => ({ text })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let field = emptyField;
        for (const each of steps)
          field = typeof each === 'string' ? editField(field, each) : insertText(field, each.text);
        expect(field.caret).toBeGreaterThanOrEqual(0);
        expect(field.caret).toBeLessThanOrEqual([...field.text].length);
      }),
    );
  });

  it('shows the caret in as many cells as there are', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 40 }),
        fc.nat(40),
        fc.integer({ min: 4, max: 30 }),
        (text, at, width) => {
          const field = { ...insertText(emptyField, text) };
          const row = drawField({ ...field, caret: Math.min(at, field.caret) }, width);
          const caretAt = row.findIndex(({ selected }) => selected === true);
          expect(caretAt).toBeGreaterThanOrEqual(0);
          expect(widthOfRow(row.slice(0, caretAt + 1))).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});
