import stringWidth from 'string-width';
import type { Row, Span } from '../frame/rows.ts';

/** One cell and one character each: ASCII, Latin letters, dashes, arrows, boxes, bars, dots, most signs of `Glyphs`. */
const narrow = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u25fc\u2714\u2716]*$/;

/** Cells the text takes on the screen. */
export function widthOf(text: string): number {
  return narrow.test(text) ? text.length : stringWidth(text);
}

export const widthOfRow = (row: Row): number => row.reduce((sum, { text }) => sum + widthOf(text), 0);

/** The text in exactly `width` cells: cut with an ellipsis, or padded on the other side. */
export function fitText(text: string, width: number, align: 'left' | 'right' = 'left', ellipsis = '…'): string {
  if (width <= 0) return '';
  const has = widthOf(text);
  if (has === width) return text;
  if (has < width) {
    const pad = ' '.repeat(width - has);
    return align === 'right' ? pad + text : text + pad;
  }
  const kept = cut(text, width - 1);
  return `${kept}${ellipsis}${' '.repeat(width - 1 - widthOf(kept))}`;
}

/** The longest beginning that takes at most `width` cells. */
export function cut(text: string, width: number): string {
  if (narrow.test(text)) return text.slice(0, Math.max(0, width));
  let cells = 0;
  let end = 0;
  for (const { segment, index } of graphemes.segment(text)) {
    cells += stringWidth(segment);
    if (cells > width) break;
    end = index + segment.length;
  }
  return text.slice(0, end);
}

/** What a reader calls characters, each with what combines with it. */
export const graphemesOf = (text: string): readonly string[] =>
  narrow.test(text) ? [...text] : Array.from(graphemes.segment(text), ({ segment }) => segment);

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The row in exactly `width` cells. */
export function fitRow(row: Row, width: number, ellipsis = '…'): Row {
  const missing = width - widthOfRow(row);
  if (missing >= 0) return missing === 0 ? row : [...row, { text: ' '.repeat(missing) }];
  const spans: Span[] = [];
  let left = width;
  for (const each of row) {
    const has = widthOf(each.text);
    if (has >= left) {
      // Something follows, or this one is too long: one cell says so.
      if (left > 0)
        spans.push({ ...each, text: fitText(has === left ? `${each.text} ` : each.text, left, 'left', ellipsis) });
      break;
    }
    spans.push(each);
    left -= has;
  }
  return spans;
}
