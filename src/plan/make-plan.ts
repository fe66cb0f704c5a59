import type { ClusterState } from '../model/cluster.ts';
import type { Config } from '../model/config.ts';
import type { Blocker, Plan } from '../model/plan.ts';
import { decide } from './classify.ts';
import { keptApps } from './conflicts.ts';
import { describeOthers, doubtFiles, planMarks } from './deployments.ts';
import { withNodeReason } from './node-reasons.ts';
import { sameMachines } from './same-machine.ts';
import { bootNotes, planBootRules } from './steps/boot-rules.ts';
import { settleVolume } from './steps/move.ts';
import { planNetwork, type Switch } from './steps/network.ts';
import { orderStarts, planPlacement, stopReplaced } from './steps/place.ts';
import { describeLeftovers, planRemovals, planRetirements } from './steps/remove.ts';
import { createStepBuilder } from './steps/step-builder.ts';
import { compareText, lookAt } from './world.ts';

/**
 * What has to happen so that the cluster is as configured: a pure function of both, the same plan for the same values
 * whatever the order of their keys. Whatever is unsafe becomes a blocker, never a step.
 */
export function makePlan(config: Config, state: ClusterState): Plan {
  const world = lookAt(config, state);
  const unclear = sameMachines(world);
  if (unclear.length > 0) return { revision: config.revision, steps: [], blocked: unclear, notes: [] };
  const builder = createStepBuilder();
  const decisions = decide(world);

  planMarks(builder, world);
  const kept = keptApps(decisions);
  planRemovals(builder, world, kept);
  const placed = decisions.map((decision) => ({ decision, after: planPlacement(builder, world, decision) }));
  orderStarts(builder, world, decisions);
  const retirementBlockers = planRetirements(builder, world, kept);
  const network = planNetwork(builder, world, decisions, placed.filter(isSwitch));
  for (const { decision, after } of placed) {
    if (decision.blockers.length > 0) continue;
    const last = [...after, ...(network.get(decision.group) ?? [])];
    stopReplaced(builder, decision, last);
    for (const task of decision.tasks) settleVolume({ builder, group: decision.group, task }, last);
  }
  planBootRules(builder, world);

  const doubt = doubtFiles(world);
  const blocked = decisions.flatMap(({ blockers, warnings }) => [...blockers, ...warnings]);
  return {
    revision: config.revision,
    steps: builder.build(),
    blocked: [...blocked, ...retirementBlockers].map((blocker) => withNodeReason(state, blocker)).sort(compareBlockers),
    notes: [
      ...describeLeftovers(world),
      ...describeOthers(world),
      ...bootNotes(world),
      ...decisions.flatMap(({ notes }) => notes),
    ],
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
