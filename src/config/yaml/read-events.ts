import { type Event, parseEvents, YAMLException } from 'js-yaml';

/** The events of a text, with offsets into `text`. */
export interface YamlEvents {
  readonly events: readonly Event[];
  /** The text that was read: as written, with some lines indented further. */
  readonly text: string;
  /** Where a place of `text` stands in the text as written. */
  written(offset: number): number;
}

/** A line that was indented further, and what was wrong with it. */
interface Line {
  /** In the text as written. */
  readonly start: number;
  readonly error: YAMLException;
}

/** Characters that may be read again for the sake of indentation, in all. */
const maxReadAgain = 20_000_000;

/** Most lines for which the place of an open bracket is looked for. */
const maxSearched = 100;

/**
 * Reads a text. Throws `YAMLException`.
 *
 * A list or mapping in brackets, and a text in quotes, may have lines that are indented less than what is around them:
 * most often the closing bracket stands below its key. libyaml and go-yaml read them, js-yaml 5 does not. So such a line
 * is indented further, one after the other: within brackets and quotes this changes no value.
 */
export function readEvents(written: string): YamlEvents {
  const lines: Line[] = [];
  const width = widestIndent(written);
  let text = written;
  let readAgain = 0;
  for (;;) {
    try {
      return { events: parseEvents(text, {}), text, written: (offset) => originalOffset(lines, width, offset) };
    } catch (error) {
      if (!(error instanceof YAMLException) || error.mark === undefined) throw error;
      const at = originalOffset(lines, width, error.mark.position);
      const start = startOfLine(written, at);
      readAgain += error.mark.position;
      if (error.reason !== 'deficient indentation' || lines.at(-1)?.start === start || readAgain > maxReadAgain) {
        throw lines.length === 0 ? error : (unclosed(written, lines, width, error) ?? moved(error, written, at));
      }
      lines.push({ start, error: moved(error, written, at) });
      const last = start + (lines.length - 1) * width;
      text = `${text.slice(0, last)}${' '.repeat(width)}${text.slice(last)}`;
    }
  }
}

/** The text as js-yaml's own functions can read it. Throws `YAMLException`. */
export const readableYaml = (written: string): string => readEvents(written).text;

/** Further than any line is indented, dashes of lists counted. */
function widestIndent(text: string): number {
  let widest = 0;
  for (const [indent] of text.matchAll(/^[ \t?-]*/gm)) widest = Math.max(widest, indent.length);
  return widest + 1;
}

function startOfLine(text: string, at: number): number {
  let start = Math.min(at, text.length);
  while (start > 0 && text[start - 1] !== '\n' && text[start - 1] !== '\r') start -= 1;
  return start;
}

function endOfLine(text: string, at: number): number {
  const length = text.slice(at).search(/[\r\n]/);
  return length < 0 ? text.length : at + length;
}

function originalOffset(lines: readonly Line[], width: number, offset: number): number {
  let added = 0;
  for (const { start } of lines) {
    if (start + added >= offset) break;
    added += Math.min(width, offset - start - added);
  }
  return offset - added;
}

/** The same error at a place of the text as written. */
function moved(error: YAMLException, written: string, at: number): YAMLException {
  try {
    YAMLException.throwAt(written, at, error.reason, '');
  } catch (thrown) {
    if (thrown instanceof YAMLException) return thrown;
  }
  return error;
}

/**
 * Where a bracket or quote is never closed, the text ends far from it: the line that was indented first since then is a
 * better place.
 */
function unclosed(written: string, lines: readonly Line[], width: number, error: YAMLException) {
  if (!error.reason.startsWith('unexpected end of')) return undefined;
  const first = Math.max(0, lines.length - maxSearched);
  for (let count = lines.length; count > first; count -= 1) {
    const part = written.slice(0, endOfLine(written, lines[count - 1]?.start ?? 0));
    if (isYaml(indented(part, lines.slice(0, count), width))) return lines[count]?.error;
  }
  return lines[first]?.error;
}

function isYaml(text: string): boolean {
  try {
    parseEvents(text, {});
    return true;
  } catch {
    return false;
  }
}

function indented(text: string, lines: readonly Line[], width: number): string {
  const starts = [0, ...lines.map(({ start }) => start)];
  return starts.map((start, index) => text.slice(start, starts[index + 1])).join(' '.repeat(width));
}
