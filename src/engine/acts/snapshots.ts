import type { Volume } from '../../model/cluster.ts';
import type { AppName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { SnapshotRef } from '../types.ts';
import { type ActContext, cannot, findOwned, lockNode, timeMark, unusedMark, volumesOf } from './context.ts';

/** The prefix of snapshots that people take. Drover never destroys them, and moves leave them where they are. */
const prefix = 'user-';
const allowed = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

/** `before upgrade` is refused, `before-upgrade` and `user-before-upgrade` are the same name. Throws `usage`. */
export function snapshotNameOf(given: string | undefined, at: number): string {
  const name = given?.startsWith(prefix) ? given.slice(prefix.length) : (given ?? timeMark(at));
  if (allowed.test(name)) return `${prefix}${name}`;
  throw new AppError('usage', `cannot use ${JSON.stringify(given)} as a snapshot's name: it is not valid`, {
    hint: 'use letters, digits, "-", "_" and ".", at most 100 of them, beginning with a letter or digit',
  });
}

/** Snapshots all volumes of the application at one moment, under one name. */
export async function snapshotVolumes(
  context: ActContext,
  app: AppName,
  given: string | undefined,
  signal: AbortSignal,
): Promise<readonly SnapshotRef[]> {
  const ids = volumesOf(context, app);
  if (ids.length === 0) throw cannot(context, 'it has no volume', undefined, 'usage');
  const owned = ids.map((id) => findOwned(context, id));
  const snapshot = unusedName(snapshotNameOf(given, context.input.deps.now()), given === undefined ? owned : []);
  const taken = owned.find(({ volume }) => volume.snapshots.some(({ name }) => name === snapshot));
  if (taken !== undefined) {
    throw cannot(context, `"${taken.volume.dataset}@${snapshot}" exists already`, 'choose another name', 'usage');
  }
  const [first] = owned;
  const other = owned.find(({ node }) => node !== first?.node);
  if (first === undefined) return [];
  if (other !== undefined) {
    const why = `its volumes are on "${first.node}" and "${other.node}", and a snapshot is of one moment`;
    throw cannot(context, why, 'run `drover apply`, which brings them together', 'usage');
  }
  const { client, guarded } = await lockNode(context, first.node, signal);
  const datasets = owned.map(({ volume }) => volume.dataset);
  await client.volumes.snapshot(datasets, snapshot, guarded);
  return owned.map(({ node, volume }) => ({ node, volume: volume.id, dataset: volume.dataset, snapshot }));
}

/** Two snapshots of one second would get the same name from their time. */
function unusedName(name: string, owned: readonly { readonly volume: Volume }[]): string {
  const used = new Set(owned.flatMap(({ volume }) => volume.snapshots.map((one) => one.name)));
  let next = name;
  for (let number = 2; used.has(next); number += 1) next = `${name}-${number}`;
  return next;
}

/** Creates a dataset with the snapshot's content. It is not a volume. */
export async function cloneSnapshot(context: ActContext, ref: SnapshotRef, signal: AbortSignal): Promise<string> {
  const { client, guarded } = await lockNode(context, ref.node, signal);
  const target = `${ref.dataset}-clone-${await unusedMark(client, context.input.deps.now(), guarded)}`;
  await client.volumes.clone(ref.dataset, ref.snapshot, target, guarded);
  return target;
}
