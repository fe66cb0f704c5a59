import type {
  Frozen,
  NewVolume,
  SeenVolume,
  SeenWhole,
  VolumeProperties,
  VolumeStore,
} from '../../engine/volume-store.ts';
import type { Volume } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { printCopyRecord } from '../../model/copy-record.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { datasetLeaf, parseSnapshotName, snapshotName } from '../../model/names.ts';
import { bareName } from '../../node/zfs/names.ts';
import { tuningOf } from '../../node/zfs/tuning.ts';
import { deltaBytes, findSnapshot, getDataset, getSnapshot, newDataset, usedBytes } from './datasets.ts';
import { makeBookmark, tidyDataset } from './tidy.ts';
import type { MemoryDataset, MemoryMachine } from './types.ts';
import { boundDataset, callsOf, isWritableRole, type MemoryWorld, newGuid, recordIn, refused } from './world.ts';

/** Bytes of a stream in addition to its data: OpenZFS sends some hundred bytes for an empty increment. */
export const streamOverheadBytes = 624;

/** Full name of a volume's dataset, the same on every node. */
export function memoryDatasetName(world: MemoryWorld, volume: VolumeId, app: AppName | undefined): string {
  return `${world.seed.pool ?? 'drover'}/${world.seed.datasetRoot ?? 'volumes'}/${datasetLeaf(volume, app)}`;
}

/** Datasets of a machine as `zfs list` shows them. */
export function listVolumes(machine: MemoryMachine): Volume[] {
  return [...machine.datasets.values()].flatMap((dataset) => {
    const { volume, name, application, deployment, role, owner, epoch, flags } = dataset.properties;
    const copies = recordIn(dataset);
    if (volume === undefined) return [];
    const base = dataset.snapshots.at(-1)?.content;
    const children = [...machine.datasets.keys()].filter((name) => name.startsWith(`${dataset.name}/`));
    return [
      {
        id: volume,
        ...defined({ name, application, deployment }),
        dataset: dataset.name,
        role: role ?? 'incoming',
        ...defined({ owner }),
        epoch: epoch ?? 0,
        mounted: dataset.mounted,
        usedBytes: usedBytes(dataset),
        referencedBytes: dataset.content.bytes,
        writtenBytes: deltaBytes(base, dataset.content),
        ...defined({ limitBytes: dataset.limitBytes }),
        snapshots: dataset.snapshots.map(({ name, guid, createTxg }) => ({ name, guid, createTxg: `${createTxg}` })),
        bookmarks: dataset.bookmarks.map(({ name, guid, createTxg }) => ({ name, guid, createTxg: `${createTxg}` })),
        ...(dataset.partial === undefined ? {} : { resumeToken: dataset.partial.token }),
        ...defined({ flags, copies }),
        ...(Object.keys(dataset.tuning).length === 0 ? {} : { tuning: tuningOf(Object.entries(dataset.tuning)) }),
        ...(children.length === 0 ? {} : { children }),
      },
    ];
  });
}

/** Throws where the session has taken the machine's lock and lost it: its commands are late. */
export type MemoryFence = (machine: MemoryMachine) => void;

/** The calls that compare a volume with what was seen, and then change it, as in node/zfs/switch.ts. */
function createMemorySwitch(
  world: MemoryWorld,
  node: NodeName,
  fence: MemoryFence,
): Pick<VolumeStore, 'setProperties' | 'confirm' | 'freeze' | 'acquire' | 'takeOver' | 'tidy'> {
  const { read, write } = callsOf(world, node, 'volumes');
  return {
    setProperties: (seen, next, signal) =>
      write('setProperties', signal, (machine) => {
        fence(machine);
        setProperties(getDataset(machine, seen.dataset), node, seen, next);
      }),
    confirm: (seen, signal) =>
      read('confirm', signal, (machine) => {
        fence(machine);
        compare(getDataset(machine, seen.dataset), node, seen);
      }),
    freeze: (seen, tag, signal) =>
      write('freeze', signal, (machine) => {
        fence(machine);
        return freeze(world, machine, getDataset(machine, seen.dataset), seen, tag);
      }),
    acquire: (seen, next, signal) =>
      write('acquire', signal, (machine) => {
        fence(machine);
        const dataset = getDataset(machine, seen.dataset);
        setProperties(dataset, node, seen, { ...next, role: 'owner' });
        mount(dataset, node);
        return { directory: `/${dataset.name}/data`, isEmpty: dataset.content.bytes === 0 };
      }),
    takeOver: (takes, next, signal) =>
      write('takeOver', signal, (machine) => {
        fence(machine);
        for (const { seen } of takes) compare(getDataset(machine, seen.dataset), node, seen);
        for (const { seen, epoch, snapshot } of takes) {
          const dataset = getDataset(machine, seen.dataset);
          if (findSnapshot(dataset, snapshot) === undefined) takeSnapshots(world, machine, [dataset], snapshot);
          setProperties(dataset, node, seen, { ...next, role: 'owner', epoch });
        }
      }),
    tidy: (seen, leftovers, tag, signal) =>
      write('tidy', signal, (machine) => {
        fence(machine);
        const dataset = getDataset(machine, seen.dataset);
        compare(dataset, node, seen);
        return tidyDataset(machine, dataset, leftovers, tag);
      }),
  };
}

/** A node's datasets behind the engine's interface, with ZFS's errors. */
export function createMemoryVolumes(
  world: MemoryWorld,
  node: NodeName,
  fence: MemoryFence,
): Omit<VolumeStore, 'details' | 'clone' | 'checkSwap' | 'swap' | 'setAside'> {
  const { read, write } = callsOf(world, node, 'volumes');
  return {
    ...createMemorySwitch(world, node, fence),
    list: (signal) => read('list', signal, listVolumes),
    datasetName: (volume, app) => memoryDatasetName(world, volume, app),
    create: (volume, wanted, signal) =>
      write('create', signal, (machine) => {
        fence(machine);
        createVolume(world, machine, volume, wanted);
      }),
    createIncoming: (volume, wanted, signal) =>
      write('createIncoming', signal, (machine) => {
        fence(machine);
        return createIncoming(world, machine, volume, wanted);
      }),
    directory: (dataset, signal) =>
      read('directory', signal, (machine) => {
        if (!getDataset(machine, dataset).mounted)
          throw refused('find the directory of', dataset, node, 'it is not mounted');
        return `/${dataset}/data`;
      }),
    setLimit: (dataset, limitBytes, signal) =>
      write('setLimit', signal, (machine) => {
        const target = getDataset(machine, dataset);
        if (limitBytes !== undefined && limitBytes < target.content.bytes) {
          throw refused('set the limit of', dataset, node, 'size is less than current used or reserved space');
        }
        target.limitBytes = limitBytes;
      }),
    mount: (dataset, signal) => write('mount', signal, (machine) => mount(getDataset(machine, dataset), node)),
    unmount: (dataset, signal) => write('unmount', signal, (machine) => unmount(machine, getDataset(machine, dataset))),
    snapshot: (dataset, name, signal) =>
      write('snapshot', signal, (machine) => {
        fence(machine);
        const datasets = [dataset].flat().map((one) => getDataset(machine, one));
        takeSnapshots(world, machine, datasets, name);
      }),
    hold: (dataset, snapshot, tag, signal) =>
      write('hold', signal, (machine) => {
        getSnapshot(machine, getDataset(machine, dataset), snapshot).holds.add(tag);
      }),
    bookmark: (dataset, snapshot, bookmark, signal) =>
      write('bookmark', signal, (machine) => makeBookmark(machine, getDataset(machine, dataset), snapshot, bookmark)),
    estimate: (dataset, snapshot, base, signal) =>
      read('estimate', signal, (machine) => estimate(machine, getDataset(machine, dataset), snapshot, base)),
    abortReceive: (dataset, signal) =>
      write('abortReceive', signal, (machine) => {
        const target = machine.datasets.get(dataset);
        if (target === undefined) return;
        target.partial = undefined;
        // `zfs receive -A` of a first receive removes the dataset.
        if (target.snapshots.length === 0) machine.datasets.delete(dataset);
      }),
    readToken: (token, signal) => read('readToken', signal, (machine) => readToken(machine, token)),
  };
}

/** `zfs send -nvt` on the sending node, which has the token's snapshot. */
function readToken(machine: MemoryMachine, token: string) {
  const text = Buffer.from(token, 'base64url').toString();
  const [sourceDataset = '', snapshot = '', guid = '', remaining = ''] = text.split('\n');
  const dataset = machine.datasets.get(sourceDataset);
  if (dataset === undefined || findSnapshot(dataset, snapshot)?.guid !== guid) return undefined;
  return { toGuid: guid, toName: `${sourceDataset}@${snapshot}`, remainingBytes: Number(remaining) };
}

function createVolume(
  world: MemoryWorld,
  machine: MemoryMachine,
  volume: VolumeId,
  { name, application, deployment, limitBytes }: NewVolume,
): void {
  const dataset = memoryDatasetName(world, volume, application);
  if (machine.datasets.has(dataset)) throw refused('create', dataset, machine.name, 'dataset already exists');
  machine.datasets.set(dataset, {
    ...newDataset(dataset),
    createdAtMs: world.clock.now(),
    properties: {
      volume,
      ...defined({ name, application, deployment }),
      role: 'owner',
      owner: machine.nodeId,
      epoch: 1,
      copies: printCopyRecord({ epoch: 1, nodes: [] }),
    },
    mounted: true,
    readonly: false,
    limitBytes,
  });
}

/** As `createVolume`, or the dataset that an earlier call has created. */
function createIncoming(world: MemoryWorld, machine: MemoryMachine, volume: VolumeId, wanted: NewVolume): string {
  const name = memoryDatasetName(world, volume, wanted.application);
  const before = machine.datasets.get(name);
  if (before === undefined) {
    createVolume(world, machine, volume, wanted);
    const created = getDataset(machine, name);
    const { owner: _owner, copies: _copies, ...rest } = created.properties;
    created.properties = { ...rest, role: 'incoming', epoch: 0 };
    return name;
  }
  if (before.properties.volume !== volume || before.properties.role !== 'incoming') {
    throw refused('create', name, machine.name, 'dataset already exists');
  }
  before.mounted = true;
  return name;
}

function mount(dataset: MemoryDataset, node: NodeName): void {
  if (dataset.snapshots.length === 0 && dataset.partial !== undefined) {
    throw refused('mount', dataset.name, node, 'it contains partially-complete state');
  }
  dataset.mounted = true;
}

/** Throws where the dataset is not as it was seen; with a guid, also where its content differs. */
export function compare(dataset: MemoryDataset, node: NodeName, seen: SeenVolume | SeenWhole): void {
  const conflict = (why: string) =>
    new AppError('volume-conflict', `cannot set properties of "${dataset.name}" on "${node}": ${why}`);
  const now = dataset.properties;
  const { id: volume, role, owner, epoch, deployment } = seen;
  const expected = { volume, role, owner, epoch, deployment };
  for (const key of ['volume', 'role', 'owner', 'epoch', 'deployment'] as const) {
    if (expected[key] === now[key]) continue;
    throw conflict(`${key} is ${now[key] ?? 'not set'}, expected ${expected[key] ?? 'none'}`);
  }
  if (!('guid' in seen)) return;
  const newest = newestOwn(dataset);
  if (newest?.guid !== seen.guid) throw conflict(`its newest snapshot has guid ${newest?.guid ?? 'none'}`);
  if (dataset.content.written !== newest.content.written) throw conflict('it was written to after its newest snapshot');
}

function setProperties(
  dataset: MemoryDataset,
  node: NodeName,
  seen: SeenVolume | SeenWhole,
  next: VolumeProperties,
): void {
  compare(dataset, node, seen);
  const { record, ...rest } = next;
  const copies = record === undefined ? {} : { copies: printCopyRecord(record) };
  dataset.properties = { ...dataset.properties, ...rest, ...copies };
  if (next.role !== undefined) dataset.readonly = !isWritableRole(next.role);
}

const newestOwn = ({ snapshots }: MemoryDataset) =>
  snapshots.findLast(({ name }) => parseSnapshotName(name) !== undefined);

/** Everything or nothing: compares before it changes. */
function freeze(
  world: MemoryWorld,
  machine: MemoryMachine,
  dataset: MemoryDataset,
  seen: SeenVolume,
  tag: string,
): Frozen {
  compare(dataset, machine.name, seen);
  unmount(machine, dataset);
  dataset.properties = { ...dataset.properties, role: 'frozen' };
  dataset.readonly = true;
  const before = dataset.snapshots.at(-1);
  const isWhole =
    before !== undefined && before === newestOwn(dataset) && before.content.written === dataset.content.written;
  const finalBytes = isWhole ? 0 : deltaBytes(before?.content, dataset.content);
  if (!isWhole) {
    const names = [...dataset.snapshots, ...dataset.bookmarks].flatMap(({ name }) => parseSnapshotName(name) ?? []);
    const numbers = names.flatMap(({ epoch, n }) => (epoch === seen.epoch ? [n] : []));
    takeSnapshots(world, machine, [dataset], snapshotName(seen.epoch, Math.max(0, ...numbers) + 1));
  }
  dataset.snapshots.at(-1)?.holds.add(tag);
  const copy = listVolumes(machine).find((one) => one.dataset === dataset.name);
  if (copy === undefined) throw refused('freeze', dataset.name, machine.name, 'it is not a volume');
  return { copy, finalBytes };
}

function unmount(machine: MemoryMachine, dataset: MemoryDataset): void {
  if (!dataset.mounted) return;
  const container = [...machine.containers.values()].find(
    ({ state, bound, spec }) =>
      state === 'running' && spec.mounts.some(({ volume }) => boundDataset(machine, bound, volume) === dataset),
  );
  const user = container?.name ?? machine.foreignMounts.get(dataset.name);
  if (user !== undefined) {
    const message = `cannot unmount "${dataset.name}" on "${machine.name}": "${user}" is using it`;
    throw new AppError('volume-busy', message, { details: { processes: user } });
  }
  dataset.mounted = false;
}

/** All snapshots in one transaction group, or none. */
function takeSnapshots(
  world: MemoryWorld,
  machine: MemoryMachine,
  datasets: readonly MemoryDataset[],
  name: string,
): void {
  const taken = datasets.find((dataset) => findSnapshot(dataset, name) !== undefined);
  if (taken !== undefined) {
    throw refused('snapshot', `${taken.name}@${bareName(name)}`, machine.name, 'dataset already exists');
  }
  machine.txg += 1;
  for (const dataset of datasets) {
    dataset.snapshots.push({
      name: bareName(name),
      guid: newGuid(world),
      createTxg: machine.txg,
      content: dataset.content,
      createdAtMs: world.clock.now(),
      holds: new Set(),
    });
  }
}

function estimate(
  machine: MemoryMachine,
  dataset: MemoryDataset,
  snapshot: string | undefined,
  base: string | undefined,
): number {
  const to = snapshot === undefined ? dataset.content : getSnapshot(machine, dataset, snapshot).content;
  const from = base === undefined ? undefined : findBase(machine, dataset, base);
  const bytes = from === undefined ? to.bytes : to.written - from.written;
  // Without a snapshot, it is only a count of changes, not a stream.
  return snapshot === undefined ? bytes : bytes + streamOverheadBytes;
}

/** The snapshot (`@name` or `name`) or bookmark (`#name`) from which an increment starts. */
export function findBase(machine: MemoryMachine, dataset: MemoryDataset, base: string) {
  if (base.startsWith('#')) {
    const bookmark = dataset.bookmarks.find((one) => one.name === bareName(base));
    if (bookmark === undefined) throw refused('find', `${dataset.name}${base}`, machine.name, 'no such bookmark');
    return { guid: bookmark.guid, createTxg: bookmark.createTxg, written: bookmark.written };
  }
  const { guid, createTxg, content } = getSnapshot(machine, dataset, base);
  return { guid, createTxg, written: content.written };
}
