import type { ClusterState } from '../model/cluster.ts';
import type { AppName, Config, NodeName, VolumeId } from '../model/config.ts';
import type { Plan } from '../model/plan.ts';
import { makePlan } from '../plan/make-plan.ts';
import { keepGroups } from '../plan/part-of-plan.ts';
import { factsOf } from './step-context.ts';

/** An application that a switch has stopped: where it runs now, or else where its data is. */
export type Standing =
  | { readonly app: AppName; readonly kind: 'runs'; readonly node: NodeName }
  | { readonly app: AppName; readonly kind: 'stopped'; readonly node: NodeName }
  | { readonly app: AppName; readonly kind: 'released' | 'unknown' };

/** Where an interrupted application stands, by what is observed. */
export function findStanding(app: AppName, volumes: readonly VolumeId[], state: ClusterState): Standing {
  const nodes = Object.keys(state.nodes).filter((node) => state.nodes[node]?.status === 'reachable');
  const runs = nodes.find((node) =>
    factsOf(state, node)?.containers.some((one) => one.managed && one.application === app && one.state === 'running'),
  );
  if (runs !== undefined) return { app, kind: 'runs', node: runs };
  const copies = nodes.flatMap((node) =>
    (factsOf(state, node)?.volumes ?? []).filter(({ id }) => volumes.includes(id)).map((copy) => ({ node, copy })),
  );
  const holders = new Set(
    copies.filter(({ copy }) => copy.role === 'owner' || copy.role === 'frozen').map(({ node }) => node),
  );
  const [holder, another] = [...holders];
  if (holder !== undefined && another === undefined) return { app, kind: 'stopped', node: holder };
  return { app, kind: copies.some(({ copy }) => copy.role === 'released') ? 'released' : 'unknown' };
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
      return `${app} is stopped; its data is on "${standing.node}"`;
    case 'released':
      return `${app} is stopped; its data has been released to its new node`;
    case 'unknown':
      return `${app} is stopped`;
  }
}
