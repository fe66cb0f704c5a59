import type { AppName } from '../model/config.ts';
import type { Plan } from '../model/plan.ts';

/** The plan without what it would do for applications that a person has stopped, and with a note that says so. */
export function leaveOut(plan: Plan, apps: ReadonlySet<AppName>): Plan {
  if (apps.size === 0) return plan;
  const steps = plan.steps.filter(({ group }) => !apps.has(group));
  const kept = new Set(steps.map(({ id }) => id));
  const notes = [...apps]
    .toSorted()
    .map((app) => `"${app}" was stopped by hand: it stays so until it is started, or the files change`);
  return {
    ...plan,
    steps: steps.map((step) => ({ ...step, after: step.after.filter((id) => kept.has(id)) })),
    notes: [...plan.notes, ...notes],
  };
}
