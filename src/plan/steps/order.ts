import { addTo } from '../../model/collect.ts';
import type { AppName, Dependency, VolumeId } from '../../model/config.ts';
import type { StepId } from '../../model/plan.ts';
import { dependenciesOf, isReplaced } from '../dependencies.ts';
import type { GroupDecision } from '../group-decision.ts';
import { sorted } from '../lists.ts';
import { type PlanInput, usersOfWantedPort } from '../plan-input.ts';
import { type StepBuilder, stepId } from './step-builder.ts';

/** Which groups wait for which, so that no edge closes a cycle. */
interface Waits {
  add(group: string, before: string): void;
  reaches(from: string, to: string): boolean;
}

function createWaits(): Waits {
  const edges = new Map<string, string[]>();
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean => {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return (edges.get(from) ?? []).some((next) => reaches(next, to, seen));
  };
  return { add: (group, before) => addTo(edges, group, before), reaches };
}

/**
 * Orders the applications of this plan, on whichever nodes they are. An application starts after each of its
 * `dependsOn` has reached its milestone, and after those of its link targets that start on the same node. An edge that
 * would close a cycle is left out: links in both directions are allowed.
 */
export function orderStarts(builder: StepBuilder, input: PlanInput, decisions: readonly GroupDecision[]): void {
  const planned = new Map(
    decisions.flatMap((d) => ((d.start || d.checks) && d.blockers.length === 0 ? [[d.group, d] as const] : [])),
  );
  const names = sorted([...planned].flatMap(([group, { start }]) => (start === undefined ? [] : [group])));
  const waits = createWaits();
  const needs: Need[] = [];
  for (const name of names) {
    for (const dependency of dependenciesOf(input, name)) {
      const [own, other] = [planned.get(name), planned.get(dependency.app)];
      const before = other && milestone(other, dependency);
      if (own === undefined || other === undefined || before === undefined || waits.reaches(other.group, name))
        continue;
      waits.add(name, other.group);
      builder.order(startOf(own), before, dependency.isOptional);
      // It reaches what is on another node through the table of its own.
      builder.order(startOf(own), `replace-network:network:${own.node}`, true);
      needs.push({ own, other, dependency, before });
    }
  }
  for (const name of names) {
    for (const target of linkTargets(input, name)) {
      const [own, other] = [planned.get(name), planned.get(target)];
      if (own === undefined || other?.start === undefined || own.node !== other.node || waits.reaches(target, name))
        continue;
      waits.add(name, target);
      builder.order(startOf(own), startOf(other), true);
    }
  }
  orderStops(builder, decisions, needs, waits);
}

/** A dependency of an application, both in this plan; `before` is the step that reaches the milestone. */
interface Need {
  readonly own: GroupDecision;
  readonly other: GroupDecision;
  readonly dependency: Dependency;
  readonly before: StepId;
}

/**
 * What restarts with another application stops before that one. Every other application keeps running until what it
 * needs is healthy or done, unless that one waits for it.
 */
function orderStops(
  builder: StepBuilder,
  decisions: readonly GroupDecision[],
  needs: readonly Need[],
  waits: Waits,
): void {
  for (const { group, stopFirst } of decisions) for (const { app } of stopFirst) waits.add(group, app);
  for (const { own, other, dependency } of needs) {
    if (own.restarts !== true || dependency.restarts !== true || !isReplaced(other)) continue;
    waits.add(other.group, own.group);
    for (const stop of stopsOf(other)) for (const first of stopsOf(own)) builder.order(stop, first);
  }
  const together = stoppingTogether(decisions);
  for (const { own, other, dependency, before } of needs) {
    const all = together.get(own.group) ?? [own];
    const isFree = own.restarts !== true && !own.startsFirst && !waits.reaches(other.group, own.group);
    if (!isFree || dependency.until === 'started') continue;
    for (const step of all.flatMap((one) => downtimeOf(builder, one)))
      builder.order(step, before, dependency.isOptional);
  }
  for (const all of new Set(together.values())) {
    if (all.length < 2) continue;
    const ready = all.flatMap(preparationOf);
    for (const step of all.flatMap((one) => downtimeOf(builder, one)))
      for (const before of ready) builder.order(step, before);
    // What fails before a release brings all of them back where they were.
    const moves = all.flatMap(movesOf);
    for (const { release } of moves) for (const { sent } of moves) for (const id of sent) builder.order(release, id);
  }
}

/** For each volume that moves: the step that gives it up, and those before it. */
const movesOf = ({ group, node: to, tasks }: GroupDecision) =>
  tasks.flatMap(({ id: volume, work }) => {
    if (work.kind !== 'move') return [];
    const { from } = work;
    const release = stepId({ kind: 'release-volume', from, to, volume }, group);
    const freeze = stepId({ kind: 'freeze-volume', node: from, volume }, group);
    return [{ release, sent: [freeze, stepId({ kind: 'send-final', from, to, volume }, group)] }];
  });

/** The steps with which an application stops serving. */
const downtimeOf = (builder: StepBuilder, decision: GroupDecision): StepId[] => [
  ...builder.holdsOf(decision.group),
  ...stopsOf(decision),
];

/** The steps that take long and need no stop. */
function preparationOf({ group, app, node, tasks }: GroupDecision): StepId[] {
  const image = app === undefined ? [] : [stepId({ kind: 'pull-image', node, image: app.image }, group)];
  const sent = tasks.flatMap(({ id, work }) =>
    work.kind === 'move' ? [stepId({ kind: 'sync-volume', from: work.from, to: node, volume: id }, group)] : [],
  );
  return [...image, ...sent];
}

/**
 * By group: the decisions whose applications share a volume that changes its place. Each of them is down until all of
 * them have stopped, so none stops before everything that one of them waits for is there.
 */
function stoppingTogether(decisions: readonly GroupDecision[]): ReadonlyMap<string, readonly GroupDecision[]> {
  const together = new Map<string, readonly GroupDecision[]>();
  const onVolume = new Map<VolumeId, string>();
  for (const decision of decisions) {
    if (decision.blockers.length > 0) continue;
    let all: readonly GroupDecision[] = [decision];
    for (const { id, work } of decision.tasks) {
      const others = together.get(onVolume.get(id) ?? '') ?? [];
      if (work.kind === 'move' || work.kind === 'reclaim') onVolume.set(id, decision.group);
      all = [...new Set([...others, ...all])];
    }
    for (const { group } of all) together.set(group, all);
  }
  return together;
}

/** The step after which an application has reached the milestone; undefined if no step of this plan is needed. */
function milestone(other: GroupDecision, { until }: Dependency): StepId | undefined {
  const { group, node, start, checks } = other;
  if (start !== undefined && (until === 'started' || start.spec.isDone === true)) return startOf(other);
  if (until === 'started' || (start === undefined && !checks)) return undefined;
  return stepId({ kind: 'check-container', node, app: group, ports: [] }, group);
}

const startOf = ({ group, node }: GroupDecision): StepId => `start-container:${group}:${node}`;

const stopsOf = ({ group, stops }: GroupDecision): StepId[] =>
  stops.map(({ node, app }) => stepId({ kind: 'stop-container', node, app }, group));

function linkTargets(input: PlanInput, name: AppName): string[] {
  const links = input.config.applications[name]?.links ?? [];
  if (links.length === 0) return [];
  const remote = links.map((link) => ({ port: link.remotePort, protocol: 'tcp' as const }));
  return sorted(remote.flatMap((key) => usersOfWantedPort(input, key))).filter((other) => other !== name);
}

/** Applications that leave the deployment stop before those that they depend on. */
export function orderRemovals(
  builder: StepBuilder,
  removed: readonly { readonly stop: StepId; readonly app: AppName; readonly needs: readonly AppName[] }[],
): void {
  const waits = createWaits();
  for (const { stop: first, app, needs } of removed) {
    for (const { stop, app: needed } of removed) {
      if (!needs.includes(needed) || needed === app || waits.reaches(app, needed)) continue;
      waits.add(needed, app);
      builder.order(stop, first);
    }
  }
}
