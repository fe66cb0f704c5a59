import { nearest, suggest } from './did-you-mean.ts';
import type { Advice, Finding, Hint, Report } from './problems.ts';
import { describeNode, type FileName, isNothing, quote, type YamlNode, type YamlScalar } from './yaml/yaml-node.ts';
import { resolvePlain } from './yaml/yaml-scalar.ts';

/** A value in a file, its path there, and where problems with it go. */
export interface Place {
  readonly node: YamlNode;
  /** The key that holds it, or the value itself in a list: where "is missing" points. */
  readonly keyOffset: number;
  readonly key?: YamlScalar;
  readonly path: string;
  readonly report: Report;
  /** Where problems with values from a file go; absent where there is one file only. */
  readonly reportOf?: ReportOf;
}

export type ReportOf = (file: FileName | undefined) => Report;

/** A value that was read, and where from. */
export interface Placed<T> {
  readonly value: T;
  readonly place: Place;
}

/** The entries of one mapping by name, in the file's order. */
export interface Fields {
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Place>;
}

/** Keys that any mapping of Compose may have, and that mean nothing. */
export const isExtension = (key: string): boolean => key.startsWith('x-');

/** The entries that mean something. */
export const withoutExtensions = ({ entries }: Fields): ReadonlyMap<string, Place> =>
  new Map([...entries].filter(([key]) => !isExtension(key)));

/** The place of a file's top level. */
export function rootPlace(node: YamlNode, report: Report): Place {
  return { node, keyOffset: node.offset, path: '', report };
}

/** Where problems with a value below a place go. */
const reportsOf = ({ report, reportOf }: Place, { file }: YamlNode): Pick<Place, 'report' | 'reportOf'> =>
  reportOf === undefined ? { report } : { report: reportOf(file), reportOf };

/** Reports something about the value at this place. */
export function complain(place: Place, message: string, hint?: Hint): undefined {
  return reportAt(place, place.node.offset, message, hint);
}

/** Reports something about the key that holds this place. */
export function complainAtKey(place: Place, message: string, hint?: Hint): undefined {
  return reportAt(place, place.keyOffset, message, hint);
}

/** Notes something about the value at this place: the file stays good. */
export function note({ node, path, report }: Place, message: string): void {
  report({ offset: node.offset, path, message, isNote: true });
}

/** Notes something about the key that holds this place. */
export function noteAtKey({ keyOffset, path, report }: Place, message: string): void {
  report({ offset: keyOffset, path, message, isNote: true });
}

function reportAt(place: Place, offset: number, message: string, hint: Hint | undefined): undefined {
  const unknown = place.node.kind === 'scalar' && offset === place.node.offset ? place.node.unknown : undefined;
  if (unknown === 'reported') return undefined;
  if (unknown !== undefined) {
    place.report({ offset: place.node.offset, path: place.path, ...unknown });
    return undefined;
  }
  const finding = { offset, path: place.path, message, ...(hint === undefined ? {} : { hint }) };
  place.report(withoutValues(place.node, finding));
  return undefined;
}

/** Reports a value of the wrong kind and says what stands there. */
export const mustBe = (place: Place, what: string, wanted: string, hint?: Hint): undefined =>
  complain(place, `${what} must be ${wanted}, not ${describeNode(place.node)}`, hint);

const join = (path: string, name: string | number): string => (path === '' ? String(name) : `${path}/${name}`);

/** The mapping at a place, or undefined after reporting what it is instead. */
export function readFields(place: Place, what: string, hint?: string): Fields | undefined {
  if (place.node.kind !== 'map') return mustBe(place, what, 'a mapping', hint);
  return { place, entries: entriesOf(place) };
}

/** The entries of a mapping as places; empty for anything else. */
export function entriesOf(place: Place): ReadonlyMap<string, Place> {
  const entries = new Map<string, Place>();
  if (place.node.kind !== 'map') return entries;
  for (const { key, value } of place.node.entries) {
    const path = join(place.path, key.source);
    entries.set(key.source, { node: value, key, keyOffset: key.offset, path, ...reportsOf(place, value) });
  }
  return entries;
}

/** The items of the list at a place, or undefined after reporting what it is instead. */
export function readItems(place: Place, what: string, wanted = 'a list', hint?: string): readonly Place[] | undefined {
  const { node, path } = place;
  if (node.kind !== 'list') return mustBe(place, what, wanted, hint);
  return node.items.map((item, index) => {
    return { node: item, keyOffset: item.offset, path: join(path, index), ...reportsOf(place, item) };
  });
}

/** An entry that must be there. */
export function required(fields: Fields, name: string, hint?: string): Place | undefined {
  const found = fields.entries.get(name);
  if (found !== undefined) return found;
  const near = () => {
    const other = hint === undefined ? nearest(name, fields.entries.keys()) : undefined;
    return other === undefined ? hint : `rename ${quote(other)} to ${quote(name)}`;
  };
  return complainAtKey(fields.place, `${quote(name)} is missing`, near);
}

/** Reads a value; `what` is its key in quotes, as messages name it. */
type ReadValue<T> = (place: Place, what: string) => T | undefined;

/** What a key holds, or undefined where the key is not there. */
export function readAt<T>(
  entries: ReadonlyMap<string, Place> | undefined,
  key: string,
  read: ReadValue<T>,
): T | undefined {
  const place = entries?.get(key);
  return place === undefined ? undefined : read(place, quote(key));
}

/** What a key holds that must be there. */
export function readRequired<T>(fields: Fields, key: string, read: ReadValue<T>, hint?: string): T | undefined {
  const place = required(fields, key, hint);
  return place === undefined ? undefined : read(place, quote(key));
}

/** Reports every entry whose name is not allowed; `hints` by name come before likeness. */
export function refuseOthers(
  fields: Fields,
  allowed: readonly string[],
  message = 'unknown key',
  hints?: ReadonlyMap<string, string>,
): void {
  const taken = new Set(fields.entries.keys());
  for (const [name, place] of fields.entries) {
    if (allowed.includes(name)) continue;
    complainAtKey(place, `${message} ${quote(name)}`, () => {
      const free = allowed.filter((key) => !fields.entries.has(key));
      return hints?.get(name) ?? suggest(place.key, free, taken) ?? listKeys(allowed);
    });
  }
}

/** A list of all of them helps only where it is short. */
export const listKeys = (keys: readonly string[]): string =>
  keys.length > 20 ? 'docs/files.md lists the keys' : `use one of: ${keys.join(', ')}`;

/** A text, or undefined after reporting what stands there instead. */
export function readText(
  place: Place,
  what: string,
  hint: string | ((node: YamlScalar) => Advice) = inQuotes,
): string | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'text') return node.value;
  const quotable = node.kind === 'scalar' && node.type !== 'null';
  return mustBe(place, what, 'a string', quotable ? (typeof hint === 'string' ? hint : hint(node)) : undefined);
}

/** For a number or truth value, as it is written, where a text is wanted and any text will do. */
export function inQuotes(node: YamlScalar, hint = 'put it in quotes'): Advice {
  return { hint, edit: { node, value: node.source, style: 'quoted' } };
}

/** A text that is not empty. */
export function readName(place: Place, what: string): string | undefined {
  const text = readText(place, what);
  return text === '' ? complain(place, `${what} must not be empty`) : text;
}

/** A whole number within bounds; texts, truth values and fractions are refused, never converted. */
export function readInteger(place: Place, what: string, min: number, max: number): number | undefined {
  const node = typed(place.node);
  if (node.kind !== 'scalar' || node.type !== 'integer') {
    const quoted = node.kind === 'scalar' && node.type === 'text' && /^\d+$/.test(node.value);
    return mustBe(place, what, 'an integer', quoted ? withoutQuotes(node, min, max) : undefined);
  }
  if (node.value >= min && node.value <= max) return node.value;
  const range =
    max === Number.MAX_SAFE_INTEGER ? (min === 1 ? 'positive' : `at least ${min}`) : `from ${min} to ${max}`;
  return complain(place, `${what} must be ${range}, not ${node.source.slice(0, 40)}`);
}

function withoutQuotes(node: YamlScalar, min: number, max: number): Advice {
  const hint = 'remove the quotes';
  const value = Number(node.source);
  const isFine = value >= min && value <= max && String(value) === node.source;
  return isFine ? { hint, edit: { node, value: node.source, style: 'plain' } } : { hint };
}

/** A variable's value is text; where another type is wanted, it is read as if it stood there without quotes. */
export function typed(node: YamlNode): YamlNode {
  if (node.kind !== 'scalar' || node.from === undefined) return node;
  return { ...node, ...resolvePlain(node.source) };
}

/** A TCP or UDP port, 1 to 65535. */
export const readPort = (place: Place, what: string): number | undefined => readInteger(place, what, 1, 65_535);

/** One of some words. */
export function readWord<W extends string>(place: Place, what: string, words: readonly W[]): W | undefined {
  const text = readText(place, what, 'put it in quotes');
  if (text === undefined) return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  return complain(place, `${what} must be one of ${words.join(', ')}, not ${quote(text)}`, () =>
    suggest(scalarAt(place), words),
  );
}

/** The scalar that is the value of this place, for what is to be written in its stead. */
export const scalarAt = ({ node }: Place): YamlScalar | undefined => (node.kind === 'scalar' ? node : undefined);

/** Keys that hold mappings, or nothing yet: those that could be a misspelt section. */
export const keysOfMaps = ({ entries }: Fields): readonly YamlScalar[] =>
  [...entries.values()].flatMap(({ key, node }) =>
    key !== undefined && (node.kind === 'map' || isNothing(node)) ? [key] : [],
  );

/**
 * A finding fit for printing. Where the value at its place, or below it, came from a variable, the message may quote
 * that value or a part of it: all that it quotes goes, except names of the path; the variables are named instead. What
 * would write a value into the file is left out.
 */
function withoutValues(node: YamlNode, finding: Finding): Finding {
  const scalars = replacedScalars(node);
  if (scalars.length === 0) return finding;
  const values = scalars.map(({ source }) => source);
  const hide = (text: string): string => hideIn(text, values, new Set(finding.path.split('/')));
  const origins = [...new Set(scalars.flatMap(({ from }) => from ?? []))];
  const from = origins.length === 0 ? '' : ` (with ${origins.join(', ')})`;
  const hint = hideInHint(finding.hint, values);
  const { hint: _hint, ...rest } = finding;
  return { ...rest, message: `${hide(finding.message)}${from}`, ...(hint === undefined ? {} : { hint }) };
}

/** Lists and mappings as a whole are complained about with what one of their values is. */
function replacedScalars(node: YamlNode): readonly YamlScalar[] {
  if (node.kind === 'scalar') return node.from === undefined ? [] : [node];
  const below = node.kind === 'list' ? node.items : node.entries.map(({ value }) => value);
  return below.flatMap((each) => (each.kind === 'scalar' && each.from !== undefined ? [each] : []));
}

/** A number is hidden only where it stands in a value: messages say limits as well. */
function hideIn(text: string, values: readonly string[], names: ReadonlySet<string>): string {
  const isPart = (part: string): boolean => part !== '' && values.some((value) => value.includes(part));
  // Numbers are shown as they are written, and cut where they are long.
  const whole = values.flatMap((value) => [value, value.slice(0, 60), value.slice(0, 40)]);
  const rest = whole.reduce((left, value) => (value.length < 3 ? left : left.replaceAll(value, '…')), text);
  return rest.replace(/"((?:[^"\\]|\\.)*)"|\d+/g, (token: string, quoted: string | undefined) => {
    if (quoted === undefined) return isPart(token) ? '…' : token;
    return names.has(quoted) ? token : '"…"';
  });
}

/** A hint that is worked out late is about the value: what it could be instead. */
function hideInHint(hint: Hint | undefined, values: readonly string[]): Hint | undefined {
  if (typeof hint === 'function' || hint === undefined) return undefined;
  const { hint: text }: Advice = typeof hint === 'string' ? { hint } : hint;
  return text.replace(/"((?:[^"\\]|\\.)*)"/g, (token: string, quoted: string) => {
    const isOfValue = values.some((value) => value.includes(quoted) || (value !== '' && quoted.includes(value)));
    return isOfValue ? '"…"' : token;
  });
}
