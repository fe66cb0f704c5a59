import { isLoopback, isPublishedAt, portsAt } from '../model/addresses.ts';
import type { NetworkTable, NodeFacts, PortKey, Proxy } from '../model/cluster.ts';
import type { NodeName, PortMapping } from '../model/config.ts';
import type { ActionOf } from '../model/plan.ts';
import { keptApps } from './conflicts.ts';
import type { Decision } from './decision.ts';
import { isMissing, missingNodes } from './missing-nodes.ts';
import {
  comparePorts,
  compareText,
  containersOf,
  externalPorts,
  isActive,
  listenOf,
  managedContainers,
  meshAddress,
  otherAddresses,
  portText,
  sorted,
  uniquePorts,
  usersOfPort,
  type World,
} from './world.ts';

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

type ByPort = Map<string, Omit<Served, 'proxy'>>;

function servingOf(world: World, byPort: ByPort): Serving {
  const inPortOrder = [...byPort].sort(([, a], [, b]) => comparePorts(a.key, b.key));
  return new Map(
    inPortOrder.map(([text, { key, by, isHidden: hidden = false }]) => {
      const address = by === 'observed' || hidden ? undefined : meshAddress(world, by);
      const proxy = address === undefined ? {} : { proxy: { port: key.port, protocol: key.protocol, address } };
      return [text, { key, by, isHidden: hidden, ...proxy }];
    }),
  );
}

/** Who answers when everything in the plan is done. What is blocked goes on where it runs. */
export function servingAfter(world: World, decisions: readonly Decision[]): Serving {
  const serving: ByPort = new Map();
  const kept = keptApps(decisions);
  for (const { app, node, container } of managedContainers(world)) {
    if (!kept.has(app) || !isActive(container)) continue;
    for (const key of externalPorts(container.spec)) {
      serving.set(portText(key), { key, by: node, isHidden: isHidden(world, node, container.spec.ports, key) });
    }
  }
  const byBlocked = [...decisions].sort((a, b) => Number(b.blockers.length > 0) - Number(a.blockers.length > 0));
  for (const decision of byBlocked) {
    const { app } = decision;
    if (app === undefined) continue;
    const by = decision.blockers.length === 0 ? decision.node : whereBlocked(world, decision);
    const ports = decision.blockers.length === 0 ? externalPorts(app) : decision.ports;
    for (const key of ports) {
      const mappings = by === 'observed' ? [] : portsOf(world, decision, by);
      serving.set(portText(key), { key, by, isHidden: by !== 'observed' && isHidden(world, by, mappings, key) });
    }
  }
  return servingOf(world, serving);
}

/** As the decision's application publishes them on this node when the plan is done. */
function portsOf(world: World, { app, blockers }: Decision, node: NodeName): readonly PortMapping[] {
  if (app === undefined) return [];
  if (blockers.length === 0) return portsAt(app.ports, listenOf(world, node));
  const facts = world.reachable.get(node) ?? world.unreachable.get(node);
  const runs = facts?.containers.find((one) => one.managed && one.application === app.name);
  return runs?.spec.ports ?? app.ports;
}

function isHidden(world: World, node: NodeName, ports: readonly PortMapping[], key: PortKey): boolean {
  const mesh = meshAddress(world, node);
  const own = ports.find(({ external, protocol }) => external === key.port && protocol === key.protocol);
  return own !== undefined && mesh !== undefined && !isPublishedAt(own, mesh);
}

function whereBlocked(world: World, decision: Decision): NodeName | 'observed' {
  if (decision.portsTaken) return 'observed';
  const runs = containersOf(world, decision.app?.name ?? '').find(({ container }) => isActive(container));
  if (runs !== undefined) return runs.node;
  return world.unreachable.has(decision.node) && meshAddress(world, decision.node) !== undefined
    ? decision.node
    : 'observed';
}

/** The same until the switches have happened: their ports stay with whoever runs there now. */
export function servingBefore(world: World, after: Serving, switches: readonly Decision[]): Serving {
  const serving: ByPort = new Map(after);
  // Whether it answers there is not known: until then every node keeps what it has.
  for (const key of switches.flatMap((decision) => (decision.checks ? decision.ports : []))) {
    serving.set(portText(key), { key, by: 'observed' });
  }
  for (const key of switches.flatMap((decision) => (decision.checks ? [] : decision.ports))) {
    const now = usersOfPort(world, key)[0];
    const hidden = now !== undefined && isHidden(world, now.node, now.container.spec.ports, key);
    serving.set(portText(key), { key, by: now?.node ?? 'observed', isHidden: hidden });
  }
  return servingOf(world, serving);
}

/**
 * Entries of one node, for all ports or for these: open where it serves, a proxy to whoever does, nothing for ports
 * that no application has.
 */
export function entriesFor(world: World, node: NodeName, serving: Serving, ports?: readonly PortKey[]): Entries {
  const proxies: Proxy[] = [];
  const open: PortKey[] = [];
  const asObserved: PortKey[] = [];
  const wanted = ports?.flatMap((key) => serving.get(portText(key)) ?? []) ?? serving.values();
  for (const { key, by, isHidden: hidden, proxy } of wanted) {
    if (by === node) open.push(key);
    else if (proxy !== undefined) proxies.push(proxy);
    else if (hidden !== true) asObserved.push(key);
  }
  const observed = world.reachable.get(node)?.network;
  if (asObserved.length === 0 || observed === undefined) return { proxies, open };
  const kept = restrict(observed, asObserved);
  return inOrder({ proxies: [...proxies, ...kept.proxies], open: [...open, ...kept.open] });
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
export function overlay(table: Entries, ports: readonly PortKey[], other: Entries): Entries {
  const keys = new Set(ports.map(portText));
  const own = restrict(other, ports);
  return inOrder({
    proxies: [...table.proxies.filter((proxy) => !keys.has(portText(proxy))), ...own.proxies],
    open: [...table.open.filter((port) => !keys.has(portText(port))), ...own.open],
  });
}

/**
 * What to load for a replace-network step: its own table, or with `only` the table read from the node just now with
 * the step's entries for those ports. Nothing else may change the node's table between the reading and the loading.
 */
export function mergeNetwork(
  now: NetworkTable,
  action: NetworkAction,
): Entries & Pick<NetworkTable, 'peers' | 'listen'> {
  const entries = action.only === undefined ? inOrder(action) : overlay(now, action.only, action);
  return { ...entries, peers: action.peers, ...(action.listen === undefined ? {} : { listen: action.listen }) };
}

/** The addresses at which a node forwards, where that is not its mesh address alone. */
export function servingAt(world: World, node: NodeName, facts: NodeFacts): Pick<NetworkTable, 'listen'> {
  const listen = listenOf(world, node)?.filter((address) => !isLoopback(address));
  return listen === undefined || listen.join() === facts.meshAddress ? {} : { listen };
}

/**
 * Mesh addresses of all other known nodes. What the node has is kept as well where one of them has no known address,
 * and the address of a node that is missing from the files: it is the only evidence that the node exists.
 */
export function peersFor(world: World, node: NodeName, facts: NodeFacts): readonly string[] {
  const { addresses, isComplete } = otherAddresses(world, node);
  if (isComplete && missingNodes(world).length === 0) return addresses;
  const kept = facts.network.peers.filter((address) => !isComplete || isMissing(world, address));
  return kept.length === 0 ? addresses : sorted([...addresses, ...kept]);
}

/** Both say the same; `b` is in order, as `entriesFor` makes it. */
export function sameEntries(a: Entries, b: Entries): boolean {
  return sameLists(a, b) || (!isInOrder(a) && sameLists(inOrder(a), b));
}

const sameLists = (a: Entries, b: Entries): boolean =>
  a.proxies.length === b.proxies.length &&
  a.open.length === b.open.length &&
  a.proxies.every((proxy, at) => samePort(proxy, b.proxies[at]) && proxy.address === b.proxies[at]?.address) &&
  a.open.every((key, at) => samePort(key, b.open[at]));

const samePort = (a: PortKey, b: PortKey | undefined): boolean => a.port === b?.port && a.protocol === b.protocol;

const compareProxies = (a: Proxy, b: Proxy | undefined): number =>
  b === undefined ? 1 : comparePorts(a, b) || compareText(a.address, b.address);

/** Tables that drover has written are in order when they are read back. */
function isInOrder({ proxies, open }: Entries): boolean {
  return (
    proxies.every((proxy, at) => at === 0 || compareProxies(proxy, proxies[at - 1]) > 0) &&
    open.every((key, at) => at === 0 || comparePorts(key, open[at - 1] ?? key) > 0)
  );
}

function inOrder({ proxies, open }: Entries): Entries {
  return {
    proxies: proxies.map(({ port, protocol, address }) => ({ port, protocol, address })).sort(compareProxies),
    open: uniquePorts(open),
  };
}
