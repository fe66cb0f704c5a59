import type { ClusterState } from '../model/cluster.ts';
import type { Blocker } from '../model/plan.ts';

/** What a blocker says where nothing else is known than that its node does not answer. */
export const bringNodeBack = 'bring the node back';

/**
 * A blocker of a node that cannot be reached, with that node's own reason: a key that is not known yet and a machine
 * that is off need different things. The node's hint takes the place of a plain one; a hint that says more is kept.
 */
export function withNodeReason(state: ClusterState, blocker: Blocker): Blocker {
  const seen = blocker.node === undefined ? undefined : state.nodes[blocker.node];
  if (seen?.status !== 'unreachable' || blocker.reason.includes(seen.error.message)) return blocker;
  const { message, hint } = seen.error;
  const isPlain = blocker.hint === undefined || blocker.hint === bringNodeBack;
  const reason = `${blocker.reason}: ${message}`;
  return { ...blocker, reason, ...(isPlain && hint !== undefined ? { hint } : {}) };
}
