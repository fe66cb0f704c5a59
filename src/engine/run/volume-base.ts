import type { Snapshot, Volume } from '../../model/cluster.ts';
import { parseSnapshotName, snapshotName } from '../../model/names.ts';
import type { NodeClient } from '../node-client.ts';

/** Where an incremental send can start: at the newest snapshot of the target, which the source has by guid. */
export type BaseResult =
  | { readonly kind: 'none' }
  | { readonly kind: 'base'; readonly guid: string; readonly createTxg: string; readonly name: string }
  | { readonly kind: 'diverged' };

/** Orders snapshots by creation on one pool. The numbers have 64 bits, so they are text. */
export function compareTxg(a: Snapshot, b: Snapshot): number {
  const [left, right] = [BigInt(a.createTxg), BigInt(b.createTxg)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * The common base of two copies: the target's newest snapshot must be a snapshot or a bookmark of the source, because
 * a receive is never forced. `name` is what `zfs send -i` takes, `@…` or `#…`.
 */
export function findCommonBase(source: Volume, target: Volume | undefined): BaseResult {
  const newest = target?.snapshots.at(-1);
  if (newest === undefined) return { kind: 'none' };
  const snapshot = source.snapshots.find((one) => one.guid === newest.guid);
  if (snapshot !== undefined) return { kind: 'base', ...snapshot, name: `@${snapshot.name}` };
  const bookmark = source.bookmarks.find((one) => one.guid === newest.guid);
  if (bookmark !== undefined) return { kind: 'base', ...bookmark, name: `#${bookmark.name}` };
  return { kind: 'diverged' };
}

/** Drover's newest snapshot. People and other programs take snapshots at any moment. */
export function newestOwn(copy: Volume): Snapshot | undefined {
  return copy.snapshots.findLast(({ name }) => parseSnapshotName(name) !== undefined);
}

/** True where the newest snapshot is drover's, and nothing was written since. */
export function isWhole(copy: Volume): boolean {
  const newest = copy.snapshots.at(-1);
  return newest !== undefined && newest === newestOwn(copy) && copy.writtenBytes === 0;
}

/** Bytes written to this copy since that snapshot, even if other programs have taken snapshots after it. */
export async function writtenSince(
  client: NodeClient,
  copy: Volume,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<number> {
  if (copy.snapshots.at(-1)?.guid === snapshot.guid) return copy.writtenBytes;
  const bytes = await client.volumes.estimate(copy.dataset, undefined, `@${snapshot.name}`, signal);
  return bytes ?? Number.POSITIVE_INFINITY;
}

/** The name for the next snapshot of this epoch, after those that both copies have. */
export function nextSnapshotName(epoch: number, copies: readonly (Volume | undefined)[]): string {
  const numbers = copies.flatMap((copy) =>
    [...(copy?.snapshots ?? []), ...(copy?.bookmarks ?? [])].flatMap(({ name }) => {
      const parsed = parseSnapshotName(name);
      return parsed?.epoch === epoch ? [parsed.n] : [];
    }),
  );
  return snapshotName(epoch, Math.max(0, ...numbers) + 1);
}

/** Drover's snapshots (or bookmarks) that are older than `keep` and that no copy needs as its base. */
export function droppable(
  marks: readonly Snapshot[],
  keep: Snapshot,
  needed: ReadonlySet<string>,
): readonly Snapshot[] {
  return marks.filter(
    (one) =>
      parseSnapshotName(one.name) !== undefined &&
      one.guid !== keep.guid &&
      !needed.has(one.guid) &&
      compareTxg(one, keep) < 0,
  );
}

/**
 * The snapshots from which these copies can be brought up to date: for each copy the newest one that the sender has too.
 * Newer ones that only the copy has belong to another program.
 */
export function basesFor(copies: readonly Volume[], { snapshots, bookmarks }: Volume): Set<string> {
  const known = new Set([...snapshots, ...bookmarks].map(({ guid }) => guid));
  return new Set(copies.flatMap((copy) => copy.snapshots.findLast(({ guid }) => known.has(guid))?.guid ?? []));
}

/** The newest snapshots of a copy, for the message of a conflict. */
export function describeSnapshots(volume: Volume | undefined): string {
  const names = volume?.snapshots.map(({ name, guid }) => `@${name} (${guid})`) ?? [];
  return names.length === 0 ? 'no snapshots' : names.slice(-5).join(', ');
}
