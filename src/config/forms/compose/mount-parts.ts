import { posix } from 'node:path';
import { type Propagation, propagations } from '../../../model/container/mounts.ts';
import { isVolumeName } from '../../../model/untrusted.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  inQuotes,
  type Place,
  readFields,
  readInteger,
  readName,
  readText,
  readWord,
  required,
  typed,
} from '../../fields.ts';
import { parseMountpoint, parseSize } from '../../values.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { accept } from '../read-parts.ts';
import { checkKeys } from './check-keys.ts';

/** One entry of a service's `volumes`, in its short or its long form. */
export type WrittenMount = VolumePart | BindPart | TmpfsPart;

interface MountPart {
  readonly mountpoint: string;
  readonly place: Place;
  readonly readOnly?: true;
}

export interface VolumePart extends MountPart {
  readonly kind: 'volume';
  /** Its key in the top-level `volumes`; absent: a volume without a name. */
  readonly name?: string;
  readonly noCopy?: true;
}

export interface BindPart extends MountPart {
  readonly kind: 'bind';
  /** As it is written. */
  readonly source: string;
  readonly propagation?: Propagation;
  readonly createsSource?: true;
  /** `x-drover: {bind: …}` of the entry. */
  readonly choice?: BindChoice;
}

export interface TmpfsPart extends MountPart {
  readonly kind: 'tmpfs';
  readonly options: string;
}

/** What a bind with a relative path is, where drover's own rule is not meant. `local`: it stays on its node. */
const bindChoices = ['volume', 'files', 'local'] as const;
export type BindChoice = (typeof bindChoices)[number];

const hint = 'write "name:/data" for a volume, or "/path/of/the/node:/data"';
const optionHint = 'use ro, rw, z, Z, nocopy, or for a path of the node also rslave, rshared, slave, shared, private';

/** Undefined after reporting why it cannot be read. */
export const readMount = (item: Place): WrittenMount | undefined =>
  item.node.kind === 'map' ? longMount(item) : shortMount(item);

function shortMount(place: Place): WrittenMount | undefined {
  const text = readText(place, 'a volume', hint);
  if (text === undefined) return undefined;
  if (isWindowsPath(text)) return complain(place, `the volume ${quote(text)} has a path of Windows`, hint);
  const [first = '', second, mode, ...rest] = text.split(':');
  const mountpoint = accept(place, parseMountpoint(second ?? first));
  if (mountpoint === undefined) return undefined;
  if (second === undefined) return { kind: 'volume', mountpoint, place };
  if (rest.length > 0) return complain(place, `the volume ${quote(text)} has too many colons`, hint);
  const options = (mode ?? '').split(',').filter((option) => option !== '');
  if (!isHostPath(first)) {
    const name = checkName(place, first);
    const rest = readOptions(place, options, volumeOptions);
    return name === undefined || rest === undefined ? undefined : { kind: 'volume', name, mountpoint, place, ...rest };
  }
  const read = readOptions(place, options, bindOptions);
  return read === undefined ? undefined : { kind: 'bind', source: first, mountpoint, place, ...read };
}

/** What changes nothing on Linux without SELinux. */
const idle = ['rw', 'z', 'Z', 'cached', 'delegated', 'consistent'];
const volumeOptions: Readonly<Record<string, object>> = {
  ro: { readOnly: true },
  nocopy: { noCopy: true },
  'volume-nocopy': { noCopy: true },
};
const bindOptions: Readonly<Record<string, object>> = {
  ro: { readOnly: true },
  rprivate: {},
  ...Object.fromEntries(propagations.map((propagation) => [propagation, { propagation }])),
};

function readOptions(place: Place, options: readonly string[], known: Readonly<Record<string, object>>) {
  let found: object = {};
  for (const option of options) {
    const meaning = idle.includes(option) ? {} : Object.hasOwn(known, option) ? known[option] : undefined;
    if (meaning === undefined) return complain(place, `${quote(option)} is not an option of a volume here`, optionHint);
    found = { ...found, ...meaning };
  }
  return found;
}

const types = ['volume', 'bind', 'tmpfs'] as const;
const otherTypes: ReadonlyMap<string, string> = new Map([
  ['image', 'put the files into the image of the service, or into a volume'],
  ['npipe', 'it is for Windows, and the nodes run Linux'],
  ['cluster', 'it is for Swarm: use "type: volume"'],
]);

function longMount(place: Place): WrittenMount | undefined {
  const entries = readFields(place, 'a volume', hint)?.entries ?? new Map<string, Place>();
  const type = entries.get('type');
  const written = type?.node.kind === 'scalar' ? type.node.source : undefined;
  const instead = written === undefined ? undefined : otherTypes.get(written);
  if (type !== undefined && instead !== undefined)
    return complain(type, `a volume of the type ${quote(written ?? '')} is not supported`, instead);
  const kind = type === undefined ? 'volume' : readWord(type, '"type"', types);
  if (kind === undefined) return undefined;
  checkKeys(place, 'service.volumes');
  checkOptionsOf(entries, kind);
  const target = required({ place, entries }, 'target');
  const text = target === undefined ? undefined : readText(target, '"target"');
  const mountpoint = target === undefined || text === undefined ? undefined : accept(target, parseMountpoint(text));
  const isReadOnly = readFlag(entries.get('read_only'), '"read_only"');
  if (mountpoint === undefined) return undefined;
  const common = { mountpoint, place, ...(isReadOnly ? { readOnly: true as const } : {}) };
  if (kind === 'tmpfs') return { kind, ...common, options: longTmpfs(entries.get('tmpfs'), isReadOnly) };
  const source = entries.get('source');
  if (kind === 'bind') {
    const found = required({ place, entries }, 'source');
    const path = found === undefined ? undefined : readName(found, '"source"');
    return path === undefined ? undefined : { kind, source: path, ...common, ...longBind(place, entries) };
  }
  const given = source === undefined ? undefined : readName(source, '"source"');
  if (source !== undefined && (given === undefined || checkName(source, given) === undefined)) return undefined;
  const noCopy = readFlag(entriesOfKey(entries, 'volume').get('nocopy'), '"nocopy"');
  return { kind, ...common, ...(given === undefined ? {} : { name: given }), ...(noCopy ? { noCopy } : {}) };
}

const entriesOfKey = (entries: ReadonlyMap<string, Place>, key: string): ReadonlyMap<string, Place> => {
  const place = entries.get(key);
  return place === undefined ? new Map() : entriesOf(place);
};

/** Each type has options under its own name; those of another type mean nothing. */
function checkOptionsOf(entries: ReadonlyMap<string, Place>, kind: (typeof types)[number]): void {
  for (const type of types) {
    const place = entries.get(type);
    if (place === undefined) continue;
    readFields(place, quote(type));
    if (type === kind) checkKeys(place, `service.volumes.${type}`);
    else complainAtKey(place, `${quote(type)} has options for another type than ${kind}`, 'remove it');
  }
}

function longBind(place: Place, entries: ReadonlyMap<string, Place>) {
  const options = entriesOfKey(entries, 'bind');
  const word = options.get('propagation');
  const propagation = word === undefined ? undefined : readWord(word, '"propagation"', [...propagations, 'rprivate']);
  const creates = readFlag(options.get('create_host_path'), '"create_host_path"');
  const choice = readChoice(entriesOfKey(entries, 'x-drover').get('bind'));
  const recursive = options.get('recursive');
  if (recursive?.node.kind === 'scalar' && recursive.node.value !== 'enabled')
    complain(recursive, '"recursive" can only be enabled', `remove it from ${place.path}`);
  return {
    ...(propagation === undefined || propagation === 'rprivate' ? {} : { propagation }),
    ...(creates ? { createsSource: creates } : {}),
    ...(choice === undefined ? {} : { choice }),
  };
}

/** `x-drover: {bind: …}` of a service or of one of its mounts. */
export const readChoice = (place: Place | undefined): BindChoice | undefined =>
  place === undefined ? undefined : readWord(place, '"bind"', bindChoices);

function readFlag(place: Place | undefined, what: string): true | undefined {
  if (place === undefined) return undefined;
  const node = typed(place.node);
  if (node.kind === 'scalar' && node.type === 'boolean') return node.value ? true : undefined;
  return complain(place, `${what} must be true or false`, 'write true or false');
}

function longTmpfs(place: Place | undefined, isReadOnly: boolean | undefined): string {
  const entries = place === undefined ? new Map<string, Place>() : entriesOf(place);
  const [size, mode] = [entries.get('size'), entries.get('mode')];
  const bytes = size === undefined ? undefined : readTmpfsSize(size);
  const bits = mode === undefined ? undefined : readTmpfsMode(mode);
  return [
    ...(bytes === undefined ? [] : [`size=${bytes}`]),
    ...(bits === undefined ? [] : [`mode=${bits.toString(8)}`]),
    ...(isReadOnly === true ? ['ro'] : []),
  ].join(',');
}

function readTmpfsSize(place: Place): number | undefined {
  const node = typed(place.node);
  if (node.kind === 'scalar' && node.type === 'integer')
    return readInteger(place, '"size"', 0, Number.MAX_SAFE_INTEGER) || undefined;
  const text = readText(place, '"size"', 'write "64m" or bytes');
  return text === undefined ? undefined : accept(place, parseSize(text.replace(/b$/i, '')), '"size": ');
}

/** Octal with a 0 in front, as everywhere: 1777 alone is another number. */
function readTmpfsMode(place: Place): number | undefined {
  const { node } = place;
  const isText = node.kind === 'scalar' && node.type === 'text';
  const digits =
    node.kind === 'scalar'
      ? (isText ? /^(?:0o?)?([0-7]{1,5})$/ : /^0o?([0-7]{1,5})$/).exec(node.source)?.[1]
      : undefined;
  const mode = digits === undefined ? undefined : Number.parseInt(digits, 8);
  if (mode !== undefined && mode <= 0o7777) return mode;
  return complain(
    place,
    '"mode" must be an octal number with a 0 in front, from 0 to 07777',
    node.kind === 'scalar' ? inQuotes(node, 'write it in octal, such as 01777') : undefined,
  );
}

/** A service's `tmpfs`: a path, or a list of them, each with Docker's options behind a colon. */
export function readTmpfs(place: Place): TmpfsPart[] {
  const { node } = place;
  const items =
    node.kind === 'list'
      ? node.items.map((item, at) => ({ ...place, node: item, keyOffset: item.offset, path: `${place.path}/${at}` }))
      : [place];
  return items.flatMap((item): TmpfsPart[] => {
    const text = readText(item, 'a folder in memory', 'write "/run" or "/run:size=64m"');
    if (text === undefined) return [];
    const [path = '', options = '', ...rest] = text.split(':');
    const mountpoint = accept(item, parseMountpoint(path));
    if (mountpoint === undefined) return [];
    if (rest.length > 0 || !/^[A-Za-z0-9_=,.%-]*$/.test(options)) {
      complain(item, `${quote(options)} is not a list of mount options`, 'write "/run:size=64m,mode=1777"');
      return [];
    }
    return [{ kind: 'tmpfs', mountpoint, options, place: item }];
  });
}

/** A volume may have a name of one letter: `v:/data`. */
const isWindowsPath = (text: string): boolean => /^(?:[A-Za-z]:\\|\\\\|[A-Za-z]:\/[^:]*:\/)/.test(text);
const isHostPath = (text: string): boolean => /^[/.~]/.test(text);

function checkName(place: Place, name: string): string | undefined {
  if (isVolumeName(name)) return name;
  const how = isHostPath(name) ? 'write "type: bind" for a path of the node' : 'begin the path of a folder with "./"';
  return complain(place, `the volume name ${quote(name)} is malformed`, how);
}

/** The path without `.`, `..` and double slashes. */
export const plainPath = (path: string): string => posix.normalize(path).replace(/(.)\/$/, '$1');
