import { canonicalJson } from '../../model/canonical-json.ts';
import {
  type ContainerOption,
  type ContainerOptions,
  containerOptions,
  type Json,
  type OptionKind,
  type OptionValue,
  openOption,
  sealOption,
} from '../../model/container/options.ts';
import { suggest } from '../did-you-mean.ts';
import type { Draft } from '../draft.ts';
import type { FileContext } from '../env/file-context.ts';
import { complain, complainAtKey, entriesOf, type Place, readFields, readItems, scalarAt } from '../fields.ts';
import { isNothing, quote, type YamlNode } from '../yaml/yaml-node.ts';
import { readBlockLimits, readDevices, readGpus, readUlimits } from './option-structures.ts';
import { readBytes, readCpus, readFlag, readMicroseconds, readNumber, readPairs, readScalar } from './option-values.ts';

/** Reads an option; undefined: there is none, or it was reported. */
type Reader = (place: Place, what: string, option: ContainerOption, context: FileContext) => Json | undefined;

/** In the native form and in Compose's. */
export const optionKeys: readonly string[] = containerOptions.map(({ key }) => key);

/** The options of an application, in any form; undefined for none. */
export function readOptions(
  entries: ReadonlyMap<string, Place>,
  context: FileContext,
): { readonly options?: ContainerOptions } {
  const options: Record<string, OptionValue> = {};
  for (const option of containerOptions) {
    const place = entries.get(option.key);
    if (place === undefined || isNothing(place.node)) continue;
    const value = readers[option.kind](place, quote(option.key), option, context);
    if (value !== undefined)
      options[option.key] = maySeal(option) && hasVariables(place.node) ? sealOption(value) : value;
  }
  return Object.keys(options).length === 0 ? {} : { options };
}

/** Numbers, truth values and words from a list are no secrets. */
const open: readonly OptionKind[] = ['flag', 'integer', 'bytes', 'cpus', 'microseconds', 'word', 'ulimits'];
const maySeal = ({ kind }: ContainerOption): boolean => !open.includes(kind);

/** True for a value with the value of a variable anywhere in it. */
export function hasVariables(node: YamlNode): boolean {
  if (node.kind === 'scalar') return node.from !== undefined;
  return node.kind === 'list' ? node.items.some(hasVariables) : node.entries.some(({ value }) => hasVariables(value));
}

/** The options with one value more, or an error at `place` if there is another value already. */
export function addOption(
  options: ContainerOptions | undefined,
  key: string,
  value: Json | undefined,
  place: Place,
): ContainerOptions | undefined {
  if (value === undefined) return options;
  const before = options?.[key];
  if (before === undefined) return { ...options, [key]: value };
  if (canonicalJson(openOption(before)) !== canonicalJson(value))
    complain(place, `it differs from ${quote(key)}`, 'keep one of the two');
  return options;
}

/** Limits that Docker refuses together, so that the file is refused and not the container. */
export function checkLimits(
  { options = {}, memoryLimitBytes, place }: Draft,
  entries: ReadonlyMap<string, Place>,
): void {
  const at = (key: string): Place => entries.get(key) ?? place;
  for (const key of ['cpu_period', 'cpu_quota']) {
    if (options.cpus === undefined || options[key] === undefined) continue;
    complainAtKey(at(key), `"cpus" and ${quote(key)} exclude each other`, 'keep one of the two');
  }
  const { memswap_limit: swap, mem_reservation: kept } = options;
  if (swap !== undefined && memoryLimitBytes === undefined) {
    if (swap !== -1) complainAtKey(at('memswap_limit'), '"memswap_limit" needs "mem_limit"', 'add "mem_limit"');
  } else if (typeof swap === 'number' && swap !== -1 && swap < (memoryLimitBytes ?? 0)) {
    complainAtKey(at('memswap_limit'), '"memswap_limit" is less than "mem_limit"', 'it is memory and swap together');
  }
  if (typeof kept === 'number' && kept > (memoryLimitBytes ?? kept)) {
    complainAtKey(at('mem_reservation'), 'the memory that is reserved is more than "mem_limit"', 'reserve less');
  }
}

/** One option that stands under another key, such as `cpus` in `deploy`. */
export function readOption(key: string, place: Place, context: FileContext, what = quote(key)): Json | undefined {
  const option = containerOptions.find((one) => one.key === key);
  return option === undefined || isNothing(place.node) ? undefined : readers[option.kind](place, what, option, context);
}

const readers: Readonly<Record<OptionKind, Reader>> = {
  text: (place, what) => readScalar(place, what) || undefined,
  word: readWord,
  flag: readFlag,
  integer: (place, what, { range }) => readNumber(place, what, range),
  bytes: (place, what, { range }) => readBytes(place, what, range),
  cpus: readCpus,
  microseconds: readMicroseconds,
  list: readList,
  map: readMap,
  labels: readLabels,
  devices: readDevices,
  gpus: readGpus,
  hosts: readHosts,
  logging: readLogging,
  ulimits: readUlimits,
  blkio: readBlockLimits,
  security: readSecurity,
};

function readWord(place: Place, what: string, { words = [] }: ContainerOption): Json | undefined {
  const text = readScalar(place, what);
  if (text === undefined || text === '') return undefined;
  if (words.includes(text)) return text;
  const shared = /^(service|container):/.test(text);
  if (shared) {
    return complain(
      place,
      `${what}: ${quote(text)} ties it to another container, which may run on another node`,
      `use ${list(words)}, or leave it out`,
    );
  }
  return complain(place, `${what} must be ${list(words)}, not ${quote(text)}`, () => suggest(scalarAt(place), words));
}

const list = (words: readonly string[]): string => words.map(quote).join(' or ');

function readList(place: Place, what: string, { isSingle }: ContainerOption): Json | undefined {
  if (isSingle === true && place.node.kind === 'scalar') return listOf([readScalar(place, what)]);
  const items = readItems(place, what, 'a list of strings') ?? [];
  return listOf(items.map((item) => readScalar(item, `an entry of ${what}`)));
}

const listOf = (texts: readonly (string | undefined)[]): Json | undefined => {
  const given = texts.filter((text) => text !== undefined && text !== '');
  return given.length === 0 ? undefined : given.map(String);
};

function readMap(place: Place, what: string): Json | undefined {
  const pairs = readPairs(place, what);
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

/** drover and Compose find their own containers by their labels. */
const reserved = ['drover.', 'com.docker.compose.'];

/** Reports names that labels of a file cannot have. */
export function checkLabel(name: string, place: Place): boolean {
  const prefix = reserved.find((each) => name.startsWith(each));
  if (prefix !== undefined)
    complain(place, `labels that begin with ${quote(prefix)} are reserved`, 'choose another name');
  else if (name === '') complain(place, 'the name of a label must not be empty');
  return prefix === undefined && name !== '';
}

function readLabels(place: Place, what: string): Json | undefined {
  const pairs = readPairs(place, what).filter(([name, , at]) => checkLabel(name, at));
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

/** `name=address`, `name:address`, or a mapping of names to an address or several. */
function readHosts(place: Place, what: string): Json | undefined {
  const one = (name: string, address: string): string => `${name.trim()}:${address.trim().replace(/^\[(.*)\]$/, '$1')}`;
  if (place.node.kind === 'map') {
    const pairs = [...entriesOf(place)].flatMap(([name, entry]) => {
      const items = entry.node.kind === 'list' ? (readItems(entry, what) ?? []) : [entry];
      return items.map((item) => [name, readScalar(item, `the address of ${quote(name)}`)] as const);
    });
    return listOf(pairs.map(([name, address]) => (address === undefined ? undefined : one(name, address))));
  }
  const items = readItems(place, what, 'a list or a mapping', 'write "name=address"') ?? [];
  const hosts = items.map((item) => {
    const text = readScalar(item, `an entry of ${what}`);
    const match = text === undefined ? undefined : /^([^=:]+)[=:](.+)$/.exec(text);
    if (match === null) return complain(item, `${quote(text ?? '')} is not of the form name=address`);
    return match === undefined ? undefined : one(match[1] ?? '', match[2] ?? '');
  });
  return listOf(hosts);
}

/** Docker's own driver where the file has none; `{}` asks for nothing. */
function readLogging(place: Place, what: string): Json | undefined {
  const fields = readFields(place, what);
  const driver = fields?.entries.get('driver');
  const options = fields?.entries.get('options');
  const type = driver === undefined || isNothing(driver.node) ? '' : readScalar(driver, '"driver"');
  const pairs = options === undefined || isNothing(options.node) ? [] : readPairs(options, '"options"');
  if (type === undefined || (type === '' && pairs.length === 0)) return undefined;
  return { Type: type, Config: Object.fromEntries(pairs) };
}

/** As Docker's command line takes them; a seccomp profile is a file, whose content Docker gets. */
function readSecurity(place: Place, what: string, _option: ContainerOption, context: FileContext): Json | undefined {
  const items = readItems(place, what, 'a list of strings') ?? [];
  const texts = items.flatMap((item) => {
    const text = readScalar(item, `an entry of ${what}`);
    // "label:disable" is the older way of writing "label=disable".
    const option = text === undefined || text.includes('=') ? text : text.replace(':', '=');
    const profile = option === undefined ? undefined : /^seccomp=(?!unconfined$|builtin$)([^{].*)$/.exec(option)?.[1];
    const read = profile === undefined ? option : readProfile(item, profile, context);
    return read === undefined ? [] : [read];
  });
  const isOpen = texts.includes('systempaths=unconfined');
  const rest = texts.filter((text) => text !== 'systempaths=unconfined');
  if (texts.length === 0) return undefined;
  return {
    ...(rest.length === 0 ? {} : { SecurityOpt: rest }),
    ...(isOpen ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
  };
}

function readProfile(place: Place, path: string, context: FileContext): string | undefined {
  const reading = context.read(path, 'config');
  if (reading.kind === 'absent') return complain(place, `the seccomp profile ${quote(reading.path)} does not exist`);
  if (reading.kind !== 'bytes')
    return complain(place, `the file ${quote(reading.path)} cannot be read: ${reading.why}`);
  return `seccomp=${Buffer.from(reading.bytes).toString('utf8')}`;
}
