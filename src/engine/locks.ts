import type { NodeName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import type { Cluster, LockHandle } from './node-client.ts';

/** The locks one run holds; more are taken when a later pass needs other nodes. */
export interface RunLocks {
  /** Takes the missing ones in sorted order; throws `lock-held` where somebody else has one. */
  take(nodes: readonly NodeName[], signal: AbortSignal): Promise<void>;
  /** Aborts when the node's lock is lost with its connection; undefined where none is held. */
  readonly lost: (node: NodeName) => AbortSignal | undefined;
  release(): Promise<void>;
}

/** No locks yet. A lock that was lost with its connection is taken again when it is asked for. */
export function createRunLocks(cluster: Cluster, owner: string): RunLocks {
  const held = new Map<NodeName, LockHandle>();
  return {
    take: async (nodes, signal) => {
      for (const node of [...nodes].toSorted()) {
        if (held.get(node)?.lost.aborted === false) continue;
        const client = await cluster.node(node, signal);
        held.set(node, await client.mutex.acquire(owner, signal));
      }
    },
    lost: (node) => held.get(node)?.lost,
    release: async () => {
      const handles = [...held.values()];
      held.clear();
      // A node that is gone has let go of its lock already.
      await Promise.all(handles.map((handle) => handle.release().catch(() => undefined)));
    },
  };
}

/** What a run says whose lock went away with a connection. */
export function lockLost(cause?: unknown): AppError {
  const message = 'cannot go on: a lock was lost with its connection';
  return new AppError('connection-failed', message, { retryable: true, cause });
}
