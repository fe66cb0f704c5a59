import type { AppName } from '../model/config.ts';
import type { Plan } from '../model/plan.ts';
import { withoutGroups } from '../plan/hold-back.ts';

/** The plan without what it would do for applications that a person has stopped, and with a note that says so. */
export function leaveOut(plan: Plan, apps: ReadonlySet<AppName>): Plan {
  if (apps.size === 0) return plan;
  const notes = [...apps]
    .toSorted()
    .map((app) => `"${app}" was stopped by hand: it stays so until it is started, or the files change`);
  return { ...withoutGroups(plan, apps), notes: [...plan.notes, ...notes] };
}
