import type { ClusterState } from '../model/cluster.ts';
import type { AppName, Config, NodeName, VolumeId } from '../model/config.ts';
import type { Plan } from '../model/plan.ts';
import { makePlan } from '../plan/make-plan.ts';
import { keepGroups } from '../plan/part-of-plan.ts';
import type { Interrupted } from './execute.ts';
import { factsOf } from './step-context.ts';

/** An application that a switch has stopped: where it runs now, or else where it can be started again. */
export type Standing =
  | { readonly app: AppName; readonly kind: 'runs'; readonly node: NodeName }
  | { readonly app: AppName; readonly kind: 'stopped'; readonly node: NodeName; readonly hasData: boolean }
  | { readonly app: AppName; readonly kind: 'released' | 'unknown' };

/** Where an interrupted application stands, by what is observed. */
export function findStanding(app: AppName, { volumes, from }: Interrupted, state: ClusterState): Standing {
  const nodes = Object.keys(state.nodes).filter((node) => state.nodes[node]?.status === 'reachable');
  const runs = nodes.find((node) =>
    factsOf(state, node)?.containers.some((one) => one.managed && one.application === app && one.state === 'running'),
  );
  if (runs !== undefined) return { app, kind: 'runs', node: runs };
  const latest = volumes.map((id) => latestClaim(id, nodes, state));
  const holders = new Set(latest.flatMap((claim) => (claim?.isHeld === true ? [claim.node] : [])));
  const [holder, another] = holders;
  // Volumes on several nodes: the plan for its old place says how they come together there again.
  const isBack = volumes.length === 0 ? nodes.includes(from) : holders.has(from);
  const node = another === undefined && holder !== undefined ? holder : isBack ? from : undefined;
  if (node !== undefined) return { app, kind: 'stopped', node, hasData: volumes.length > 0 };
  return { app, kind: latest.some((claim) => claim?.isHeld === false) ? 'released' : 'unknown' };
}

/** The claim with the highest epoch: an owner of earlier that came back has no say. */
function latestClaim(
  id: VolumeId,
  nodes: readonly NodeName[],
  state: ClusterState,
): { readonly node: NodeName; readonly isHeld: boolean } | undefined {
  const claims = nodes.flatMap((node) =>
    (factsOf(state, node)?.volumes ?? []).flatMap(({ id: own, role, epoch }) => {
      const isHeld = role === 'owner' || role === 'frozen';
      return own === id && (isHeld || role === 'released') ? [{ node, isHeld, epoch }] : [];
    }),
  );
  return claims.toSorted((a, b) => b.epoch - a.epoch || Number(b.isHeld) - Number(a.isHeld))[0];
}

/**
 * What brings these applications back where their data is: the planner's own steps for a configuration that wants
 * them there, and nothing for any other. What another application still uses is not started beside it.
 */
export function planReturn(config: Config, state: ClusterState, back: ReadonlyMap<AppName, NodeName>): Plan {
  const deployment = Object.fromEntries(
    Object.entries(config.deployment).map(([node, apps]) => {
      const stay = apps.filter((app) => !back.has(app));
      const come = [...back].filter(([, to]) => to === node).map(([app]) => app);
      return [node, [...stay, ...come].toSorted()];
    }),
  );
  const missing = [...new Set(back.values())].filter((node) => deployment[node] === undefined);
  for (const node of missing) deployment[node] = [...back].filter(([, to]) => to === node).map(([app]) => app);
  const plan = keepGroups(makePlan({ ...config, deployment }, state), (group) => back.has(group));
  return { ...plan, blocked: plan.blocked.filter(({ app }) => app !== undefined && back.has(app)) };
}

/** What a person has to know about it after a failed run; nothing where the failure says it all. */
export function describeStanding(standing: Standing): string {
  const app = `"${standing.app}"`;
  switch (standing.kind) {
    case 'runs':
      return `${app} runs on "${standing.node}"`;
    case 'stopped':
      return standing.hasData ? `${app} is stopped; its data is on "${standing.node}"` : `${app} is stopped`;
    case 'released':
      return `${app} is stopped; its data has been released to its new node`;
    case 'unknown':
      return `${app} is stopped`;
  }
}
