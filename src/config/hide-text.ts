import { hiddenText } from '../model/container/sealed-content.ts';
import { placesOf, type TextPlace } from './edit/edit-tree.ts';
import { parseYaml } from './yaml/parse-yaml.ts';
import type { YamlNode } from './yaml/yaml-node.ts';

/** An application file without its secrets, and which values they are, in the order of the file. */
export interface HiddenFile {
  readonly text: string;
  readonly values: readonly (readonly [path: string, value: string])[];
}

interface Secret {
  /** The same for `NAME: value` and `- NAME=value`. */
  readonly path: string;
  /** What stands before the value in the same scalar: `NAME=`. */
  readonly prefix: string;
  readonly value: string;
  /** Of the scalar, with its quotes, or with the sign that begins a block. */
  readonly start: number;
  readonly end: number;
}

/** The file with a mark for each secret value; undefined where the text cannot be read as YAML. */
export function hideSecrets(text: string): HiddenFile | undefined {
  const secrets = secretsOf(text);
  if (secrets === undefined) return undefined;
  const marks = secrets.map((secret) => ({ ...secret, raw: JSON.stringify(`${secret.prefix}${hiddenText}`) }));
  return { text: splice(text, marks), values: secrets.map(({ path, value }) => [path, value]) };
}

/**
 * A text that `hideSecrets` gave, with the values that another version of the file has in the same places; or the
 * places that it does not have.
 */
export function fillSecrets(
  hidden: string,
  current: string,
): { readonly text: string } | { readonly missing: readonly string[] } {
  const wanted = (secretsOf(hidden) ?? []).filter(({ value }) => value === hiddenText);
  const known = new Map((secretsOf(current) ?? []).map((secret) => [secret.path, secret]));
  const missing = wanted.filter(({ path }) => !known.has(path)).map(({ path }) => path);
  if (missing.length > 0) return { missing };
  const fill = (rawOf: (place: Secret, from: Secret) => string): string =>
    splice(
      hidden,
      wanted.flatMap((place) => {
        const from = known.get(place.path);
        return from === undefined ? [] : [{ ...place, raw: rawOf(place, from) }];
      }),
    );
  const asWritten = fill((place, from) =>
    place.prefix === from.prefix ? current.slice(from.start, from.end) : JSON.stringify(`${place.prefix}${from.value}`),
  );
  // Indented differently, a value of several lines would mean something else.
  const holds = wanted.every(({ path }) => valueIn(asWritten, path) === known.get(path)?.value);
  if (holds && hideSecrets(asWritten)?.text === hidden) return { text: asWritten };
  return { text: fill((place, from) => JSON.stringify(`${place.prefix}${from.value}`)) };
}

const valueIn = (text: string, path: string): string | undefined =>
  secretsOf(text)?.find((secret) => secret.path === path)?.value;

function splice(
  text: string,
  parts: readonly { readonly start: number; readonly end: number; readonly raw: string }[],
): string {
  let result = '';
  let at = 0;
  for (const { start, end, raw } of parts) {
    result += text.slice(at, start) + raw;
    at = end;
  }
  return result + text.slice(at);
}

/** In the order of the text. Values behind anchors stand where they are written, once. */
function secretsOf(text: string): readonly Secret[] | undefined {
  const { root, problems } = parseYaml(text);
  if (problems.length > 0) return undefined;
  const found = new Map<number, Omit<Secret, 'start' | 'end'>>();
  if (root !== undefined) collect(root, '', found);
  if (found.size === 0) return [];
  const tree = placesOf(text);
  const ranges = new Map<number, { readonly start: number; readonly end: number }>();
  if (tree !== undefined) addRanges(text, tree, ranges);
  const secrets: Secret[] = [];
  for (const [offset, secret] of found) {
    const range = ranges.get(offset);
    if (range === undefined) return undefined;
    secrets.push({ ...secret, ...range });
  }
  return secrets.sort((a, b) => a.start - b.start);
}

function collect(node: YamlNode, path: string, found: Map<number, Omit<Secret, 'start' | 'end'>>): void {
  const below = (name: string): string => (path === '' ? name : `${path}/${name}`);
  if (node.kind === 'map') {
    for (const { key, value } of node.entries) collect(value, below(key.source), found);
  } else if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) {
      const name = item.kind === 'scalar' && isSecretPath(below('*')) ? /^[^=]*=/.exec(item.source)?.[0] : undefined;
      if (name === undefined) {
        // A bare name in a list of variables has no value.
        if (item.kind !== 'scalar') collect(item, below(String(index)), found);
        continue;
      }
      if (found.has(item.offset) || item.kind !== 'scalar') continue;
      found.set(item.offset, { path: below(name.slice(0, -1)), prefix: name, value: item.source.slice(name.length) });
    }
  } else if (isSecretPath(path) && node.source !== '' && !found.has(node.offset)) {
    found.set(node.offset, { path, prefix: '', value: node.source });
  }
}

/** Ranges of scalars by the offsets that the reader gives them. */
function addRanges(
  text: string,
  place: TextPlace,
  ranges: Map<number, { readonly start: number; readonly end: number }>,
): void {
  if (place.kind === 'list' || place.kind === 'map') {
    for (const child of place.children) addRanges(text, child, ranges);
    return;
  }
  if (place.kind !== 'scalar' || place.start < 0) return;
  const { start, end } = place;
  const header = /[|>][-+0-9]*[^\S\n]*(?:#[^\n]*)?\n\s*$/.exec(text.slice(Math.max(0, start - 1000), start));
  const isBlock = header !== null && /^[^\S\n]*(?:\n|\S)/.test(text.slice(start)) && isLineStart(text, start);
  if (!isBlock || header === null) {
    ranges.set(start, { start, end });
    return;
  }
  const last = text[end - 1] === '\n' ? end - 1 : end;
  ranges.set(start, { start: start - header[0].length, end: Math.max(last, start) });
}

const isLineStart = (text: string, at: number): boolean => at === 0 || text[at - 1] === '\n';

/**
 * Whether the value at this path of an application file may be secret, in any form of the file: every value under an
 * `environment`, and the `content` of a secret or config. Everything that shows or stores parts of a file uses it.
 */
export function isSecretPath(path: string): boolean {
  const parts = path.split('/');
  const [first = '', second, third] = parts;
  if (first === 'services' || first === 'applications') return third === 'environment' && parts.length >= 4;
  if (first === 'secrets' || first === 'configs') return third === 'content' && parts.length === 3;
  // Fig's form has its services at the top.
  return second === 'environment' && parts.length >= 3;
}
