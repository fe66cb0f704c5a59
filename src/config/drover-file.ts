import type { ImageRef, NodeSettings, Settings } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { parseNameRange } from '../model/name-range.ts';
import { readDeploymentName } from './deployment-name.ts';
import {
  complain,
  complainAtKey,
  type Fields,
  inQuotes,
  type Place,
  readAt,
  readFields,
  readInteger,
  readItems,
  readName,
  readPort,
  readText,
  readWord,
  refuseOthers,
} from './fields.ts';
import { checkVersion } from './forms/native-form.ts';
import { accept, readImage } from './forms/read-parts.ts';
import { hostComplaint, listenComplaint, parseDuration, parseImage, parseSize } from './values.ts';
import { isNothing, quote } from './yaml/yaml-node.ts';

/** A node of drover.yml under its key there. */
export interface InventoryNode {
  readonly key: string;
  readonly place: Place;
  readonly settings: NodeSettings;
}

/** One drover.yml, with only what it says itself. */
export interface DroverFile {
  /** What it calls the deployment. */
  readonly name?: string;
  readonly nodes: readonly InventoryNode[];
  readonly pool?: string;
  readonly datasetRoot?: string;
  readonly timeouts: Partial<Settings['timeouts']>;
  readonly switch: Partial<Settings['switch']>;
  readonly transfer?: Settings['transfer'];
  readonly listen?: readonly string[];
  readonly boot: Partial<Settings['boot']>;
  /** `none` for no names. */
  readonly nameRange?: string;
  /** Images to run in place of others, by repository or by repository and tag. */
  readonly images: ReadonlyMap<string, ImageRef>;
}

/** A file that leaves everything as it is. */
export const nothingSaid: DroverFile = { nodes: [], timeouts: {}, switch: {}, boot: {}, images: new Map() };

/** Where `~` and relative paths of a drover.yml lead. */
export interface PathBase {
  /** The user's home; absent: `~` is left for SSH to expand. */
  readonly home?: string;
  /** Folder of the file. */
  readonly directory: string;
}

const settingKeys = [
  'version',
  'name',
  'nodes',
  'pool',
  'datasetRoot',
  'timeouts',
  'switch',
  'transfer',
  'listen',
  'boot',
  'names',
  'images',
] as const;
const nodeKeys = [
  'name',
  'host',
  'port',
  'user',
  'identityFile',
  'knownHostsFile',
  'sshConfigFile',
  'jump',
  'mesh',
  'listen',
  'fence',
] as const;

const transfers = ['auto', 'direct', 'relay'] as const;
const alones = ['wait', 'start'] as const;

/** The settings file; everything in it is optional. */
export function readDroverFile(root: Place, base: PathBase): DroverFile {
  const fields = readKeys(root, 'the settings', settingKeys);
  if (fields === undefined) return nothingSaid;
  const read = <T>(key: (typeof settingKeys)[number], reader: (entry: Place, what: string) => T | undefined) =>
    readAt(fields.entries, key, reader);
  checkVersion(fields.entries.get('version'));
  return {
    ...defined({ name: readDeploymentName(fields.entries.get('name')) }),
    nodes: read('nodes', (place) => readNodes(place, base)) ?? [],
    ...defined({ pool: read('pool', readPool), datasetRoot: read('datasetRoot', readDatasetRoot) }),
    timeouts: read('timeouts', readTimeouts) ?? {},
    switch: read('switch', readSwitch) ?? {},
    boot: read('boot', readBoot) ?? {},
    images: read('images', readImages) ?? new Map(),
    ...defined({
      listen: read('listen', readListen),
      nameRange: read('names', readNameRange),
      transfer: read('transfer', (place, what) => readWord(place, what, transfers)),
    }),
  };
}

const snakeCase = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A mapping with these keys, also spelled with underscores; the result has the first spelling. */
function readKeys(place: Place, what: string, keys: readonly string[]): Fields | undefined {
  const fields = readFields(place, what);
  if (fields === undefined) return undefined;
  const entries = new Map<string, Place>();
  const unknown = new Map<string, Place>();
  for (const [name, entry] of fields.entries) {
    const key = keys.find((candidate) => candidate === name || snakeCase(candidate) === name);
    if (key === undefined) unknown.set(name, entry);
    else if (entries.has(key)) complainAtKey(entry, `${quote(name)} is given twice, in both spellings`);
    else entries.set(key, entry);
  }
  const free = keys.filter((key) => !entries.has(key));
  refuseOthers({ place, entries: unknown }, free.length > 0 ? free : keys);
  return { place, entries };
}

/** The entries of a section, which may be empty as well. */
const readSection = (place: Place, what: string, keys: readonly string[]): Fields['entries'] | undefined =>
  isNothing(place.node) ? undefined : readKeys(place, what, keys)?.entries;

function readNodes(place: Place, base: PathBase): InventoryNode[] {
  if (isNothing(place.node)) return [];
  const fields = readFields(place, '"nodes"', 'write each node as NAME: {host: …}');
  return [...(fields?.entries ?? [])].map(([key, entry]) => {
    if (entry.key !== undefined && entry.key.type !== 'text') {
      complainAtKey(
        entry,
        `a node must be a name or an address, not ${quote(key)} unquoted`,
        inQuotes(entry.key, 'put the name in quotes'),
      );
    } else checkHost(entry.keyOffset, entry, key, 'the node');
    return { key, place: entry, settings: isNothing(entry.node) ? {} : readNode(entry, base) };
  });
}

function readNode(place: Place, base: PathBase): NodeSettings {
  const fields = readKeys(place, 'a node', nodeKeys);
  const read = <T>(key: (typeof nodeKeys)[number], reader: (entry: Place, what: string) => T | undefined) =>
    readAt(fields?.entries, key, reader);
  const path = (entry: Place, what: string) => readPath(entry, what, base);
  return defined({
    name: read('name', readHost),
    host: read('host', readHost),
    port: read('port', readPort),
    user: read('user', readUser),
    identityFile: read('identityFile', path),
    knownHostsFile: read('knownHostsFile', path),
    sshConfigFile: read('sshConfigFile', path),
    jump: read('jump', readJump),
    mesh: read('mesh', readHost),
    fence: read('fence', readFence),
    listen: read('listen', readListen),
  });
}

function checkHost(offset: number, place: Place, text: string, what: string): boolean {
  const complaint = hostComplaint(text);
  if (complaint !== undefined) place.report({ offset, path: place.path, message: `${what} ${complaint}` });
  return complaint === undefined;
}

function readHost(place: Place, what: string): string | undefined {
  const text = readName(place, what);
  return text !== undefined && checkHost(place.node.offset, place, text, `${what}:`) ? text : undefined;
}

function readUser(place: Place, what: string): string | undefined {
  const text = readName(place, what);
  if (text === undefined || /^[A-Za-z0-9_.][A-Za-z0-9_.@\\$-]*$/.test(text)) return text;
  return complain(place, `${what}: ${quote(text)} is not a user name`);
}

function readJump(place: Place, what: string): string | undefined {
  const text = readName(place, what);
  if (text === undefined) return undefined;
  const match = /^(?:[A-Za-z0-9_.][A-Za-z0-9_.-]*@)?(\[[^\]]+\]|[^@:[\]]+)(?::([0-9]{1,5}))?$/.exec(text);
  const host = match?.[1]?.replace(/^\[|\]$/g, '');
  const port = match?.[2] === undefined ? 22 : Number(match[2]);
  if (host !== undefined && hostComplaint(host) === undefined && port >= 1 && port <= 65_535) return text;
  return complain(place, `${what}: ${quote(text)} is not of the form [user@]host[:port]`);
}

/** A command for a shell on the machine that drover runs on. */
function readFence(place: Place, what: string): string | undefined {
  const text = readText(place, what, 'write the command that switches the node off and exits with 0 when it is off');
  if (text === undefined || (text.trim() !== '' && text.length <= 4_096 && !text.includes('\0'))) return text;
  return complain(place, `${what}: it must be a command with at most 4,096 characters`);
}

const listenHint = 'write a list of addresses, networks, interfaces or "mesh", such as [mesh, 10.0.0.0/24]';

function readListen(place: Place): readonly string[] | undefined {
  const items = readItems(place, '"listen"', 'a list', listenHint);
  if (items?.length === 0) {
    return complain(place, '"listen" must not be empty', 'remove "ports" from an application that no client may reach');
  }
  return items?.flatMap((item) => {
    const text = readName(item, 'an entry of "listen"');
    if (text === undefined) return [];
    const complaint = listenComplaint(text);
    if (complaint === undefined) return [text];
    const isDefault = complaint.endsWith('the default');
    complain(item, `"listen": ${complaint}`, isDefault ? 'remove "listen"' : listenHint);
    return [];
  });
}

function readPath(place: Place, what: string, base: PathBase): string | undefined {
  const text = readName(place, what);
  if (text === undefined) return undefined;
  if (/[\x00-\x1f]/.test(text)) return complain(place, `${what} holds control characters`);
  if (text === '~' || text.startsWith('~/')) return base.home === undefined ? text : `${base.home}${text.slice(1)}`;
  if (text.startsWith('~'))
    return complain(place, `${what}: homes of other users are not known`, 'write the path in full');
  return text.startsWith('/') || base.directory === '' ? text : `${base.directory.replace(/\/$/, '')}/${text}`;
}

function readPool(place: Place, what: string): string | undefined {
  const text = readName(place, what);
  if (text === undefined || /^[A-Za-z][A-Za-z0-9_.:-]{0,199}$/.test(text)) return text;
  return complain(place, `"pool": ${quote(text)} is not the name of a ZFS pool`);
}

function readDatasetRoot(place: Place, what: string): string | undefined {
  const text = readName(place, what);
  if (text === undefined) return undefined;
  const parts = text.split('/');
  const fits = text.length <= 100 && parts.every((part) => /^[A-Za-z0-9_.:-]+$/.test(part) && !/^\.\.?$/.test(part));
  if (fits) return text;
  return complain(place, `"datasetRoot": ${quote(text)} is not the name of a dataset`, 'write it relative to the pool');
}

function readImages(place: Place, what: string): ReadonlyMap<string, ImageRef> {
  if (isNothing(place.node)) return new Map();
  const fields = readFields(place, what, 'write each as WANTED: IMAGE TO RUN');
  const images = [...(fields?.entries ?? [])].map(([wanted, entry]) => {
    const complaint = parseImage(wanted);
    if (!complaint.ok) complainAtKey(entry, complaint.message, complaint.hint);
    return [wanted, readImage(entry)] as const;
  });
  return new Map(images.flatMap(([wanted, image]) => (image === undefined ? [] : [[wanted, image] as const])));
}

function readTimeouts(place: Place, what: string): Partial<Settings['timeouts']> {
  const entries = readSection(place, what, ['connect', 'command', 'stop', 'switch', 'health', 'job']);
  const read = (key: string) => readAt(entries, key, readDuration);
  return defined({
    connectMs: read('connect'),
    commandMs: read('command'),
    stopMs: read('stop'),
    switchMs: read('switch'),
    healthMs: read('health'),
    jobMs: read('job'),
  });
}

function readDuration(place: Place, what: string): number | undefined {
  const text = readText(place, what, 'write a number and a unit, such as "30s"');
  return text === undefined ? undefined : accept(place, parseDuration(text), `${what}: `);
}

function readSwitch(place: Place, section: string): Partial<Settings['switch']> {
  const entries = readSection(place, section, ['below', 'maxRounds']);
  return defined({
    belowBytes: readAt(entries, 'below', readSize),
    maxRounds: readAt(entries, 'maxRounds', (rounds, what) => readInteger(rounds, what, 0, 100)),
  });
}

function readSize(place: Place, what: string): number | undefined {
  const text = readText(place, what, 'write a size such as "4M"');
  return text === undefined ? undefined : accept(place, parseSize(text), `${what}: `);
}

function readBoot(place: Place, section: string): Partial<Settings['boot']> {
  const entries = readSection(place, section, ['alone']);
  return defined({ alone: readAt(entries, 'alone', (alone, what) => readWord(alone, what, alones)) });
}

const readNameRange = (place: Place, what: string): string | undefined =>
  readAt(readSection(place, what, ['range']), 'range', readRange);

function readRange(place: Place, what: string): string | undefined {
  const text = readText(place, what);
  if (text === undefined || text === 'none' || parseNameRange(text) !== undefined) return text;
  return complain(
    place,
    `${what}: ${quote(text)} is not a private network of at least 256 addresses`,
    'write a network that is used nowhere else, such as 198.18.0.0/15, or none',
  );
}
