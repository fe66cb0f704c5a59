import type { ClusterState } from '../model/cluster.ts';
import type { Config } from '../model/config.ts';
import type { Blocker, Plan } from '../model/plan.ts';
import { keptApps } from './conflicts.ts';
import { decide } from './decide.ts';
import { describeOthers, doubtFiles, planMarks } from './deployments.ts';
import { compareText } from './lists.ts';
import { withNodeReason } from './node-reasons.ts';
import { indexInput } from './plan-input.ts';
import { sameMachines } from './same-machine.ts';
import { bootNotes, planBootRules } from './steps/boot-rules.ts';
import { settleVolume } from './steps/move.ts';
import { planNetwork, type Switch } from './steps/network.ts';
import { orderStarts } from './steps/order.ts';
import { planPlacement, stopReplaced } from './steps/place.ts';
import { describeLeftovers, planRemovals, planRetirements } from './steps/remove.ts';
import { planStandbys, standbyNotes } from './steps/standbys.ts';
import { createStepBuilder } from './steps/step-builder.ts';

/**
 * The steps from the observed state to the desired state. A pure function: equal values give the same plan, whatever
 * the order of their keys. An unsafe change becomes a blocker, never a step.
 */
export function makePlan(config: Config, state: ClusterState): Plan {
  const input = indexInput(config, state);
  const unclear = sameMachines(input);
  if (unclear.length > 0) return { revision: config.revision, steps: [], blocked: unclear, notes: [] };
  const builder = createStepBuilder();
  const decisions = decide(input);

  planMarks(builder, input);
  const kept = keptApps(decisions);
  planRemovals(builder, input, kept);
  const placed = decisions.map((decision) => ({ decision, after: planPlacement(builder, input, decision) }));
  const retirementBlockers = planRetirements(builder, input, kept);
  const network = planNetwork(builder, input, decisions, placed.filter(isSwitch));
  orderStarts(builder, input, decisions);
  for (const { decision, after } of placed) {
    if (decision.blockers.length > 0) continue;
    const last = [...after, ...(network.get(decision.group) ?? [])];
    stopReplaced(builder, decision, last);
    for (const task of decision.tasks) settleVolume({ builder, group: decision.group, task }, last);
  }
  planBootRules(builder, input);
  planStandbys(builder, input, decisions);

  const doubt = doubtFiles(input);
  const blocked = decisions.flatMap(({ blockers, warnings }) => [...blockers, ...warnings]);
  return {
    revision: config.revision,
    steps: builder.build(),
    blocked: [...blocked, ...retirementBlockers].map((blocker) => withNodeReason(state, blocker)).sort(compareBlockers),
    notes: [
      ...describeLeftovers(input),
      ...describeOthers(input),
      ...bootNotes(input),
      ...standbyNotes(input, decisions),
      ...decisions.flatMap(({ notes }) => notes),
    ],
    ...(Object.keys(input.knownIds).length === 0 ? {} : { knownIds: input.knownIds }),
    ...(doubt === undefined ? {} : { doubt }),
  };
}

function isSwitch({ decision }: Switch): boolean {
  return decision.switches && decision.blockers.length === 0;
}

function compareBlockers(a: Blocker, b: Blocker): number {
  const text = ({ app, node, reason }: Blocker) => `${app ?? ''}\n${node ?? ''}\n${reason}`;
  return compareText(text(a), text(b));
}
