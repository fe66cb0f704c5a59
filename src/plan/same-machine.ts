import type { NodeName } from '../model/config.ts';
import type { Blocker } from '../model/plan.ts';
import type { PlanInput } from './plan-input.ts';
import { quote, quoteAll } from './wording.ts';

/**
 * Blockers for nodes that report the same id. The id says which node owns a volume, and a run would wait for its own
 * lock, so the plan has no steps until the ids differ.
 */
export function sameMachines(input: PlanInput): Blocker[] {
  const nodes = new Map<string, NodeName[]>();
  for (const [node, { nodeId }] of input.reachable) nodes.set(nodeId, [...(nodes.get(nodeId) ?? []), node]);
  return [...nodes].flatMap(([id, [first = '', ...others]]) =>
    others.length === 0
      ? []
      : [
          {
            node: first,
            reason: `cannot distinguish ${quoteAll([first, ...others])}: each reports the node id ${quote(id)}; they are one host under several names, or clones`,
            hint: `keep one name of the host in the files`,
          },
        ],
  );
}
