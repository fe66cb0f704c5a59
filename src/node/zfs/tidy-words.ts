import type { Leftovers, Mark } from '../../engine/run/leftovers.ts';
import { AppError } from '../../model/errors.ts';
import { isOurSnapshot } from '../../model/names.ts';
import { isZfsNumber } from '../../model/untrusted.ts';
import { checkName } from './names.ts';

/** The lock under which a node tidies up keeps others waiting: what is more comes in a command of its own. */
const atOnce = 32;

/**
 * What goes and what is let go of, for the command of a node: `-@NAME=GUID` and `-#NAME=GUID` are destroyed,
 * `@NAME=GUID` only loses its hold. In groups of at most 32, at least one. Throws `volume-conflict` where a name is not
 * one of drover's, or the base is to be destroyed.
 */
export function tidyWords({ base, snapshots, bookmarks, released }: Leftovers): readonly (readonly string[])[] {
  const destroyed = [...snapshots, ...bookmarks].find(({ guid }) => guid === base.guid);
  if (destroyed !== undefined) throw no(destroyed.name, 'it is what the copies have in common');
  const words = [
    ...snapshots.map((one) => `-@${markWord(one)}`),
    ...bookmarks.map((one) => `-#${markWord(one)}`),
    ...released.map((one) => `@${markWord(one)}`),
  ];
  const groups = Array.from({ length: Math.ceil(words.length / atOnce) }, (_, index) =>
    words.slice(index * atOnce, (index + 1) * atOnce),
  );
  return groups.length === 0 ? [[]] : groups;
}

/** `NAME=GUID`; throws `volume-conflict` where that is not one of drover's. */
export function markWord({ name, guid }: Mark): string {
  if (!isOurSnapshot(name)) throw no(name, "it is not one of drover's own");
  if (!isZfsNumber(guid)) throw no(name, 'its guid is no number');
  return `${checkName(name)}=${guid}`;
}

function no(name: string, why: string): AppError {
  return new AppError('volume-conflict', `cannot destroy ${JSON.stringify(name)}: ${why}`);
}
