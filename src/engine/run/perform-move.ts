import type { Snapshot, Volume } from '../../model/cluster.ts';
import { defined } from '../../model/defined.ts';
import { holdTag } from '../../model/names.ts';
import type { ActionOf } from '../../model/plan.ts';
import { diffVolumes } from '../../plan/volumes/volume-diff.ts';
import type { NodeClient } from '../node-client.ts';
import { nodesWithTarget, noteTarget, recordOf } from './copy-record.ts';
import { type Copies, openPair, type Pair, pauseStandbys, readCopies } from './pair.ts';
import { removeLeft } from './perform-container.ts';
import { diverged, finishPartial, sendUpTo } from './send.ts';
import { conflict, getVolume, nodeIdOf, type StepContext, tidyUp } from './step-context.ts';
import { tidyCopies } from './tidy-copies.ts';
import { isWhole, newestOwn, nextSnapshotName } from './volume-base.ts';

/** Sends in rounds while the application runs, until little is left, the rest no longer shrinks, or the rounds are used up. */
export async function syncVolume(
  action: ActionOf<'sync-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const pair = await openPair(action, context, signal);
  await pauseStandbys(pair, context, signal);
  const { belowBytes, maxRounds } = context.config.settings.switch;
  let previousBytes = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= maxRounds; round += 1) {
    const goesOn = await context.transfers.use(
      action.from,
      action.to,
      async () => {
        const copies = await finishPartial(pair, context, signal);
        saw(context, pair, copies);
        // Frozen or released by an earlier run: nothing is written any more, and the final send sends the rest.
        if (copies.source.role !== 'owner') return false;
        const deltaBytes = await predictDelta(pair, copies, signal);
        if (deltaBytes !== undefined && (deltaBytes < belowBytes || deltaBytes >= previousBytes)) return false;
        previousBytes = deltaBytes ?? previousBytes;
        forget(context, pair);
        const name = nextSnapshotName(copies.source.epoch, [copies.source, copies.target]);
        await pair.source.volumes.snapshot(copies.source.dataset, name, signal);
        await noteTarget(pair, copies.source, context, signal, name);
        await sendUpTo(pair, context, name, { what: `round ${round}` }, signal);
        return true;
      },
      signal,
    );
    if (!goesOn) return;
  }
}

/** Bytes that a send would take now; undefined before the first one, or where this zfs gives no estimate. */
async function predictDelta(pair: Pair, copies: Copies, signal: AbortSignal): Promise<number | undefined> {
  const diff = diffVolumes(copies.source, copies.target);
  if (diff.kind === 'conflict') throw diverged(pair, copies);
  if (diff.kind === 'full') return undefined;
  if (diff.kind === 'up-to-date') return copies.source.writtenBytes;
  return pair.source.volumes.estimate(copies.source.dataset, undefined, diff.from, signal);
}

/** Remembers both copies, so that later steps need not read them again. */
function saw({ known }: StepContext, { from, to }: Pair, { source, target }: Copies): void {
  known.saw(from, source);
  if (target !== undefined) known.saw(to, target);
}

function forget({ known }: StepContext, { from, to, volume }: Pair): void {
  for (const node of [from, to]) known.forget(node, volume);
}

/** Both copies as this pass last read or changed them; undefined where it has not read one. */
function knownCopies({ known }: StepContext, { from, to, volume }: Pair) {
  const [source, target] = [known.copy(from, volume), known.copy(to, volume)];
  return source === undefined || target === undefined ? undefined : { source, target };
}

/** Unmounting proves that no process writes. Only then the role changes and the final snapshot is taken. */
export async function freezeVolume(
  action: ActionOf<'freeze-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const seen = context.known.copy(action.node, action.volume);
  await freeze(client, seen ?? (await getVolume(client, action.volume, 'freeze', signal)), context, signal);
}

/** The release, which is the point of no return, checks that nothing is written after the final snapshot. */
async function freeze(client: NodeClient, seen: Volume, context: StepContext, signal: AbortSignal): Promise<Volume> {
  if ((seen.role !== 'owner' && seen.role !== 'frozen') || seen.owner !== nodeIdOf(context, client.node)) {
    throw conflict('freeze', seen.id, client.node, `this node does not own it (role ${seen.role})`);
  }
  const { copy: found, finalBytes } = await client.volumes.freeze(seen, holdTag, signal);
  // The final snapshot is newer than the record, and has been sent nowhere.
  const copy = seen.copies === undefined ? found : { ...found, copies: seen.copies };
  context.known.saw(client.node, copy);
  context.known.finalBytes.set(copy.id, finalBytes);
  return copy;
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
  await pauseStandbys(pair, context, signal);
  let before: Copies = knownCopies(context, pair) ?? (await readCopies(pair, signal));
  // Where it is released and the target lost the last delta, nothing was written since: it is sent again.
  if (before.source.role !== 'frozen' && before.source.role !== 'released') {
    throw conflict(
      'send',
      action.volume,
      action.from,
      `its role is ${before.source.role}, neither frozen nor released`,
    );
  }
  // Another program may have taken a snapshot after the freeze: the last one has to be drover's.
  if (before.source.role === 'frozen' && !isWhole(before.source)) {
    before = { ...before, source: await freeze(pair.source, before.source, context, signal) };
  }
  if (before.target?.resumeToken !== undefined) before = await finishPartial(pair, context, signal);
  const final = newestOwn(before.source);
  if (final === undefined) throw conflict('send', action.volume, action.from, 'it has no final snapshot');
  // The release and the acquire check again what arrived.
  await sendUpTo(pair, context, final.name, { what: 'final delta', isDown: true }, signal, before);
}

/** The final snapshot, which the target must have. The release command checks that nothing was written since. */
function findFinal(pair: Pair, copies: Copies): Snapshot {
  const no = (why: string) => conflict('release', pair.volume, pair.from, why);
  const final = newestOwn(copies.source);
  if (final === undefined) throw no('it has no final snapshot');
  if (copies.target === undefined || newestOwn(copies.target)?.guid !== final.guid) {
    throw no(`the copy on "${pair.to}" does not end with its final snapshot @${final.name}`);
  }
  return final;
}

/** The point of no return: from now on only the target may become the owner, or the source with a higher epoch. */
export async function releaseVolume(
  action: ActionOf<'release-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const pair = await openPair(action, context, signal);
  const targetId = nodeIdOf(context, action.to);
  let copies: Copies | undefined = knownCopies(context, pair);
  if (copies === undefined) {
    const now = await getVolume(pair.source, action.volume, 'release', signal);
    if (now.role === 'released' && now.owner === targetId) return;
    copies = await readCopies(pair, signal);
  }
  const { guid } = findFinal(pair, copies);
  const { role, owner, epoch } = copies.source;
  if (role !== 'frozen' || owner !== nodeIdOf(context, action.from)) {
    throw conflict('release', action.volume, action.from, `this node has not frozen it (role ${role})`);
  }
  const next = { role: 'released', owner: targetId, epoch: epoch + 1 } as const;
  const holders = nodesWithTarget(copies.source, pair, context);
  const record = holders === undefined ? {} : { record: recordOf(copies.source, next.epoch, holders) };
  await pair.source.volumes.setProperties({ ...copies.source, guid }, { ...next, ...record }, signal);
  const release = { targetId, epoch: epoch + 1, guid, ...defined({ copies: holders }) };
  context.released.set(action.volume, release);
  context.known.released.set(action.volume, release);
  context.known.saw(action.from, { ...copies.source, ...next, ...defined({ copies: holders }) });
}

/** Makes the old copy a replica. Both nodes keep one common snapshot, so that a move back is short. */
export async function settleVolume(
  action: ActionOf<'settle-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const pair = await openPair(action, context, signal);
  const [owner, old] = await Promise.all([
    getVolume(pair.target, action.volume, 'settle', signal),
    getVolume(pair.source, action.volume, 'settle', signal),
  ]);
  if (owner.role !== 'owner')
    throw conflict('settle', action.volume, action.to, `its role is ${owner.role}, not owner`);
  if (old.role === 'released') {
    await pair.source.volumes.setProperties(old, { role: 'replica' }, signal);
  } else if (old.role !== 'replica') {
    throw conflict('settle', action.volume, action.from, `its role is ${old.role}, not released`);
  }
  await tidyUp(context, signal, () => removeLeft(pair.source, action.volume, signal));
  await tidyCopies(pair, context, { source: { ...old, role: 'replica' }, target: owner }, signal);
}
