import type { Snapshot, Volume } from '../../model/cluster.ts';

/**
 * What a target needs so that it has the source's newest snapshot. `base` is the snapshot or bookmark of the source that
 * both have, and `from` is how `zfs send -i` takes it, `@…` or `#…`.
 */
export type VolumeDiff =
  | { readonly kind: 'full' }
  | { readonly kind: 'incremental' | 'up-to-date'; readonly base: Snapshot; readonly from: string }
  | { readonly kind: 'conflict' };

type History = Pick<Volume, 'snapshots' | 'bookmarks'>;

/**
 * Compares by guid, never by name. The target's newest snapshot must be a snapshot or a bookmark of the source, because
 * drover never rolls a copy back and never forces a receive (zrepl has the same rule).
 */
export function diffVolumes(source: History, target: Pick<Volume, 'snapshots'> | undefined): VolumeDiff {
  const newest = target?.snapshots.at(-1);
  if (newest === undefined) return { kind: 'full' };
  const isNewest = ({ guid }: Snapshot): boolean => guid === newest.guid;
  const snapshot = source.snapshots.find(isNewest);
  if (snapshot !== undefined) {
    const kind = snapshot === source.snapshots.at(-1) ? 'up-to-date' : 'incremental';
    return { kind, base: snapshot, from: `@${snapshot.name}` };
  }
  const bookmark = source.bookmarks.find(isNewest);
  if (bookmark !== undefined) return { kind: 'incremental', base: bookmark, from: `#${bookmark.name}` };
  return { kind: 'conflict' };
}

/** What `zfs send -i` takes for this difference; undefined for a full stream. */
export const sendBase = (diff: VolumeDiff): string | undefined => ('from' in diff ? diff.from : undefined);

/** The target's newest snapshot that the source has too, as a snapshot or a bookmark. */
export function newestCommon(source: History, target: Pick<Volume, 'snapshots'>): Snapshot | undefined {
  const known = new Set([...source.snapshots, ...source.bookmarks].map(({ guid }) => guid));
  return target.snapshots.findLast(({ guid }) => known.has(guid));
}
