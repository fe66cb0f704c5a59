import { type ClusterState, lastFacts, type Volume } from '../../model/cluster.ts';
import type { AppName, Config, NodeName, VolumeId } from '../../model/config.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import type { EngineEventBody } from '../../model/events.ts';
import type { StepId } from '../../model/plan.ts';
import { createSemaphores, type Semaphore } from '../../model/semaphore.ts';
import type { Cluster, NodeClient, TransferResult } from '../node-client.ts';
import type { Known, ReleasedVolume } from './known.ts';

/** What the steps of one pass share. */
export interface RunContext {
  readonly config: Config;
  /** The state before the pass; steps read the facts that they rely on again. */
  readonly state: ClusterState;
  readonly cluster: Cluster;
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly emit: (event: EngineEventBody) => void;
  readonly transfers: TransferSlots;
  /** One change of a node's network table at a time. */
  readonly tables: (node: NodeName) => Semaphore;
  /** One container at a time is created on a node's shared volumes: two images must not fill an empty one together. */
  readonly fills: (node: NodeName) => Semaphore;
  /** Releases of this run: an acquire may rely on them when the source has become unreachable. */
  readonly released: Map<VolumeId, ReleasedVolume>;
  /** By application: which of its ports by name accepted before this run stopped it, as `5432/tcp`. Absent: none is known. */
  readonly answered?: Known['answered'];
  readonly sent: (sent: SentStream) => void;
  /** Reports when new connections began to wait in this step, or were let in again. */
  readonly waited?: (step: StepId, at: number) => void;
  /** Reports what a person has to know although the run goes on. It is repeated at the end. */
  readonly warn?: (warning: Warning) => void;
}

/** One transfer at a time out of a node, and one into it. */
export interface TransferSlots {
  use<T>(from: NodeName, to: NodeName, task: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** The outgoing side always comes first. A task with an incoming place has both, so no circle of tasks waits. */
export function createTransferSlots(): TransferSlots {
  const slot = createSemaphores(1);
  return {
    use: (from, to, task, signal) => slot(`out ${from}`).use(() => slot(`in ${to}`).use(task, signal), signal),
  };
}

export interface StepContext extends RunContext {
  readonly step: StepId;
  readonly known: Known;
}

export interface Warning {
  readonly app: AppName;
  readonly text: string;
  /** It did not stop within its grace period. */
  readonly wasKilled?: true;
}

export interface SentStream extends TransferResult {
  readonly volume: VolumeId;
  readonly to: NodeName;
}

/** The node's id in `drover:owner`. Throws where the node was never observed. */
export function nodeIdOf(context: RunContext, node: NodeName): string {
  const id = lastFacts(context.state.nodes[node])?.nodeId;
  if (id === undefined) {
    throw new AppError('connection-failed', `cannot identify node "${node}": it has not been observed`, {
      retryable: true,
    });
  }
  return id;
}

/** Reads this node's copy of the volume. */
export async function findVolume(
  client: NodeClient,
  volume: VolumeId,
  signal: AbortSignal,
): Promise<Volume | undefined> {
  return (await client.volumes.list(signal)).find((one) => one.id === volume);
}

/** As `findVolume`; throws `volume-conflict` where the node has no copy. */
export async function getVolume(
  client: NodeClient,
  volume: VolumeId,
  what: string,
  signal: AbortSignal,
): Promise<Volume> {
  const found = await findVolume(client, volume, signal);
  if (found === undefined) throw conflict(what, volume, client.node, 'the node has no copy of it');
  return found;
}

/** Does work that only saves space. A failure becomes a line of output, and the step goes on. */
export async function tidyUp(context: StepContext, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (signal.aborted || isAbort(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    leaveForLater(context, why);
  }
}

/** Reports what could not be tidied up. */
export function leaveForLater(context: StepContext, why: string): void {
  context.emit({ type: 'step-output', step: context.step, line: `left for a later move to tidy up: ${why}` });
}

/** The error of a step that relies on a fact which is not true any more. */
export function conflict(what: string, volume: VolumeId, node: NodeName, why: string, hint?: string): AppError {
  return new AppError('volume-conflict', `cannot ${what} volume "${volume}" on "${node}": ${why}`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Reports the progress of a step. */
export function emitProgress(context: StepContext, what: string, doneBytes: number, totalBytes?: number): void {
  const total = totalBytes === undefined ? {} : { totalBytes };
  context.emit({ type: 'step-progress', step: context.step, doneBytes, ...total, what });
}
