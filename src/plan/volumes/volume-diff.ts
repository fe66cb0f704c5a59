import type { Snapshot, Volume } from '../../model/cluster.ts';

/** What has to be sent so that the target has the source's newest snapshot. */
export type VolumeDiff =
  | { readonly kind: 'full' }
  | { readonly kind: 'incremental'; readonly base: Snapshot }
  | { readonly kind: 'up-to-date' }
  | { readonly kind: 'conflict'; readonly sourceOnly: readonly string[]; readonly targetOnly: readonly string[] };

type History = Pick<Volume, 'snapshots' | 'bookmarks'>;

/**
 * Compares by guid, never by name. A bookmark of the source can be a base, like its snapshot. The newest common
 * snapshot must be the target's newest one: drover never rolls a copy back to make it fit (zrepl's rule).
 */
export function diffVolumes(source: History, target: Pick<Volume, 'snapshots'> | undefined): VolumeDiff {
  const newest = target?.snapshots.at(-1);
  if (target === undefined || newest === undefined) return { kind: 'full' };
  if (source.snapshots.at(-1)?.guid === newest.guid) return { kind: 'up-to-date' };
  const base = [...source.snapshots, ...source.bookmarks].find((snapshot) => snapshot.guid === newest.guid);
  if (base !== undefined) return { kind: 'incremental', base };
  return {
    kind: 'conflict',
    sourceOnly: missingFrom(target.snapshots, source.snapshots),
    targetOnly: missingFrom([...source.snapshots, ...source.bookmarks], target.snapshots),
  };
}

/** The target's newest snapshot that the source knows, as a snapshot or a bookmark. */
export function newestCommon(source: History, target: Pick<Volume, 'snapshots'>): Snapshot | undefined {
  const known = new Set([...source.snapshots, ...source.bookmarks].map(({ guid }) => guid));
  return target.snapshots.findLast(({ guid }) => known.has(guid));
}

function missingFrom(other: readonly Snapshot[], own: readonly Snapshot[]): string[] {
  const guids = new Set(other.map((snapshot) => snapshot.guid));
  return own.filter((snapshot) => !guids.has(snapshot.guid)).map((snapshot) => `@${snapshot.name}`);
}
