import type { Aside, SeenVolume, VolumeStore, VolumeSwap, ZfsDataset } from '../../engine/volume-store.ts';
import type { NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { getDataset, getSnapshot, newDataset, usedBytes } from './datasets.ts';
import type { MemoryDataset, MemoryMachine } from './types.ts';
import { compare, type MemoryFence } from './volumes.ts';
import { callsOf, type MemoryWorld, refused } from './world.ts';

/** What users do with snapshots: list them, clone them, go back to one. */
export type MemoryCopies = Pick<VolumeStore, 'details' | 'clone' | 'checkSwap' | 'swap' | 'setAside'>;

/** The part of a node's store that is about the content of snapshots, with ZFS's errors. */
export function createMemoryCopies(world: MemoryWorld, node: NodeName, fence: MemoryFence): MemoryCopies {
  const { read, write } = callsOf(world, node, 'volumes');
  return {
    details: (signal) => read('details', signal, listDetails),
    clone: (dataset, snapshot, target, signal) =>
      write('clone', signal, (machine) => clone(world, machine, dataset, snapshot, target)),
    checkSwap: (signal) => read('checkSwap', signal, () => undefined),
    swap: (swaps, signal) =>
      write('swap', signal, (machine) => {
        fence(machine);
        swapAll(machine, swaps);
      }),
    setAside: (seen, aside, signal) =>
      write('setAside', signal, (machine) => {
        fence(machine);
        setAside(world, machine, seen, aside);
      }),
  };
}

function listDetails(machine: MemoryMachine): ZfsDataset[] {
  return [...machine.datasets.values()]
    .map((dataset): ZfsDataset => {
      const { volume, name: volumeName, application, role } = dataset.properties;
      return {
        name: dataset.name,
        ...defined({ volume, volumeName, application, role }),
        usedBytes: usedBytes(dataset),
        referencedBytes: dataset.content.bytes,
        compressRatio: 1,
        createdAt: dataset.createdAtMs,
        snapshots: dataset.snapshots.map(({ name, content, holds, createdAtMs }) => ({
          name,
          createdAt: createdAtMs,
          usedBytes: 0,
          referencedBytes: content.bytes,
          holds: [...holds],
        })),
      };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function clone(world: MemoryWorld, machine: MemoryMachine, name: string, snapshot: string, target: string): void {
  const dataset = getDataset(machine, name);
  const { content } = getSnapshot(machine, dataset, snapshot);
  if (machine.datasets.has(target)) throw refused('create', target, machine.name, 'dataset already exists');
  machine.datasets.set(target, {
    ...newDataset(target),
    createdAtMs: world.clock.now(),
    content,
    filled: dataset.filled,
    origin: { dataset: name, snapshot },
  });
}

function setAside(world: MemoryWorld, machine: MemoryMachine, seen: SeenVolume, aside: Aside): void {
  const before = getDataset(machine, seen.dataset);
  compare(before, machine.name, seen);
  if (before.mounted) throw new AppError('volume-busy', `cannot rename "${before.name}": it is mounted`);
  const { next } = aside;
  if (next !== undefined) getSnapshot(machine, before, next.snapshot);
  if (before.name !== aside.dataset && machine.datasets.has(aside.dataset))
    throw refused('rename', aside.dataset, machine.name, 'dataset already exists');
  const kept = { ...before, name: aside.dataset, readonly: true };
  machine.datasets.delete(before.name);
  machine.datasets.set(kept.name, kept);
  for (const other of machine.datasets.values()) {
    if (other.origin?.dataset === before.name) other.origin = { ...other.origin, dataset: kept.name };
  }
  if (next !== undefined) {
    clone(world, machine, kept.name, next.snapshot, next.dataset);
    const copy = getDataset(machine, next.dataset);
    promote(machine, copy);
    copy.tuning = kept.tuning;
    const { flags } = kept.properties;
    copy.properties = { ...next.properties, role: 'replica', ...defined({ flags }) };
  }
  kept.properties = { ...kept.properties, role: 'retired', volume: aside.retiredAs };
}

/** Every change is checked before the first one is made. */
function swapAll(machine: MemoryMachine, swaps: readonly VolumeSwap[]): void {
  for (const one of swaps) checkSwap(machine, one);
  for (const { seen, target, retiredAs } of swaps) {
    const dataset = getDataset(machine, seen.dataset);
    const next = getDataset(machine, target);
    const { epoch = 0 } = dataset.properties;
    promote(machine, next);
    next.limitBytes = dataset.limitBytes;
    next.readonly = false;
    next.tuning = dataset.tuning;
    next.properties = { ...dataset.properties, role: 'owner', owner: machine.nodeId, epoch: epoch + 1 };
    dataset.properties = { ...dataset.properties, role: 'retired', volume: retiredAs };
  }
}

function checkSwap(machine: MemoryMachine, { seen, target }: VolumeSwap): void {
  const name = seen.dataset;
  const dataset = getDataset(machine, name);
  const next = getDataset(machine, target);
  const { role, owner, epoch = 0, volume, deployment } = dataset.properties;
  const refuse = (why: string) =>
    new AppError('volume-conflict', `cannot swap dataset "${name}" on "${machine.name}": ${why}`);
  if (role !== 'frozen' || owner !== machine.nodeId) throw refuse('it is not frozen by this node');
  if (volume !== seen.id || epoch !== seen.epoch) {
    throw refuse(`it is not volume "${seen.id}" with epoch ${seen.epoch}, which was seen`);
  }
  if (deployment !== seen.deployment) throw refuse(`it is of the deployment "${deployment ?? ''}"`);
  if (dataset.mounted || next.mounted) throw refuse('it is mounted');
  if (next.properties.volume !== undefined) throw refuse('the clone is a volume already');
  findPromoted(machine, next);
}

/** `zfs promote`: the snapshots up to the origin move to the clone, and its parent becomes a clone of it. */
function promote(machine: MemoryMachine, clone: MemoryDataset): void {
  const { parent, last, moved } = findPromoted(machine, clone);
  parent.snapshots = parent.snapshots.filter((one) => !moved.includes(one));
  clone.snapshots = [...moved, ...clone.snapshots];
  const above = parent.origin;
  for (const other of machine.datasets.values()) {
    const { origin } = other;
    if (origin?.dataset === parent.name && moved.some(({ name }) => name === origin.snapshot)) {
      other.origin = { ...origin, dataset: clone.name };
    }
  }
  clone.origin = above;
  parent.origin = { dataset: clone.name, snapshot: last.name };
}

/** What a promotion moves. Throws where ZFS refuses it. */
function findPromoted(machine: MemoryMachine, clone: MemoryDataset) {
  if (clone.origin === undefined) throw refused('promote', clone.name, machine.name, 'not a cloned filesystem');
  const parent = getDataset(machine, clone.origin.dataset);
  const last = getSnapshot(machine, parent, clone.origin.snapshot);
  const moved = parent.snapshots.filter((one) => one.createTxg <= last.createTxg);
  const twice = moved.find(({ name }) => clone.snapshots.some((own) => own.name === name));
  if (twice !== undefined) throw refused('promote', clone.name, machine.name, `it has a snapshot @${twice.name} too`);
  return { parent, last, moved };
}
