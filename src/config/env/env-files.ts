import {
  complain,
  type Place,
  readAt,
  readFields,
  readItems,
  readName,
  readWord,
  refuseOthers,
  required,
  typed,
} from '../fields.ts';
import { checkVariable } from '../forms/read-parts.ts';
import { quote } from '../yaml/yaml-node.ts';
import { parseEnvFile, parseRawEnvFile } from './env-file.ts';
import { decodeText, type FileContext } from './file-context.ts';

/** More files than this for one application are a mistake. */
const maxFiles = 100;

interface EnvFile {
  readonly place: Place;
  readonly path: string;
  readonly isRequired: boolean;
  readonly isRaw: boolean;
}

/**
 * The variables of an application's `env_file`: one path, or a list of paths and of `{path, required, format}`. A later
 * file goes before an earlier one. `own` is what the application's `environment` says, for variables in the files.
 */
export function readEnvFiles(
  place: Place,
  context: FileContext,
  own: readonly (readonly [string, string])[],
): (readonly [string, string])[] {
  const files = place.node.kind === 'list' ? (readItems(place, '"env_file"') ?? []) : [place];
  if (files.length > maxFiles) {
    complain(place, `"env_file" names more than ${maxFiles} files`);
    return [];
  }
  const declared = new Map(own);
  const lookup = (name: string): string | undefined => context.lookup(name) ?? declared.get(name);
  return files.flatMap((item) => {
    const file = readEntry(item);
    return file === undefined ? [] : readEnvFile(file, context, lookup);
  });
}

function readEntry(place: Place): EnvFile | undefined {
  if (place.node.kind !== 'map') {
    const path = readPath(place, 'the env file');
    return path === undefined ? undefined : { place, path, isRequired: true, isRaw: false };
  }
  const fields = readFields(place, 'an env file');
  if (fields === undefined) return undefined;
  refuseOthers(fields, ['path', 'required', 'format']);
  const entry = required(fields, 'path');
  const path = entry === undefined ? undefined : readPath(entry, '"path"');
  const word = readAt(fields.entries, 'format', (format, what) => readWord(format, what, ['raw']));
  const isRequired = readTruth(fields.entries.get('required'), true);
  if (entry === undefined || path === undefined || isRequired === undefined) return undefined;
  return { place: entry, path, isRequired, isRaw: word === 'raw' };
}

/** The path of a file, relative to the application file. */
export function readPath(place: Place, what: string): string | undefined {
  const text = readName(place, what);
  if (text === undefined) return undefined;
  if (/[\x00-\x1f]/.test(text)) return complain(place, `${what} holds control characters`);
  return text.length <= 4096 ? text : complain(place, `${what} is longer than 4096 characters`);
}

function readTruth(place: Place | undefined, otherwise: boolean): boolean | undefined {
  if (place === undefined) return otherwise;
  const node = typed(place.node);
  if (node.kind === 'scalar' && node.type === 'boolean') return node.value;
  return complain(place, '"required" must be true or false');
}

function readEnvFile(
  { place, path, isRequired, isRaw }: EnvFile,
  context: FileContext,
  lookup: (name: string) => string | undefined,
): (readonly [string, string])[] {
  const reading = context.read(path, 'env');
  if (reading.kind === 'absent') {
    if (isRequired)
      complain(place, `there is no env file ${quote(reading.path)}`, 'create it, or write "required: false"');
    return [];
  }
  const text = reading.kind === 'bytes' ? decodeText(reading.bytes) : undefined;
  if (text === undefined) {
    const why = reading.kind === 'unreadable' ? reading.why : 'it is not UTF-8 text';
    complain(place, `the env file ${quote(reading.path)} cannot be read: ${why}`);
    return [];
  }
  const { report } = context.report(reading.path, text);
  const say: Parameters<typeof parseRawEnvFile>[1] = (finding) => report({ ...finding, path: '' });
  const entries = isRaw ? parseRawEnvFile(text, say) : parseEnvFile(text, lookup, say);
  return entries.flatMap(({ name, value = context.lookup(name), offset }) => {
    if (value === undefined) return [];
    if (value.includes('\0')) {
      say({ offset, message: `the environment variable ${quote(name)} holds a NUL` });
      return [];
    }
    return [[name, value] as const];
  });
}

/**
 * Compose's `environment`: a name without a value takes that of the environment, and is left out where there is none,
 * also where an env file has it.
 */
export interface ComposeEnvironment {
  readonly set: readonly (readonly [string, string])[];
  readonly unset: ReadonlySet<string>;
}

/** The value of a bare name, where the environment has it. */
export function takeFromEnvironment(
  name: string,
  place: Place,
  { lookup }: Pick<FileContext, 'lookup'>,
): { readonly name: string; readonly value: string | undefined } | undefined {
  const value = lookup(name);
  return checkVariable(place, name, value ?? '') ? { name, value } : undefined;
}

/** What a container gets: the files' variables, under those of `environment`. */
export function mergeEnvironment(
  files: readonly (readonly [string, string])[],
  { set, unset }: ComposeEnvironment,
): (readonly [string, string])[] {
  if (files.length === 0) return [...set];
  const own = new Set(set.map(([name]) => name));
  const merged = new Map(files.filter(([name]) => !own.has(name) && !unset.has(name)));
  return [...merged, ...set];
}

/** Without Compose's bare names: in the other forms every variable has a value. */
export const plainEnvironment = (set: readonly (readonly [string, string])[]): ComposeEnvironment => ({
  set,
  unset: noNames,
});

const noNames: ReadonlySet<string> = new Set();
