import { type Container, isActive, type NodeFacts } from '../model/cluster.ts';
import type { Application, AppName, Dependency, Milestone } from '../model/config.ts';
import { isDone } from '../model/container/verdict.ts';
import type { Blocker } from '../model/plan.ts';
import type { GroupDecision } from './group-decision.ts';
import { containersOf, type PlanInput, perInput } from './plan-input.ts';
import { quote } from './wording.ts';

/** The placed applications that others wait for until they are done. */
const awaitedApps = perInput((input) => {
  const all = [...input.placement.keys()].flatMap((name) => dependenciesOf(input, name));
  return new Set(all.filter(({ until }) => until === 'done').map(({ app }) => app));
});

/** True for a job: another placed application waits until it is done. */
export const isAwaited = (input: PlanInput, app: AppName): boolean => awaitedApps(input).has(app);

/** What a placed application needs and the files place too; what they place nowhere is not waited for. */
export function dependenciesOf(input: PlanInput, app: AppName): readonly Dependency[] {
  const all = input.config.applications[app]?.dependsOn;
  return all === undefined ? [] : all.filter((one) => one.app !== app && input.placement.has(one.app));
}

/** True if this container has reached the milestone. */
function hasReached(container: Container, app: Application, until: Milestone): boolean {
  if (until === 'done') return isDone(container, app);
  if (until === 'started') return isActive(container) || isDone(container, app);
  return container.state === 'running' && (container.health ?? 'healthy') === 'healthy';
}

/**
 * Blocks what would start although a dependency has not reached its milestone and cannot reach it in this plan. Returns
 * the same list if there is nothing to block. An application that runs keeps running.
 */
export function blockUnmet(input: PlanInput, decisions: readonly GroupDecision[]): readonly GroupDecision[] {
  if (!decisions.some(({ app }) => app?.dependsOn !== undefined)) return decisions;
  const byGroup = new Map(decisions.map((decision) => [decision.group, decision]));
  let isChanged = true;
  while (isChanged) {
    isChanged = false;
    for (const decision of byGroup.values()) {
      const blocker = unmetBy(input, byGroup, decision);
      if (blocker === undefined) continue;
      byGroup.set(decision.group, { ...decision, blockers: [blocker] });
      isChanged = true;
    }
  }
  const next = [...byGroup.values()];
  return next.every((decision, at) => decision === decisions[at]) ? decisions : next;
}

function unmetBy(
  input: PlanInput,
  byGroup: ReadonlyMap<string, GroupDecision>,
  { group, node, start, blockers }: GroupDecision,
): Blocker | undefined {
  if (start === undefined || start.spec.isDone === true || blockers.length > 0) return undefined;
  const unmet = dependenciesOf(input, group).find((one) => {
    const other = byGroup.get(one.app);
    return one.isOptional !== true && (other?.blockers.length ?? 0) > 0 && !isMet(input, one);
  });
  if (unmet === undefined) return undefined;
  const reason = `cannot start ${quote(group)} on ${quote(node)}: it depends on ${quote(unmet.app)}, which is blocked`;
  return { app: group, node, reason };
}

/** Also on a node that cannot be reached, if it was so when the node was last seen. */
function isMet(input: PlanInput, { app: name, until }: Dependency): boolean {
  const app = input.config.applications[name];
  if (app === undefined) return true;
  const seen = containersOf(input, name).map(({ container }) => container);
  const away = [...input.unreachable.values()].flatMap((facts) => ownIn(facts, name));
  return [...seen, ...away].some((container) => hasReached(container, app, until));
}

const ownIn = (facts: NodeFacts | undefined, app: AppName): readonly Container[] =>
  facts?.containers.filter((one) => one.managed && one.application === app) ?? [];

/** Applications that restart because one that they depend on is replaced in its place, each with the reason. */
export function restartsIn(input: PlanInput, decisions: readonly GroupDecision[]): ReadonlyMap<AppName, string> {
  const replaced = new Set(decisions.filter(isReplaced).map(({ group }) => group));
  const restarts = new Map<AppName, string>();
  if (replaced.size === 0) return restarts;
  for (const { group, node, start, blockers } of decisions) {
    const here = containersOf(input, group).find((seen) => seen.node === node)?.container;
    if (blockers.length > 0 || here === undefined || !isActive(here)) continue;
    const cause = dependenciesOf(input, group).find((one) => one.restarts === true && replaced.has(one.app));
    if (cause !== undefined && (start === undefined || restarts.has(group)))
      restarts.set(group, `${quote(cause.app)} is replaced, and ${quote(group)} restarts with it`);
  }
  return restarts;
}

/** True if a new container takes the place of one on the same node. */
export const isReplaced = ({ node, start, stops, blockers }: GroupDecision): boolean =>
  start !== undefined && blockers.length === 0 && stops.some((stop) => stop.node === node);
