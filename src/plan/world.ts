import { listenAddresses } from '../model/addresses.ts';
import {
  type ClusterState,
  type Container,
  type DataPlace,
  isActive,
  type NodeFacts,
  type PortKey,
  type Volume,
} from '../model/cluster.ts';
import type { Application, AppName, Config, DeploymentName, NodeName, VolumeId } from '../model/config.ts';
import { describedVolumes, ownView, volumesOfOthers } from './own-view.ts';

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
  /** Where earlier runs saw the data of each volume. */
  readonly remembered: readonly DataPlace[];
  readonly placement: ReadonlyMap<AppName, NodeName>;
  /** The other deployment of each volume that has one. */
  readonly others: ReadonlyMap<VolumeId, DeploymentName>;
  /** Volumes that applications or datasets of the files use. */
  readonly described: ReadonlySet<VolumeId>;
}

/** A container of ours and the reachable node it was seen on. */
export interface SeenContainer {
  readonly node: NodeName;
  readonly app: AppName;
  readonly container: Container;
}

/**
 * A function of a world that is worked out once for it: what each of thousands of applications asks for is not made
 * again each time.
 */
export function perWorld<T>(make: (world: World) => T): (world: World) => T {
  const known = new WeakMap<World, { readonly value: T }>();
  return (world) => {
    const found = known.get(world) ?? { value: make(world) };
    known.set(world, found);
    return found.value;
  };
}

/** Adds to the list of a key, in place. */
export function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Order by code units: the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sorted(texts: Iterable<string>): string[] {
  if (Array.isArray(texts) && texts.length < 2) return [...texts];
  return [...new Set(texts)].sort(compareText);
}

/** Indexes both inputs; a node that is known but was not observed counts as unreachable. */
export function lookAt(config: Config, observed: ClusterState): World {
  const state = ownView(config, observed);
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
  const described = describedVolumes(config);
  const listed = new Set(nodes);
  const departed = new Map(
    sorted(Object.keys(state.departed ?? {})).flatMap((node) => {
      const facts = listed.has(node) ? undefined : state.departed?.[node];
      return facts === undefined ? [] : [[node, facts] as const];
    }),
  );
  return {
    config,
    nodes,
    reachable,
    unreachable,
    departed,
    remembered: state.remembered ?? [],
    placement,
    others: volumesOfOthers(config, state, described),
    described,
  };
}

/** Address at which the others reach a node; undefined where it was never seen and is not configured. */
export function meshAddress(world: World, node: NodeName): string | undefined {
  const facts = world.reachable.get(node) ?? world.unreachable.get(node);
  return facts?.meshAddress ?? world.config.nodes[node]?.mesh;
}

const nodesById = perWorld((world) => {
  const byId = new Map<string, NodeName>();
  for (const node of world.nodes) {
    const id = (world.reachable.get(node) ?? world.unreachable.get(node))?.nodeId;
    if (id !== undefined && !byId.has(id)) byId.set(id, node);
  }
  return byId;
});

/** Addresses at which a reachable node publishes and forwards; undefined where no file says. */
export function listenOf(world: World, node: NodeName): readonly string[] | undefined {
  const facts = world.reachable.get(node);
  return facts === undefined ? undefined : listenAddresses(world.config, node, facts);
}

/** Which node has this id, also among those that cannot be reached now. */
export const nodeWithId = (world: World, id: string): NodeName | undefined => nodesById(world).get(id);

/** Mesh addresses of all known nodes, sorted; how many nodes have each, and how many nodes have none. */
const meshAddresses = perWorld((world) => {
  const known = world.nodes.map((node) => meshAddress(world, node));
  const counts = new Map<string, number>();
  for (const address of known) if (address !== undefined) counts.set(address, (counts.get(address) ?? 0) + 1);
  return { all: sorted(counts.keys()), counts, unknown: known.filter((address) => address === undefined).length };
});

/** True where this is the list of all other nodes' addresses, none unknown. Of every node with every other one, hence the plain loop. */
export function isOthers(world: World, node: NodeName, list: readonly string[]): boolean {
  const { all, counts, unknown } = meshAddresses(world);
  const own = meshAddress(world, node);
  if (own === undefined || unknown > 0 || counts.get(own) !== 1) return false;
  let seen = 0;
  for (let at = 0; at < all.length; at += 1) {
    if (all[at] === own) continue;
    if (all[at] !== list[seen]) return false;
    seen += 1;
  }
  return seen === list.length;
}

interface OtherAddresses {
  readonly addresses: readonly string[];
  /** None of the other nodes is without one. */
  readonly isComplete: boolean;
}

const othersByNode = perWorld((_world) => new Map<NodeName, OtherAddresses>());

/** Mesh addresses of all other known nodes, sorted. */
export function otherAddresses(world: World, node: NodeName): OtherAddresses {
  const known = othersByNode(world).get(node);
  if (known !== undefined) return known;
  const { all, counts, unknown } = meshAddresses(world);
  const own = meshAddress(world, node);
  const isAlone = own !== undefined && counts.get(own) === 1;
  const found = {
    addresses: isAlone ? all.filter((address) => address !== own) : all,
    isComplete: unknown === (own === undefined ? 1 : 0),
  };
  othersByNode(world).set(node, found);
  return found;
}

/** True where a known node has this mesh address. */
export const isMeshAddress = (world: World, address: string): boolean => meshAddresses(world).counts.has(address);
/** False where a node has never been seen and no address of it is configured. */
export const hasAllAddresses = (world: World): boolean => meshAddresses(world).unknown === 0;

/** Our containers on all reachable nodes, by node and application. */
export const managedContainers = perWorld((world): readonly SeenContainer[] => {
  const seen: SeenContainer[] = [];
  for (const [node, facts] of world.reachable) {
    const ours = facts.containers.flatMap((container) =>
      container.managed && container.application !== undefined ? [{ node, app: container.application, container }] : [],
    );
    seen.push(...ours.sort((a, b) => compareText(a.app, b.app)));
  }
  return seen;
});

/** Containers of drover's that are not this deployment's, on all reachable nodes. */
export const containersOfOthers = perWorld((world): readonly SeenContainer[] =>
  [...world.reachable].flatMap(([node, { containers }]) =>
    containers.flatMap((container) =>
      container.otherApplication === undefined ? [] : [{ node, app: container.otherApplication, container }],
    ),
  ),
);

const containersByApp = perWorld((world) => {
  const byApp = new Map<AppName, SeenContainer[]>();
  for (const container of managedContainers(world)) addTo(byApp, container.app, container);
  return byApp;
});

/** The containers of an application on all reachable nodes, by node. */
export const containersOf = (world: World, app: AppName): readonly SeenContainer[] =>
  containersByApp(world).get(app) ?? [];

/** Our containers that have each external port now, and those that have each volume, running or not. */
const usersOf = perWorld((world) => {
  const ofPort = new Map<string, SeenContainer[]>();
  const ofVolume = new Map<VolumeId, SeenContainer[]>();
  for (const seen of managedContainers(world)) {
    const { spec } = seen.container;
    for (const key of isActive(seen.container) ? externalPorts(spec) : []) addTo(ofPort, portText(key), seen);
    if (spec.mounts.length === 0) continue;
    for (const volume of new Set(spec.mounts.map((mount) => mount.volume))) addTo(ofVolume, volume, seen);
  }
  return { ofPort, ofVolume };
});

export const usersOfPort = (world: World, key: PortKey): readonly SeenContainer[] =>
  usersOf(world).ofPort.get(portText(key)) ?? [];
export const usersOfVolume = (world: World, id: VolumeId): readonly SeenContainer[] =>
  usersOf(world).ofVolume.get(id) ?? [];

const wantedPorts = perWorld((world) => {
  const wanted = new Map<string, AppName[]>();
  for (const name of world.placement.keys()) {
    const app = world.config.applications[name];
    for (const key of app === undefined ? [] : externalPorts(app)) addTo(wanted, portText(key), name);
  }
  return wanted;
});

/** The placed applications that ask for this external port. */
export const usersOfWantedPort = (world: World, key: PortKey): readonly AppName[] =>
  wantedPorts(world).get(portText(key)) ?? [];

export function portText(key: PortKey): string {
  return `${key.port}/${key.protocol}`;
}

/** Order by port, then protocol. */
export const comparePorts = (a: PortKey, b: PortKey): number => a.port - b.port || compareText(a.protocol, b.protocol);

/** Sorted by port, then protocol, each once. */
export function uniquePorts(keys: readonly PortKey[]): PortKey[] {
  if (keys.length < 2) return keys.map(({ port, protocol }) => ({ port, protocol }));
  const byText = new Map(keys.map((key) => [portText(key), { port: key.port, protocol: key.protocol }]));
  return [...byText.values()].sort(comparePorts);
}

/** External ports of an application or of a container's spec. */
export function externalPorts(spec: Pick<Application, 'ports'>): PortKey[] {
  return uniquePorts(spec.ports.map((port) => ({ port: port.external, protocol: port.protocol })));
}

export function sharePort(a: readonly PortKey[], b: readonly PortKey[]): PortKey | undefined {
  const others = new Set(b.map(portText));
  return a.find((key) => others.has(portText(key)));
}

/** The same texts or numbers in the same order. Lists that every node has of all others are compared here, hence the plain loop. */
export function sameItems<T extends string | number>(a: readonly T[], b: readonly T[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** A volume for people: its dataset and its application, where it has one; ids made from a hash say nothing. */
export function titleOf({ id, application, dataset }: Volume): string {
  return application === undefined ? `volume ${quote(id)}` : `volume ${quote(dataset)} of ${quote(application)}`;
}

export const quote = (text: string): string => `"${text}"`;
export const quoteAll = (texts: readonly string[]): string => texts.map(quote).join(', ');
