import type { Volume } from '../model/cluster.ts';
import { AppError } from '../model/errors.ts';
import { holdTag, parseSnapshotName } from '../model/names.ts';
import type { ActionOf } from '../model/plan.ts';
import type { NodeClient } from './node-client.ts';
import { removeLeft } from './perform-container.ts';
import { diverged, dropOlder, type Ends, finishPartial, openPair, type Pair, readEnds, sendUpTo } from './send.ts';
import { conflict, factsOf, findVolume, getVolume, nodeIdOf, type StepContext } from './step-context.ts';
import { findCommonBase, nextSnapshotName } from './volume-base.ts';

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
  if (volume.role !== 'owner' && volume.role !== 'frozen') {
    throw conflict('freeze', action.volume, action.node, `its role is ${volume.role}`);
  }
  await client.volumes.unmount(volume.dataset, signal);
  if (volume.role === 'owner') {
    const expected = { role: 'owner', owner: self, epoch: volume.epoch } as const;
    await client.volumes.setProperties(volume.dataset, expected, { role: 'frozen' }, signal);
  }
  await takeFinalSnapshot(client, volume, signal);
}

async function takeFinalSnapshot(client: NodeClient, volume: Volume, signal: AbortSignal): Promise<void> {
  const now = await getVolume(client, volume.id, 'freeze', signal);
  const newest = now.snapshots.at(-1);
  const isFinal = newest !== undefined && parseSnapshotName(newest.name) !== undefined && now.writtenBytes === 0;
  if (isFinal) return;
  // That nothing is written after it is checked before the release: the point of no return.
  await client.volumes.snapshot(now.dataset, nextSnapshotName(now.epoch, [now]), signal);
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
  const before = await readEnds(pair, signal);
  // Released, and the target lost the last delta: nobody can have written since, so it is sent again.
  if (before.source.role !== 'frozen' && before.source.role !== 'released') {
    throw conflict(
      'send',
      action.volume,
      action.from,
      `its role is ${before.source.role}, neither frozen nor released`,
    );
  }
  const isPartial = before.target?.resumeToken !== undefined;
  if (isPartial) await finishPartial(pair, context, signal);
  const final = before.source.snapshots.at(-1);
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

/** Both copies end with the same snapshot, and nothing was written to the source since. */
async function checkSameNewest(pair: Pair, signal: AbortSignal): Promise<{ ends: Ends; guid: string }> {
  const ends = await readEnds(pair, signal);
  const guid = ends.source.snapshots.at(-1)?.guid;
  if (guid === undefined || ends.target?.snapshots.at(-1)?.guid !== guid) throw diverged(pair, ends);
  if (ends.source.writtenBytes !== 0) {
    const why = `${ends.source.writtenBytes} bytes were written after its final snapshot`;
    throw conflict('release', pair.volume, pair.from, why);
  }
  return { ends, guid };
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
  const { ends, guid } = await checkSameNewest(pair, signal);
  const { epoch, dataset } = ends.source;
  const expected = { role: 'frozen', owner: nodeIdOf(context, action.from), epoch } as const;
  const next = { role: 'released', owner: targetId, epoch: epoch + 1 } as const;
  await pair.source.volumes.setProperties(dataset, expected, next, signal);
  context.released.set(action.volume, { targetId, epoch: epoch + 1, guid });
}

/** Takes what was released to this node; works without the source where its release is known from before. */
export async function acquireVolume(
  action: ActionOf<'acquire-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.to, signal);
  const self = nodeIdOf(context, action.to);
  const copy = await getVolume(client, action.volume, 'acquire', signal);
  if (copy.role !== 'owner') {
    const release = await readRelease(action, context, signal);
    checkAcquirable(action, copy, self, release);
    const expected = { role: copy.role, epoch: copy.epoch };
    const next = { role: 'owner', owner: self, epoch: release.epoch } as const;
    await client.volumes.setProperties(copy.dataset, expected, next, signal);
  } else if (copy.owner !== self) {
    throw conflict('acquire', action.volume, action.to, `its copy belongs to node id "${copy.owner ?? 'none'}"`);
  }
  await client.volumes.mount(copy.dataset, signal);
}

interface Release {
  readonly owner: string | undefined;
  readonly epoch: number;
  readonly guid: string | undefined;
}

function checkAcquirable(action: ActionOf<'acquire-volume'>, copy: Volume, self: string, release: Release): void {
  const no = (why: string) => conflict('acquire', action.volume, action.to, why);
  if (copy.role !== 'incoming' && copy.role !== 'replica' && copy.role !== 'released') {
    throw no(`its copy is in role ${copy.role}`);
  }
  if (release.owner !== self) throw no(`"${action.from}" has released it to node id "${release.owner ?? 'none'}"`);
  if (release.epoch <= copy.epoch) throw no(`it was released with epoch ${release.epoch}, its copy has ${copy.epoch}`);
  if (release.guid === undefined || copy.snapshots.at(-1)?.guid !== release.guid) {
    throw no(`its newest snapshot is not the one "${action.from}" ended with`);
  }
}

async function readRelease(
  action: ActionOf<'acquire-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<Release> {
  try {
    const source = await findVolume(await context.cluster.node(action.from, signal), action.volume, signal);
    return releaseOf(action, source);
  } catch (error) {
    const isAway = error instanceof AppError && error.code === 'connection-failed';
    if (!isAway) throw error;
    const own = context.released.get(action.volume);
    if (own !== undefined) return { owner: own.targetId, epoch: own.epoch, guid: own.guid };
    const seen = factsOf(context.state, action.from)?.volumes.find(({ id }) => id === action.volume);
    if (seen?.role !== 'released') throw error;
    return releaseOf(action, seen);
  }
}

function releaseOf(action: ActionOf<'acquire-volume'>, source: Volume | undefined): Release {
  if (source?.role === 'released') {
    return { owner: source.owner, epoch: source.epoch, guid: source.snapshots.at(-1)?.guid };
  }
  const why = source === undefined ? 'its copy is gone' : `its role there is ${source.role}, not released`;
  throw conflict('acquire', action.volume, action.to, `"${action.from}" has not released it: ${why}`);
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
    const expected = { role: 'released', epoch: old.epoch } as const;
    await pair.source.volumes.setProperties(old.dataset, expected, { role: 'replica' }, signal);
  } else if (old.role !== 'replica') {
    throw conflict('settle', action.volume, action.from, `its role is ${old.role}, not released`);
  }
  await removeLeft(pair.source, action.volume, signal);
  const base = old.snapshots.findLast((one) => owner.snapshots.some(({ guid }) => guid === one.guid));
  if (base === undefined) return;
  await dropOlder(pair, context, base.guid, signal);
  await releaseHolds(pair.source, action.volume, signal);
  await releaseHolds(pair.target, action.volume, signal);
}

async function releaseHolds(client: NodeClient, id: string, signal: AbortSignal): Promise<void> {
  const volume = await findVolume(client, id, signal);
  for (const { name } of volume?.snapshots.filter((one) => parseSnapshotName(one.name) !== undefined) ?? []) {
    await client.volumes.releaseHold(volume?.dataset ?? '', name, holdTag, signal);
  }
}
