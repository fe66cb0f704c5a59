import type { ClusterState } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { RunNote } from '../../model/history.ts';
import { nodesOf, type Plan } from '../../model/plan.ts';
import type { Cluster, LockHandle } from '../node-client.ts';

/** The locks that one run holds. A later pass may take more. */
export interface RunLocks {
  /** Takes the missing locks; false where none is missing. Throws `lock-held` where another run has one. */
  take(nodes: readonly NodeName[], signal: AbortSignal): Promise<boolean>;
  /** Aborts when the node's lock is lost with its connection; undefined where the run does not hold it. */
  readonly lost: (node: NodeName) => AbortSignal | undefined;
  /** `result`: how the run ended; the nodes keep it. */
  release(result?: string): Promise<void>;
}

/**
 * Begins without locks. A lock that was lost with its connection is taken again when it is needed. The first node by name
 * is locked before all others, which follow at the same time: of two runs of the same files one gets all locks.
 */
export function createRunLocks(cluster: Cluster, owner: string, note?: RunNote): RunLocks {
  const held = new Map<NodeName, LockHandle>();
  const holder = { owner, ...(note === undefined ? {} : { note }) };
  const takeOne = async (node: NodeName, signal: AbortSignal): Promise<void> => {
    const client = await cluster.node(node, signal);
    held.set(node, await client.mutex.acquire(holder, signal));
  };
  return {
    take: async (nodes, signal) => {
      const missing = [...new Set(nodes)].toSorted().filter((node) => held.get(node)?.lost.aborted !== false);
      const [first, ...others] = missing;
      if (first === undefined) return false;
      await takeOne(first, signal);
      // Wait for all of them, also where one is refused: a lock that is not recorded here is never released.
      const taken = await Promise.allSettled(others.map((node) => takeOne(node, signal)));
      const refused = taken.find((one) => one.status === 'rejected');
      if (refused !== undefined) throw refused.reason;
      return true;
    },
    lost: (node) => held.get(node)?.lost,
    release: async (result) => {
      const handles = [...held.values()];
      held.clear();
      // A node that is gone has released its lock already.
      await Promise.all(handles.map((handle) => handle.release(result).catch(() => undefined)));
    },
  };
}

/**
 * The reachable nodes that a run of this plan must lock. A plan that creates a volume locks all of them: two runs with
 * different files would create it twice.
 */
export function nodesToLock(plan: Plan, state: ClusterState): NodeName[] {
  const creates = plan.steps.some(({ action }) => action.kind === 'create-volume');
  const involved = creates ? Object.keys(state.nodes) : plan.steps.flatMap(({ action }) => nodesOf(action));
  return [...new Set(involved)].filter((node) => state.nodes[node]?.status === 'reachable');
}

/** The error of a run that lost a lock with its connection. */
export function lockLost(cause?: unknown): AppError {
  const message = 'cannot go on: a lock was lost with its connection';
  return new AppError('connection-failed', message, { retryable: true, cause });
}
