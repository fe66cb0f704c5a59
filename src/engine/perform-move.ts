import type { Snapshot, Volume } from '../model/cluster.ts';
import { holdTag, parseSnapshotName } from '../model/names.ts';
import type { ActionOf } from '../model/plan.ts';
import type { NodeClient } from './node-client.ts';
import { removeLeft } from './perform-container.ts';
import { diverged, dropOlder, type Ends, finishPartial, openPair, type Pair, readEnds, sendUpTo } from './send.ts';
import { conflict, findVolume, getVolume, nodeIdOf, type StepContext, tidyUp } from './step-context.ts';
import { findCommonBase, isWhole, newestOwn, nextSnapshotName, writtenSince } from './volume-base.ts';

/** Send rounds while the application runs, until little is left, nothing shrinks any more, or the rounds are used up. */
export async function syncVolume(
  action: ActionOf<'sync-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const pair = await openPair(action, context, signal);
  const { belowBytes, maxRounds } = context.config.settings.switch;
  let previousBytes = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= maxRounds; round += 1) {
    const goesOn = await context.transfers.use(
      action.from,
      action.to,
      async () => {
        await finishPartial(pair, context, signal);
        const ends = await readEnds(pair, signal);
        // Frozen or released by an earlier run: nothing is written any more, the final send does the rest.
        if (ends.source.role !== 'owner') return false;
        const deltaBytes = await predictDelta(pair, ends, signal);
        if (deltaBytes !== undefined && (deltaBytes < belowBytes || deltaBytes >= previousBytes)) return false;
        previousBytes = deltaBytes ?? previousBytes;
        const name = nextSnapshotName(ends.source.epoch, [ends.source, ends.target]);
        await pair.source.volumes.snapshot(ends.source.dataset, name, signal);
        await sendUpTo(pair, context, name, { what: `round ${round}` }, signal);
        return true;
      },
      signal,
    );
    if (!goesOn) return;
  }
}

/** Bytes that would cross now; undefined where nothing has crossed yet or this zfs gives no estimate. */
async function predictDelta(pair: Pair, ends: Ends, signal: AbortSignal): Promise<number | undefined> {
  const base = findCommonBase(ends.source, ends.target);
  if (base.kind === 'diverged') throw diverged(pair, ends);
  if (base.kind === 'none') return undefined;
  if (ends.source.snapshots.at(-1)?.guid === base.guid) return ends.source.writtenBytes;
  return pair.source.volumes.estimate(ends.source.dataset, undefined, base.name, signal);
}

/** Unmounting is the proof that nobody writes; only then the role changes and the final snapshot is taken. */
export async function freezeVolume(
  action: ActionOf<'freeze-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const self = nodeIdOf(context, action.node);
  const volume = await getVolume(client, action.volume, 'freeze', signal);
  if ((volume.role !== 'owner' && volume.role !== 'frozen') || volume.owner !== self) {
    throw conflict('freeze', action.volume, action.node, `this node does not own it (role ${volume.role})`);
  }
  await client.volumes.unmount(volume.dataset, signal);
  if (volume.role === 'owner') await client.volumes.setProperties(volume, { role: 'frozen' }, signal);
  await takeFinalSnapshot(client, await getVolume(client, volume.id, 'freeze', signal), signal);
}

/** True where one was taken. That nothing is written after it is checked before the release: the point of no return. */
async function takeFinalSnapshot(client: NodeClient, now: Volume, signal: AbortSignal): Promise<boolean> {
  if (isWhole(now)) return false;
  await client.volumes.snapshot(now.dataset, nextSnapshotName(now.epoch, [now]), signal);
  return true;
}

/**
 * The last delta. It takes no transfer slot: the application is stopped and the delta small, while another
 * application's first sync may hold the slot for hours.
 */
export async function sendFinal(
  action: ActionOf<'send-final'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const pair = await openPair(action, context, signal);
  let before = await readEnds(pair, signal);
  // Released, and the target lost the last delta: nothing can have been written since, so it is sent again.
  if (before.source.role !== 'frozen' && before.source.role !== 'released') {
    throw conflict(
      'send',
      action.volume,
      action.from,
      `its role is ${before.source.role}, neither frozen nor released`,
    );
  }
  // A snapshot job may have come after the freeze: the last snapshot has to be one of drover's.
  if (before.source.role === 'frozen' && (await takeFinalSnapshot(pair.source, before.source, signal))) {
    before = await readEnds(pair, signal);
  }
  const isPartial = before.target?.resumeToken !== undefined;
  if (isPartial) await finishPartial(pair, context, signal);
  const final = newestOwn(before.source);
  if (final === undefined) throw conflict('send', action.volume, action.from, 'it has no final snapshot');
  // What arrived is compared again by the release, and by the acquire.
  await sendUpTo(
    pair,
    context,
    final.name,
    { what: 'final delta', isDown: true },
    signal,
    isPartial ? undefined : before,
  );
}

/** The target has the source's last snapshot of drover's, and nothing was written to the source since. */
async function checkAllIsThere(pair: Pair, signal: AbortSignal): Promise<{ ends: Ends; guid: string }> {
  const ends = await readEnds(pair, signal);
  const no = (why: string) => conflict('release', pair.volume, pair.from, why);
  const final = newestOwn(ends.source);
  if (final === undefined) throw no('it has no final snapshot');
  if (ends.target === undefined || newestOwn(ends.target)?.guid !== final.guid) {
    throw no(`the copy on "${pair.to}" does not end with its final snapshot @${final.name}`);
  }
  const bytes = await writtenSince(pair.source, ends.source, final, signal);
  if (bytes !== 0) throw no(`${bytes} bytes were written after its final snapshot @${final.name}`);
  return { ends, guid: final.guid };
}

/** The point of no return: from here on only the target may become owner (or a reclaim with a higher epoch). */
export async function releaseVolume(
  action: ActionOf<'release-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const pair = await openPair(action, context, signal);
  const targetId = nodeIdOf(context, action.to);
  const now = await getVolume(pair.source, action.volume, 'release', signal);
  if (now.role === 'released' && now.owner === targetId) return;
  const { ends, guid } = await checkAllIsThere(pair, signal);
  const { role, owner, epoch } = ends.source;
  if (role !== 'frozen' || owner !== nodeIdOf(context, action.from)) {
    throw conflict('release', action.volume, action.from, `this node has not frozen it (role ${role})`);
  }
  const next = { role: 'released', owner: targetId, epoch: epoch + 1 } as const;
  await pair.source.volumes.setProperties(ends.source, next, signal);
  context.released.set(action.volume, { targetId, epoch: epoch + 1, guid });
}

/** The old copy becomes a replica; both sides keep one common snapshot, so that a way back is short. */
export async function settleVolume(
  action: ActionOf<'settle-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const pair = await openPair(action, context, signal);
  const owner = await getVolume(pair.target, action.volume, 'settle', signal);
  const old = await getVolume(pair.source, action.volume, 'settle', signal);
  if (owner.role !== 'owner')
    throw conflict('settle', action.volume, action.to, `its role is ${owner.role}, not owner`);
  if (old.role === 'released') {
    await pair.source.volumes.setProperties(old, { role: 'replica' }, signal);
  } else if (old.role !== 'replica') {
    throw conflict('settle', action.volume, action.from, `its role is ${old.role}, not released`);
  }
  await tidyUp(context, signal, () => removeLeft(pair.source, action.volume, signal));
  // One of drover's own: what a snapshot job has taken, it removes again.
  const isOurs = ({ name }: Snapshot) => parseSnapshotName(name) !== undefined;
  const base = old.snapshots.findLast((one) => isOurs(one) && owner.snapshots.some(({ guid }) => guid === one.guid));
  if (base === undefined) return;
  await tidyUp(context, signal, async () => {
    await dropOlder(pair, context, base.guid, signal);
    await releaseHolds(pair.source, action.volume, signal);
    await releaseHolds(pair.target, action.volume, signal);
  });
}

async function releaseHolds(client: NodeClient, id: string, signal: AbortSignal): Promise<void> {
  const volume = await findVolume(client, id, signal);
  for (const { name } of volume?.snapshots.filter((one) => parseSnapshotName(one.name) !== undefined) ?? []) {
    await client.volumes.releaseHold(volume?.dataset ?? '', name, holdTag, signal);
  }
}
