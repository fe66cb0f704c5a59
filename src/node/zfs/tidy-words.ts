import type { Leftovers, Mark } from '../../engine/run/leftovers.ts';
import { AppError } from '../../model/errors.ts';
import { isOurSnapshot } from '../../model/names.ts';
import { isZfsNumber } from '../../model/untrusted.ts';
import { checkName } from './names.ts';

/** How many words a command gets: others wait for the lock under which it runs. */
const wordsPerCommand = 32;

/**
 * The words of `tidyScript`: `-@NAME=GUID` and `-#NAME=GUID` are destroyed, `@NAME=GUID` only loses its hold. In groups
 * of at most 32; at least one group. Throws `volume-conflict` for a name that is not drover's, and where the base would
 * be destroyed.
 */
export function tidyWords({ base, snapshots, bookmarks, released }: Leftovers): readonly (readonly string[])[] {
  const destroyed = [...snapshots, ...bookmarks].find(({ guid }) => guid === base.guid);
  if (destroyed !== undefined) throw mustStay(destroyed.name, 'the copies have it in common');
  const words = [
    ...snapshots.map((one) => `-@${markWord(one)}`),
    ...bookmarks.map((one) => `-#${markWord(one)}`),
    ...released.map((one) => `@${markWord(one)}`),
  ];
  const groups = Array.from({ length: Math.ceil(words.length / wordsPerCommand) }, (_, index) =>
    words.slice(index * wordsPerCommand, (index + 1) * wordsPerCommand),
  );
  return groups.length === 0 ? [[]] : groups;
}

/** `NAME=GUID`; throws `volume-conflict` where that is not one of drover's. */
export function markWord({ name, guid }: Mark): string {
  if (!isOurSnapshot(name)) throw mustStay(name, "it is not one of drover's own");
  if (!isZfsNumber(guid)) throw mustStay(name, 'its guid is not a number');
  return `${checkName(name)}=${guid}`;
}

function mustStay(name: string, why: string): AppError {
  return new AppError('volume-conflict', `cannot destroy ${JSON.stringify(name)}: ${why}`);
}
