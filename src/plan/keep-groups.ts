import type { Blocker, Plan, Step } from '../model/plan.ts';
import { quote } from './wording.ts';

/**
 * The plan with only the steps of these groups. A group that waits for the stop of another group's container is
 * blocked: until then that container has its port or its volume.
 */
export function keepGroups(plan: Plan, keeps: (group: string) => boolean): Plan {
  const stops = new Set(plan.steps.flatMap(({ id, action }) => (action.kind === 'stop-container' ? [id] : [])));
  let steps = plan.steps.filter(({ group }) => keeps(group));
  const waiting = new Set<string>();
  for (;;) {
    const kept = new Set(steps.map(({ id }) => id));
    const waits = ({ after }: Step): boolean => after.some((id) => stops.has(id) && !kept.has(id));
    const more = steps.filter(waits).map(({ group }) => group);
    if (more.length === 0) return { ...withEdgesInside(plan, steps), blocked: [...plan.blocked, ...blockers(waiting)] };
    for (const group of more) waiting.add(group);
    steps = steps.filter(({ group }) => !waiting.has(group));
  }
}

function withEdgesInside(plan: Plan, steps: readonly Step[]): Plan {
  const kept = new Set(steps.map(({ id }) => id));
  return { ...plan, steps: steps.map((step) => ({ ...step, after: step.after.filter((id) => kept.has(id)) })) };
}

function blockers(waiting: ReadonlySet<string>): Blocker[] {
  return [...waiting].map((app) => ({
    app,
    reason: `cannot change ${quote(app)} now: another application, which is left as it is, has its port or its volume`,
  }));
}
