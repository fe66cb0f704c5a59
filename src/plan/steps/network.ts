import type { NetworkTable, NodeFacts, PortKey } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import type { StepId } from '../../model/plan.ts';
import { entriesOfOthers } from '../deployments.ts';
import type { GroupDecision } from '../group-decision.ts';
import { sameItems, sorted } from '../lists.ts';
import type { PlanInput } from '../plan-input.ts';
import { portText, sharePort } from '../ports.ts';
import { quote } from '../wording.ts';
import {
  type Entries,
  entriesFor,
  hasAllPeers,
  isAsServed,
  peersFor,
  type Serving,
  sameEntries,
  servingAfter,
  servingAt,
  servingBefore,
  servingSwitched,
  tableFor,
} from './network-tables.ts';
import type { StepBuilder } from './step-builder.ts';

/** An application that moves, and the last steps before its clients may follow it. */
export interface Switch {
  readonly decision: GroupDecision;
  readonly after: readonly StepId[];
}

interface NodeNetwork {
  readonly facts: NodeFacts;
  /** Mesh addresses of the other nodes. */
  readonly peers: () => readonly string[];
  readonly serving: Pick<NetworkTable, 'listen'>;
  /** The step that loads the table that is valid until the switches; empty if none is needed. */
  readonly step: readonly StepId[];
  /** Several switches change its table: each changes only the entries of its own ports. */
  readonly isShared: boolean;
}

/**
 * Adds at most one step per node for the changes that are valid at once, then one for each switch that concerns the
 * node and ends its held ports. Returns the network steps of each switch by group.
 */
export function planNetwork(
  builder: StepBuilder,
  input: PlanInput,
  decisions: readonly GroupDecision[],
  switches: readonly Switch[],
): ReadonlyMap<string, readonly StepId[]> {
  const after = servingAfter(input, decisions);
  const before = servingBefore(
    input,
    after,
    switches.map((change) => change.decision),
  );
  const nodes = new Map<NodeName, NodeNetwork>();
  const look: Look = { input, before, after };
  const held = new Set(
    switches.flatMap(({ decision }) => (decision.hold || decision.checks ? decision.ports.map(portText) : [])),
  );
  for (const [node, facts] of input.reachable) {
    // Computed only for nodes where something changes.
    const base = once(() => tableFor(input, node, before));
    const peers = once(() => peersFor(input, node, facts));
    const serving = servingAt(input, node, facts);
    const step = loadBase(builder, look, node, { facts, base, peers, serving }, held);
    const concerned = switches.filter(({ decision }) => concerns(look, decision, node, facts)).length;
    nodes.set(node, { facts, peers, serving, step, isShared: concerned > 1 });
  }
  return new Map(switches.map((change) => [change.decision.group, planSwitch(builder, look, nodes, change)]));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Who serves each port before and after the switches. */
interface Look {
  readonly input: PlanInput;
  readonly before: Serving;
  readonly after: Serving;
}

/** Ports of other deployments. If one is held, its own run ends the hold, or it expires. */
function portsOfOthers(input: PlanInput, node: NodeName): readonly PortKey[] {
  const others = entriesOfOthers(input).get(node);
  return others === undefined ? [] : [...others.open, ...others.proxies];
}

function loadBase(
  builder: StepBuilder,
  { input, before }: Look,
  node: NodeName,
  { facts, base, peers, serving }: Pick<NodeNetwork, 'facts' | 'peers' | 'serving'> & { readonly base: () => Entries },
  held: ReadonlySet<string>,
): StepId[] {
  const { network } = facts;
  const kept = network.holds.length === 0 ? held : new Set([...held, ...portsOfOthers(input, node).map(portText)]);
  const dropHolds = network.holds.filter((key) => !kept.has(portText(key)));
  const reasons = [
    ...(network.present ? [] : ['the table is missing']),
    ...(isAsServed(input, node, before) || sameEntries(network, base()) ? [] : ['entries differ']),
    ...(hasAllPeers(input, node, facts) || sameItems(sorted(network.peers), peers()) ? [] : ['peers differ']),
    ...(sameAddresses(network, serving) ? [] : [`it forwards at ${addressesText(serving)} from now on`]),
    ...(network.isOutdated === true ? ['it forwards for every client after a boot'] : []),
    ...(dropHolds.length === 0 ? [] : ['held ports are left over']),
  ];
  if (reasons.length === 0) return [];
  const action = { kind: 'replace-network', node, ...base(), peers: peers(), ...serving, dropHolds } as const;
  return [builder.add({ action, reason: reasons.join(', '), group: 'network' })];
}

const sameAddresses = (a: Pick<NetworkTable, 'listen'>, b: Pick<NetworkTable, 'listen'>): boolean =>
  a.listen?.join() === b.listen?.join();
const addressesText = ({ listen }: Pick<NetworkTable, 'listen'>): string =>
  listen === undefined ? 'its mesh address' : listen.length === 0 ? 'no address' : listen.join(', ');

/**
 * The table of the new node changes first: it must not forward the ports that it serves itself. If the new node holds
 * the ports, the other tables need not wait: connections that they forward wait there until the hold ends.
 */
function planSwitch(
  builder: StepBuilder,
  look: Look,
  nodes: ReadonlyMap<NodeName, NodeNetwork>,
  change: Switch,
): StepId[] {
  const { decision } = change;
  const switched = servingSwitched(look.before, look.after, decision.ports);
  const target = nodes.get(decision.node);
  const first =
    target === undefined
      ? []
      : switchNode(builder, look, { decision, switched, after: change.after }, decision.node, target);
  const after = first.length > 0 && !decision.hold ? first : change.after;
  const others = [...nodes].flatMap(([node, network]) =>
    node === decision.node ? [] : switchNode(builder, look, { decision, switched, after }, node, network),
  );
  return [...first, ...others];
}

function switchNode(
  builder: StepBuilder,
  look: Look,
  { decision, switched, after }: Switch & { readonly switched: Serving },
  node: NodeName,
  { facts, peers, serving, step, isShared }: NodeNetwork,
): StepId[] {
  if (!concerns(look, decision, node, facts)) return [];
  const { group, ports } = decision;
  const { input } = look;
  const action = {
    kind: 'replace-network',
    node,
    ...(isShared ? entriesFor(input, node, look.after, ports) : tableFor(input, node, switched, ports)),
    peers: peers(),
    ...serving,
    dropHolds: decision.hold || decision.checks ? ports : [],
    ...(isShared ? { only: ports } : {}),
  } as const;
  const reason = `${quote(group)} answers on ${quote(decision.node)}`;
  return [builder.add({ action, after: [...step, ...after], reason, group })];
}

function concerns(
  { input, before, after }: Look,
  decision: GroupDecision,
  node: NodeName,
  { network }: NodeFacts,
): boolean {
  // A run that never got an answer left the hold behind. The switch ends it.
  const isHeld = decision.checks && sharePort(decision.ports, network.holds) !== undefined;
  if (decision.hold || isHeld) return true;
  const [now, then] = [before, after].map((serving) => entriesFor(input, node, serving, decision.ports));
  return now !== undefined && then !== undefined && !sameEntries(now, then);
}
