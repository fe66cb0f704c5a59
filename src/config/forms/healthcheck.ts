import { type Healthcheck, noHealthcheck } from '../../model/container/healthcheck.ts';
import { defined } from '../../model/defined.ts';
import {
  complain,
  mustBe,
  type Place,
  readAt,
  readFields,
  readInteger,
  readItems,
  readText,
  refuseOthers,
  typed,
  withoutExtensions,
} from '../fields.ts';
import { parseSpan } from '../values.ts';
import { isNothing, quote } from '../yaml/yaml-node.ts';
import { accept } from './read-parts.ts';

const keys = ['test', 'interval', 'timeout', 'retries', 'start_period', 'start_interval', 'disable'];

/** `healthcheck`, the same in every form. `x-` keys mean nothing. */
export function readHealthcheck(place: Place, what: string): Healthcheck | undefined {
  if (isNothing(place.node)) return undefined;
  const fields = readFields(place, what, 'write {test: ["CMD", "program"], interval: 30s}');
  if (fields === undefined) return undefined;
  const entries = withoutExtensions(fields);
  refuseOthers({ ...fields, entries }, keys);
  if (readAt(entries, 'disable', readFlag) === true) return noHealthcheck;
  const span = (key: string): number | undefined => readAt(entries, key, readSpan);
  const read = defined({
    test: readAt(entries, 'test', readTest),
    intervalMs: span('interval'),
    timeoutMs: span('timeout'),
    retries: readAt(entries, 'retries', (entry, key) => readInteger(entry, key, 0, 1_000_000)) || undefined,
    startPeriodMs: span('start_period'),
    startIntervalMs: span('start_interval'),
  });
  if (read.test?.[0] === 'NONE') return noHealthcheck;
  return Object.keys(read).length === 0 ? undefined : read;
}

/** Docker's words for a test; a text is a line for the container's shell, and an empty list is the image's own test. */
function readTest(place: Place): readonly string[] | undefined {
  const hint = 'write a command line, ["CMD", "program", "argument"], ["CMD-SHELL", "command line"] or ["NONE"]';
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'text') {
    if (node.value.trim() === '') return complain(place, '"test" must not be empty', hint);
    return node.value.includes('\0') ? complain(place, '"test" holds a NUL character') : ['CMD-SHELL', node.value];
  }
  const items = readItems(place, '"test"', 'a string or a list of strings', hint);
  if (items === undefined || items.length === 0) return undefined;
  const words = items.map((item) => {
    const word = readWord(item, 'a word of "test"');
    return word?.includes('\0') === true ? complain(item, 'a word of "test" holds a NUL character') : word;
  });
  if (words.some((word) => word === undefined)) return undefined;
  const [first = '', ...rest] = words.filter((word) => word !== undefined);
  if (!['NONE', 'CMD', 'CMD-SHELL'].includes(first)) {
    return complain(
      items[0] ?? place,
      `a list in "test" must begin with NONE, CMD or CMD-SHELL, not ${quote(first)}`,
      hint,
    );
  }
  if (first === 'NONE') return ['NONE'];
  if (rest.length === 0) return complain(place, `"test" has no command after ${first}`, hint);
  return [first, ...rest];
}

/** Compose turns numbers and truth values into text as they are written. */
export function readWord(place: Place, what: string): string | undefined {
  const { node } = place;
  const isOther = node.kind === 'scalar' && node.type !== 'text' && node.type !== 'null';
  return isOther ? node.source : readText(place, what);
}

/** 0 is the default. */
function readSpan(place: Place, what: string): number | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'integer' && node.value === 0) return undefined;
  const text = readText(place, what, 'write a number and us, ms, s, m or h, such as 1m30s');
  return text === undefined ? undefined : accept(place, parseSpan(text), `${what}: `) || undefined;
}

/** A truth value, also one that comes from a variable or stands in quotes. */
export function readFlag(place: Place, what: string): boolean | undefined {
  const node = typed(place.node);
  if (node.kind === 'scalar' && node.type === 'boolean') return node.value;
  if (node.kind === 'scalar' && node.type === 'text' && /^(true|false)$/i.test(node.value))
    return node.value.toLowerCase() === 'true';
  return mustBe(place, what, 'true or false');
}
