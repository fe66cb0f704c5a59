import { plainText } from '../model/plain-text.ts';

/** The meaning of a piece of text. It is shown as a colour; nothing depends on the colour alone. */
export type Tone = 'ok' | 'working' | 'warning' | 'fault' | 'faint' | 'strong';

export interface Line {
  readonly text: string;
  readonly tone?: Tone;
}

/** Lines and cells clean their text: it is one line, without control characters, whatever its source. */
export const line = (text: string, tone?: Tone): Line =>
  tone === undefined ? { text: plainText(text) } : { text: plainText(text), tone };

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
  readonly align?: 'right';
}

/** A row may end with fewer cells than the widest one. */
export type TableRow = readonly Cell[];

export const cell: (text: string, tone?: Tone) => Cell = line;
export const numberCell = (text: string, tone?: Tone): Cell => ({ ...cell(text, tone), align: 'right' });

/** Pads every cell to its column's width; the last cell of a row is never padded, so that no line ends in spaces. */
export function alignRows(rows: readonly TableRow[]): readonly TableRow[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, { text }] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, [...text].length);
  }
  return rows.map((row) => row.map((each, i) => ({ ...each, text: pad(each, widths[i] ?? 0, i === row.length - 1) })));
}

function pad({ text, align }: Cell, width: number, last: boolean): string {
  const missing = ' '.repeat(Math.max(0, width - [...text].length));
  if (align === 'right') return missing + text;
  return last ? text : text + missing;
}
