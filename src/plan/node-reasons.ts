import type { ClusterState } from '../model/cluster.ts';
import type { Blocker } from '../model/plan.ts';

/**
 * A blocker of a node that cannot be reached, with that node's own reason and hint: a key that is not known yet and a
 * machine that is off need different things.
 */
export function withNodeReason(state: ClusterState, blocker: Blocker): Blocker {
  const seen = blocker.node === undefined ? undefined : state.nodes[blocker.node];
  if (seen?.status !== 'unreachable' || blocker.reason.includes(seen.error.message)) return blocker;
  const { message, hint } = seen.error;
  return { ...blocker, reason: `${blocker.reason}: ${message}`, ...(hint === undefined ? {} : { hint }) };
}
