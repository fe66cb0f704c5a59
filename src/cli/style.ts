import type { Cell, Line, Row, Tone } from '../view/lines.ts';

const codes: Readonly<Record<Tone, string>> = {
  ok: '32',
  working: '36',
  warning: '33',
  fault: '31',
  faint: '2',
  strong: '1',
};

export type Paint = (text: string, tone?: Tone) => string;

/** The 16 colours every terminal has; without colour the text alone must do. */
export function painter(colour: boolean): Paint {
  return (text, tone) =>
    !colour || tone === undefined || text === '' ? text : `\u001b[${codes[tone]}m${text}\u001b[0m`;
}

const isRow = (line: Line | Row): line is Row => Array.isArray(line);
const paintCell = ({ text, tone }: Cell, paint: Paint): string => paint(text, tone);

/** Lines and table rows as text, each ended by a line break. */
export function printLines(lines: readonly (Line | Row)[], paint: Paint): string {
  return lines
    .map((line) => (isRow(line) ? line.map((each) => paintCell(each, paint)).join('  ') : paint(line.text, line.tone)))
    .map((text) => `${text}\n`)
    .join('');
}
