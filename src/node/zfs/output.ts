import type { ResumeToken } from '../../engine/volume-store.ts';
import type { PoolFacts, Snapshot, Volume, VolumeRole, ZfsCapabilities } from '../../model/cluster.ts';
import { addTo } from '../../model/collect.ts';
import { readCopyRecord } from '../../model/copy-record.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { datasetsPerNode, longestProperty } from '../../model/limits.ts';
import { properties } from '../../model/names.ts';
import { isApplicationName, isVolumeId, isVolumeName, isZfsNumber } from '../../model/untrusted.ts';
import { parseDeployment } from '../deployment-record.ts';
import { longestName } from './names.ts';
import { tuningColumns, tuningOf } from './tuning.ts';

/** The properties that one `zfs get` asks for all datasets below the root. */
export const volumeColumns = [
  'used',
  'referenced',
  'written',
  'refquota',
  'mounted',
  'receive_resume_token',
  properties.volume,
  properties.name,
  properties.application,
  properties.deployment,
  properties.role,
  properties.owner,
  properties.epoch,
  properties.flags,
  properties.copies,
  ...tuningColumns,
].join(',');

type Facts = ReadonlyMap<string, string>;

/**
 * Volumes from `zfs get -Hp -o name,property,value,source` (datasets) and `zfs list -Hp -o name,guid,createtxg`
 * (snapshots and bookmarks). drover's properties count only where they are set on the dataset itself: inherited or
 * received ones would give a clone or a foreign child the identity of its parent.
 */
export function parseVolumes(getText: string, listText: string): readonly Volume[] {
  const copies = parseCopies(listText);
  const volumes: Volume[] = [];
  const datasets = parseGet(getText);
  const below = childrenOf(datasets.keys());
  for (const [dataset, facts] of datasets) {
    const volume = toVolume(dataset, facts, copies.get(dataset) ?? []);
    if (volume === undefined) continue;
    const children = below.get(dataset);
    volumes.push(children === undefined ? volume : { ...volume, children });
  }
  return volumes.toSorted((a, b) => (a.dataset < b.dataset ? -1 : 1));
}

/** The datasets below each dataset, at any depth. Temporary ones of `zfs receive` are left out. */
function childrenOf(names: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const children = new Map<string, string[]>();
  for (const name of names) {
    if (name.includes('%')) continue;
    for (let cut = name.lastIndexOf('/'); cut > 0; cut = name.lastIndexOf('/', cut - 1)) {
      addTo(children, name.slice(0, cut), name);
    }
  }
  return children;
}

function parseGet(text: string): ReadonlyMap<string, Facts> {
  const datasets = new Map<string, Map<string, string>>();
  for (const [name, property, value, source] of rows(text)) {
    if (name === undefined || property === undefined || value === undefined) continue;
    if (name.length > longestName || value.length > longestProperty) {
      throw unreadable('it has a name or a value that is longer than ZFS allows');
    }
    const facts = datasets.get(name) ?? new Map<string, string>();
    datasets.set(name, facts);
    if (datasets.size > datasetsPerNode) throw unreadable(`it has more than ${datasetsPerNode} datasets`);
    const unset = value === '-' || value === '';
    const mustBeOwn = property.startsWith('drover:') || tuningColumns.includes(property);
    const foreign = mustBeOwn && source !== 'local';
    if (!unset && !foreign) facts.set(property, value);
  }
  return datasets;
}

/** A node whose list cannot be read is unknown, not empty. */
const unreadable = (why: string): AppError =>
  new AppError('command-failed', `cannot read the list of datasets: ${why}`);

interface Copy extends Snapshot {
  readonly mark: string;
}

function parseCopies(text: string): ReadonlyMap<string, readonly Copy[]> {
  const copies = new Map<string, Copy[]>();
  for (const [full, guid, createTxg] of rows(text)) {
    const match = /^([^@#]+)([@#])(.+)$/.exec(full ?? '');
    const [, dataset, mark, name] = match ?? [];
    if (dataset === undefined || mark === undefined || name === undefined) continue;
    if (guid === undefined || createTxg === undefined || !isZfsNumber(guid) || !isZfsNumber(createTxg)) continue;
    const list = copies.get(dataset) ?? [];
    copies.set(dataset, list);
    list.push({ mark, name, guid, createTxg });
  }
  return copies;
}

/** The snapshots and bookmarks of one dataset from `zfs list -Hp -o name,guid,createtxg`. */
export function readMarks(dataset: string, listText: string): Pick<Volume, 'snapshots' | 'bookmarks'> {
  const copies = parseCopies(listText).get(dataset) ?? [];
  return { snapshots: ordered(copies, '@'), bookmarks: ordered(copies, '#') };
}

function toVolume(dataset: string, facts: Facts, copies: readonly Copy[]): Volume | undefined {
  const id = facts.get(properties.volume);
  const role = parseRole(facts.get(properties.role));
  if (!isVolumeId(id) || role === undefined) return undefined;
  const limit = number(facts.get('refquota'));
  const name = facts.get(properties.name);
  const application = facts.get(properties.application);
  const deployment = parseDeployment(facts.get(properties.deployment));
  const owner = facts.get(properties.owner);
  const token = facts.get('receive_resume_token');
  const flags = facts.get(properties.flags);
  const tuning = tuningOf(facts);
  const epoch = number(facts.get(properties.epoch));
  const record = readCopyRecord(
    facts.get(properties.copies),
    epoch,
    copies.map(({ name }) => name),
  );
  return {
    id,
    dataset,
    role,
    epoch,
    mounted: facts.get('mounted') === 'yes',
    usedBytes: number(facts.get('used')),
    referencedBytes: number(facts.get('referenced')),
    writtenBytes: number(facts.get('written')),
    snapshots: ordered(copies, '@'),
    bookmarks: ordered(copies, '#'),
    ...(isVolumeName(name) ? { name } : {}),
    ...(isApplicationName(application) ? { application } : {}),
    ...defined({ deployment, owner }),
    ...(limit === 0 ? {} : { limitBytes: limit }),
    ...defined({ resumeToken: token, flags, copies: record }),
    ...(Object.keys(tuning).length === 0 ? {} : { tuning }),
  };
}

/** Ordered by createtxg, which is exact: creation times are equal within a second and follow the clock. */
function ordered(copies: readonly Copy[], mark: string): readonly Snapshot[] {
  return copies
    .filter((copy) => copy.mark === mark)
    .toSorted((a, b) => (BigInt(a.createTxg) < BigInt(b.createTxg) ? -1 : 1))
    .map(({ name, guid, createTxg }) => ({ name, guid, createTxg }));
}

const roles: ReadonlySet<string> = new Set<VolumeRole>([
  'owner',
  'frozen',
  'released',
  'incoming',
  'replica',
  'diverged',
  'retired',
]);

/** The role; undefined for one that drover does not know, which makes the dataset foreign. */
export function parseRole(text: string | undefined): VolumeRole | undefined {
  // The set holds exactly the members of the union.
  return text !== undefined && roles.has(text) ? (text as VolumeRole) : undefined;
}

/** A larger size is an underflow in zfs (openzfs #12265). */
const absurdBytes = 2 ** 60;

/** The `size` line of `zfs send -nvP`; undefined where it is missing or impossible. */
export function parseEstimate(text: string): number | undefined {
  const sizes = [...text.matchAll(/^size\s+(\d+)\s*$/gm)].map((match) => Number(match[1]));
  const size = sizes.at(-1);
  return size === undefined || size > absurdBytes ? undefined : size;
}

/** The token's contents from `zfs send -nvP -t TOKEN`; undefined where it printed none. */
export function parseToken(text: string): ResumeToken | undefined {
  const guid = /^\s*toguid = (0x[0-9a-f]{1,16}|\d{1,20})\s*$/m.exec(text)?.[1];
  const toName = /^\s*toname = (\S+)\s*$/m.exec(text)?.[1];
  if (guid === undefined || toName === undefined) return undefined;
  const remainingBytes = parseEstimate(text);
  return {
    toGuid: BigInt(guid).toString(),
    toName,
    ...(/^\s*rawok = 1\s*$/m.test(text) ? { isRaw: true } : {}),
    ...defined({ remainingBytes }),
  };
}

/** First release whose compressed streams arrive intact between pools of different ashift (openzfs #12762). */
const soundCompressed = [2, 1, 2] as const;
/** First release with resumable streams, and with -L and -c of `zfs send`. */
const modern = [0, 7, 0] as const;

/**
 * What zfs can do on a node, from the outputs of `poolCommand` and `systemCommand`. A version that cannot be read counts
 * as an old one.
 */
export function parseCapabilities(pool: string, system: string): ZfsCapabilities {
  const [, , , , bookmarks, largeBlocks] = rows(pool)[0] ?? [];
  const [version = ''] = system.split('\n');
  const isOn = (value: string | undefined): boolean => value === 'enabled' || value === 'active';
  return {
    resume: atLeast(version, modern),
    bookmarks: isOn(bookmarks),
    compressed: atLeast(version, soundCompressed),
    largeBlocks: isOn(largeBlocks) && atLeast(version, modern),
  };
}

function atLeast(version: string, wanted: readonly number[]): boolean {
  const found = /(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [0, 0, 0];
  const first = wanted.findIndex((part, at) => part !== found[at]);
  return first === -1 || (found[first] ?? 0) > (wanted[first] ?? 0);
}

/** The send flags of a new volume. They never change: a change of -L between streams can lose data (openzfs #6224). */
export function flagsAtBirth(capabilities: ZfsCapabilities): string {
  const flags = [...(capabilities.largeBlocks ? ['-L'] : []), ...(capabilities.compressed ? ['-c'] : [])];
  return flags.length === 0 ? 'none' : flags.join(' ');
}

/**
 * The pool, from `zpool list -Hp -o name,health,size,free` and `zfs list -Hp -o avail`. The latter follows after a tab or,
 * in the output of `poolCommand`, which has features after `free`, on a line of its own. It is less than `free`, since
 * ZFS reserves 1/32 of a small pool, and at least 128 MiB.
 */
export function parsePool(text: string): PoolFacts | undefined {
  const [[name, health, size, free, ...rest] = [], below] = rows(text);
  if (name === undefined || health === undefined) return undefined;
  const avail = below?.[0] ?? (rest.length === 1 ? rest[0] : undefined) ?? '';
  const available = /^\d+$/.test(avail) ? number(avail) : Number.POSITIVE_INFINITY;
  return { name, health, sizeBytes: number(size), freeBytes: Math.min(number(free), available) };
}

/** Lines of tab-separated columns; empty lines are left out. */
export function rows(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

/** A number of ZFS, such as a size or an epoch, which is far below 2^53; 0 for anything else. */
export function number(text: string | undefined): number {
  const value = text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
  return Number.isSafeInteger(value) ? value : 0;
}
