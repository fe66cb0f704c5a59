import type { ClusterState } from '../../model/cluster.ts';
import type { AppName } from '../../model/config.ts';
import type { Blocker, Plan } from '../../model/plan.ts';
import { largeRemoval, removalBlocker } from '../../plan/large-removal.ts';

/** Asks a person whether these applications may be stopped; `reason` describes them. */
export type ConfirmRemoval = (reason: string) => Promise<boolean>;

/** Checks that can keep a run from executing its plan. */
export interface RunChecks {
  /** Called before anything is locked: the time to ask a person. */
  readonly confirms?: (plan: Plan, state: ClusterState) => Promise<Blocker | undefined>;
  /** Called under the locks, before the first step. */
  readonly refuses?: (plan: Plan, state: ClusterState) => Blocker | undefined;
}

/** For one run: a large removal needs the consent of a person, for exactly the applications that were shown. */
export function guardRemovals(confirm: ConfirmRemoval | undefined): RunChecks {
  const accepted = new Set<AppName>();
  const refuses: NonNullable<RunChecks['refuses']> = (plan, state) => {
    const removal = largeRemoval(plan, state);
    return removal?.apps.every((app) => accepted.has(app)) === false ? removalBlocker(removal) : undefined;
  };
  return {
    refuses,
    confirms: async (plan, state) => {
      const refused = refuses(plan, state);
      const removal = largeRemoval(plan, state);
      if (refused === undefined || removal === undefined || confirm === undefined) return refused;
      if (!(await confirm(removal.reason))) return refused;
      for (const app of removal.apps) accepted.add(app);
      return undefined;
    },
  };
}
