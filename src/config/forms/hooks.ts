import type { Hook, Hooks } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { takeFromEnvironment } from '../env/env-files.ts';
import type { FileContext } from '../env/file-context.ts';
import {
  complain,
  entriesOf,
  mustBe,
  type Place,
  readAt,
  readFields,
  readItems,
  readName,
  readRequired,
  refuseOthers,
  withoutExtensions,
} from '../fields.ts';
import { splitShellWords } from '../shell-words.ts';
import { isNothing, quote } from '../yaml/yaml-node.ts';
import { readFlag, readWord } from './healthcheck.ts';
import { checkVariable } from './read-parts.ts';

/** The keys of an application that have programs to run in its container; the same in every form. */
export const hookKeys = ['post_start', 'pre_stop'] as const;

/** Undefined where the application has no hooks. */
export function readHooks(entries: ReadonlyMap<string, Place>, context: FileContext): Hooks | undefined {
  const [postStart, preStop] = hookKeys.map((key) => {
    const found = readAt(entries, key, (place, what) => readList(place, what, context));
    return found?.length === 0 ? undefined : found;
  });
  return postStart === undefined && preStop === undefined ? undefined : defined({ postStart, preStop });
}

function readList(place: Place, what: string, context: FileContext): readonly Hook[] {
  if (isNothing(place.node)) return [];
  const hint = 'write each as {command: ["program", "argument"]}';
  const items = readItems(place, what, 'a list of mappings', hint) ?? [];
  return items.flatMap((item) => readHook(item, what, hint, context) ?? []);
}

function readHook(place: Place, what: string, hint: string, context: FileContext): Hook | undefined {
  const fields = readFields(place, `a hook of ${what}`, hint);
  if (fields === undefined) return undefined;
  const entries = withoutExtensions(fields);
  refuseOthers({ ...fields, entries }, ['command', 'user', 'privileged', 'working_dir', 'environment']);
  const command = readRequired(fields, 'command', readCommand);
  const isPrivileged = readAt(entries, 'privileged', readFlag) === true;
  const environment = readAt(entries, 'environment', (entry) => readEnvironment(entry, context));
  if (command === undefined) return undefined;
  const user = readAt(entries, 'user', readNumberOrName);
  const workingDir = readAt(entries, 'working_dir', readNumberOrName);
  return { command, ...defined({ user, workingDir, environment }), ...(isPrivileged ? { privileged: true } : {}) };
}

/** A user is often a number. */
const readNumberOrName = (place: Place, what: string): string | undefined =>
  place.node.kind === 'scalar' && place.node.type === 'integer' ? place.node.source : readName(place, what);

function readCommand(place: Place): readonly string[] | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'text') {
    const words = splitShellWords(node.value);
    if (words === undefined) return complain(place, '"command" has a quote that is not closed');
    return words.length > 0 ? checked(place, words) : complain(place, '"command" must not be empty');
  }
  const items = readItems(place, '"command"', 'a string or a list of strings');
  if (items === undefined) return undefined;
  if (items.length === 0) return complain(place, '"command" must not be empty');
  const words = items.map((item) => readWord(item, 'a word of "command"'));
  return words.some((word) => word === undefined)
    ? undefined
    : checked(
        place,
        words.filter((word) => word !== undefined),
      );
}

const checked = (place: Place, words: readonly string[]): readonly string[] | undefined =>
  words.some((word) => word.includes('\0')) ? complain(place, '"command" holds a NUL character') : words;

/** As `environment` of a service: a mapping or a list; a bare name takes its value from the environment. */
function readEnvironment(place: Place, context: FileContext): Readonly<Record<string, string>> {
  const { node } = place;
  if (node.kind !== 'map' && node.kind !== 'list') {
    mustBe(place, '"environment"', 'a mapping or a list', 'write each variable as NAME: "value"');
    return {};
  }
  const pairs: (readonly [string, string])[] = [];
  const take = (name: string, entry: Place): void => {
    const value = takeFromEnvironment(name, entry, context)?.value;
    if (value !== undefined) pairs.push([name, value]);
  };
  const set = (name: string, value: string | undefined, entry: Place): void => {
    if (value !== undefined && checkVariable(entry, name, value)) pairs.push([name, value]);
  };
  if (node.kind === 'map') {
    for (const [name, entry] of entriesOf(place)) {
      if (isNothing(entry.node)) take(name, entry);
      else set(name, readWord(entry, `the value of the environment variable ${quote(name)}`), entry);
    }
  } else {
    for (const item of readItems(place, '"environment"') ?? []) {
      const text = readWord(item, 'an environment entry');
      const cut = text?.indexOf('=') ?? 0;
      if (text !== undefined && cut < 0) take(text, item);
      else if (text !== undefined) set(text.slice(0, cut), text.slice(cut + 1), item);
    }
  }
  return Object.fromEntries(pairs);
}
