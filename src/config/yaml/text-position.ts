import { visibleText } from '../../model/plain-text.ts';
import { secretStarts, valueStart, withoutSecret } from '../../model/secrets.ts';

/** Turns offsets into lines and columns (both from 1, columns in UTF-16 units as editors count them). */
export interface TextIndex {
  position(offset: number): { readonly line: number; readonly column: number };
  /** The line and its neighbours with a caret under the column; what may be a secret is left out. */
  frame(offset: number): string;
  /** Whether the text there may be a secret. */
  isSecret(offset: number): boolean;
}

const frameWidth = 100;

/** Index of a text's lines; made once for a file, and only as far as it is asked for. */
export function indexText(text: string): TextIndex {
  const starts = [0];
  const beyond = createScanner(text, starts);
  const lineOf = (offset: number): number => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const position = (offset: number) => {
    const clamped = Math.max(0, Math.min(offset, text.length));
    beyond(clamped);
    const line = lineOf(clamped);
    return { line: line + 1, column: clamped - (starts[line] ?? 0) + 1 };
  };
  const lineText = (line: number): string => {
    const start = starts[line - 1] ?? 0;
    const raw = text.slice(start, Math.min(starts[line] ?? text.length, start + longestLine));
    return raw.replace(/[\r\n]+$/, '');
  };
  // Looked for when the first problem is shown, in the whole file: an environment may begin far above.
  let secrets: readonly (number | undefined)[] | undefined;
  const secretIn = (line: number): number | undefined => {
    // No file that a person writes is so long; of one that is, no values are shown at all.
    if (text.length > longestSearched) return valueStart(lineText(line));
    secrets ??= secretStarts(text.split(/\r\n|\n|\r/));
    return secrets[line - 1];
  };
  const shownText = (line: number): string => withoutSecret(lineText(line), secretIn(line));
  return {
    position,
    frame: (offset) => {
      const at = position(offset);
      const column = Math.min(at.column, (secretIn(at.line) ?? Number.POSITIVE_INFINITY) + 1);
      return drawFrame({ line: at.line, column }, starts.length, shownText);
    },
    isSecret: (offset) => {
      const { line, column } = position(offset);
      return column > (secretIn(line) ?? Number.POSITIVE_INFINITY);
    },
  };
}

/** Longer texts are not searched for secrets. */
const longestSearched = 300_000;
/** More of one line is never looked at. */
const longestLine = 1_000_000;

/** Adds starts of lines until two lie beyond an offset: what a position and the frame around it need. */
function createScanner(text: string, starts: number[]): (offset: number) => void {
  const find = (end: string, from: number): number => {
    const found = text.indexOf(end, from);
    return found < 0 ? text.length : found;
  };
  let lineFeed = find('\n', 0);
  let carriageReturn = find('\r', 0);
  return (offset) => {
    while (Math.min(lineFeed, carriageReturn) < text.length && (starts[starts.length - 2] ?? -1) <= offset) {
      const end = Math.min(lineFeed, carriageReturn);
      const next = end === carriageReturn && lineFeed === end + 1 ? end + 2 : end + 1;
      starts.push(next);
      if (lineFeed < next) lineFeed = find('\n', next);
      if (carriageReturn < next) carriageReturn = find('\r', next);
    }
  };
}

function drawFrame(
  at: { readonly line: number; readonly column: number },
  lines: number,
  lineText: (line: number) => string,
): string {
  // Long lines are shown around the caret only.
  const from = at.column > frameWidth - 20 ? at.column - 40 : 0;
  const last = Math.min(lines, at.line + 1);
  const gutter = String(last).length;
  const rows: string[] = [];
  for (let line = Math.max(1, at.line - 1); line <= last; line += 1) {
    const shown = printable(lineText(line).slice(from, from + frameWidth));
    rows.push(`${line === at.line ? '>' : ' '} ${String(line).padStart(gutter)} | ${shown}`.trimEnd());
    if (line === at.line) rows.push(`  ${' '.repeat(gutter)} | ${' '.repeat(at.column - 1 - from)}^`);
  }
  return rows.join('\n');
}

/** One cell for each unit, so that the caret stays below its place. */
const printable = (text: string): string => visibleText(text).replace(/\t/g, ' ');
