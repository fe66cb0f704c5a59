import type { AppName } from '../model/config.ts';
import type { Plan } from '../model/plan.ts';
import { keepGroups } from '../plan/part-of-plan.ts';

/** The plan without what it would do for applications that a person has stopped, and with a note that says so. */
export function leaveOut(plan: Plan, apps: ReadonlySet<AppName>): Plan {
  if (apps.size === 0) return plan;
  const notes = [...apps]
    .toSorted()
    .map((app) => `"${app}" was stopped by hand: it stays so until it is started, or the files change`);
  return { ...keepGroups(plan, (group) => !apps.has(group)), notes: [...plan.notes, ...notes] };
}
