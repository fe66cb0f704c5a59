import { bareName } from '../../node/zfs/names.ts';
import type { MemoryContent, MemoryDataset, MemoryMachine, MemorySnapshot } from './types.ts';
import { noContent, refused } from './world.ts';

/** A new empty dataset: unmounted, read-only, without a role. */
export function newDataset(name: string): MemoryDataset {
  return {
    name,
    properties: {},
    mounted: false,
    readonly: true,
    tuning: {},
    limitBytes: undefined,
    content: noContent,
    snapshots: [],
    bookmarks: [],
    partial: undefined,
    filled: false,
    createdAtMs: 0,
    origin: undefined,
  };
}

/** The space of a dataset with a partial receive. */
export function usedBytes(dataset: MemoryDataset): number {
  return dataset.content.bytes + (dataset.partial?.doneBytes ?? 0);
}

/** Bytes between two states of one history. */
export function deltaBytes(base: MemoryContent | undefined, next: MemoryContent): number {
  return next.written - (base?.written ?? 0);
}

/** The dataset with this full name; throws where there is none. */
export function getDataset(machine: MemoryMachine, name: string): MemoryDataset {
  const dataset = machine.datasets.get(name);
  if (dataset === undefined) throw refused('open', name, machine.name, 'dataset does not exist');
  return dataset;
}

/** The snapshot with this name, with or without its `@`. */
export function findSnapshot(dataset: MemoryDataset, name: string): MemorySnapshot | undefined {
  return dataset.snapshots.find((snapshot) => snapshot.name === bareName(name));
}

/** As `findSnapshot`, throwing where there is none. */
export function getSnapshot(machine: MemoryMachine, dataset: MemoryDataset, name: string): MemorySnapshot {
  const snapshot = findSnapshot(dataset, name);
  if (snapshot === undefined) {
    throw refused('find', `${dataset.name}@${bareName(name)}`, machine.name, 'dataset does not exist');
  }
  return snapshot;
}
