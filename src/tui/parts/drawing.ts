import type { Line, Tone } from '../../view/lines.ts';
import type { Glyphs } from '../frame/glyphs.ts';
import { type Row, type Span, span, type Token } from '../frame/rows.ts';
import { cut, fitText, widthOf, widthOfRow } from '../text/fit.ts';

const tokens: Readonly<Record<Tone, Token>> = {
  ok: 'ok',
  working: 'accent',
  warning: 'warn',
  fault: 'bad',
  faint: 'dim',
  strong: 'strong',
};

/** The token for the tone of a line that both faces share. */
export const tokenOf = (tone: Tone | undefined): Token => (tone === undefined ? 'plain' : tokens[tone]);

/** A line both faces share, as a row. */
export const rowOf = ({ text, tone }: Line): Row => [span(text, tokenOf(tone))];

/** The row as it looks under the cursor. */
export const select = (row: Row): Row => row.map((each) => ({ ...each, selected: true }));

/**
 * Text in lines of at most `width` cells, broken between words where there are any; spaces at its beginning stay, and
 * later lines begin with `indent`.
 */
export function wrapText(text: string, width: number, indent = ''): readonly string[] {
  const room = Math.max(8, width);
  const words = text.trimStart().split(' ');
  const lines: string[] = [];
  let begin = text.slice(0, text.length - text.trimStart().length);
  let line = begin;
  for (const word of words) {
    const longer = line === begin ? begin + word : `${line} ${word}`;
    if (widthOf(longer) <= room) {
      line = longer;
      continue;
    }
    if (line !== begin) {
      lines.push(line);
      begin = indent;
    }
    line = begin + word;
    // A word that is longer than a line is cut: paths and messages from nodes may be.
    while (widthOf(line) > room) {
      const head = cut(line, room);
      if (head.length <= begin.length) break;
      lines.push(head);
      line = indent + line.slice(head.length);
      begin = indent;
    }
  }
  return [...lines, line];
}

/** Wrapped text as rows of one token. */
export const wrapRows = (text: string, width: number, token?: Token, indent = ''): readonly Row[] =>
  wrapText(span(text).text, width, indent).map((each) => [span(each, token)]);

/** `left`, and `right` at the end of the row; the left part gives way. */
export function ends(left: Row, right: Row, width: number, ellipsis: string): Row {
  const room = width - widthOfRow(right);
  if (room < 8 || right.length === 0) return left;
  return [...shorten(left, room - 1, ellipsis), span(' '), ...right];
}

/** The row in exactly `width` cells; its spans stay separate. */
function shorten(row: Row, width: number, ellipsis: string): Row {
  const kept: Span[] = [];
  let left = width;
  for (const each of row) {
    const has = widthOf(each.text);
    if (has > left) {
      kept.push({ ...each, text: fitText(each.text, left, 'left', ellipsis) });
      return kept;
    }
    kept.push(each);
    left -= has;
  }
  return left > 0 ? [...kept, span(' '.repeat(left))] : kept;
}

/** Columns as wide as their widest cell, with two spaces between them; empty ones are left out, the last is not padded. */
export function columns(rows: readonly (readonly Span[])[]): readonly Row[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, { text }] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(text));
  }
  const used = widths.map((width) => width > 0);
  return rows.map((row) =>
    row.flatMap((each, i) => {
      if (used[i] !== true) return [];
      const isLast = i === row.length - 1;
      return [{ ...each, text: isLast ? each.text : `${fitText(each.text, widths[i] ?? 0)}  ` }];
    }),
  );
}

/** A bar of `width` cells, exact to an eighth of a cell. `share` from 0 to 1. */
export function barSpans(share: number, width: number, glyphs: Glyphs, token: Token = 'accent'): readonly Span[] {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = eighths % 8 === 0 ? '' : (glyphs.eighths[(eighths % 8) - 1] ?? '');
  const done = `${glyphs.barFull.repeat(full)}${part}`;
  return [span(done, token), span(glyphs.barEmpty.repeat(Math.max(0, width - full - (part === '' ? 0 : 1))), 'dim')];
}

/** The last `width` values as heights, the largest the highest. */
export function sparkText(values: readonly number[], width: number, glyphs: Glyphs): string {
  const shown = width <= 0 ? [] : values.slice(-width);
  const top = Math.max(...shown, 0);
  const last = glyphs.spark.length - 1;
  return shown
    .map((value) => glyphs.spark[top <= 0 ? 0 : Math.round((Math.max(0, value) / top) * last)] ?? '')
    .join('');
}

export const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
