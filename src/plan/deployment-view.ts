import {
  type ClusterState,
  type Container,
  lastFacts,
  type NodeFacts,
  type NodeState,
  type Volume,
} from '../model/cluster.ts';
import type { AppName, Config, DeploymentName, VolumeId } from '../model/config.ts';

/**
 * The observed state as the configuration's deployment sees it: containers of other deployments are foreign, so that no
 * rule touches them. A container without a deployment belongs to this one if the files describe its application, or if
 * the call removes leftovers; otherwise it is foreign too.
 */
export function deploymentView(config: Config, state: ClusterState): ClusterState {
  const nodes = Object.entries(state.nodes).map(([node, seen]) => [node, ownNode(config, seen)] as const);
  const departed = Object.entries(state.departed ?? {}).map(
    ([node, facts]) => [node, ownFacts(config, facts)] as const,
  );
  return {
    ...state,
    nodes: Object.fromEntries(nodes),
    ...(state.departed === undefined ? {} : { departed: Object.fromEntries(departed) }),
  };
}

function ownNode(config: Config, seen: NodeState): NodeState {
  if (seen.status === 'reachable') return { ...seen, facts: ownFacts(config, seen.facts) };
  return seen.lastFacts === undefined ? seen : { ...seen, lastFacts: ownFacts(config, seen.lastFacts) };
}

function ownFacts(config: Config, facts: NodeFacts): NodeFacts {
  return { ...facts, containers: facts.containers.map((container) => ownContainer(config, container)) };
}

function ownContainer(config: Config, seen: Container): Container {
  const container = asTheNodeSaid(seen);
  if (!container.managed || isOwn(config, container)) return container;
  const { application, ...rest } = container;
  return { ...rest, managed: false, otherApplication: application ?? container.name };
}

/** Undoes `ownContainer`: the state may be an earlier view, from before the files changed the deployment's name. */
function asTheNodeSaid(container: Container): Container {
  if (container.otherApplication === undefined) return container;
  const { otherApplication: application, ...rest } = container;
  return { ...rest, managed: true, application };
}

function isOwn(config: Config, { application, deployment }: Container): boolean {
  if (deployment === config.name) return true;
  const isDescribed = application !== undefined && isDescribedApp(config, application);
  if (deployment === undefined) return isDescribed || application === undefined || config.removesUnmarked === true;
  return isDescribed && deployment === config.takesOver;
}

/** True if the application file describes it. */
export const isDescribedApp = (config: Config, app: AppName): boolean => Object.hasOwn(config.applications, app);

/** Volumes that applications or datasets of the files use. */
export function describedVolumes({ applications, datasets = [] }: Config): ReadonlySet<VolumeId> {
  const ids = new Set(datasets.map(({ id }) => id));
  for (const name in applications) for (const { id } of applications[name]?.volumes ?? []) ids.add(id);
  return ids;
}

/** The volumes of other deployments, each with its deployment. */
export function volumesOfOthers(
  config: Config,
  state: ClusterState,
  described = describedVolumes(config),
): ReadonlyMap<VolumeId, DeploymentName> {
  const copies = new Map<VolumeId, Volume[]>();
  for (const seen of Object.values(state.nodes)) {
    const facts = lastFacts(seen);
    for (const volume of facts?.volumes ?? []) {
      const found = copies.get(volume.id);
      if (found === undefined) copies.set(volume.id, [volume]);
      else found.push(volume);
    }
  }
  return new Map(
    [...copies].flatMap(([id, all]) => {
      const other = otherDeployment(config, all);
      return other === undefined || (other === config.takesOver && described.has(id)) ? [] : [[id, other] as const];
    }),
  );
}

/**
 * The copies with the highest epoch decide which deployment has a volume. Older copies may keep the former name: a
 * take-over was interrupted, or their node was off.
 */
function otherDeployment(config: Config, copies: readonly Volume[]): DeploymentName | undefined {
  const marked = copies.filter(({ deployment }) => deployment !== undefined);
  const highest = Math.max(...marked.map(({ epoch }) => epoch));
  const names = marked.flatMap(({ epoch, deployment }) => (epoch === highest ? (deployment ?? []) : []));
  return names.includes(config.name) ? undefined : names.toSorted()[0];
}
