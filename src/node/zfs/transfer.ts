import { randomUUID } from 'node:crypto';
import type { SendSource, TransferRequest, TransferResult } from '../../engine/node-client.ts';
import type { NodeName, Settings } from '../../model/config.ts';
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

/** One end of a transfer: its connection, the lock that was taken there, and the address other nodes reach it at. */
export interface TransferEnd {
  readonly connection: NodeConnection;
  readonly fence: Fence;
  readonly meshAddress: string;
}

/** What transfers need besides the request; `root` is `<pool>/<datasetRoot>`, the same on every node. */
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
 * Transfers of one cluster; remembers which nodes reach each other. Throws `volume-conflict` where the target is not
 * what the stream continues from, `connection-failed` where the lock of a node was lost before it began there,
 * `command-failed` otherwise (retryable, with details.resumable, where the target kept a resume token).
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
      // The port is open and the login was refused: another sshd configuration, or an address seen as another.
      routes.set(pair, 'relay');
      [mode, result] = ['relay', await relay(source, target, job, progress, signal)];
    }
    if (result.ok) {
      const guid = await guidOf(request, job, target.connection, result, signal);
      return { bytes: result.bytes, mode, ...(guid === undefined ? {} : { guid }) };
    }
    throw await explain(request, job, source.connection, target.connection, result, signal);
  };
}

/**
 * Up to here the open connections to both nodes are quicker than a key, a login and a connection between them: that
 * takes about eight round trips and two key exchanges. It matters for the final delta, while the application is down.
 */
const smallBytes = 1024 * 1024;

/** Up to here everything fits into the pipe's and ssh's own buffers, so the receive need not have begun. */
const bufferedBytes = 512 * 1024;
const neverBegan = (result: SendResult): boolean => result.lost && result.bytes <= bufferedBytes;

/**
 * What arrived, held by then. Asked of the target itself: through the pipe between the nodes it would be the source's
 * word. Throws `command-failed` where the target says no guid.
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
  const what = `cannot use what "${request.to}" says about the guid of "${held.full}": ${JSON.stringify(guid)}`;
  throw new AppError('command-failed', what, { details: { node: request.to } });
}

interface Job {
  readonly dataset: string | undefined;
  /** What is held when it has arrived. */
  readonly held: Held | undefined;
  /** The volume's send flags where the caller knows them; they never change. */
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

/** Arguments of `zfs send`; a resumed stream carries its flags in the token. Throws `volume-conflict` for bad names. */
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
 * `-s`: an interrupted receive can go on. `-u`: never mounted. `-x`: nothing that a stream says of itself counts. No
 * `-F`: what the target has is never rolled back. A setuid program or a device that a source puts into its volume works
 * nowhere else; programs do, since applications keep some in their volumes.
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

/** The pinned host key makes sure that what answers at one of these places is the target. */
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
    ...(resumable ? { hint: 'run again: the transfer goes on where it was cut' } : {}),
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

/** Why the target could not take the stream, from what both sides have and not from the words zfs prints. */
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
  const message = `cannot send from "${request.from}" to "${request.to}" directly: the one cannot reach the other's ssh`;
  return new AppError('connection-failed', message, {
    hint: 'open the port between the nodes, or use transfer: relay',
  });
}
