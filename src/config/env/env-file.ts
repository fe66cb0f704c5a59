import { interpolate, type Lookup } from './interpolate.ts';

/** One line of an env file; without a value where only the name stands there. */
export interface EnvEntry {
  readonly name: string;
  readonly value: string | undefined;
  readonly offset: number;
}

/** Something wrong at a place of the file. A message holds names, never values. */
export type ReportEnv = (finding: {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
  /** It is read all the same. */
  readonly isNote?: true;
}) => void;

/**
 * Compose's grammar of `.env` and `env_file`: `NAME=value` or `NAME: value`, `export` before it, `#` comments, values
 * plain, in 'single quotes' (as they are) or in "double quotes" (escapes), quoted ones over several lines; variables
 * are replaced, except in single quotes. `lookup` goes before what the file itself has set above.
 */
export function parseEnvFile(text: string, lookup: Lookup, report: ReportEnv): readonly EnvEntry[] {
  const reader = new EnvReader(text, lookup, report);
  return reader.read();
}

/** Docker's own grammar (`format: raw`): everything behind the first `=` is the value. */
export function parseRawEnvFile(text: string, report: ReportEnv): readonly EnvEntry[] {
  const entries: EnvEntry[] = [];
  let start = 0;
  for (const raw of text.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const indent = /^[\s\uFEFF]*/.exec(line)?.[0].length ?? 0;
    const offset = start + indent;
    start += raw.length + 1;
    const body = line.slice(indent);
    if (body === '' || body.startsWith('#')) continue;
    const equals = body.indexOf('=');
    const name = equals < 0 ? body.trimEnd() : body.slice(0, equals);
    if (name === '' || /\s/.test(name)) report({ offset, message: 'the line is not of the form NAME=value' });
    else entries.push({ name, value: equals < 0 ? undefined : body.slice(equals + 1), offset });
  }
  return entries;
}

class EnvReader {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #report: ReportEnv;
  readonly #set = new Map<string, string>();
  #at = 0;

  constructor(text: string, lookup: Lookup, report: ReportEnv) {
    this.#text = text;
    this.#lookup = lookup;
    this.#report = report;
  }

  read(): readonly EnvEntry[] {
    const entries: EnvEntry[] = [];
    for (;;) {
      this.#skip(/(?:[\s\uFEFF]|#[^\n]*)*/y);
      if (this.#at >= this.#text.length) return entries;
      const entry = this.#readEntry();
      if (entry === undefined) continue;
      entries.push(entry);
      if (entry.value !== undefined) this.#set.set(entry.name, entry.value);
    }
  }

  /** Undefined after reporting what is wrong with the line, which is left out. */
  #readEntry(): EnvEntry | undefined {
    this.#skip(/export[^\S\n]+/y);
    const offset = this.#at;
    const name = this.#skip(/[\p{L}\p{N}_.[\]-]*/uy);
    this.#skip(/[^\S\n]*/y);
    const delimiter = this.#text[this.#at];
    if (name === '' || (delimiter !== undefined && !'=:\n'.includes(delimiter))) {
      this.#skip(/[^\n]*/y);
      const hint = 'write NAME=value; a value over several lines needs quotes';
      this.#report({ offset, message: 'the line is not of the form NAME=value', hint });
      return undefined;
    }
    if (delimiter === undefined || delimiter === '\n') return { name, value: undefined, offset };
    this.#at += 1;
    const value = this.#readValue(name, offset);
    return value === undefined ? undefined : { name, value, offset };
  }

  #readValue(name: string, offset: number): string | undefined {
    const blank = this.#skip(/[^\S\n]*/y);
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") return this.#readQuoted(name, quote, offset);
    const line = `${blank === '' ? '' : ' '}${this.#skip(/[^\n]*/y)}`;
    const comment = /\s#/.exec(line)?.index ?? line.length;
    return this.#replace(line.slice(0, comment).trim(), name, offset);
  }

  #readQuoted(name: string, quote: string, offset: number): string | undefined {
    const begin = this.#at + 1;
    let end = begin;
    while (end < this.#text.length && this.#text[end] !== quote) end += this.#text[end] === '\\' ? 2 : 1;
    if (end >= this.#text.length) {
      this.#at = this.#text.length;
      this.#report({ offset, message: `the quote of "${name}" is not closed` });
      return undefined;
    }
    this.#at = end + 1;
    const behind = this.#skip(/[^\n]*/y);
    if (!/^\s*(?:#|$)/.test(behind)) {
      this.#report({
        offset,
        message: `something follows the closing quote of "${name}"`,
        hint: 'write a quote inside as \\" or \\\'',
      });
      return undefined;
    }
    const inner = this.#text.slice(begin, end);
    if (quote === "'") return inner.replaceAll("\\'", "'");
    return this.#replace(
      inner.replace(/\\(["nrtabfv\\$])/g, (_whole, escaped: string) => escapes[escaped] ?? escaped),
      name,
      offset,
    );
  }

  #replace(text: string, name: string, offset: number): string | undefined {
    const result = interpolate(text, (variable) => this.#lookup(variable) ?? this.#set.get(variable));
    if (!result.ok) {
      const hint = `${result.hint}; single quotes keep a value as it is`;
      this.#report({ offset, message: `the value of "${name}" is malformed: ${result.message}`, hint });
      return undefined;
    }
    if (result.unset.length > 0) {
      const message = `"${name}" names a variable that is not set; the empty text stands for it`;
      this.#report({ offset, message, hint: 'single quotes keep a value as it is', isNote: true });
    }
    return result.text;
  }

  /** Goes beyond what the sticky pattern matches here; returns it. */
  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}

/** In double quotes; a dollar sign is doubled, because variables are replaced afterwards. */
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  $: '$$',
};
