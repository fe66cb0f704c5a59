import { type ClusterState, type ContainerSpec, lastFacts } from '../../model/cluster.ts';
import type { AppName, Config, NodeName, VolumeId } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { Plan } from '../../model/plan.ts';
import { movesWith } from '../../model/shared-volumes.ts';
import { keepGroups } from '../../plan/keep-groups.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { meshChecks } from '../../plan/names/desired.ts';
import { externalPorts } from '../../plan/ports.ts';
import { createStepBuilder, type StepBuilder } from '../../plan/steps/step-builder.ts';
import type { Interrupted } from './execute.ts';

/** Where an application that a switch has stopped runs now, or else where it can be started again. */
export type Whereabouts =
  | { readonly app: AppName; readonly kind: 'runs'; readonly node: NodeName }
  | { readonly app: AppName; readonly kind: 'stopped'; readonly node: NodeName; readonly hasData: boolean }
  /** Its volumes are released. `to`: their new node, if it answers and all of them go there; the move can go on. */
  | { readonly app: AppName; readonly kind: 'released'; readonly to?: NodeName }
  | { readonly app: AppName; readonly kind: 'unknown' };

/** The whereabouts of an interrupted application in the observed state. */
export function findWhereabouts(app: AppName, { volumes, from }: Interrupted, state: ClusterState): Whereabouts {
  const nodes = reachableNodes(state);
  const runs = nodeThatRuns(app, state);
  if (runs !== undefined) return { app, kind: 'runs', node: runs };
  const latest = volumes.map((id) => latestClaim(id, nodes, state));
  const holders = new Set(latest.flatMap((claim) => (claim?.isHeld === true ? [claim.node] : [])));
  const [holder, another] = holders;
  // Volumes on several nodes: the plan for the old place brings them together there.
  const isBack = volumes.length === 0 ? nodes.includes(from) : holders.has(from);
  const node = another === undefined && holder !== undefined ? holder : isBack ? from : undefined;
  if (node !== undefined) return { app, kind: 'stopped', node, hasData: volumes.length > 0 };
  if (!latest.some((claim) => claim?.isHeld === false)) return { app, kind: 'unknown' };
  const owners = new Set(latest.map((claim) => claim?.owner));
  const to = owners.size > 1 ? undefined : nodes.find((one) => owners.has(lastFacts(state.nodes[one])?.nodeId));
  return { app, kind: 'released', ...(to === undefined ? {} : { to }) };
}

const reachableNodes = (state: ClusterState): NodeName[] =>
  Object.keys(state.nodes).filter((node) => state.nodes[node]?.status === 'reachable');

const nodeThatRuns = (app: AppName, state: ClusterState): NodeName | undefined =>
  reachableNodes(state).find((node) =>
    lastFacts(state.nodes[node])?.containers.some(
      (one) => one.managed && one.application === app && one.state === 'running',
    ),
  );

/** The claim with the highest epoch. An earlier owner that came back does not count. */
function latestClaim(
  id: VolumeId,
  nodes: readonly NodeName[],
  state: ClusterState,
): { readonly node: NodeName; readonly isHeld: boolean; readonly owner?: string } | undefined {
  const claims = nodes.flatMap((node) =>
    (lastFacts(state.nodes[node])?.volumes ?? []).flatMap(({ id: own, role, epoch, owner }) => {
      const isHeld = role === 'owner' || role === 'frozen';
      const by = owner === undefined ? {} : { owner };
      return own === id && (isHeld || role === 'released') ? [{ node, isHeld, epoch, ...by }] : [];
    }),
  );
  return claims.toSorted((a, b) => b.epoch - a.epoch || Number(b.isHeld) - Number(a.isHeld))[0];
}

/**
 * Where each application that is stopped can start again, or go on to. Those that share a volume go to one node: where
 * one of them runs, else where the first one can start.
 */
export function placesOfReturn(
  config: Config,
  all: readonly Whereabouts[],
  state: ClusterState,
): ReadonlyMap<AppName, NodeName> {
  const own = new Map(
    all.flatMap((one) => {
      const node = one.kind === 'stopped' ? one.node : one.kind === 'released' ? one.to : undefined;
      return node === undefined ? [] : [[one.app, node] as const];
    }),
  );
  const first = (apps: readonly AppName[], find: (app: AppName) => NodeName | undefined): NodeName | undefined =>
    apps.flatMap((app) => find(app) ?? [])[0];
  return new Map(
    [...own].map(([app, node]) => {
      const others = movesWith(config, app).filter((other) => other !== app);
      if (others.length === 0) return [app, node] as const;
      const runs = first(others, (other) => nodeThatRuns(other, state));
      return [app, runs ?? first([app, ...others].toSorted(), (one) => own.get(one)) ?? node] as const;
    }),
  );
}

/**
 * Plans to start these applications where their data is: the planner's own steps for a configuration that places them,
 * and what shares a volume with them, there, without the steps of other applications. An application whose volume
 another one still uses is not started.
 * `network`: with the tables of the other nodes, where no switch of the application brings them.
 */
export function planReturn(
  config: Config,
  state: ClusterState,
  back: ReadonlyMap<AppName, NodeName>,
  { network = false }: { readonly network?: boolean } = {},
): Plan {
  const places = new Map([...back].flatMap(([app, node]) => movesWith(config, app).map((one) => [one, node] as const)));
  for (const [app, node] of back) places.set(app, node);
  const deployment = Object.fromEntries(
    Object.entries(config.deployment).map(([node, apps]) => {
      const stay = apps.filter((app) => !places.has(app));
      const come = [...places].filter(([, to]) => to === node).map(([app]) => app);
      return [node, [...stay, ...come].toSorted()];
    }),
  );
  const missing = [...new Set(places.values())].filter((node) => deployment[node] === undefined);
  for (const node of missing) deployment[node] = [...places].filter(([, to]) => to === node).map(([app]) => app);
  const keeps = (group: string): boolean => back.has(group) || (network && group === 'network');
  const whole = makePlan({ ...config, applications: dependingOnNothing(config, back), deployment }, state);
  const plan = keepGroups(withOwnVolumes(whole, config, back), keeps, { returns: true });
  return { ...plan, blocked: plan.blocked.filter(({ app }) => app !== undefined && back.has(app)) };
}

/** They ran before: none of them stays down because one that it depends on is blocked, or does not start. */
function dependingOnNothing({ applications }: Config, back: ReadonlyMap<AppName, NodeName>): Config['applications'] {
  const changed = [...back.keys()].flatMap((name) => {
    const app = applications[name];
    if (app?.dependsOn === undefined) return [];
    const dependsOn = app.dependsOn.map((one) => ({ ...one, isOptional: true }) as const);
    return [[name, { ...app, dependsOn }] as const];
  });
  return { ...applications, ...Object.fromEntries(changed) };
}

/** The steps of a shared volume are in the group of the first application that has it. One that comes back takes them. */
function withOwnVolumes(plan: Plan, { applications }: Config, back: ReadonlyMap<AppName, NodeName>): Plan {
  const names = [...back.keys()].toSorted();
  const steps = plan.steps.map((step) => {
    const { action, group } = step;
    if (!('volume' in action) || back.has(group)) return step;
    const app = names.find((name) => applications[name]?.volumes.some(({ id }) => id === action.volume));
    return app === undefined ? step : { ...step, group: app };
  });
  return { ...plan, steps };
}

/**
 * Plans to start again, with their earlier containers, the applications whose set of volumes was to change: the new
 * volumes may not come, and the old ones are still there. Nothing is planned where another application has taken one.
 */
export function planAsBefore(revision: string, down: ReadonlyMap<AppName, Interrupted>, state: ClusterState): Plan {
  const builder = createStepBuilder();
  for (const [app, interrupted] of down) {
    const { volumes, was } = interrupted;
    if (was === undefined || findWhereabouts(app, interrupted, state).kind === 'runs') continue;
    const had = was.mounts.map(({ volume }) => volume);
    if (had.length === volumes.length && had.every((id) => volumes.includes(id))) continue;
    addReturn(builder, { ...interrupted, was }, app, state);
  }
  return { revision, steps: builder.build(), blocked: [], notes: [] };
}

function addReturn(
  builder: StepBuilder,
  { from: node, was: spec, with: shared }: Interrupted & { readonly was: ContainerSpec },
  app: AppName,
  state: ClusterState,
): void {
  const facts = lastFacts(state.nodes[node]);
  const nodes = reachableNodes(state);
  const claims = spec.mounts.map(({ volume }) => latestClaim(volume, nodes, state));
  if (!claims.every((claim) => claim?.isHeld === true && claim.node === node && claim.owner === facts?.nodeId)) return;
  const reason = 'the change failed: it continues as before';
  const ready = spec.mounts.flatMap(({ volume }) => {
    const copy = facts?.volumes.find(({ id }) => id === volume);
    if (copy?.role === 'owner' && copy.mounted) return [];
    const kind = copy?.role === 'frozen' ? 'reclaim-volume' : 'mount-volume';
    return [builder.add({ action: { kind, node, volume }, reason, group: app })];
  });
  const action = { kind: 'start-container', node, spec, ...defined({ shared }) } as const;
  const start = builder.add({ action, after: ready, reason, group: app });
  const named = meshChecks(spec);
  const ports = { ports: externalPorts(spec), ...(named.length === 0 ? {} : { named }) };
  const check = { kind: 'check-container', node, app, ...ports } as const;
  builder.add({ action: check, after: [start], reason, group: app });
}

/** The whereabouts in words, for the message of a failed run. */
export function describeWhereabouts(whereabouts: Whereabouts): string {
  const app = `"${whereabouts.app}"`;
  switch (whereabouts.kind) {
    case 'runs':
      return `${app} runs on "${whereabouts.node}"`;
    case 'stopped':
      return whereabouts.hasData ? `${app} is stopped; its data is on "${whereabouts.node}"` : `${app} is stopped`;
    case 'released':
      return `${app} is stopped; its data has been released to its new node`;
    case 'unknown':
      return `${app} is stopped`;
  }
}
