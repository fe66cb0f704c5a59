import type { NetworkTable, NodeFacts, PortKey, Proxy } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import type { ActionOf } from '../model/plan.ts';
import { keptApps } from './conflicts.ts';
import type { Decision } from './decision.ts';
import { isMissing } from './missing-nodes.ts';
import {
  compareText,
  externalPorts,
  isActive,
  managedContainers,
  meshAddress,
  portText,
  sorted,
  uniquePorts,
  type World,
} from './world.ts';

export type NetworkAction = ActionOf<'replace-network'>;
export type Entries = Pick<NetworkTable, 'proxies' | 'open'>;

/** Who answers on each port; `observed`: not for us to say now, every node keeps what it has. */
export type Serving = ReadonlyMap<string, { readonly key: PortKey; readonly by: NodeName | 'observed' }>;

/** Who answers when everything in the plan is done. What is blocked goes on where it runs. */
export function servingAfter(world: World, decisions: readonly Decision[]): Serving {
  const serving = new Map<string, { key: PortKey; by: NodeName | 'observed' }>();
  const kept = keptApps(decisions);
  for (const { app, node, container } of managedContainers(world)) {
    if (!kept.has(app) || !isActive(container)) continue;
    for (const key of externalPorts(container.spec)) serving.set(portText(key), { key, by: node });
  }
  const byBlocked = [...decisions].sort((a, b) => Number(b.blockers.length > 0) - Number(a.blockers.length > 0));
  for (const decision of byBlocked) {
    const { app } = decision;
    if (app === undefined) continue;
    const by = decision.blockers.length === 0 ? decision.node : whereBlocked(world, decision);
    const ports = decision.blockers.length === 0 ? externalPorts(app) : decision.ports;
    for (const key of ports) serving.set(portText(key), { key, by });
  }
  return serving;
}

function whereBlocked(world: World, decision: Decision): NodeName | 'observed' {
  if (decision.portsTaken) return 'observed';
  const runs = managedContainers(world).find(({ app, container }) => app === decision.app?.name && isActive(container));
  if (runs !== undefined) return runs.node;
  return world.unreachable.has(decision.node) && meshAddress(world, decision.node) !== undefined
    ? decision.node
    : 'observed';
}

/** The same until the switches have happened: their ports stay with whoever runs there now. */
export function servingBefore(world: World, after: Serving, switches: readonly Decision[]): Serving {
  const serving = new Map(after);
  const running = managedContainers(world).filter(({ container }) => isActive(container));
  // Whether it answers there is not known: until then every node keeps what it has.
  for (const key of switches.flatMap((decision) => (decision.checks ? decision.ports : []))) {
    serving.set(portText(key), { key, by: 'observed' });
  }
  for (const key of switches.flatMap((decision) => (decision.checks ? [] : decision.ports))) {
    const now = running.find(({ container }) =>
      externalPorts(container.spec).some((own) => portText(own) === portText(key)),
    );
    serving.set(portText(key), { key, by: now?.node ?? 'observed' });
  }
  return serving;
}

/** Entries of one node: open where it serves, a proxy to whoever does, nothing for ports nobody wants. */
export function entriesFor(world: World, node: NodeName, serving: Serving): Entries {
  const observed = world.reachable.get(node)?.network;
  const proxies: Proxy[] = [];
  const open: PortKey[] = [];
  for (const { key, by } of serving.values()) {
    const address = by === 'observed' || by === node ? undefined : meshAddress(world, by);
    if (by === node) open.push(key);
    else if (address !== undefined) proxies.push({ port: key.port, protocol: key.protocol, address });
    else if (observed !== undefined) {
      const kept = restrict(observed, [key]);
      proxies.push(...kept.proxies);
      open.push(...kept.open);
    }
  }
  return inOrder({ proxies, open });
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
export function mergeNetwork(now: NetworkTable, action: NetworkAction): Entries & Pick<NetworkTable, 'peers'> {
  const entries = action.only === undefined ? inOrder(action) : overlay(now, action.only, action);
  return { ...entries, peers: action.peers };
}

/**
 * Mesh addresses of all other known nodes. What the node has is kept as well where one of them has no known address,
 * and the address of a node that is missing from the files: it is the only evidence that the node exists.
 */
export function peersFor(world: World, node: NodeName, facts: NodeFacts): string[] {
  const others = world.nodes.filter((other) => other !== node).map((other) => meshAddress(world, other));
  const known = others.flatMap((address) => address ?? []);
  const isComplete = known.length === others.length;
  const kept = facts.network.peers.filter((address) => !isComplete || isMissing(world, address));
  return sorted([...known, ...kept]);
}

export function sameEntries(a: Entries, b: Entries): boolean {
  return JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));
}

function inOrder({ proxies, open }: Entries): Entries {
  return {
    proxies: [...proxies]
      .map(({ port, protocol, address }) => ({ port, protocol, address }))
      .sort((a, b) => a.port - b.port || compareText(a.protocol, b.protocol) || compareText(a.address, b.address)),
    open: uniquePorts(open),
  };
}
