import { type Printed, plainLines, plainText } from '../model/plain-text.ts';
import type { Cell, Line, TableRow, Tone } from '../view/lines.ts';

const codes: Readonly<Record<Tone, string>> = {
  ok: '32',
  working: '36',
  warning: '33',
  fault: '31',
  faint: '2',
  strong: '1',
};

/** Cleans the text before it is painted: what is painted has escape sequences, and only those of this file. */
export type Paint = (text: string, tone?: Tone) => Printed;

/** The 16 colours every terminal has; without colour the text alone must do. */
export function painter(colour: boolean): Paint {
  return (text, tone) => {
    const clean = plainText(text);
    const painted = !colour || tone === undefined || clean === '' ? clean : `\u001b[${codes[tone]}m${clean}\u001b[0m`;
    return painted as Printed;
  };
}

const isRow = (line: Line | TableRow): line is TableRow => Array.isArray(line);

/** Lines and table rows as text, each ended by a line break. */
export function printLines(lines: readonly (Line | TableRow)[], paint: Paint): Printed {
  return lines
    .map((line) => (isRow(line) ? line : [line]).map(({ text, tone }) => paint(text, tone)).join('  '))
    .map((text) => `${text}\n`)
    .join('') as Printed;
}

/** Text with a tone where it has one. */
type Value = string | number | Cell | Line;
/** What is ready would lose its colours and line ends: it is joined, and not put into a template. */
type Unprinted<V extends readonly Value[]> = { readonly [K in keyof V]: V[K] extends Printed ? never : V[K] };

/** A template of drover's own words: every value in it is cleaned, and painted where it has a tone. */
export const printer =
  (paint: Paint) =>
  <V extends readonly Value[]>(template: TemplateStringsArray, ...values: Unprinted<V>): Printed => {
    const words = values.map((value: Value) =>
      typeof value === 'object' ? paint(value.text, value.tone) : paint(`${value}`),
    );
    return String.raw({ raw: template }, ...words) as Printed;
  };

/** The same without tones. */
export const printed = printer(painter(false));

/** Text of several lines without tones: commander's, and stacks. */
export const printText = (text: string): Printed => plainLines(text) as Printed;

/** Texts without tones, each a line. */
export const printTexts = (texts: readonly string[]): Printed => joined(...texts.map((text) => printed`${text}\n`));

/** Several texts that are ready, as one. */
export const joined = (...texts: readonly Printed[]): Printed => texts.join('') as Printed;

/** Begins each line that is not empty with `head`. */
export const withHead = (text: Printed, head: Printed): Printed => text.replace(/^(?=.)/gm, head) as Printed;

/** What moves the cursor on a terminal: to the beginning of the line, which it clears. */
export const clearLine = '\r\u001b[2K' as Printed;
