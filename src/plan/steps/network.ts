import type { NetworkTable, NodeFacts } from '../../model/cluster.ts';
import type { Application, NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { HeldPort, NameTable } from '../../model/name-table.ts';
import type { StepId } from '../../model/plan.ts';
import { entriesOfOthers, isOfOther } from '../deployments.ts';
import type { GroupDecision } from '../group-decision.ts';
import { sameItems, sorted } from '../lists.ts';
import { heldText } from '../names/desired.ts';
import {
  entryFor,
  type NameServing,
  namesAfter,
  namesBefore,
  namesSwitched,
  nameTableFor,
  sameEntry,
  sameNames,
} from '../names/name-tables.ts';
import type { PlanInput } from '../plan-input.ts';
import { portText } from '../ports.ts';
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
  /** Names until the switches; undefined if the node is not set up for them. */
  readonly names: NameTable | undefined;
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
  const namesThen = namesAfter(input, decisions);
  const namesNow = namesBefore(
    input,
    namesThen,
    switches.map((change) => change.decision),
  );
  const look: Look = { input, before, after, namesNow, namesThen };
  const held = new Set(
    switches.flatMap(({ decision }) => (decision.hold || decision.checks ? heldOf(decision).map(heldText) : [])),
  );
  for (const [node, facts] of input.reachable) {
    // Computed only for nodes where something changes.
    const base = once(() => tableFor(input, node, before));
    const peers = once(() => peersFor(input, node, facts));
    const serving = servingAt(input, node, facts);
    const names = nameTableFor(input, node, namesNow);
    const step = loadBase(builder, look, node, { facts, base, peers, serving, names }, held);
    const concerned = switches.filter(({ decision }) => concerns(look, decision, node, facts)).length;
    nodes.set(node, { facts, peers, serving, names, step, isShared: concerned > 1 });
  }
  for (const decision of decisions) startAfterNames(builder, decision, nodes.get(decision.node));
  return new Map(switches.map((change) => [change.decision.group, planSwitch(builder, look, nodes, change)]));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** What is held while an application changes its place. */
const heldOf = ({ ports, names }: GroupDecision): readonly HeldPort[] => [...ports, ...names];

/** A program that looks up a name when it starts needs the name server, which the table of its node brings. */
function startAfterNames(
  builder: StepBuilder,
  { group, node, start, blockers }: GroupDecision,
  network: NodeNetwork | undefined,
): void {
  if (start?.spec.names === undefined || blockers.length > 0 || network === undefined) return;
  if (network.step.length === 0 || sameNames(network.names, network.facts.network.names)) return;
  const { spec, reason, asksPorts } = start;
  const action = { kind: 'start-container', node, spec, ...defined({ asksPorts }) } as const;
  builder.add({ action, after: network.step, reason, group });
}

/** Who serves each port, and where each name leads, before and after the switches. */
interface Look {
  readonly input: PlanInput;
  readonly before: Serving;
  readonly after: Serving;
  readonly namesNow: NameServing;
  readonly namesThen: NameServing;
}

/** What is held of other deployments: their own run ends the hold, or it expires. */
function heldOfOthers(input: PlanInput, node: NodeName, { holds, names }: NetworkTable): readonly string[] {
  const { open = [], proxies = [] } = entriesOfOthers(input).get(node) ?? {};
  const own = new Set(
    names?.entries.flatMap(({ deployment, address }) => (isOfOther(input, { deployment }) ? [address] : [])),
  );
  const virtual = holds.filter(({ address }) => address !== undefined && own.has(address));
  return [...[...open, ...proxies].map(portText), ...virtual.map(heldText)];
}

function loadBase(
  builder: StepBuilder,
  { input, before }: Look,
  node: NodeName,
  {
    facts,
    base,
    peers,
    serving,
    names,
  }: Pick<NodeNetwork, 'facts' | 'peers' | 'serving' | 'names'> & { readonly base: () => Entries },
  held: ReadonlySet<string>,
): StepId[] {
  const { network } = facts;
  const kept = network.holds.length === 0 ? held : new Set([...held, ...heldOfOthers(input, node, network)]);
  const dropHolds = network.holds.filter((key) => !kept.has(heldText(key)));
  const reasons = [
    ...(network.present ? [] : ['the table is missing']),
    ...(isAsServed(input, node, before) || sameEntries(network, base()) ? [] : ['entries differ']),
    ...(sameNames(names, network.names) ? [] : ['names differ']),
    ...(hasAllPeers(input, node, facts) || sameItems(sorted(network.peers), peers()) ? [] : ['peers differ']),
    ...(sameAddresses(network, serving) ? [] : [`it forwards at ${addressesText(serving)} from now on`]),
    ...(network.isOutdated === true ? ['its program for the network is of an earlier version'] : []),
    ...(dropHolds.length === 0 ? [] : ['held ports are left over']),
  ];
  if (reasons.length === 0) return [];
  const rest = { ...serving, ...defined({ names }), dropHolds };
  const action = { kind: 'replace-network', node, ...base(), peers: peers(), ...rest } as const;
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
  const { group, ports, app } = decision;
  const { input } = look;
  const names = isShared
    ? changedName(look, node, app)
    : nameTableFor(input, node, namesSwitched(look.namesNow, look.namesThen, app?.name));
  const action = {
    kind: 'replace-network',
    node,
    ...(isShared ? entriesFor(input, node, look.after, ports) : tableFor(input, node, switched, ports)),
    peers: peers(),
    ...serving,
    ...defined({ names }),
    dropHolds: decision.hold || decision.checks ? heldOf(decision) : [],
    ...(isShared ? { only: ports } : {}),
  } as const;
  const reason = `${quote(group)} answers on ${quote(decision.node)}`;
  return [builder.add({ action, after: [...step, ...after], reason, group })];
}

/** The entry of the application that switches; the names of the others stay as they are on the node then. */
function changedName({ input, namesThen }: Look, node: NodeName, app: Application | undefined): NameTable | undefined {
  if (input.reachable.get(node)?.network.names === undefined) return undefined;
  const entry = app === undefined ? undefined : entryFor(input, node, namesThen, app.name);
  return { ranges: [], entries: entry === undefined ? [] : [entry], resolvers: [] };
}

/** A run that never got an answer left the hold behind: the switch ends it. */
function isHeld(decision: GroupDecision, { holds }: NetworkTable): boolean {
  const held = new Set(holds.map(heldText));
  return held.size > 0 && heldOf(decision).some((port) => held.has(heldText(port)));
}

function concerns(
  { input, before, after, namesNow, namesThen }: Look,
  decision: GroupDecision,
  node: NodeName,
  { network }: NodeFacts,
): boolean {
  // A run that never got an answer left the hold behind. The switch ends it.
  if (decision.hold || (decision.checks && isHeld(decision, network))) return true;
  const { app } = decision;
  const [nameNow, nameThen] = [namesNow, namesThen].map((serving) =>
    app === undefined ? undefined : entryFor(input, node, serving, app.name),
  );
  if (!sameEntry(nameNow, nameThen)) return true;
  const [now, then] = [before, after].map((serving) => entriesFor(input, node, serving, decision.ports));
  return now !== undefined && then !== undefined && !sameEntries(now, then);
}
