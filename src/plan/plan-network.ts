import type { NodeFacts, PortKey } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import type { StepId } from '../model/plan.ts';
import type { Decision } from './decision.ts';
import {
  type Entries,
  entriesFor,
  overlay,
  peersFor,
  restrict,
  sameEntries,
  servingAfter,
  servingBefore,
} from './network-tables.ts';
import type { StepBuilder } from './step-builder.ts';
import { portText, quote, sharePort, sorted, type World } from './world.ts';

/** One application changing its place, and the last step before its clients may follow. */
export interface Switch {
  readonly decision: Decision;
  readonly after: readonly StepId[];
}

interface NodeNetwork {
  readonly facts: NodeFacts;
  readonly peers: readonly string[];
  /** Valid at once, and until the switches have happened. */
  readonly base: Entries;
  readonly final: Entries;
  /** The step that loads `base`, where one is needed. */
  readonly step: readonly StepId[];
}

/**
 * At most one step a node for everything that is true at once, then one for each switch that concerns the node: it
 * ends the switch's holds. Returns the network steps of each switch by group.
 */
export function planNetwork(
  builder: StepBuilder,
  world: World,
  decisions: readonly Decision[],
  switches: readonly Switch[],
): ReadonlyMap<string, readonly StepId[]> {
  const after = servingAfter(world, decisions);
  const before = servingBefore(
    world,
    after,
    switches.map((change) => change.decision),
  );
  const nodes = new Map<NodeName, NodeNetwork>();
  const held = switches.flatMap(({ decision }) => (decision.hold || decision.checks ? decision.ports : []));
  for (const [node, facts] of world.reachable) {
    const base = entriesFor(world, node, before);
    const peers = peersFor(world, node, facts);
    const step = loadBase(builder, node, facts, { ...base, peers }, held);
    nodes.set(node, { facts, peers, base, final: entriesFor(world, node, after), step });
  }
  return new Map(switches.map((change) => [change.decision.group, planSwitch(builder, nodes, switches, change)]));
}

function loadBase(
  builder: StepBuilder,
  node: NodeName,
  facts: NodeFacts,
  table: Entries & { readonly peers: readonly string[] },
  held: readonly PortKey[],
): StepId[] {
  const { network } = facts;
  const keep = new Set(held.map(portText));
  const dropHolds = network.holds.filter((key) => !keep.has(portText(key)));
  const reasons = [
    ...(network.present ? [] : ['the table is missing']),
    ...(sameEntries(network, table) ? [] : ['entries differ']),
    ...(JSON.stringify(sorted(network.peers)) === JSON.stringify(table.peers) ? [] : ['peers differ']),
    ...(dropHolds.length === 0 ? [] : ['a hold is left over']),
  ];
  if (reasons.length === 0) return [];
  const action = { kind: 'replace-network', node, ...table, dropHolds } as const;
  return [builder.add({ action, reason: reasons.join(', '), group: 'network' })];
}

/**
 * The new place first: it must not forward away what it serves itself. Where the ports are held there as well, the
 * others need not wait: whoever they send there waits until its own hold ends.
 */
function planSwitch(
  builder: StepBuilder,
  nodes: ReadonlyMap<NodeName, NodeNetwork>,
  switches: readonly Switch[],
  change: Switch,
): StepId[] {
  const { decision } = change;
  const target = nodes.get(decision.node);
  const first = target === undefined ? [] : switchNode(builder, switches, change, decision.node, target, change.after);
  const others = [...nodes].flatMap(([node, network]) =>
    node === decision.node
      ? []
      : switchNode(builder, switches, change, node, network, first.length > 0 && !decision.hold ? first : change.after),
  );
  return [...first, ...others];
}

function switchNode(
  builder: StepBuilder,
  switches: readonly Switch[],
  { decision }: Switch,
  node: NodeName,
  network: NodeNetwork,
  after: readonly StepId[],
): StepId[] {
  if (!concerns(decision, network)) return [];
  const { peers, base, final, step } = network;
  const { group, ports } = decision;
  const alone = switches.filter((other) => concerns(other.decision, network)).length === 1;
  const action = {
    kind: 'replace-network',
    node,
    ...overlay(base, ports, final),
    peers,
    dropHolds: decision.hold || decision.checks ? ports : [],
    ...(alone ? {} : { only: ports }),
  } as const;
  const reason = `${quote(group)} answers on ${quote(decision.node)}`;
  return [builder.add({ action, after: [...step, ...after], reason, group })];
}

function concerns(decision: Decision, { facts, base, final }: NodeNetwork): boolean {
  // Left by the run that did not see it answer: it ends with the switch.
  const isHeld = decision.checks && sharePort(decision.ports, facts.network.holds) !== undefined;
  return decision.hold || isHeld || !sameEntries(restrict(base, decision.ports), restrict(final, decision.ports));
}
