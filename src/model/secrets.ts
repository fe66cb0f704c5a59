import { hiddenText } from './container/sealed-content.ts';

/**
 * Where a possible secret begins in each line (from 0, in UTF-16 units); undefined for lines without one. It judges
 * line by line, because a file with mistakes may have no other structure, and rather hides too much: environments,
 * secrets and build arguments with everything below them, even under a misspelled key; keys that look like variables or
 * passwords; `NAME=value`; passwords in URLs; and what these refer to by a YAML alias.
 */
export function secretStarts(lines: readonly string[]): readonly (number | undefined)[] {
  const first = scan(lines, new Set());
  const aliases = new Set(
    first.flatMap((start, i) => (start === undefined ? [] : namesIn(lines[i]?.slice(start) ?? '', /\*([^\s,\]}]+)/g))),
  );
  return aliases.size === 0 ? first : scan(lines, aliases);
}

/** The line without its possible secret. */
export const withoutSecret = (line: string, start: number | undefined): string =>
  start === undefined || line.length <= start ? line : `${line.slice(0, start)}${hiddenText}`;

const namesIn = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, name = '']) => name);

/** Only this many characters of a line are judged. If anything is hidden, so is everything beyond. */
const longest = 1000;

/** A hidden value that continues on the following lines. */
interface Open {
  /** Lines with more indentation belong to it, and list items with the same indentation. */
  readonly indent: number;
  /** The number of open brackets; `quote` is the open quote. */
  readonly depth: number;
  readonly quote?: string;
}

function scan(lines: readonly string[], aliases: ReadonlySet<string>): readonly (number | undefined)[] {
  let open: Open | undefined;
  return lines.map((whole) => {
    const text = whole.slice(0, longest);
    const indent = text.length - text.trimStart().length;
    if (text.trim() === '') return undefined;
    if (open !== undefined && goesOn(open, text, indent)) {
      const start = valueIn(text, indent);
      open = { ...open, ...ends(text, start, open) };
      return start;
    }
    open = undefined;
    const found = firstSecret(text, aliases);
    if (found === undefined) return undefined;
    if (found.isKey) open = { indent: found.indent, ...ends(text, found.start, { indent, depth: 0 }) };
    return found.start;
  });
}

const goesOn = ({ indent: outer, depth, quote }: Open, text: string, indent: number): boolean =>
  depth > 0 || quote !== undefined || indent > outer || (indent === outer && /^\s*(?:-(?:\s|$)|:\s|[}\]])/.test(text));

/** Where the value of a line begins, whether it is secret or not. */
export function valueStart(line: string): number {
  const text = line.slice(0, longest);
  return valueIn(text, text.length - text.trimStart().length);
}

/** Below an environment the names stay visible, and the values are hidden. */
function valueIn(text: string, indent: number): number {
  const name = /^\s*(?:-\s+)?["']?[A-Za-z_][\w.-]*["']?(?::(?=\s|$)|=)/.exec(text)?.[0];
  return name === undefined ? indent : name.length + (/^\s*/.exec(text.slice(name.length))?.[0].length ?? 0);
}

/** What is still open at the end of the line. It ignores comments and escapes, so it may hide too much. */
function ends(text: string, from: number, before: Open): Pick<Open, 'depth' | 'quote'> {
  let { depth, quote } = before;
  for (const [i, char] of [...text.slice(from)].entries()) {
    if (quote !== undefined) {
      if (char === quote) quote = undefined;
    } else if ((char === '"' || char === "'") && (i === 0 || depth > 0)) quote = char;
    else if ((char === '{' || char === '[') && (i === 0 || depth > 0)) depth += 1;
    else if ((char === '}' || char === ']') && depth > 0) depth -= 1;
  }
  return { depth, ...(quote === undefined ? {} : { quote }) };
}

interface Secret {
  readonly start: number;
  /** It is a key, whose value may continue below it. */
  readonly isKey: boolean;
  readonly indent: number;
}

const keys = /(?:^|[\s{,?])(?:-\s{1,8}){0,4}["']?([A-Za-z_][\w.-]*)["']?\s*:(?=[\s"'{[]|$)\s*/g;
const explicitKey = /^\s*\?\s+["']?([\w.-]+)["']?\s*$/;
const values: readonly RegExp[] = [
  // A URL's password, `NAME=value` as an item or a word, `--password value`.
  /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/@:]*:(?=[^\s/@]+@)/i,
  /(?:^\s*-\s+|[\s"'[,])["']?[A-Z_][A-Z0-9_]*=(?=\S)/,
  /^\s*-\s+["']?[A-Za-z_]\w*=(?=\S)/,
  /(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key)["']?[=: ,]+["']?(?=\S)/i,
];

function firstSecret(text: string, aliases: ReadonlySet<string>): Secret | undefined {
  const found: Secret[] = [];
  for (const match of text.matchAll(keys)) {
    const [whole, key = ''] = match;
    const start = match.index + whole.length;
    if (!isSecretKey(key) && !isMeant(text.slice(start), aliases)) continue;
    found.push({ start, isKey: true, indent: text.length - text.trimStart().length });
    break;
  }
  const explicit = explicitKey.exec(text)?.[1];
  if (explicit !== undefined && isSecretKey(explicit)) {
    found.push({ start: text.length, isKey: true, indent: text.length - text.trimStart().length });
  }
  const item = /^(\s*)-\s+&(\S+)/.exec(text);
  if (item !== null && aliases.has(item[2] ?? '')) {
    found.push({ start: item[0].length, isKey: true, indent: item[1]?.length ?? 0 });
  }
  for (const pattern of values) {
    const match = pattern.exec(text);
    if (match !== null) found.push({ start: match.index + match[0].length, isKey: false, indent: 0 });
  }
  const least = found.toSorted((a, b) => a.start - b.start)[0];
  return least === undefined ? undefined : { ...least, isKey: found.some(({ isKey }) => isKey) };
}

const isMeant = (value: string, aliases: ReadonlySet<string>): boolean =>
  aliases.has(/^&([^\s,\]}]+)/.exec(value)?.[1] ?? '');

/**
 * True for sections of secrets, names of variables (keys of the files are never in capitals) and names of passwords.
 */
function isSecretKey(key: string): boolean {
  if (/^env_?files?$/i.test(key)) return false;
  if (/^(?:env.*|secrets?|args|content|auths?)$/i.test(key) || /^_?[A-Z][A-Z0-9_]*$/.test(key)) return true;
  return /pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential/i.test(key) || isMisspelled(key);
}

/** True for `environment` with at most three wrong letters. */
function isMisspelled(key: string): boolean {
  const wanted = 'environment';
  if (Math.abs(key.length - wanted.length) > 3) return false;
  let row = Array.from({ length: wanted.length + 1 }, (_, i) => i);
  for (const [i, char] of [...key.toLowerCase()].entries()) {
    const next = [i + 1];
    for (let j = 0; j < wanted.length; j += 1) {
      const replaced = (row[j] ?? 0) + (wanted[j] === char ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return (row.at(-1) ?? 9) <= 3;
}
