import type { SendSource, TransferRequest, TransferResult } from '../../engine/node-client.ts';
import type { VolumeRole } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { properties } from '../../model/names.ts';
import { tuningOf } from '../../node/zfs/tuning.ts';
import { getSnapshot, newDataset, usedBytes } from './datasets.ts';
import type { MemoryContent, MemoryDataset, MemoryMachine } from './types.ts';
import { findBase, type MemoryFence, streamOverheadBytes } from './volumes.ts';
import { checkAborted, checkInvariants, type MemoryWorld, machineOf, refused, startCall, wait } from './world.ts';

interface Stream {
  readonly dataset: string;
  readonly snapshot: string;
  readonly guid: string;
  readonly content: MemoryContent;
  readonly baseGuid: string | undefined;
  readonly totalBytes: number;
  /** Where it starts: at 0, or at what the target has already. */
  readonly doneBytes: number;
}

/** `zfs send` into `zfs receive -s`, without `-F`; a broken transfer leaves a resume token. `fenceOf` refuses a late start. */
export async function memoryTransfer(
  world: MemoryWorld,
  fenceOf: (node: NodeName) => MemoryFence,
  request: TransferRequest,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<TransferResult> {
  const options = { node: request.to, operation: 'transfer', write: true };
  await startCall(world, options, signal);
  for (const node of [request.from, request.to]) fenceOf(node)(machineOf(world, node));
  const stream = openStream(machineOf(world, request.from), machineOf(world, request.to), request);
  const target = openReceive(machineOf(world, request.to), request, stream, world.clock.now());
  await pump(world, request, stream, target, progress, signal);
  finishReceive(machineOf(world, request.to), world, target, stream);
  const isHeld = request.tag !== undefined && request.source.kind === 'snapshot';
  if (isHeld) target.snapshots.at(-1)?.holds.add(request.tag);
  checkInvariants(world);
  world.intercept?.({ ...options, phase: 'after' });
  const guid = isHeld ? { guid: stream.guid } : {};
  return { bytes: stream.totalBytes - stream.doneBytes, mode: 'direct', ...guid };
}

function openStream(from: MemoryMachine, to: MemoryMachine, request: TransferRequest): Stream {
  const { source } = request;
  if (source.kind === 'resume') return resumeStream(from, to, request.dataset, source.token);
  const dataset = sendingDataset(from, source.dataset);
  const snapshot = getSnapshot(from, dataset, source.snapshot);
  const base = source.base === undefined ? undefined : findBase(from, dataset, source.base);
  if (base !== undefined && base.createTxg >= snapshot.createTxg) {
    throw refused('send', `${dataset.name}@${snapshot.name}`, from.name, 'not an earlier snapshot from the same fs');
  }
  const bytes = base === undefined ? snapshot.content.bytes : snapshot.content.written - base.written;
  return {
    dataset: dataset.name,
    snapshot: snapshot.name,
    guid: snapshot.guid,
    content: snapshot.content,
    baseGuid: base?.guid,
    totalBytes: bytes + streamOverheadBytes,
    doneBytes: 0,
  };
}

function resumeStream(from: MemoryMachine, to: MemoryMachine, name: string, token: string): Stream {
  const partial = to.datasets.get(name)?.partial;
  if (partial?.token !== token) throw refused('resume into', name, to.name, 'the token is not the one of this receive');
  const dataset = sendingDataset(from, partial.sourceDataset);
  const snapshot = dataset.snapshots.find((one) => one.guid === partial.guid);
  if (snapshot === undefined) {
    const full = `${partial.sourceDataset}@${partial.snapshot}`;
    throw refused('send', full, from.name, 'the snapshot of the token no longer exists');
  }
  return {
    dataset: dataset.name,
    snapshot: partial.snapshot,
    guid: partial.guid,
    content: partial.content,
    baseGuid: undefined,
    totalBytes: partial.totalBytes,
    doneBytes: partial.doneBytes,
  };
}

function sendingDataset(from: MemoryMachine, name: string): MemoryDataset {
  const dataset = from.datasets.get(name);
  if (dataset === undefined) throw refused('send', name, from.name, 'dataset does not exist');
  return dataset;
}

function openReceive(to: MemoryMachine, request: TransferRequest, stream: Stream, now: number): MemoryDataset {
  const isResume = request.source.kind === 'resume';
  const existing = to.datasets.get(request.dataset);
  if (!isResume) checkReceivable(to, request.dataset, existing, stream);
  checkSpace(to, request.dataset, stream);
  const dataset = existing ?? { ...newDataset(request.dataset), filled: true, createdAtMs: now };
  to.datasets.set(request.dataset, dataset);
  dataset.properties = { ...dataset.properties, ...readProperties(request.properties) };
  dataset.readonly = true;
  dataset.tuning = { ...dataset.tuning, ...tuningOf(Object.entries(request.properties)) };
  if (!isResume) {
    dataset.partial = {
      token: '',
      from: request.from,
      sourceDataset: stream.dataset,
      snapshot: stream.snapshot,
      guid: stream.guid,
      content: stream.content,
      baseGuid: stream.baseGuid,
      totalBytes: stream.totalBytes,
      doneBytes: 0,
    };
  }
  return dataset;
}

function checkReceivable(
  to: MemoryMachine,
  name: string,
  existing: MemoryDataset | undefined,
  stream: Stream,
): asserts existing is MemoryDataset | undefined {
  const refusal = (why: string) =>
    new AppError('volume-conflict', `cannot receive into "${name}" on "${to.name}": ${why}`);
  if (existing === undefined) {
    if (stream.baseGuid !== undefined) throw refusal('destination does not exist, and the stream is incremental');
    return;
  }
  if (existing.partial !== undefined) throw refusal('destination contains partially-complete state');
  if (stream.baseGuid === undefined) throw refusal('destination exists, must specify -F to overwrite it');
  const newest = existing.snapshots.at(-1);
  if (newest?.guid !== stream.baseGuid) throw refusal('most recent snapshot does not match incremental source');
  if (existing.content.written !== newest.content.written) throw refusal('it was written to since its newest snapshot');
}

function checkSpace(to: MemoryMachine, name: string, stream: Stream): void {
  const used = [...to.datasets.values()].reduce((sum, dataset) => sum + usedBytes(dataset), 0);
  if (used + stream.totalBytes - stream.doneBytes > to.poolBytes) {
    throw refused('receive into', name, to.name, 'out of space');
  }
}

async function pump(
  world: MemoryWorld,
  request: TransferRequest,
  stream: Stream,
  target: MemoryDataset,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const rate = world.seed.bytesPerSecond;
  const left = stream.totalBytes - stream.doneBytes;
  const cut = world.cuts.shift();
  const chunk = rate === undefined ? Math.max(1, Math.ceil(left / 4)) : Math.max(1, Math.ceil(rate / 10));
  let done = 0;
  try {
    while (done < left) {
      checkAborted(signal);
      const next = Math.min(chunk, left - done, cut === undefined ? Number.POSITIVE_INFINITY : cut - done);
      if (rate !== undefined) await wait(world, (next / rate) * 1000, signal);
      machineOf(world, request.from);
      machineOf(world, request.to);
      done += next;
      if (cut !== undefined && done >= cut && done < left) throw cutError(request);
      progress(done);
    }
  } catch (error) {
    interruptReceive(request.source, target, stream.doneBytes + done);
    throw error;
  }
}

/** What `receive -s` keeps: all that arrived, and a token for the rest. */
function interruptReceive(source: SendSource, target: MemoryDataset, doneBytes: number): void {
  const partial = target.partial;
  if (partial === undefined) return;
  const text = [partial.sourceDataset, partial.snapshot, partial.guid, partial.totalBytes - doneBytes];
  const token = Buffer.from(text.join('\n')).toString('base64url');
  target.partial = {
    ...partial,
    doneBytes,
    token: source.kind === 'resume' && doneBytes === 0 ? partial.token : token,
  };
}

function cutError(request: TransferRequest): AppError {
  return new AppError(
    'connection-failed',
    `cannot send "${request.dataset}" from "${request.from}" to "${request.to}": the connection was cut`,
    { retryable: true },
  );
}

/** How far one transaction can exceed a refquota: OpenZFS accepts a receive that ends this much above it. */
const refquotaSlackBytes = 1.5 * 1024 ** 3;

function finishReceive(to: MemoryMachine, world: MemoryWorld, target: MemoryDataset, stream: Stream): void {
  if (target.limitBytes !== undefined && stream.content.bytes > target.limitBytes + refquotaSlackBytes) {
    target.partial = undefined;
    throw refused('receive into', target.name, to.name, 'space quota exceeded');
  }
  to.txg += 1;
  target.partial = undefined;
  target.content = stream.content;
  target.snapshots.push({
    name: stream.snapshot,
    guid: stream.guid,
    createTxg: to.txg,
    content: stream.content,
    createdAtMs: world.clock.now(),
    holds: new Set(),
  });
  world.counter += 1;
}

function readProperties(given: Readonly<Record<string, string>>): MemoryDataset['properties'] {
  const epoch = given[properties.epoch];
  const picked = {
    volume: given[properties.volume],
    name: given[properties.name],
    application: given[properties.application],
    deployment: given[properties.deployment],
    // The engine writes the role from the same type.
    role: given[properties.role] as VolumeRole | undefined,
    owner: given[properties.owner],
    epoch: epoch === undefined ? undefined : Number(epoch),
    flags: given[properties.flags],
    copies: given[properties.copies],
  };
  return Object.fromEntries(Object.entries(picked).filter(([, value]) => value !== undefined));
}
