import { lastFacts, type Snapshot, type Volume } from '../../model/cluster.ts';
import { printCopyRecord } from '../../model/copy-record.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { holdTag, parseSnapshotName, properties } from '../../model/names.ts';
import { isApplicationName, isVolumeName, sendFlags } from '../../model/untrusted.ts';
import { diffVolumes, sendBase } from '../../plan/volumes/volume-diff.ts';
import type { SendSource, TransferResult } from '../node-client.ts';
import type { ResumeToken } from '../volume-store.ts';
import { nodesOfTarget, noteTarget, recordOf } from './copy-record.ts';
import { type Copies, type Pair, readCopies, thirdCopies } from './pair.ts';
import { conflict, emitProgress, nodeIdOf, type StepContext } from './step-context.ts';

import { dropOlder } from './tidy-copies.ts';
import { basesFor, compareTxg, describeSnapshots } from './volume-base.ts';

/**
 * Reads both copies, and finishes a receive that was interrupted: resumes it if its snapshot still exists, or else gives
 * it up and prints why. Returns both copies as they are then.
 */
export async function finishPartial(pair: Pair, context: StepContext, signal: AbortSignal): Promise<Copies> {
  const copies = await readCopies(pair, signal);
  const { source: sender, target } = copies;
  if (target?.resumeToken === undefined) return copies;
  await noteTarget(pair, sender, context, signal);
  const token = await pair.source.volumes.readToken(target.resumeToken, signal);
  const why = token === undefined ? `its snapshot is gone on "${pair.from}"` : notOurs(token, sender);
  if (token === undefined || why !== undefined) {
    const line = `giving up the partial receive of "${target.dataset}" on "${pair.to}": ${why}`;
    context.emit({ type: 'step-output', step: context.step, line });
    await pair.target.volumes.abortReceive(target.dataset, signal);
    return readCopies(pair, signal);
  }
  await liftLimit(pair, target, signal);
  const source = { kind: 'resume', token: target.resumeToken } as const;
  await transfer(
    pair,
    context,
    { source, dataset: target.dataset, totalBytes: token.remainingBytes, what: 'resuming' },
    signal,
  );
  await confirm(pair, context, token.toGuid, signal);
  return readCopies(pair, signal);
}

/**
 * Why the token must not be used; undefined where it may. The target made the token, and the source would send as root
 * what it names: it must name a snapshot of this volume, encrypted where the volume is sent encrypted.
 */
function notOurs({ toGuid, toName, isRaw }: ResumeToken, source: Volume): string | undefined {
  const snapshot = source.snapshots.find(({ guid }) => guid === toGuid);
  if (snapshot === undefined || toName !== `${source.dataset}@${snapshot.name}`) {
    return `its token is not for a snapshot of "${source.dataset}"`;
  }
  const mustBeRaw = sendFlags(source.flags).includes('-w');
  return mustBeRaw && isRaw !== true ? 'its token asks for the content without its encryption' : undefined;
}

/**
 * Lifts the limit of a copy that was the owner once, because ZFS refuses a receive that ends far above it. An option of
 * the receive would lift it too late. The limit is set again when the copy becomes the owner.
 */
async function liftLimit({ target }: Pair, copy: Volume | undefined, signal: AbortSignal): Promise<void> {
  if (copy?.limitBytes === undefined) return;
  await target.volumes.setLimit(copy.dataset, undefined, signal);
}

/** `isDown`: the application is stopped, so the send skips what only saves space. */
export interface SendOptions {
  readonly what: string;
  readonly isDown?: boolean;
}

/**
 * Sends up to `snapshot`, in single increments over every snapshot that another copy ends with. `known`: both copies, if
 * they were just read; while the application is stopped every round trip counts.
 */
export async function sendUpTo(
  pair: Pair,
  context: StepContext,
  snapshot: string,
  options: SendOptions,
  signal: AbortSignal,
  known?: Copies,
): Promise<void> {
  const copies = known ?? (await readCopies(pair, signal));
  const { source } = copies;
  const last = source.snapshots.find(({ name }) => name === snapshot);
  if (last === undefined) throw conflict('send', pair.volume, pair.from, `its snapshot @${snapshot} is gone`);
  const others = thirdCopies(context, pair);
  const bases = basesFor(others.copies, source);
  // A node that does not answer may have a copy that ends with any of drover's snapshots.
  const isNeeded = ({ guid, name }: Snapshot) =>
    bases.has(guid) || (!others.areAllSeen && parseSnapshotName(name) !== undefined);
  const stops = source.snapshots.filter((one) => one === last || (isNeeded(one) && compareTxg(one, last) < 0));
  for (const stop of stops) {
    const now = stop === stops[0] ? copies : await readCopies(pair, signal);
    await sendOne(pair, now, context, stop, options, signal);
  }
}

async function sendOne(
  pair: Pair,
  copies: Copies,
  context: StepContext,
  snapshot: Snapshot,
  { what, isDown = false }: SendOptions,
  signal: AbortSignal,
): Promise<void> {
  const diff = diffVolumes(copies.source, copies.target);
  if (diff.kind === 'conflict') throw diverged(pair, copies);
  if (diff.kind !== 'full' && (diff.base.guid === snapshot.guid || compareTxg(diff.base, snapshot) > 0)) return;
  const base = sendBase(diff);
  const source: SendSource = {
    kind: 'snapshot',
    dataset: copies.source.dataset,
    snapshot: `@${snapshot.name}`,
    ...defined({ base }),
  };
  copies = { ...copies, source: await noteTarget(pair, copies.source, context, signal) };
  await liftLimit(pair, copies.target, signal);
  const [totalBytes, dataset] = await Promise.all([
    isDown
      ? finalBytes(pair, copies, snapshot, context, signal)
      : estimateAndHold(pair, copies, snapshot, base, signal),
    copies.target?.dataset ?? nameNewCopy(pair, copies.source, signal),
  ]);
  const given = receiveProperties(pair, context, copies, snapshot);
  const { guid } = await transfer(pair, context, { source, dataset, totalBytes, what, tag: holdTag }, signal, given);
  if (guid !== snapshot.guid) throw notArrived(pair, guid, snapshot.guid);
  if (isDown) return sawArrived(pair, context, copies, dataset, snapshot);
  // Older bases may go only after the new one is secured on both nodes, or a crash could leave no common base.
  await bookmark(pair, context, copies.source, snapshot, signal);
  await dropOlder(pair, context, snapshot.guid, signal);
}

/** Holds the snapshot, so that no other program destroys it while it is sent. The freeze has held a final snapshot already. */
async function estimateAndHold(
  { source }: Pair,
  copies: Copies,
  { name }: Snapshot,
  base: string | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { dataset } = copies.source;
  const [bytes] = await Promise.all([
    source.volumes.estimate(dataset, name, base, signal),
    source.volumes.hold(dataset, name, holdTag, signal),
  ]);
  return bytes;
}

/**
 * The size of the final delta: known from the freeze if the target has everything before it. A small one needs no new
 * connection between the nodes.
 */
async function finalBytes(
  pair: Pair,
  { source, target }: Copies,
  snapshot: Snapshot,
  context: StepContext,
  signal: AbortSignal,
): Promise<number | undefined> {
  const [before, last] = source.snapshots.slice(-2);
  const bytes = context.known.finalBytes.get(pair.volume);
  const isLast = last?.guid === snapshot.guid && before?.guid === target?.snapshots.at(-1)?.guid;
  if (bytes !== undefined && isLast) return bytes;
  return estimateAndHold(pair, { source, target }, snapshot, sendBase(diffVolumes(source, target)), signal);
}

/** Remembers the copy for the acquire, which compares it on the node. */
function sawArrived(
  { volume, from, to }: Pair,
  context: StepContext,
  copies: Copies,
  dataset: string,
  last: Snapshot,
): void {
  const { source, target } = copies;
  const { copies: _record, ...seen } = target ?? { ...source, dataset, mounted: false, bookmarks: [], snapshots: [] };
  const holders = nodesOfTarget(source, { from, to }, context);
  context.known.saw(to, {
    ...seen,
    ...defined({ copies: holders }),
    id: volume,
    role: 'incoming',
    owner: nodeIdOf(context, from),
    epoch: epochOfCopy(source),
    deployment: context.config.name,
    writtenBytes: 0,
    snapshots: [...(target?.snapshots ?? []), last],
  });
}

/** The epoch of a copy of this source. A released source has the epoch of its next owner already. */
const epochOfCopy = ({ role, epoch }: Volume): number => (role === 'released' ? epoch - 1 : epoch);

/** The dataset's usual name, unless a copy from before a roll-back has it. */
async function nameNewCopy({ target, volume, to }: Pair, source: Volume, signal: AbortSignal): Promise<string> {
  const name = target.volumes.datasetName(volume, source.application);
  const copies = await target.volumes.list(signal);
  // A second dataset would make two copies on one node.
  if (copies.some(({ id }) => id === volume)) {
    throw new AppError('volume-conflict', `cannot receive volume "${volume}" on "${to}": another run has begun to`, {
      retryable: true,
    });
  }
  return copies.some(({ dataset }) => dataset === name) ? `${name}-e${source.epoch}` : name;
}

interface Transfer {
  readonly source: SendSource;
  readonly dataset: string;
  readonly totalBytes: number | undefined;
  readonly what: string;
  readonly tag?: string;
}

async function transfer(
  pair: Pair,
  context: StepContext,
  { source, dataset, totalBytes, what, tag }: Transfer,
  signal: AbortSignal,
  given: Readonly<Record<string, string>> = {},
): Promise<TransferResult> {
  const progress = (doneBytes: number) => emitProgress(context, what, doneBytes, totalBytes);
  const request = {
    from: pair.from,
    to: pair.to,
    source,
    dataset,
    properties: given,
    ...(totalBytes === undefined ? {} : { expectedBytes: totalBytes }),
    ...(tag === undefined ? {} : { tag }),
  };
  const result = await context.cluster.transfer(request, progress, signal);
  context.sent({ ...result, volume: pair.volume, to: pair.to });
  return result;
}

function receiveProperties(
  pair: Pair,
  context: StepContext,
  { source, target }: Copies,
  { name }: Snapshot,
): Record<string, string> {
  const holders = nodesOfTarget(source, pair, context);
  const epoch = epochOfCopy(source);
  return {
    // An existing copy keeps its properties.
    ...(target === undefined ? tuningFor(pair, context, source) : {}),
    [properties.volume]: pair.volume,
    ...(isVolumeName(source.name) ? { [properties.name]: source.name } : {}),
    ...(isApplicationName(source.application) ? { [properties.application]: source.application } : {}),
    [properties.deployment]: context.config.name,
    [properties.role]: 'incoming',
    [properties.owner]: nodeIdOf(context, pair.from),
    [properties.epoch]: `${epoch}`,
    ...(holders === undefined
      ? {}
      : {
          [properties.copies]: printCopyRecord(
            recordOf(target ?? { snapshots: [], bookmarks: [] }, epoch, holders, name),
          ),
        }),
    ...(source.flags === undefined ? {} : { [properties.flags]: sendFlags(source.flags).join(' ') || 'none' }),
  };
}

/** The properties of a new copy, because a stream carries none. Only some pools have records larger than 128 KiB. */
function tuningFor({ to }: Pair, context: StepContext, { tuning = {} }: Volume): Readonly<Record<string, string>> {
  const { recordsize, ...rest } = tuning;
  const isUsual = recordsize !== undefined && Number(recordsize) <= 128 * 1024;
  const mayBeLarge = lastFacts(context.state.nodes[to])?.capabilities.largeBlocks === true;
  return recordsize === undefined || !(isUsual || mayBeLarge) ? rest : tuning;
}

function notArrived({ volume, to }: Pair, found: string | undefined, guid: string): AppError {
  return conflict('receive', volume, to, `its newest snapshot has guid ${found ?? 'none'}, not ${guid}`);
}

/**
 * Checks after a resumed stream that the target's newest snapshot is the one that was sent, and secures the new base on
 * both nodes with a hold and a bookmark.
 */
async function confirm(pair: Pair, context: StepContext, guid: string, signal: AbortSignal): Promise<void> {
  const { source, target } = await readCopies(pair, signal);
  const arrived = target?.snapshots.at(-1);
  if (target === undefined || arrived?.guid !== guid) throw notArrived(pair, arrived?.guid, guid);
  const sent = source.snapshots.find((one) => one.guid === guid);
  await Promise.all([
    pair.target.volumes.hold(target.dataset, arrived.name, holdTag, signal),
    sent === undefined ? undefined : bookmark(pair, context, source, sent, signal),
  ]);
}

async function bookmark(
  { source, from }: Pair,
  context: StepContext,
  { dataset }: Volume,
  { name }: Snapshot,
  signal: AbortSignal,
): Promise<void> {
  if (lastFacts(context.state.nodes[from])?.capabilities.bookmarks === false) return;
  await source.volumes.bookmark(dataset, name, name, signal);
}

/** The error of two copies without a common base. It has both lists: only a person can decide which one is right. */
export function diverged(pair: Pair, copies: Copies): AppError {
  return new AppError(
    'volume-conflict',
    `cannot send volume "${pair.volume}" from "${pair.from}" to "${pair.to}": "${pair.from}" does not have the newest snapshot of "${pair.to}"`,
    {
      hint: `drover plan names what is in the way on "${pair.to}"; or leave the application on "${pair.from}"`,
      details: { [pair.from]: describeSnapshots(copies.source), [pair.to]: describeSnapshots(copies.target) },
    },
  );
}
