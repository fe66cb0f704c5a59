import { listenAddresses } from '../model/addresses.ts';
import {
  type ClusterState,
  type Container,
  type DataPlace,
  isActive,
  type NodeFacts,
  type PortKey,
} from '../model/cluster.ts';
import { addTo } from '../model/collect.ts';
import type { AppName, Config, DeploymentName, NodeName, VolumeId } from '../model/config.ts';
import { findKnownIds, type KnownIds, withKnownIds } from '../model/volume-identity.ts';
import { deploymentView, describedVolumes, volumesOfOthers } from './deployment-view.ts';
import { compareText, sorted } from './lists.ts';
import { externalPorts, portText } from './ports.ts';

/** The desired and the observed state, indexed once for all rules. Every map is sorted by its key. */
export interface PlanInput {
  /** With the ids under which the nodes have the volumes. */
  readonly config: Config;
  readonly knownIds: KnownIds;
  /** Every known node: in deployment.yml, in drover.yml or observed. */
  readonly nodes: readonly NodeName[];
  readonly reachable: ReadonlyMap<NodeName, NodeFacts>;
  readonly states: ClusterState['nodes'];
  /** With the last observation, if there is one. */
  readonly unreachable: ReadonlyMap<NodeName, NodeFacts | undefined>;
  /** Nodes that were seen with containers or data and that no file names any more. */
  readonly departed: ReadonlyMap<NodeName, NodeFacts>;
  /** Where earlier runs saw the data of each volume. */
  readonly remembered: readonly DataPlace[];
  readonly placement: ReadonlyMap<AppName, NodeName>;
  /** The volumes of other deployments, each with its deployment. */
  readonly others: ReadonlyMap<VolumeId, DeploymentName>;
  /** Volumes that applications or datasets of the files use. */
  readonly described: ReadonlySet<VolumeId>;
}

/** A container of this deployment, or of another one, and the reachable node that has it. */
export interface SeenContainer {
  readonly node: NodeName;
  readonly app: AppName;
  readonly container: Container;
}

/** The function with its result cached for each input: thousands of applications ask for the same index. */
export function perInput<T>(make: (input: PlanInput) => T): (input: PlanInput) => T {
  const known = new WeakMap<PlanInput, { readonly value: T }>();
  return (input) => {
    const found = known.get(input) ?? { value: make(input) };
    known.set(input, found);
    return found.value;
  };
}

/** Indexes desired and observed state. A known node that was not observed counts as unreachable. */
export function indexInput(files: Config, observed: ClusterState): PlanInput {
  const state = deploymentView(files, observed);
  const knownIds = findKnownIds(files, state);
  const config = withKnownIds(files, knownIds);
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
    knownIds,
    nodes,
    reachable,
    states: state.nodes,
    unreachable,
    departed,
    remembered: state.remembered ?? [],
    placement,
    others: volumesOfOthers(config, state, described),
    described,
  };
}

/** What was last observed of a node, reachable or not; undefined if it was never seen. */
export const knownFacts = (input: PlanInput, node: NodeName): NodeFacts | undefined =>
  input.reachable.get(node) ?? input.unreachable.get(node);

/** Address at which the other nodes reach a node; undefined if it was never seen and is not configured. */
export function meshAddress(input: PlanInput, node: NodeName): string | undefined {
  return knownFacts(input, node)?.meshAddress ?? input.config.nodes[node]?.mesh;
}

const nodesById = perInput((input) => {
  const byId = new Map<string, NodeName>();
  for (const node of input.nodes) {
    const id = knownFacts(input, node)?.nodeId;
    if (id !== undefined && !byId.has(id)) byId.set(id, node);
  }
  return byId;
});

/** Addresses at which a reachable node publishes and forwards; undefined if no file sets `listen`. */
export function listenOf(input: PlanInput, node: NodeName): readonly string[] | undefined {
  const facts = input.reachable.get(node);
  return facts === undefined ? undefined : listenAddresses(input.config, node, facts);
}

/** The node with this id, reachable or not. */
export const nodeWithId = (input: PlanInput, id: string): NodeName | undefined => nodesById(input).get(id);

/** Mesh addresses of all known nodes, sorted; how many nodes have each, and how many nodes have none. */
const meshAddresses = perInput((input) => {
  const known = input.nodes.map((node) => meshAddress(input, node));
  const counts = new Map<string, number>();
  for (const address of known) if (address !== undefined) counts.set(address, (counts.get(address) ?? 0) + 1);
  return { all: sorted(counts.keys()), counts, unknown: known.filter((address) => address === undefined).length };
});

/**
 * True if the list has exactly the addresses of all other nodes. A plain loop: it compares every node with every other
 * one.
 */
export function isOthers(input: PlanInput, node: NodeName, list: readonly string[]): boolean {
  const { all, counts, unknown } = meshAddresses(input);
  const own = meshAddress(input, node);
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
  /** The address of every other node is known. */
  readonly isComplete: boolean;
}

const othersByNode = perInput((_input) => new Map<NodeName, OtherAddresses>());

/** Mesh addresses of all other known nodes, sorted. */
export function otherAddresses(input: PlanInput, node: NodeName): OtherAddresses {
  const known = othersByNode(input).get(node);
  if (known !== undefined) return known;
  const { all, counts, unknown } = meshAddresses(input);
  const own = meshAddress(input, node);
  const isAlone = own !== undefined && counts.get(own) === 1;
  const found = {
    addresses: isAlone ? all.filter((address) => address !== own) : all,
    isComplete: unknown === (own === undefined ? 1 : 0),
  };
  othersByNode(input).set(node, found);
  return found;
}

/** True if a known node has this mesh address. */
export const isMeshAddress = (input: PlanInput, address: string): boolean => meshAddresses(input).counts.has(address);
/** False if a node was never seen and has no configured address. */
export const hasAllAddresses = (input: PlanInput): boolean => meshAddresses(input).unknown === 0;

/** The deployment's containers on all reachable nodes, by node and application. */
export const managedContainers = perInput((input): readonly SeenContainer[] => {
  const seen: SeenContainer[] = [];
  for (const [node, facts] of input.reachable) {
    const ours = facts.containers.flatMap((container) =>
      container.managed && container.application !== undefined ? [{ node, app: container.application, container }] : [],
    );
    seen.push(...ours.sort((a, b) => compareText(a.app, b.app)));
  }
  return seen;
});

/** Containers that drover made for other deployments, or for none, on all reachable nodes. */
export const containersOfOthers = perInput((input): readonly SeenContainer[] =>
  [...input.reachable].flatMap(([node, { containers }]) =>
    containers.flatMap((container) =>
      container.otherApplication === undefined ? [] : [{ node, app: container.otherApplication, container }],
    ),
  ),
);

const containersByApp = perInput((input) => {
  const byApp = new Map<AppName, SeenContainer[]>();
  for (const container of managedContainers(input)) addTo(byApp, container.app, container);
  return byApp;
});

/** The containers of an application on all reachable nodes, by node. */
export const containersOf = (input: PlanInput, app: AppName): readonly SeenContainer[] =>
  containersByApp(input).get(app) ?? [];

/** The deployment's containers that have each external port now, and those that have each volume, running or not. */
const usersOf = perInput((input) => {
  const ofPort = new Map<string, SeenContainer[]>();
  const ofVolume = new Map<VolumeId, SeenContainer[]>();
  for (const seen of managedContainers(input)) {
    const { spec } = seen.container;
    for (const key of isActive(seen.container) ? externalPorts(spec) : []) addTo(ofPort, portText(key), seen);
    if (spec.mounts.length === 0) continue;
    for (const volume of new Set(spec.mounts.map((mount) => mount.volume))) addTo(ofVolume, volume, seen);
  }
  return { ofPort, ofVolume };
});

export const usersOfPort = (input: PlanInput, key: PortKey): readonly SeenContainer[] =>
  usersOf(input).ofPort.get(portText(key)) ?? [];
export const usersOfVolume = (input: PlanInput, id: VolumeId): readonly SeenContainer[] =>
  usersOf(input).ofVolume.get(id) ?? [];

const wantedPorts = perInput((input) => {
  const wanted = new Map<string, AppName[]>();
  for (const name of input.placement.keys()) {
    const app = input.config.applications[name];
    for (const key of app === undefined ? [] : externalPorts(app)) addTo(wanted, portText(key), name);
  }
  return wanted;
});

/** The placed applications with this external port. */
export const usersOfWantedPort = (input: PlanInput, key: PortKey): readonly AppName[] =>
  wantedPorts(input).get(portText(key)) ?? [];
