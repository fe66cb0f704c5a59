import { type ClusterState, freshFacts } from '../model/cluster.ts';
import type { AppName, NodeName } from '../model/config.ts';
import type { Blocker, Plan } from '../model/plan.ts';

/** What a plan removes, if it is so much that a person has to confirm it. */
export interface Removal {
  /** Running applications that the plan stops for good, sorted. */
  readonly apps: readonly AppName[];
  /** `this would stop 7 of the 9 applications that run: …`. */
  readonly reason: string;
}

/** What was observed of the nodes. */
type Seen = Pick<ClusterState, 'nodes'>;

/**
 * Defined if the plan stops at least two applications for good and more than half of those that run, or all of them and
 * has a `doubt` that these are the right files. `seen` is the deployment's view.
 */
export function largeRemoval(plan: Plan, seen: Seen): Removal | undefined {
  const running = placesOfRunning(seen).size;
  const apps = stoppedForGood(plan, seen);
  if (plan.doubt !== undefined && apps.length > 0 && apps.length === running) {
    return { apps, reason: `this would stop everything that runs: ${listSome(apps)}; ${plan.doubt}` };
  }
  if (apps.length < 2 || apps.length * 2 <= running) return undefined;
  const of = `${running} application${running === 1 ? '' : 's'}`;
  return { apps, reason: `this would stop ${apps.length} of the ${of} that run: ${listSome(apps)}` };
}

/**
 * Applications that run now and run nowhere after the plan, sorted. An application whose container is started again, or
 * runs on a second node, is not among them.
 */
export function stoppedForGood(plan: Plan, seen: Seen): readonly AppName[] {
  const running = placesOfRunning(seen);
  const started = new Set<AppName>();
  for (const { action } of plan.steps) {
    if (action.kind === 'start-container') started.add(action.spec.application);
    if (action.kind === 'stop-container') running.get(action.app)?.delete(action.node);
  }
  return [...running].flatMap(([app, left]) => (left.size === 0 && !started.has(app) ? [app] : [])).toSorted();
}

/** The blocker of a run that cannot ask a person to confirm a removal. */
export const removalBlocker = ({ reason }: Removal): Blocker => ({
  because: 'removal',
  reason: `cannot remove so much without confirmation: ${reason}`,
  hint: 'see `drover plan`; if the files are right: drover apply --allow-removal',
});

function placesOfRunning({ nodes }: Seen): ReadonlyMap<AppName, Set<NodeName>> {
  const places = new Map<AppName, Set<NodeName>>();
  for (const [node, seen] of Object.entries(nodes)) {
    for (const one of freshFacts(seen)?.containers ?? []) {
      if (!one.managed || one.application === undefined || one.state !== 'running') continue;
      places.set(one.application, (places.get(one.application) ?? new Set()).add(node));
    }
  }
  return places;
}

const named = 5;

function listSome(apps: readonly AppName[]): string {
  const rest = apps.length - named;
  const names = apps.slice(0, rest > 0 ? named : apps.length).map((app) => `"${app}"`);
  return `${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
