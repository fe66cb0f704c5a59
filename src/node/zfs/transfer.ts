import { randomUUID } from 'node:crypto';
import type { SendSource, TransferRequest, TransferResult } from '../../engine/node-client.ts';
import type { NodeName, Settings } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { properties } from '../../model/names.ts';
import { isZfsNumber, sendFlags } from '../../model/untrusted.ts';
import type { Fence } from '../fence.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { sshPlaces } from '../ssh/places.ts';
import { checkBase, checkDataset, checkName, checkProperty } from './names.ts';
import { checkToken, zfs } from './store.ts';
import { probeRoute, type Route, sendDirect } from './transfer-direct.ts';
import { type SendResult, sendThroughHere } from './transfer-relay.ts';
import {
  fencedReceive,
  fencedReceiveAndHold,
  fencedSend,
  type Held,
  holdArrivedScript,
  targetStateScript,
} from './transfer-scripts.ts';
import { harmless, notFromStreams } from './transfer-stream.ts';

/** One end of a transfer: its connection, the lock that was taken there, and its address for other nodes. */
export interface TransferEnd {
  readonly connection: NodeConnection;
  readonly fence: Fence;
  readonly meshAddress: string;
}

/** What all transfers need; `root` is `<pool>/<datasetRoot>`, the same on every node. */
export interface TransferDeps {
  readonly end: (node: NodeName, signal: AbortSignal) => Promise<TransferEnd>;
  readonly mode: Settings['transfer'];
  readonly root: string;
}

export type Transfer = (
  request: TransferRequest,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
) => Promise<TransferResult>;

/**
 * Transfers of one cluster; remembers which nodes reach each other. Throws `volume-conflict` where the target does not have
 * the base of the stream, `connection-failed` where the lock of a node was lost before the transfer began there, and
 * `command-failed` otherwise (retryable, with details.resumable, where the target has kept a resume token).
 */
export function createTransfer(deps: TransferDeps): Transfer {
  const routes = new Map<string, Route | 'relay'>();
  return async (request, progress, signal) => {
    signal.throwIfAborted();
    const [source, target] = await Promise.all([deps.end(request.from, signal), deps.end(request.to, signal)]);
    const job = toJob(request, deps.root);
    const pair = `${request.from} ${request.to}`;
    const isSmall = deps.mode === 'auto' && (request.expectedBytes ?? Number.POSITIVE_INFINITY) <= smallBytes;
    const throughHere = isSmall || deps.mode === 'relay';
    const known = throughHere ? 'relay' : (routes.get(pair) ?? (await findRoute(source, target, signal)));
    if (known === 'relay' && deps.mode === 'direct') throw unreachable(request);
    if (!throughHere) routes.set(pair, known);
    let [mode, result] =
      known === 'relay'
        ? (['relay', await relay(source, target, job, progress, signal)] as const)
        : (['direct', await direct(source, target, known, job, progress, signal)] as const);
    if (!result.ok && mode === 'direct' && deps.mode === 'auto' && !signal.aborted && neverBegan(result)) {
      // The port is open but the login was refused: sshd is configured differently, or sees another source address.
      routes.set(pair, 'relay');
      [mode, result] = ['relay', await relay(source, target, job, progress, signal)];
    }
    if (result.ok) {
      const guid = await guidOf(request, job, target.connection, result, signal);
      return { bytes: result.bytes, mode, ...defined({ guid }) };
    }
    throw await explain(request, job, source.connection, target.connection, result, signal);
  };
}

/**
 * Up to this size, the open connections to both nodes are faster than a direct one, which takes about eight round trips
 * and two key exchanges. That matters for the final delta, while the application is down.
 */
const smallBytes = 1024 * 1024;

/** Up to this size, all data fits into the buffers of the pipe and of ssh, so the receive may not have begun. */
const bufferedBytes = 512 * 1024;
const neverBegan = (result: SendResult): boolean => result.lost && result.bytes <= bufferedBytes;

/**
 * The guid of the snapshot that arrived, which is held by then. The target itself reports it, because the pipe between the
 * nodes is in the hands of the source. Throws `command-failed` where the target prints no guid.
 */
async function guidOf(
  request: TransferRequest,
  { held }: Job,
  target: NodeConnection,
  { answer }: SendResult,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (held === undefined) return undefined;
  const printed = answer ?? (await target.script(holdArrivedScript, [held.full, held.tag], { signal })).stdout;
  const guid = printed.trim();
  if (isZfsNumber(guid)) return guid;
  const what = `cannot use the guid of "${held.full}" that "${request.to}" printed: ${JSON.stringify(guid)}`;
  throw new AppError('command-failed', what, { details: { node: request.to } });
}

interface Job {
  readonly dataset: string | undefined;
  /** The snapshot to hold when it has arrived. */
  readonly held: Held | undefined;
  /** The volume's send flags, if the caller knows them; they never change. */
  readonly flags: string | undefined;
  readonly sendArgs: (flags: readonly string[]) => readonly string[];
  readonly receiveArgs: readonly string[];
}

function toJob(request: TransferRequest, root: string): Job {
  const { source } = request;
  return {
    dataset: source.kind === 'resume' ? undefined : checkDataset(source.dataset, root),
    held: heldOf(request, root),
    flags: request.properties[properties.flags],
    sendArgs: sendArgs(source),
    receiveArgs: receiveArgs(request, root),
  };
}

function heldOf({ source, dataset, tag }: TransferRequest, root: string): Held | undefined {
  if (source.kind === 'resume' || tag === undefined) return undefined;
  const full = `${checkDataset(dataset, root)}@${checkName(source.snapshot.replace(/^@/, ''))}`;
  return { full, tag: checkName(tag) };
}

/** Arguments of `zfs send`; a resumed stream has its flags in the token. Throws `volume-conflict` for invalid names. */
export function sendArgs(source: SendSource): (flags: readonly string[]) => readonly string[] {
  if (source.kind === 'resume') {
    const token = checkToken(source.token);
    return () => ['-t', token];
  }
  const base = source.base === undefined ? [] : ['-i', checkBase(source.base)];
  const snapshot = `${source.dataset}@${checkName(source.snapshot.replace(/^@/, ''))}`;
  return (flags) => [...flags, ...base, snapshot];
}

/**
 * Arguments of `zfs receive`. `-s`: it can be resumed. `-u`: it is not mounted. `-x`: properties of the stream do not
 * count. Never `-F`: the target is never rolled back. setuid and devices are off, so that a source cannot send such files;
 * programs may be executed, since applications keep some in their volumes.
 */
export function receiveArgs(request: TransferRequest, root: string): readonly string[] {
  const given = Object.entries(request.properties).flatMap(([name, value]) => ['-o', checkProperty(name, value)]);
  const excluded = notFromStreams.flatMap((name) => ['-x', name]);
  const fixed = ['readonly=on', 'canmount=noauto', ...harmless].flatMap((one) => ['-o', one]);
  return ['receive', '-s', '-u', ...excluded, ...fixed, ...given, checkDataset(request.dataset, root)];
}

async function relay(
  source: TransferEnd,
  target: TransferEnd,
  job: Job,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<SendResult> {
  const flags = await flagsOf(source.connection, job, signal);
  const send = fencedSend(source.fence, ['send', ...job.sendArgs(flags)]);
  const { held, receiveArgs: args } = job;
  const receive =
    held === undefined ? fencedReceive(target.fence, args) : fencedReceiveAndHold(target.fence, held, args);
  return sendThroughHere(source.connection, target.connection, send, receive, progress, signal);
}

function direct(
  source: TransferEnd,
  target: TransferEnd,
  route: Route,
  job: Job,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<SendResult> {
  const operation = randomUUID();
  const fences = { source: source.fence, target: target.fence };
  return sendDirect(
    { operation, source: source.connection, target: target.connection, fences, route, ...job },
    progress,
    signal,
  );
}

async function flagsOf(
  source: NodeConnection,
  { dataset, flags }: Job,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (dataset === undefined) return [];
  if (flags !== undefined) return sendFlags(flags);
  const { stdout } = await zfs(source, ['get', '-H', '-s', 'local', '-o', 'value', 'drover:flags', dataset], signal);
  return sendFlags(stdout.trim());
}

/** The pinned host key proves that the server at one of these places is the target. */
async function findRoute(source: TransferEnd, target: TransferEnd, signal: AbortSignal): Promise<Route | 'relay'> {
  const places = sshPlaces(target.connection.remote, target.meshAddress);
  return (await probeRoute(source.connection, places, signal)) ?? 'relay';
}

async function explain(
  request: TransferRequest,
  job: Job,
  source: NodeConnection,
  target: NodeConnection,
  result: SendResult,
  signal: AbortSignal,
): Promise<AppError> {
  const what = `cannot send ${nameOf(request)} from "${request.from}" to "${request.to}"`;
  if (signal.aborted) return new AppError('cancelled', `${what}: cancelled`, { cause: signal.reason });
  if (result.late !== undefined) {
    const node = result.late === 'source' ? request.from : request.to;
    const message = `${what}: the lock of "${node}" was lost before it began there`;
    return new AppError('connection-failed', message, { retryable: true, details: { node } });
  }
  const found = await readTarget(target, request.dataset).catch(() => undefined);
  const resumable = found?.token !== undefined;
  const details = { bytes: result.bytes, resumable, node: request.to, dataset: request.dataset };
  const said = result.said === '' ? 'the pipe broke' : result.said;
  const conflict = resumable || found === undefined ? undefined : await findConflict(request, job, source, found);
  if (conflict !== undefined) return new AppError('volume-conflict', `${what}: ${conflict}`, { details });
  return new AppError('command-failed', `${what}: ${said}`, {
    retryable: resumable || result.lost,
    details,
    ...(resumable ? { hint: 'run again: the transfer goes on where it was interrupted' } : {}),
  });
}

interface TargetState {
  readonly token: string | undefined;
  readonly writtenBytes: number;
  readonly newest: { readonly guid: string; readonly name: string } | undefined;
}

async function readTarget(target: NodeConnection, dataset: string): Promise<TargetState | undefined> {
  const { stdout } = await target.script(targetStateScript, [dataset], { timeoutMs: 10_000 });
  const [token, written, newest = ''] = stdout.split('\n');
  if (token === undefined || written === undefined) return undefined;
  const [guid, name] = newest.split('\t');
  return {
    token: token === '-' ? undefined : token,
    writtenBytes: Number(written),
    newest: guid === undefined || name === undefined ? undefined : { guid, name },
  };
}

/** Why the target cannot receive the stream, from the snapshots of both sides and not from zfs's messages. */
async function findConflict(
  request: TransferRequest,
  job: Job,
  source: NodeConnection,
  found: TargetState,
): Promise<string | undefined> {
  if (request.source.kind === 'resume') return undefined;
  const { base } = request.source;
  if (base === undefined) return `"${request.dataset}" exists there already`;
  const full = `${job.dataset}${checkBase(base)}`;
  const args = ['get', '-Hp', '-o', 'value', 'guid', full];
  const guid = (await zfs(source, args, AbortSignal.timeout(10_000), [0, 1])).stdout.trim();
  if (guid === '') return undefined;
  if (found.newest?.guid !== guid) {
    return `its newest snapshot there is "${found.newest?.name ?? 'none'}", not the base "${full}"`;
  }
  return found.writtenBytes > 0 ? `"${request.dataset}" was written to after "${found.newest.name}"` : undefined;
}

function nameOf({ source, dataset }: TransferRequest): string {
  return source.kind === 'resume' ? `the rest of "${dataset}"` : `"${source.dataset}@${source.snapshot}"`;
}

function unreachable(request: TransferRequest): AppError {
  const message = `cannot send from "${request.from}" to "${request.to}" directly: it cannot reach the other node's sshd`;
  return new AppError('connection-failed', message, {
    hint: 'open the port between the nodes, or set "transfer: relay" in drover.yml',
  });
}
