import { complain, entriesOf, mustBe, type Place, readItems } from '../fields.ts';
import { parseGrace, parseSize } from '../values.ts';
import { isNothing, quote } from '../yaml/yaml-node.ts';
import { accept } from './read-parts.ts';

// Values that Compose takes as numbers, truth values or texts: a variable's value is always a text.

/** Any scalar as it is written: numbers and truth values too, since Compose makes texts of them. */
export function readScalar(place: Place, what: string): string | undefined {
  const { node } = place;
  if (node.kind !== 'scalar' || node.type === 'null') return mustBe(place, what, 'a string');
  if (node.source.includes('\0')) return complain(place, `${what} holds a NUL character`);
  return node.source;
}

const truths: Readonly<Record<string, boolean>> = { true: true, yes: true, on: true, y: true, 1: true };
const lies: Readonly<Record<string, boolean>> = { false: false, no: false, off: false, n: false, 0: false };

/** Compose takes the words of YAML 1.1 as well, since values of variables are texts. */
export function readFlag(place: Place, what: string): boolean | undefined {
  const { node } = place;
  const word = node.kind === 'scalar' ? node.source.toLowerCase() : '';
  const value = Object.hasOwn(truths, word) ? true : Object.hasOwn(lies, word) ? false : undefined;
  return value ?? mustBe(place, what, 'true or false');
}

/** A whole number, also in quotes. */
export function readNumber(
  place: Place,
  what: string,
  [min, max]: readonly [number, number] = [0, Number.MAX_SAFE_INTEGER],
): number | undefined {
  const { node } = place;
  const text = node.kind === 'scalar' ? node.source : '';
  const value = /^[+-]?[0-9]+(\.0*)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) return mustBe(place, what, 'an integer');
  if (value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`;
  return complain(place, `${what} must be ${range}, not ${text.slice(0, 40)}`);
}

/** `512m`, `1.5gb`, `64 MiB`, or a number of bytes. */
export function readBytes(place: Place, what: string, [min]: readonly [number, number] = [0, 0]): number | undefined {
  const { node } = place;
  const text = node.kind === 'scalar' ? node.source : '';
  if (/^-?0*[0-9]$/.test(text) && Number(text) <= 0) {
    return Number(text) >= min ? Number(text) || undefined : complain(place, `${what} must not be negative`);
  }
  const match = /^([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])?i?b?)$/i.exec(text);
  if (match === null) return complain(place, `${what}: ${quote(text)} is not a size`, 'write "512m" or bytes');
  const unit = match[2]?.toLowerCase() === 'p' ? 't' : (match[2] ?? '');
  const size = accept(place, parseSize(`${match[1]}${unit}`), `${what}: `);
  return size === undefined || match[2]?.toLowerCase() !== 'p' ? size : size * 1024;
}

/** A number of CPUs with a fraction, in billionths. 0 is no limit. */
export function readCpus(place: Place, what: string): number | undefined {
  const { node } = place;
  const text = node.kind === 'scalar' ? node.source : '';
  if (!/^[0-9]*\.?[0-9]+\.?$/.test(text)) return mustBe(place, what, 'a number of CPUs', 'write it as 0.5 or "0.5"');
  return Math.round(Number(text) * 1e9) || undefined;
}

export function readMicroseconds(place: Place, what: string): number | undefined {
  const { node } = place;
  const text = node.kind === 'scalar' ? node.source : '';
  if (/^-?[0-9]+(\.0*)?$/.test(text)) return Number(text) || undefined;
  const micro = /^([0-9]+)us$/.exec(text);
  if (micro !== null) return Number(micro[1]) || undefined;
  const ms = accept(place, parseGrace(text), `${what}: `);
  return ms === undefined ? undefined : ms * 1000;
}

/** A mapping, or a list of `name=value`; a name alone has the empty value. */
export function readPairs(place: Place, what: string): readonly (readonly [string, string, Place])[] {
  if (place.node.kind === 'list') {
    return (readItems(place, what) ?? []).flatMap((item) => {
      const text = readScalar(item, `an entry of ${what}`);
      if (text === undefined) return [];
      const cut = text.indexOf('=');
      return [cut < 0 ? ([text, '', item] as const) : ([text.slice(0, cut), text.slice(cut + 1), item] as const)];
    });
  }
  if (place.node.kind !== 'map') {
    mustBe(place, what, 'a mapping or a list');
    return [];
  }
  return [...entriesOf(place)].flatMap(([name, entry]) => {
    const text = isNothing(entry.node) ? '' : readScalar(entry, `${quote(name)} in ${what}`);
    return text === undefined ? [] : [[name, text, entry] as const];
  });
}
