import type { ClusterState } from '../model/cluster.ts';
import type { AppName } from '../model/config.ts';
import type { Blocker, Plan } from '../model/plan.ts';

/** A plan that stops so much that a person should look. */
export interface Removal {
  /** Sorted; they run now. */
  readonly apps: readonly AppName[];
  /** `this would stop 7 of the 9 applications that run: …`. */
  readonly reason: string;
}

/** More than half of what runs, and at least two applications, would be stopped and not started again. */
export function largeRemoval(plan: Plan, state: ClusterState): Removal | undefined {
  const running = runningApps(state);
  const apps = stoppedForGood(plan).filter((app) => running.has(app));
  if (apps.length < 2 || apps.length * 2 <= running.size) return undefined;
  const of = `${running.size} application${running.size === 1 ? '' : 's'}`;
  return { apps, reason: `this would stop ${apps.length} of the ${of} that run: ${listSome(apps)}` };
}

/** Applications that the plan stops and does not start anywhere, sorted. */
export function stoppedForGood(plan: Plan): readonly AppName[] {
  const started = new Set<AppName>();
  const stopped = new Set<AppName>();
  for (const { action } of plan.steps) {
    if (action.kind === 'start-container') started.add(action.spec.application);
    if (action.kind === 'stop-container') stopped.add(action.app);
  }
  return [...stopped].filter((app) => !started.has(app)).toSorted();
}

/** Why a run stops nothing where no person can be asked. */
export const removalBlocker = ({ reason }: Removal): Blocker => ({
  because: 'removal',
  reason: `cannot remove so much without being told to: ${reason}`,
  hint: 'see `drover plan`; where the files are right, give --allow-removal',
});

function runningApps(state: ClusterState): ReadonlySet<AppName> {
  const apps = Object.values(state.nodes).flatMap((seen) =>
    seen.status !== 'reachable'
      ? []
      : seen.facts.containers.flatMap((one) =>
          one.managed && one.application !== undefined && one.state === 'running' ? [one.application] : [],
        ),
  );
  return new Set(apps);
}

const named = 5;

function listSome(apps: readonly AppName[]): string {
  const rest = apps.length - named;
  const names = apps.slice(0, rest > 0 ? named : apps.length).map((app) => `"${app}"`);
  return `${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
