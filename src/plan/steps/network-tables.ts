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
import { defined } from '../../model/defined.ts';
import type { ActionOf } from '../../model/plan.ts';
import { keptApps } from '../conflicts.ts';
import { entriesOfOthers } from '../deployments.ts';
import type { GroupDecision } from '../group-decision.ts';
import { compareText, sorted } from '../lists.ts';
import { isMissing, missingNodes } from '../missing-nodes.ts';
import { mergeNames } from '../names/name-tables.ts';
import {
  containersOf,
  isOthers,
  knownFacts,
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

/** The node that serves a port. `observed`: the plan cannot decide it now, and every node keeps its entry. */
interface Served {
  readonly key: PortKey;
  readonly by: NodeName | 'observed';
  /** The node does not publish the port at its mesh address, to which the others would forward. */
  readonly isHidden?: boolean;
  /** The entry of every other node; all tables share it. Absent if the address of the serving node is unknown. */
  readonly proxy?: Proxy;
}

/** By port, in order of port and protocol. */
export type Serving = ReadonlyMap<string, Served>;

/** The values as a list, which is built once: the table of every node is made from it. */
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

/** Who serves each port after the plan. A blocked application keeps its ports where it runs. */
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

/** The ports as the decision's application publishes them on this node after the plan. */
function portsOf(input: PlanInput, { app, blockers }: GroupDecision, node: NodeName): readonly PortMapping[] {
  if (app === undefined) return [];
  if (blockers.length === 0) return portsAt(app.ports, listenOf(input, node));
  const facts = knownFacts(input, node);
  const runs = facts?.containers.find((one) => one.managed && one.application === app.name);
  return runs?.spec.ports ?? app.ports;
}

function isHidden(input: PlanInput, node: NodeName, ports: readonly PortMapping[], key: PortKey): boolean {
  const mesh = meshAddress(input, node);
  const own = ports.find(({ external, protocol }) => external === key.port && protocol === key.protocol);
  return own !== undefined && mesh !== undefined && (own.isLocal === true || !isPublishedAt(own, mesh));
}

function whereBlocked(input: PlanInput, decision: GroupDecision): NodeName | 'observed' {
  if (decision.portsTaken) return 'observed';
  const runs = containersOf(input, decision.app?.name ?? '').find(({ container }) => isActive(container));
  if (runs !== undefined) return runs.node;
  return input.unreachable.has(decision.node) && meshAddress(input, decision.node) !== undefined
    ? decision.node
    : 'observed';
}

/** Who serves each port until the switches: their ports stay with the containers that have them now. */
export function servingBefore(input: PlanInput, after: Serving, switches: readonly GroupDecision[]): Serving {
  const serving: ByPort = new Map(after);
  // It is not known whether the application answers. Until the check, every node keeps its entry.
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
 * Entries of one node for these ports: open if the node serves the port, else a proxy to the node that does. A port
 * that no application has gets no entry.
 */
export function entriesFor(input: PlanInput, node: NodeName, serving: Serving, ports: readonly PortKey[]): Entries {
  const wanted = ports.flatMap((key) => serving.get(portText(key)) ?? []);
  return makeEntries(input, node, wanted, nothing);
}

/**
 * The whole table of one node: the entries for all ports, and the node's entries for other deployments, except for the
 * ports of a switch.
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

/** Who serves each port after this application has switched and before the others do. */
export function servingSwitched(before: Serving, after: Serving, ports: readonly PortKey[]): Serving {
  // `before` has every port of the switches. Nothing is added, so the order is right.
  const serving = new Map(before);
  for (const port of ports.map(portText)) {
    const served = after.get(port);
    if (served === undefined) serving.delete(port);
    else serving.set(port, served);
  }
  return serving;
}

const nothing: Entries = { proxies: [], open: [] };

/** A node's entries for other deployments, and for containers that drover leaves alone. */
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

/** Ports of containers that belong to no deployment and that no file describes. */
const portsLeftAlone = perInput((input): ReadonlySet<string> => {
  const seen = [...input.reachable.values(), ...input.unreachable.values()];
  const ports = seen
    .flatMap((facts) => facts?.containers ?? [])
    .flatMap(({ otherApplication, deployment, spec }) =>
      otherApplication !== undefined && deployment === undefined ? externalPorts(spec).map(portText) : [],
    );
  return new Set(ports);
});

/** True in the usual case: the node has exactly the entries of `tableFor`. Builds no table. */
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

/** All entries except those for these ports. */
function withoutPorts(table: Entries, ports: readonly PortKey[]): Entries {
  const keys = new Set(ports.map(portText));
  return {
    proxies: table.proxies.filter((proxy) => !keys.has(portText(proxy))),
    open: table.open.filter((port) => !keys.has(portText(port))),
  };
}

/**
 * The table that a replace-network step loads: its own one, or with `only` the node's present table with the step's
 * entries for those ports. The caller must prevent other changes of the table between reading `now` and loading.
 */
export function mergeNetwork(
  now: NetworkTable | undefined,
  action: NetworkAction,
): Entries & Pick<NetworkTable, 'peers' | 'listen' | 'names'> {
  const { only, peers, listen } = action;
  const entries = only === undefined || now === undefined ? inOrder(action) : overlay(now, only, action);
  return { ...entries, peers, ...defined({ listen, names: mergeNames(now?.names, action) }) };
}

/**
 * The addresses at which a node forwards; absent for its mesh address alone. All deployments share them: if these files
 * do not set them, those that another deployment has set stay.
 */
export function servingAt(input: PlanInput, node: NodeName, facts: NodeFacts): Pick<NetworkTable, 'listen'> {
  const listen = listenOf(input, node)?.filter((address) => !isLoopback(address));
  if (listen === undefined && facts.network.listen !== undefined && entriesOfOthers(input).has(node)) {
    return { listen: facts.network.listen };
  }
  return listen === undefined || listen.join() === facts.meshAddress ? {} : { listen };
}

/** True if the node's peers are exactly the addresses of all other nodes. Builds no list. */
export function hasAllPeers(input: PlanInput, node: NodeName, facts: NodeFacts): boolean {
  return missingNodes(input).length === 0 && isOthers(input, node, facts.network.peers);
}

/**
 * Mesh addresses of all other known nodes. If the address of one of them is unknown, the node keeps all its peers. It
 * also keeps the address of a node that is missing from the files: that is the only evidence of the node.
 */
export function peersFor(input: PlanInput, node: NodeName, facts: NodeFacts): readonly string[] {
  const { addresses, isComplete } = otherAddresses(input, node);
  if (isComplete && missingNodes(input).length === 0) return addresses;
  const kept = facts.network.peers.filter((address) => !isComplete || isMissing(input, address));
  return kept.length === 0 ? addresses : sorted([...addresses, ...kept]);
}

/** True if both have the same entries. `b` must be in the order of `entriesFor`. */
export function sameEntries(a: Entries, b: Entries): boolean {
  return sameLists(a, b) || (!isInOrder(a) && sameLists(inOrder(a), b));
}

/** A plain loop: a cluster of a thousand nodes and ports takes a million comparisons. */
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

/** True for tables that drover wrote. */
function isInOrder({ proxies, open }: Entries): boolean {
  return (
    proxies.every((proxy, at) => at === 0 || compareProxies(proxy, proxies[at - 1]) > 0) &&
    open.every((key, at) => at === 0 || comparePorts(key, open[at - 1] ?? key) > 0)
  );
}

/** Each entry once: an entry can be kept for two reasons. */
function inOrder({ proxies, open }: Entries): Entries {
  const sorted = proxies.toSorted(compareProxies);
  return {
    proxies: sorted.filter((proxy, at) => at === 0 || compareProxies(proxy, sorted[at - 1]) !== 0),
    open: [...new Map(open.map((entry) => [portText(entry), bareEntry(entry)])).values()].sort(comparePorts),
  };
}

const bareEntry = ({ port, protocol, deployment }: ServedPort): ServedPort =>
  deployment === undefined ? { port, protocol } : { port, protocol, deployment };
