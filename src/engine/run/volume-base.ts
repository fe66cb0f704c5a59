import type { Snapshot, Volume } from '../../model/cluster.ts';
import { parseSnapshotName, snapshotName } from '../../model/names.ts';
import { newestCommon } from '../../plan/volumes/volume-diff.ts';
import type { NodeClient } from '../node-client.ts';

/** Orders snapshots by creation on one pool. The numbers have 64 bits, so they are text. */
export function compareTxg(a: Snapshot, b: Snapshot): number {
  const [left, right] = [BigInt(a.createTxg), BigInt(b.createTxg)];
  return left < right ? -1 : left > right ? 1 : 0;
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
export function basesFor(copies: readonly Volume[], sender: Volume): Set<string> {
  return new Set(copies.flatMap((copy) => newestCommon(sender, copy)?.guid ?? []));
}

/** The newest snapshots of a copy, for the message of a conflict. */
export function describeSnapshots(volume: Volume | undefined): string {
  const names = volume?.snapshots.map(({ name, guid }) => `@${name} (${guid})`) ?? [];
  return names.length === 0 ? 'no snapshots' : names.slice(-5).join(', ');
}
