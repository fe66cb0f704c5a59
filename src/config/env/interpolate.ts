/** The value of a variable; undefined where it is not set. */
export type Lookup = (name: string) => string | undefined;

export type Interpolated =
  | {
      readonly ok: true;
      readonly text: string;
      /** Variables whose value is in the text, and those that are not set and have no default. */
      readonly used: readonly string[];
      readonly unset: readonly Unset[];
    }
  /** `message` holds nothing of the text; `said` is what the file itself says where a variable is required. */
  | { readonly ok: false; readonly message: string; readonly said?: string; readonly hint: string };

/** Without braces it may be no variable at all, but a part of a password. */
export interface Unset {
  readonly name: string;
  readonly isBraced: boolean;
}

/** Deeper than people write, and far from what a stack holds. */
const maxDepth = 50;

/** What one text may become. */
const maxLength = 1024 * 1024;

class Malformed extends Error {
  readonly hint: string;
  readonly said: string | undefined;
  constructor(message: string, hint: string, said?: string) {
    super(message);
    this.hint = hint;
    this.said = said;
  }
}

const escapeHint = 'write "$$" for a single "$"';

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`, `${NAME?message}`,
 * `${NAME:+other}` and `${NAME+other}` as Compose does; `$$` is one `$`, and a `$` before anything else stays. Defaults
 * may hold variables again; values are taken as they are.
 */
export function interpolate(text: string, lookup: Lookup): Interpolated {
  const used = new Set<string>();
  const unset = new Map<string, Unset>();
  try {
    const result = replace(text, { lookup, used, unset }, 0);
    return { ok: true, text: result, used: [...used], unset: [...unset.values()] };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const { message, said, hint } = error;
    return { ok: false, message, ...(said === undefined ? {} : { said }), hint };
  }
}

interface Context {
  readonly lookup: Lookup;
  readonly used: Set<string>;
  readonly unset: Map<string, Unset>;
}

const namePattern = /[A-Za-z_][A-Za-z0-9_]*/y;

function replace(text: string, context: Context, depth: number): string {
  let result = '';
  let at = 0;
  for (let dollar = text.indexOf('$'); dollar >= 0; dollar = text.indexOf('$', at)) {
    result += text.slice(at, dollar);
    const next = text[dollar + 1];
    if (next === '$') {
      result += '$';
      at = dollar + 2;
    } else if (next === '{') {
      const end = closingBrace(text, dollar);
      result += replaceBraced(text.slice(dollar + 2, end), context, depth);
      at = end + 1;
    } else {
      const name = nameAt(text, dollar + 1);
      result += name === '' ? '$' : valueOf(name, context, false);
      at = dollar + 1 + name.length;
    }
    if (result.length > maxLength) throw new Malformed('its variables make it longer than 1 MiB', 'use a file instead');
  }
  return result + text.slice(at);
}

function nameAt(text: string, at: number): string {
  namePattern.lastIndex = at;
  return namePattern.exec(text)?.[0] ?? '';
}

/** Where the brace that opens behind this `$` is closed. A default may have braces of its own, mostly in pairs. */
function closingBrace(text: string, dollar: number): number {
  const end = balancedBrace(text, dollar, true) ?? balancedBrace(text, dollar, false);
  if (end !== undefined) return end;
  throw new Malformed('the brace behind a "$" is not closed', `close it with "}", or ${escapeHint}`);
}

/** `countsAll`: also braces that do not belong to a variable. */
function balancedBrace(text: string, dollar: number, countsAll: boolean): number | undefined {
  let open = 0;
  for (let at = dollar + 1; at < text.length; at += 1) {
    if (text[at] === '}') {
      open -= 1;
      if (open === 0) return at;
    } else if (text[at] === '{' && (countsAll || text[at - 1] === '$')) open += 1;
  }
  return undefined;
}

/** The empty text where it is not set, which is noted. */
function valueOf(name: string, { lookup, used, unset }: Context, isBraced: boolean): string {
  const value = lookup(name);
  if (value === undefined) unset.set(name, { name, isBraced });
  else used.add(name);
  return value ?? '';
}

/** `NAME`, an operator and a word, without the braces. */
function replaceBraced(inner: string, context: Context, depth: number): string {
  const name = nameAt(inner, 0);
  const operator = /^:?[-?+]|^$/.exec(inner.slice(name.length))?.[0];
  if (name === '' || operator === undefined) {
    throw new Malformed('a "$" and its braces do not hold the name of a variable', escapeHint);
  }
  if (operator === '') return valueOf(name, context, true);
  if (depth >= maxDepth) throw new Malformed(`variables are nested more than ${maxDepth} deep`, 'use fewer defaults');
  const word = inner.slice(name.length + operator.length);
  const value = context.lookup(name);
  const isGiven = value !== undefined && (operator.length === 1 || value !== '');
  const kind = operator.at(-1);
  if (kind === '+') return isGiven ? replace(word, context, depth + 1) : '';
  if (isGiven) {
    context.used.add(name);
    return value;
  }
  if (kind === '-') return replace(word, context, depth + 1);
  const what = `a variable it needs is ${value === undefined ? 'not set' : 'empty'}`;
  throw new Malformed(what, 'set it in .env or in the environment', word === '' ? name : `${name}: ${word}`);
}
