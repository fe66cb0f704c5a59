import { isLoopback, isPublishedAt, portsAt } from '../../model/addresses.ts';
import {
  isActive,
  type NetworkTable,
  type NodeFacts,
  type PortKey,
  type Proxy,
  type ServedPort,
} from '../../model/cluster.ts';
import type { NodeName, PortMapping } from '../../model/config.ts';
import type { ActionOf } from '../../model/plan.ts';
import { keptApps } from '../conflicts.ts';
import { entriesOfOthers } from '../deployments.ts';
import type { GroupDecision } from '../group-decision.ts';
import { compareText, sorted } from '../lists.ts';
import { isMissing, missingNodes } from '../missing-nodes.ts';
import {
  containersOf,
  isOthers,
  listenOf,
  managedContainers,
  meshAddress,
  otherAddresses,
  type PlanInput,
  perInput,
  usersOfPort,
} from '../plan-input.ts';
import { comparePorts, externalPorts, portText } from '../ports.ts';

export type NetworkAction = ActionOf<'replace-network'>;
export type Entries = Pick<NetworkTable, 'proxies' | 'open'>;

/** Who answers on a port; `observed`: not for us to say now, every node keeps what it has. */
interface Served {
  readonly key: PortKey;
  readonly by: NodeName | 'observed';
  /** Not published at that node's mesh address, where the others would send it to. */
  readonly isHidden?: boolean;
  /** What every other node sends there; all tables share it. Absent where that node's address is not known. */
  readonly proxy?: Proxy;
}

/** By port, in order of port and protocol. */
export type Serving = ReadonlyMap<string, Served>;

/** The same as a list: every node's table is made from it. */
function inPortOrder(serving: Serving): readonly Served[] {
  const known = lists.get(serving) ?? [...serving.values()];
  lists.set(serving, known);
  return known;
}

const lists = new WeakMap<Serving, readonly Served[]>();

type ByPort = Map<string, Omit<Served, 'proxy'>>;

function servingOf(input: PlanInput, byPort: ByPort): Serving {
  const sortedPorts = [...byPort].sort(([, a], [, b]) => comparePorts(a.key, b.key));
  return new Map(
    sortedPorts.map(([text, { key, by, isHidden: hidden = false }]) => {
      const address = by === 'observed' || hidden ? undefined : meshAddress(input, by);
      const { port, protocol } = key;
      const proxy = address === undefined ? {} : { proxy: { port, protocol, address, deployment: input.config.name } };
      return [text, { key, by, isHidden: hidden, ...proxy }];
    }),
  );
}

/** Who answers when everything in the plan is done. What is blocked goes on where it runs. */
export function servingAfter(input: PlanInput, decisions: readonly GroupDecision[]): Serving {
  const serving: ByPort = new Map();
  const kept = keptApps(decisions);
  for (const { app, node, container } of managedContainers(input)) {
    if (!kept.has(app) || !isActive(container)) continue;
    for (const key of externalPorts(container.spec)) {
      serving.set(portText(key), { key, by: node, isHidden: isHidden(input, node, container.spec.ports, key) });
    }
  }
  const byBlocked = [...decisions].sort((a, b) => Number(b.blockers.length > 0) - Number(a.blockers.length > 0));
  for (const decision of byBlocked) {
    const { app } = decision;
    if (app === undefined) continue;
    const by = decision.blockers.length === 0 ? decision.node : whereBlocked(input, decision);
    const ports = decision.blockers.length === 0 ? externalPorts(app) : decision.ports;
    for (const key of ports) {
      const mappings = by === 'observed' ? [] : portsOf(input, decision, by);
      serving.set(portText(key), { key, by, isHidden: by !== 'observed' && isHidden(input, by, mappings, key) });
    }
  }
  return servingOf(input, serving);
}

/** As the decision's application publishes them on this node when the plan is done. */
function portsOf(input: PlanInput, { app, blockers }: GroupDecision, node: NodeName): readonly PortMapping[] {
  if (app === undefined) return [];
  if (blockers.length === 0) return portsAt(app.ports, listenOf(input, node));
  const facts = input.reachable.get(node) ?? input.unreachable.get(node);
  const runs = facts?.containers.find((one) => one.managed && one.application === app.name);
  return runs?.spec.ports ?? app.ports;
}

function isHidden(input: PlanInput, node: NodeName, ports: readonly PortMapping[], key: PortKey): boolean {
  const mesh = meshAddress(input, node);
  const own = ports.find(({ external, protocol }) => external === key.port && protocol === key.protocol);
  return own !== undefined && mesh !== undefined && !isPublishedAt(own, mesh);
}

function whereBlocked(input: PlanInput, decision: GroupDecision): NodeName | 'observed' {
  if (decision.portsTaken) return 'observed';
  const runs = containersOf(input, decision.app?.name ?? '').find(({ container }) => isActive(container));
  if (runs !== undefined) return runs.node;
  return input.unreachable.has(decision.node) && meshAddress(input, decision.node) !== undefined
    ? decision.node
    : 'observed';
}

/** The same until the switches have happened: their ports stay with whoever runs there now. */
export function servingBefore(input: PlanInput, after: Serving, switches: readonly GroupDecision[]): Serving {
  const serving: ByPort = new Map(after);
  // Whether it answers there is not known: until then every node keeps what it has.
  for (const key of switches.flatMap((decision) => (decision.checks ? decision.ports : []))) {
    serving.set(portText(key), { key, by: 'observed' });
  }
  for (const key of switches.flatMap((decision) => (decision.checks ? [] : decision.ports))) {
    const now = usersOfPort(input, key)[0];
    const hidden = now !== undefined && isHidden(input, now.node, now.container.spec.ports, key);
    serving.set(portText(key), { key, by: now?.node ?? 'observed', isHidden: hidden });
  }
  return servingOf(input, serving);
}

/**
 * Entries of one node for these ports: open where it serves, a proxy to the node that does, nothing for ports that no
 * application has.
 */
export function entriesFor(input: PlanInput, node: NodeName, serving: Serving, ports: readonly PortKey[]): Entries {
  const wanted = ports.flatMap((key) => serving.get(portText(key)) ?? []);
  return makeEntries(input, node, wanted, nothing);
}

/**
 * The whole table of one node: the entries for all ports, and what the node has for other deployments as it is, except
 * for the ports of an application that changes its place.
 */
export function tableFor(
  input: PlanInput,
  node: NodeName,
  serving: Serving,
  switched: readonly PortKey[] = [],
): Entries {
  const kept = keptFor(input, node);
  const others = kept === nothing || switched.length === 0 ? kept : withoutPorts(kept, switched);
  return makeEntries(input, node, inPortOrder(serving), others);
}

function makeEntries(input: PlanInput, node: NodeName, wanted: readonly Served[], others: Entries): Entries {
  const proxies: Proxy[] = [];
  const open: ServedPort[] = [];
  const asObserved: PortKey[] = [];
  for (const { key, by, isHidden: hidden, proxy } of wanted) {
    if (by === node) open.push({ ...key, deployment: input.config.name });
    else if (proxy !== undefined) proxies.push(proxy);
    else if (hidden !== true) asObserved.push(key);
  }
  const observed = input.reachable.get(node)?.network;
  const hasOthers = others.proxies.length + others.open.length > 0;
  if ((asObserved.length === 0 && !hasOthers) || observed === undefined) return { proxies, open };
  const kept = restrict(observed, asObserved);
  return inOrder({
    proxies: [...proxies, ...others.proxies, ...kept.proxies],
    open: [...open, ...others.open, ...kept.open],
  });
}

/** Who answers once this application has changed its place, and the others have not. */
export function servingSwitched(before: Serving, after: Serving, ports: readonly PortKey[]): Serving {
  // `before` has every port of the switches: nothing is added, so the order stays.
  const serving = new Map(before);
  for (const port of ports.map(portText)) {
    const served = after.get(port);
    if (served === undefined) serving.delete(port);
    else serving.set(port, served);
  }
  return serving;
}

const nothing: Entries = { proxies: [], open: [] };

/** What a node's table has for other deployments, or for a container that is left alone. */
function keptFor(input: PlanInput, node: NodeName): Entries {
  const others = entriesOfOthers(input).get(node) ?? nothing;
  const ports = portsLeftAlone(input);
  const network = input.reachable.get(node)?.network;
  if (ports.size === 0 || network === undefined) return others;
  const isLeft = (entry: ServedPort) => entry.deployment === undefined && ports.has(portText(entry));
  return {
    proxies: [...others.proxies, ...network.proxies.filter(isLeft)],
    open: [...others.open, ...network.open.filter(isLeft)],
  };
}

/** Ports of containers that belong to no deployment and are in no file. */
const portsLeftAlone = perInput((input): ReadonlySet<string> => {
  const seen = [...input.reachable.values(), ...input.unreachable.values()];
  const ports = seen
    .flatMap((facts) => facts?.containers ?? [])
    .flatMap(({ otherApplication, deployment, spec }) =>
      otherApplication !== undefined && deployment === undefined ? externalPorts(spec).map(portText) : [],
    );
  return new Set(ports);
});

/** The usual case, found without making a table for every node: it has exactly what `entriesFor` would give. */
export function isAsServed(input: PlanInput, node: NodeName, serving: Serving): boolean {
  const now = input.reachable.get(node)?.network;
  if (now === undefined) return false;
  let [proxies, open] = [0, 0];
  for (const { key, by, isHidden: hidden, proxy } of inPortOrder(serving)) {
    if (by === node) {
      const entry = now.open[open];
      if (entry?.port !== key.port || entry.protocol !== key.protocol || entry.deployment !== input.config.name)
        return false;
      open += 1;
    } else if (proxy !== undefined) {
      if (!sameProxy(now.proxies[proxies], proxy)) return false;
      proxies += 1;
    } else if (hidden !== true) return false;
  }
  return proxies === now.proxies.length && open === now.open.length;
}

/** Only the entries for these ports. */
export function restrict(table: Entries, ports: readonly PortKey[]): Entries {
  const keys = new Set(ports.map(portText));
  return {
    proxies: table.proxies.filter((proxy) => keys.has(portText(proxy))),
    open: table.open.filter((port) => keys.has(portText(port))),
  };
}

/** The first table, with the entries for these ports taken from the second. */
function overlay(table: Entries, ports: readonly PortKey[], other: Entries): Entries {
  const [rest, own] = [withoutPorts(table, ports), restrict(other, ports)];
  return inOrder({ proxies: [...rest.proxies, ...own.proxies], open: [...rest.open, ...own.open] });
}

/** All entries but those for these ports. */
function withoutPorts(table: Entries, ports: readonly PortKey[]): Entries {
  const keys = new Set(ports.map(portText));
  return {
    proxies: table.proxies.filter((proxy) => !keys.has(portText(proxy))),
    open: table.open.filter((port) => !keys.has(portText(port))),
  };
}

/**
 * What to load for a replace-network step: its own table, or with `only` the table read from the node just now with
 * the step's entries for those ports. Nothing else may change the node's table between the reading and the loading.
 */
export function mergeNetwork(
  now: NetworkTable | undefined,
  action: NetworkAction,
): Entries & Pick<NetworkTable, 'peers' | 'listen'> {
  const { only } = action;
  const entries = only === undefined || now === undefined ? inOrder(action) : overlay(now, only, action);
  return { ...entries, peers: action.peers, ...(action.listen === undefined ? {} : { listen: action.listen }) };
}

/**
 * The addresses at which a node forwards, where that is not its mesh address alone. They are the node's: what another
 * deployment has set stays where these files say nothing.
 */
export function servingAt(input: PlanInput, node: NodeName, facts: NodeFacts): Pick<NetworkTable, 'listen'> {
  const listen = listenOf(input, node)?.filter((address) => !isLoopback(address));
  if (listen === undefined && facts.network.listen !== undefined && entriesOfOthers(input).has(node)) {
    return { listen: facts.network.listen };
  }
  return listen === undefined || listen.join() === facts.meshAddress ? {} : { listen };
}

/** It knows the addresses of all other nodes, and no more; found without a list for every node. */
export function hasAllPeers(input: PlanInput, node: NodeName, facts: NodeFacts): boolean {
  return missingNodes(input).length === 0 && isOthers(input, node, facts.network.peers);
}

/**
 * Mesh addresses of all other known nodes. What the node has is kept as well where one of them has no known address,
 * and the address of a node that is missing from the files: it is the only evidence that the node exists.
 */
export function peersFor(input: PlanInput, node: NodeName, facts: NodeFacts): readonly string[] {
  const { addresses, isComplete } = otherAddresses(input, node);
  if (isComplete && missingNodes(input).length === 0) return addresses;
  const kept = facts.network.peers.filter((address) => !isComplete || isMissing(input, address));
  return kept.length === 0 ? addresses : sorted([...addresses, ...kept]);
}

/** Both say the same; `b` is in order, as `entriesFor` makes it. */
export function sameEntries(a: Entries, b: Entries): boolean {
  return sameLists(a, b) || (!isInOrder(a) && sameLists(inOrder(a), b));
}

/** A million comparisons in a cluster of a thousand nodes and ports, hence the plain loop. */
function sameLists(a: Entries, b: Entries): boolean {
  if (a.proxies.length !== b.proxies.length || a.open.length !== b.open.length) return false;
  for (let at = 0; at < a.proxies.length; at += 1) {
    if (!sameProxy(a.proxies[at], b.proxies[at])) return false;
  }
  return a.open.every((key, at) => sameEntry(key, b.open[at]));
}

const sameEntry = (a: ServedPort | undefined, b: ServedPort | undefined): boolean =>
  a?.port === b?.port && a?.protocol === b?.protocol && a?.deployment === b?.deployment;

const sameProxy = (a: Proxy | undefined, b: Proxy | undefined): boolean =>
  a === b || (sameEntry(a, b) && a?.address === b?.address);

const compareProxies = (a: Proxy, b: Proxy | undefined): number =>
  b === undefined ? 1 : comparePorts(a, b) || compareText(a.address, b.address);

/** Tables that drover has written are in order when they are read back. */
function isInOrder({ proxies, open }: Entries): boolean {
  return (
    proxies.every((proxy, at) => at === 0 || compareProxies(proxy, proxies[at - 1]) > 0) &&
    open.every((key, at) => at === 0 || comparePorts(key, open[at - 1] ?? key) > 0)
  );
}

/** Each entry once: one that is kept may also be among those that are left as they are. A plan has a table for every node, hence no copies. */
function inOrder({ proxies, open }: Entries): Entries {
  const sorted = proxies.toSorted(compareProxies);
  return {
    proxies: sorted.filter((proxy, at) => at === 0 || compareProxies(proxy, sorted[at - 1]) !== 0),
    open: [...new Map(open.map((entry) => [portText(entry), bareEntry(entry)])).values()].sort(comparePorts),
  };
}

const bareEntry = ({ port, protocol, deployment }: ServedPort): ServedPort =>
  deployment === undefined ? { port, protocol } : { port, protocol, deployment };
