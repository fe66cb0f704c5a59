import type { ClusterView, StepView } from '../../../view/cluster-view.ts';
import { planGroups } from '../../../view/run/plan-groups.ts';
import { runStatusOfGroup } from '../../../view/run/run-status-text.ts';
import { listNames } from '../../../view/wording.ts';

/** What cancelling the run at this moment does, in one sentence. `now` in milliseconds since 1970. */
export function cancelMeaning(view: ClusterView, now: number): string {
  if (!view.running || view.plan === undefined) return 'no run is in progress';
  const down = planGroups(view.plan, view.forecasts)
    .filter(({ steps }) => steps.some(({ id }) => hasBegun(view.steps[id]?.state)))
    .filter((group) => runStatusOfGroup(view, group, now).stopping !== 'safe')
    .map(({ group }) => group);
  if (down.length === 0) return 'cancel stops here; copies continue later where they ended';
  return `cancel finishes the change of ${listNames(down)} first, then stops`;
}

/** Most groups of a large plan have not begun, and need no closer look. */
const hasBegun = (state: StepView['state'] | undefined): boolean => state !== undefined && state !== 'waiting';
