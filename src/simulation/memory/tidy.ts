import type { Leftovers } from '../../engine/run/leftovers.ts';
import { AppError } from '../../model/errors.ts';
import { bareName } from '../../node/zfs/names.ts';
import { markWord, tidyWords } from '../../node/zfs/switch-scripts.ts';
import { findSnapshot, getSnapshot } from './datasets.ts';
import type { MemoryDataset, MemoryMachine, MemorySnapshot } from './types.ts';
import { hasClones, refused } from './world.ts';

/** The effect of `tidyScript`, after the caller has compared the volume. Returns what stays, with the reasons. */
export function tidyDataset(
  machine: MemoryMachine,
  dataset: MemoryDataset,
  leftovers: Leftovers,
  tag: string,
): readonly string[] {
  const { base, isMarked } = leftovers;
  markWord(base);
  const words = tidyWords(leftovers).flat();
  if (findSnapshot(dataset, base.name)?.guid !== base.guid) {
    const why = `it has no snapshot @${base.name} with guid ${base.guid}`;
    throw new AppError('volume-conflict', `cannot tidy up dataset "${dataset.name}" on "${machine.name}": ${why}`);
  }
  if (isMarked) makeBookmark(machine, dataset, base.name, base.name);
  return words.flatMap((word) => {
    const [name = '', guid = ''] = word.replace(/^-/, '').split('=');
    const why = tidyOne(machine, dataset, { name, guid, tag, isDestroyed: word.startsWith('-') });
    return why === undefined ? [] : [`"${dataset.name}${name}" on "${machine.name}": ${why}`];
  });
}

interface Leftover {
  /** With its `@` or `#`. */
  readonly name: string;
  readonly guid: string;
  readonly tag: string;
  readonly isDestroyed: boolean;
}

/** Why it stays although it should not. */
function tidyOne(
  machine: MemoryMachine,
  dataset: MemoryDataset,
  { name, guid, tag, isDestroyed }: Leftover,
): string | undefined {
  const isSnapshot = name.startsWith('@');
  const marks = isSnapshot ? dataset.snapshots : dataset.bookmarks;
  const found = marks.find((one) => one.name === bareName(name));
  if (found === undefined) return undefined;
  if (found.guid !== guid) return `its guid is ${found.guid}, not ${guid}`;
  const snapshot = isSnapshot ? findSnapshot(dataset, name) : undefined;
  snapshot?.holds.delete(tag);
  if (!isDestroyed) return undefined;
  if (snapshot === undefined) {
    dataset.bookmarks = dataset.bookmarks.filter((one) => one !== found);
    return undefined;
  }
  return destroySnapshot(machine, dataset, snapshot);
}

function destroySnapshot(machine: MemoryMachine, dataset: MemoryDataset, snapshot: MemorySnapshot): string | undefined {
  if (hasClones(machine, dataset, snapshot)) return undefined;
  if (dataset.partial?.baseGuid === snapshot.guid) return 'dataset is busy: a partial receive builds on it';
  if (snapshot.holds.size > 0) return 'dataset is busy: it has holds';
  dataset.snapshots = dataset.snapshots.filter((one) => one !== snapshot);
  return undefined;
}

/** Does nothing where the bookmark exists; throws where it is another snapshot's. */
export function makeBookmark(machine: MemoryMachine, dataset: MemoryDataset, snapshot: string, bookmark: string): void {
  const { guid, createTxg, content } = getSnapshot(machine, dataset, snapshot);
  const existing = dataset.bookmarks.find((one) => one.name === bareName(bookmark));
  if (existing?.guid === guid) return;
  if (existing !== undefined) {
    throw refused('bookmark', `${dataset.name}#${bareName(bookmark)}`, machine.name, 'bookmark exists');
  }
  dataset.bookmarks.push({ name: bareName(bookmark), guid, createTxg, written: content.written });
}
