import type { Snapshot, Volume } from '../../model/cluster.ts';
import { AppError } from '../../model/errors.ts';
import { holdTag, parseSnapshotName, properties } from '../../model/names.ts';
import { isApplicationName, sendFlags } from '../../model/untrusted.ts';
import type { ResumeToken, SendSource, TransferResult } from '../node-client.ts';
import { type Ends, type Pair, readEnds, thirdCopies } from './pair.ts';
import { conflict, emitProgress, factsOf, nodeIdOf, type StepContext } from './step-context.ts';
import { dropOlder } from './tidy-copies.ts';
import { basesFor, compareTxg, describeSnapshots, findCommonBase } from './volume-base.ts';

/**
 * Reads both copies, and ends a receive that was interrupted: goes on at the byte where its snapshot is still there, gives
 * it up (with a line that says why) where not. Returns both copies as they are then.
 */
export async function finishPartial(pair: Pair, context: StepContext, signal: AbortSignal): Promise<Ends> {
  const ends = await readEnds(pair, signal);
  const { source: sender, target } = ends;
  if (target?.resumeToken === undefined) return ends;
  const token = await pair.source.volumes.readToken(target.resumeToken, signal);
  const why = token === undefined ? `its snapshot is gone on "${pair.from}"` : notOurs(token, sender);
  if (token === undefined || why !== undefined) {
    const line = `giving up the partial receive of "${target.dataset}" on "${pair.to}": ${why}`;
    context.emit({ type: 'step-output', step: context.step, line });
    await pair.target.volumes.abortReceive(target.dataset, signal);
    return readEnds(pair, signal);
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
  return readEnds(pair, signal);
}

/**
 * The target has made the token, and the source sends as root what it names: that must be a snapshot of this volume and
 * of no other, encrypted where the volume is sent so. Undefined where it is.
 */
function notOurs({ toGuid, toName, isRaw }: ResumeToken, source: Volume): string | undefined {
  const snapshot = source.snapshots.find(({ guid }) => guid === toGuid);
  if (snapshot === undefined || toName !== `${source.dataset}@${snapshot.name}`) {
    return `its token is for another snapshot than one of "${source.dataset}"`;
  }
  const mustBeRaw = sendFlags(source.flags).includes('-w');
  return mustBeRaw && isRaw !== true ? 'its token asks for the content without its encryption' : undefined;
}

/**
 * A copy that was the owner once has the limit of that time, and ZFS refuses a receive that ends far above it. It has
 * to be lifted before: given with the receive it would be set after it. The owner's limit is set when it becomes one.
 */
async function liftLimit({ target }: Pair, copy: Volume | undefined, signal: AbortSignal): Promise<void> {
  if (copy?.limitBytes === undefined) return;
  await target.volumes.setLimit(copy.dataset, undefined, signal);
}

/** A send while the application is stopped leaves out what only saves space. */
export interface SendOptions {
  readonly what: string;
  readonly isDown?: boolean;
}

/**
 * Sends up to `snapshot`, in single increments over every snapshot that some other copy has as its newest. `known` are
 * both ends where they were read a moment ago: while the application is down every round trip counts.
 */
export async function sendUpTo(
  pair: Pair,
  context: StepContext,
  snapshot: string,
  options: SendOptions,
  signal: AbortSignal,
  known?: Ends,
): Promise<void> {
  const ends = known ?? (await readEnds(pair, signal));
  const { source } = ends;
  const last = source.snapshots.find(({ name }) => name === snapshot);
  if (last === undefined) throw conflict('send', pair.volume, pair.from, `its snapshot @${snapshot} is gone`);
  const others = thirdCopies(context, pair);
  const bases = basesFor(others.copies, source);
  // A node that does not answer may have a copy that ends with any snapshot of drover's.
  const isNeeded = ({ guid, name }: Snapshot) =>
    bases.has(guid) || (!others.areAllSeen && parseSnapshotName(name) !== undefined);
  const stops = source.snapshots.filter((one) => one === last || (isNeeded(one) && compareTxg(one, last) < 0));
  for (const stop of stops) {
    const now = stop === stops[0] ? ends : await readEnds(pair, signal);
    await sendOne(pair, now, context, stop, options, signal);
  }
}

async function sendOne(
  pair: Pair,
  ends: Ends,
  context: StepContext,
  snapshot: Snapshot,
  { what, isDown = false }: SendOptions,
  signal: AbortSignal,
): Promise<void> {
  const base = findCommonBase(ends.source, ends.target);
  if (base.kind === 'diverged') throw diverged(pair, ends);
  if (base.kind === 'base' && (base.guid === snapshot.guid || compareTxg(base, snapshot) > 0)) return;
  const baseName = base.kind === 'base' ? base.name : undefined;
  const source: SendSource = {
    kind: 'snapshot',
    dataset: ends.source.dataset,
    snapshot: `@${snapshot.name}`,
    ...(baseName === undefined ? {} : { base: baseName }),
  };
  await liftLimit(pair, ends.target, signal);
  const [totalBytes, dataset] = await Promise.all([
    isDown
      ? finalBytes(pair, ends, snapshot, context, signal)
      : estimateAndHold(pair, ends, snapshot, baseName, signal),
    ends.target?.dataset ?? nameNewCopy(pair, ends.source, signal),
  ]);
  const given = receiveProperties(pair, context, ends);
  const { guid } = await transfer(pair, context, { source, dataset, totalBytes, what, tag: holdTag }, signal, given);
  if (guid !== snapshot.guid) throw notArrived(pair, guid, snapshot.guid);
  if (isDown) return sawArrived(pair, context, ends, dataset, snapshot);
  // The new base is secured on both ends; older ones may go only after that, or a crash could leave no common base.
  await bookmark(pair, context, ends.source, snapshot, signal);
  await dropOlder(pair, context, snapshot.guid, signal);
}

/** So that no snapshot job takes it away while it is sent. A final snapshot is held by the freeze. */
async function estimateAndHold(
  { source }: Pair,
  ends: Ends,
  { name }: Snapshot,
  base: string | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { dataset } = ends.source;
  const [bytes] = await Promise.all([
    source.volumes.estimate(dataset, name, base, signal),
    source.volumes.hold(dataset, name, holdTag, signal),
  ]);
  return bytes;
}

/**
 * Known from the freeze where the target has everything before the final snapshot: that little is left saves a new
 * connection between the nodes.
 */
async function finalBytes(
  pair: Pair,
  { source, target }: Ends,
  snapshot: Snapshot,
  context: StepContext,
  signal: AbortSignal,
): Promise<number | undefined> {
  const [before, last] = source.snapshots.slice(-2);
  const bytes = context.known.finalBytes.get(pair.volume);
  const isLast = last?.guid === snapshot.guid && before?.guid === target?.snapshots.at(-1)?.guid;
  if (bytes !== undefined && isLast) return bytes;
  const base = findCommonBase(source, target);
  return estimateAndHold(pair, { source, target }, snapshot, base.kind === 'base' ? base.name : undefined, signal);
}

/** For the acquire, which compares on the node what is here only remembered. */
function sawArrived(
  { volume, from, to }: Pair,
  context: StepContext,
  ends: Ends,
  dataset: string,
  last: Snapshot,
): void {
  const { source, target } = ends;
  context.known.saw(to, {
    ...(target ?? { ...source, dataset, mounted: false, bookmarks: [], snapshots: [] }),
    id: volume,
    role: 'incoming',
    owner: nodeIdOf(context, from),
    epoch: epochOfCopy(source),
    deployment: context.config.name,
    writtenBytes: 0,
    snapshots: [...(target?.snapshots ?? []), last],
  });
}

/** A released source has the epoch of its next owner already; a copy of it is one of the epoch before. */
const epochOfCopy = ({ role, epoch }: Volume): number => (role === 'released' ? epoch - 1 : epoch);

/** The usual name, unless a copy of what was before a roll-back keeps it. */
async function nameNewCopy({ target, volume, to }: Pair, source: Volume, signal: AbortSignal): Promise<string> {
  const name = target.volumes.datasetName(volume, source.application);
  const copies = await target.volumes.list(signal);
  // A second dataset beside it would make two copies on one node.
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

function receiveProperties(pair: Pair, context: StepContext, { source, target }: Ends): Record<string, string> {
  return {
    // A copy that is there already keeps what it has.
    ...(target === undefined ? tuningFor(pair, context, source) : {}),
    [properties.volume]: pair.volume,
    ...(isApplicationName(source.application) ? { [properties.application]: source.application } : {}),
    [properties.deployment]: context.config.name,
    [properties.role]: 'incoming',
    [properties.owner]: nodeIdOf(context, pair.from),
    [properties.epoch]: `${epochOfCopy(source)}`,
    ...(source.flags === undefined ? {} : { [properties.flags]: sendFlags(source.flags).join(' ') || 'none' }),
  };
}

/** A stream carries no properties. Larger records than 128 KiB are for pools that know them. */
function tuningFor({ to }: Pair, context: StepContext, { tuning = {} }: Volume): Readonly<Record<string, string>> {
  const { recordsize, ...rest } = tuning;
  const isUsual = recordsize !== undefined && Number(recordsize) <= 128 * 1024;
  const mayBeLarge = factsOf(context.state, to)?.capabilities.largeBlocks === true;
  return recordsize === undefined || !(isUsual || mayBeLarge) ? rest : tuning;
}

function notArrived({ volume, to }: Pair, found: string | undefined, guid: string): AppError {
  return conflict('receive', volume, to, `its newest snapshot has guid ${found ?? 'none'}, not ${guid}`);
}

/**
 * The rest of a stream that was cut: the target's newest snapshot must be the one that was sent. Then the new base is
 * secured on both ends (hold and bookmark).
 */
async function confirm(pair: Pair, context: StepContext, guid: string, signal: AbortSignal): Promise<void> {
  const { source, target } = await readEnds(pair, signal);
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
  if (factsOf(context.state, from)?.capabilities.bookmarks === false) return;
  await source.volumes.bookmark(dataset, name, name, signal);
}

/** Both lists, since only a person can decide which one is right. */
export function diverged(pair: Pair, ends: Ends): AppError {
  return new AppError(
    'volume-conflict',
    `cannot send volume "${pair.volume}" from "${pair.from}" to "${pair.to}": "${pair.from}" does not have the newest snapshot of "${pair.to}"`,
    {
      hint: `drover plan names what is in the way on "${pair.to}"; or leave the application on "${pair.from}"`,
      details: { [pair.from]: describeSnapshots(ends.source), [pair.to]: describeSnapshots(ends.target) },
    },
  );
}
