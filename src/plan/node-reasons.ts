import type { ClusterState } from '../model/cluster.ts';
import type { Blocker } from '../model/plan.ts';

/** The hint of a blocker of which only one thing is known: its node does not answer. */
export const bringNodeBack = 'bring the node back';

/**
 * Adds to a blocker why its node cannot be reached: an unknown host key and a host that is off need different remedies.
 * The node's hint replaces the plain one; a longer hint is kept.
 */
export function withNodeReason(state: ClusterState, blocker: Blocker): Blocker {
  const seen = blocker.node === undefined ? undefined : state.nodes[blocker.node];
  if (seen?.status !== 'unreachable' || blocker.reason.includes(seen.error.message)) return blocker;
  const { message, hint } = seen.error;
  const isPlain = blocker.hint === undefined || blocker.hint === bringNodeBack;
  const reason = `${blocker.reason}: ${message}`;
  return { ...blocker, reason, ...(isPlain && hint !== undefined ? { hint } : {}) };
}
