import type { ClusterState, Container, NodeFacts, PortKey } from '../model/cluster.ts';
import type { Application, AppName, Config, NodeName } from '../model/config.ts';

/** Everything the rules look at, indexed once; every map is in sorted order. */
export interface World {
  readonly config: Config;
  /** Every node anybody has heard of: listed, configured or observed. */
  readonly nodes: readonly NodeName[];
  readonly reachable: ReadonlyMap<NodeName, NodeFacts>;
  /** With what was last seen there, if anything. */
  readonly unreachable: ReadonlyMap<NodeName, NodeFacts | undefined>;
  /** Seen earlier with containers or data, and in no file any more. */
  readonly departed: ReadonlyMap<NodeName, NodeFacts>;
  readonly placement: ReadonlyMap<AppName, NodeName>;
}

/** A container of ours and the reachable node it was seen on. */
export interface SeenContainer {
  readonly node: NodeName;
  readonly app: AppName;
  readonly container: Container;
}

/** Order by code units: the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sorted(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort(compareText);
}

/** Indexes both inputs; a node that is known but was not observed counts as unreachable. */
export function lookAt(config: Config, state: ClusterState): World {
  const nodes = sorted([...Object.keys(config.nodes), ...Object.keys(config.deployment), ...Object.keys(state.nodes)]);
  const reachable = new Map<NodeName, NodeFacts>();
  const unreachable = new Map<NodeName, NodeFacts | undefined>();
  for (const node of nodes) {
    const seen = state.nodes[node];
    if (seen?.status === 'reachable') reachable.set(node, seen.facts);
    else unreachable.set(node, seen?.lastFacts);
  }
  const placement = new Map<AppName, NodeName>();
  for (const node of sorted(Object.keys(config.deployment))) {
    for (const app of sorted(config.deployment[node] ?? [])) placement.set(app, node);
  }
  const departed = new Map(
    sorted(Object.keys(state.departed ?? {})).flatMap((node) => {
      const facts = nodes.includes(node) ? undefined : state.departed?.[node];
      return facts === undefined ? [] : [[node, facts] as const];
    }),
  );
  return { config, nodes, reachable, unreachable, departed, placement };
}

/** Address at which the others reach a node; undefined where it was never seen and is not configured. */
export function meshAddress(world: World, node: NodeName): string | undefined {
  const facts = world.reachable.get(node) ?? world.unreachable.get(node);
  return facts?.meshAddress ?? world.config.nodes[node]?.mesh;
}

/** Which node has this id, also among those that cannot be reached now. */
export function nodeWithId(world: World, id: string): NodeName | undefined {
  return world.nodes.find((node) => (world.reachable.get(node) ?? world.unreachable.get(node))?.nodeId === id);
}

/** Our containers on all reachable nodes, by node and application. */
export function managedContainers(world: World): SeenContainer[] {
  const seen: SeenContainer[] = [];
  for (const [node, facts] of world.reachable) {
    const ours = facts.containers.flatMap((container) =>
      container.managed && container.application !== undefined ? [{ node, app: container.application, container }] : [],
    );
    seen.push(...ours.sort((a, b) => compareText(a.app, b.app)));
  }
  return seen;
}

/** True while the container's processes exist, or come back by themselves: it writes, and holds its ports. */
export function isActive(container: Container): boolean {
  return ['running', 'restarting', 'paused'].includes(container.state);
}

export function portText(key: PortKey): string {
  return `${key.port}/${key.protocol}`;
}

/** Sorted by port, then protocol, each once. */
export function uniquePorts(keys: readonly PortKey[]): PortKey[] {
  const byText = new Map(keys.map((key) => [portText(key), { port: key.port, protocol: key.protocol }]));
  return [...byText.values()].sort((a, b) => a.port - b.port || compareText(a.protocol, b.protocol));
}

/** External ports of an application or of a container's spec. */
export function externalPorts(spec: Pick<Application, 'ports'>): PortKey[] {
  return uniquePorts(spec.ports.map((port) => ({ port: port.external, protocol: port.protocol })));
}

export function sharePort(a: readonly PortKey[], b: readonly PortKey[]): PortKey | undefined {
  const others = new Set(b.map(portText));
  return a.find((key) => others.has(portText(key)));
}

export const quote = (text: string): string => `"${text}"`;
export const quoteAll = (texts: readonly string[]): string => texts.map(quote).join(', ');
