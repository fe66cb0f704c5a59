import type { ClusterState, NodeFacts, NodeState, Volume } from '../model/cluster.ts';
import type { Application, AppName, NodeName, VolumeId } from '../model/config.ts';
import type { FailoverReceipt } from '../model/failover.ts';
import { isAddress } from '../model/untrusted.ts';
import { compareText } from './lists.ts';
import { knownFacts, nodeWithId, type PlanInput } from './plan-input.ts';
import { judgeReclaim } from './volumes/judge-reclaim.ts';
import { type Copy, isClaim } from './volumes/ownership.ts';
import { quote } from './wording.ts';

/** A copy that the failover takes over. Without an epoch, its node owns it already. */
export interface FailoverCopy {
  readonly id: VolumeId;
  readonly copy: Volume;
  readonly epoch?: number;
}

export type FailoverJudgement =
  | {
      readonly kind: 'ready';
      /** The nodes that may still run the application. None of them can be reached, and each of them needs a proof. */
      readonly from: readonly NodeName[];
      /** Other nodes that cannot be reached. Nothing says that one of them has the application. */
      readonly away: readonly NodeName[];
      readonly copies: readonly FailoverCopy[];
      /** No other node besides `to` can be reached to confirm what this machine sees. */
      readonly isAlone: boolean;
    }
  /** Completes "cannot …: ". */
  | { readonly kind: 'refused'; readonly why: string; readonly hint?: string };

/**
 * Judges whether `to` may take the application over from a node that cannot be reached. `copies` are those on all
 * reachable nodes.
 */
export function judgeFailover(
  input: PlanInput,
  app: Application,
  to: NodeName,
  copies: readonly Copy[],
): FailoverJudgement {
  if (!input.reachable.has(to)) return { kind: 'refused', why: `${quote(to)} cannot be reached` };
  const taken: FailoverCopy[] = [];
  for (const { id } of app.volumes) {
    const own = copies.filter(({ volume }) => volume.id === id);
    const judged = judgeReclaim(input, to, own, knownEpochs(input, id));
    if (judged.kind === 'refused') return refusal(app.name, to, id, judged.why, judged.isOwned);
    if (judged.copy.snapshots.length === 0 && judged.kind === 'reclaim')
      return refusal(app.name, to, id, `the copy on ${quote(to)} never arrived completely`);
    taken.push({ id, copy: judged.copy, ...(judged.kind === 'reclaim' ? { epoch: judged.epoch } : {}) });
  }
  const owns = taken.length > 0 && taken.every(({ epoch }) => epoch === undefined);
  const unreachable = [...input.unreachable.keys()].filter((node) => node !== to);
  const from = owns ? [] : suspects(input, app, to, taken);
  if (from.length === 0 && !owns) return noneLost(input, app, to);
  return {
    kind: 'ready',
    from,
    away: unreachable.filter((node) => !from.includes(node)),
    copies: taken,
    isAlone: isAlone(input, to, from),
  };
}

/** A reachable node that may take the application over, which no newer copy forbids: the one with the most free space. */
export function newestTarget(input: PlanInput, app: Application, copies: readonly Copy[]): NodeName | undefined {
  const fit = [...input.reachable].filter(([node]) => judgeFailover(input, app, node, copies).kind === 'ready');
  const wanted = fit.find(([node]) => input.placement.get(app.name) === node);
  const free = fit.toSorted(([, a], [, b]) => b.pool.freeBytes - a.pool.freeBytes);
  return (wanted ?? free[0])?.[0];
}

const refusal = (app: AppName, to: NodeName, id: VolumeId, why: string, isOwned?: true): FailoverJudgement => ({
  kind: 'refused',
  why: `volume "${id}": ${why}`,
  hint: isOwned === true ? `run \`drover move ${app} ${to}\`` : 'see `drover plan`',
});

function noneLost(input: PlanInput, { name }: Application, to: NodeName): FailoverJudgement {
  const node = input.placement.get(name);
  if (node !== undefined && input.reachable.has(node)) {
    return { kind: 'refused', why: `${quote(node)} answers`, hint: `run \`drover move ${name} ${to}\`` };
  }
  const why = 'every node answers, and none of them is its owner';
  return { kind: 'refused', why, hint: `see \`drover plan\`, and \`drover reclaim ${name} --on ${to}\`` };
}

/** In a cluster of two nodes no other node can be asked. */
function isAlone(input: PlanInput, to: NodeName, from: readonly NodeName[]): boolean {
  const others = input.nodes.filter((node) => node !== to && !from.includes(node));
  return others.length > 0 && !others.some((node) => input.reachable.has(node));
}

const knownEpochs = (input: PlanInput, id: VolumeId): number[] => [
  0,
  ...[...input.unreachable.values()].flatMap((facts) => volumesIn(facts, id).map(({ epoch }) => epoch)),
];

const volumesIn = (facts: NodeFacts | undefined, id: VolumeId): readonly Volume[] =>
  facts?.volumes.filter((one) => one.id === id) ?? [];

/**
 * The unreachable nodes that something names as the one that has the application: the files, a copy, the last observation,
 * or an earlier run. If nothing names one of them, each unreachable node may be it.
 */
function suspects(input: PlanInput, app: Application, to: NodeName, taken: readonly FailoverCopy[]): NodeName[] {
  const ids = new Set(app.volumes.map(({ id }) => id));
  const placed = input.placement.get(app.name);
  const away = [...input.unreachable].filter(([node]) => node !== to);
  const named = new Set<NodeName | undefined>([
    placed,
    ...taken.map(({ copy }) => (copy.owner === undefined ? undefined : nodeOfOwner(input, to, copy.owner))),
    ...input.remembered.filter(({ volume }) => ids.has(volume)).map(({ node }) => node),
    ...away.filter(([node, facts]) => claimsAny(node, facts, ids) || runs(facts, app.name)).map(([node]) => node),
  ]);
  const found = away.filter(([node]) => named.has(node)).map(([node]) => node);
  if (found.length > 0) return found.toSorted(compareText);
  return app.volumes.length === 0 ? [] : away.map(([node]) => node).toSorted(compareText);
}

/** A node that was not seen since this process began is found by the address that `to` knows for its id. */
function nodeOfOwner(input: PlanInput, to: NodeName, id: string): NodeName | undefined {
  const known = nodeWithId(input, id);
  if (known !== undefined) return known;
  const address = input.reachable.get(to)?.boot?.peers.find((peer) => peer.id === id)?.address;
  return address === undefined ? undefined : input.nodes.find((node) => addressesOf(input, node).includes(address));
}

function addressesOf(input: PlanInput, node: NodeName): readonly (string | undefined)[] {
  const { mesh, host } = input.config.nodes[node] ?? {};
  return [knownFacts(input, node)?.meshAddress, mesh, host, node];
}

/** Where other nodes may find the lost ones: the addresses and SSH ports that the files and the other nodes know. */
export function placesOfLost(
  input: PlanInput,
  from: readonly NodeName[],
  copies: readonly FailoverCopy[],
): readonly { readonly node: NodeName; readonly address: string; readonly port: number }[] {
  const peers = [...input.reachable.values()].flatMap(({ boot }) => boot?.peers ?? []);
  const owners = new Set(copies.map(({ copy }) => copy.owner).filter((id) => id && !nodeWithId(input, id)));
  return from.flatMap((node) => {
    // The node of an owner's id may be known only by its address.
    const byId = peers.filter(({ id }) => id !== undefined && owners.has(id)).map(({ address }) => address);
    const addresses = new Set([...addressesOf(input, node), ...byId].filter(isAddress));
    return [...addresses].flatMap((address) => {
      const known = peers.filter((peer) => peer.address === address).flatMap(({ ports }) => ports);
      return [...new Set([input.config.nodes[node]?.port ?? 22, ...known])].map((port) => ({ node, address, port }));
    });
  });
}

const claimsAny = (node: NodeName, facts: NodeFacts | undefined, ids: ReadonlySet<VolumeId>): boolean =>
  facts?.volumes.some((volume) => ids.has(volume.id) && isClaim({ node, volume })) === true;

const runs = (facts: NodeFacts | undefined, app: AppName): boolean =>
  facts?.containers.some((one) => one.managed && one.application === app) === true;

/**
 * True if this receipt is of a failover that was cut off in the middle of the take-over: a volume is taken over as the
 * receipt says, and the others are as they were. Its proof still counts, since the lost node cannot be the owner any more.
 */
export function goesOn(
  { application, to, volumes }: FailoverReceipt,
  app: AppName,
  node: NodeName,
  copies: readonly FailoverCopy[],
): boolean {
  if (application !== app || to !== node) return false;
  const of = (id: VolumeId) => volumes.find(({ volume }) => volume === id);
  const taken = copies.filter(({ epoch }) => epoch === undefined);
  return (
    taken.some(({ id, copy }) => of(id)?.epoch === copy.epoch) &&
    copies.every(({ id, copy, epoch }) => {
      const noted = of(id);
      return epoch === undefined || (noted !== undefined && noted.epoch > copy.epoch);
    })
  );
}

/** The state as it is after the take-over, without what the lost nodes had of the application. */
export function afterTakeOver(
  state: ClusterState,
  apps: readonly AppName[],
  to: NodeName,
  from: readonly NodeName[],
  copies: readonly FailoverCopy[],
): ClusterState {
  const ids = new Set(copies.map(({ id }) => id));
  const own = state.nodes[to];
  const nodeId = own?.status === 'reachable' ? own.facts.nodeId : '';
  const taken = (volume: Volume): Volume => {
    const one = copies.find(({ copy }) => copy.dataset === volume.dataset);
    if (one?.epoch === undefined) return volume;
    const { copies: _void, resumeToken: _token, ...rest } = volume;
    return { ...rest, role: 'owner', owner: nodeId, epoch: one.epoch };
  };
  const without = (facts: NodeFacts): NodeFacts => ({
    ...facts,
    volumes: facts.volumes.filter(({ id }) => !ids.has(id)),
    containers: facts.containers.filter((one) => one.application === undefined || !apps.includes(one.application)),
  });
  const next = (node: NodeName, seen: NodeState): NodeState => {
    if (node === to && seen.status === 'reachable')
      return { ...seen, facts: { ...seen.facts, volumes: seen.facts.volumes.map(taken) } };
    if (!from.includes(node) || seen.status === 'reachable' || seen.lastFacts === undefined) return seen;
    return { ...seen, lastFacts: without(seen.lastFacts) };
  };
  const nodes = Object.fromEntries(Object.entries(state.nodes).map(([node, seen]) => [node, next(node, seen)]));
  return { ...state, nodes };
}

/** In the order of their dependencies: what others need comes first. */
export function dependenciesFirst(apps: readonly Application[]): readonly Application[] {
  const byName = new Map(apps.map((app) => [app.name, app]));
  const sorted = new Set<Application>();
  const visit = (app: Application, above: readonly AppName[]): void => {
    if (above.includes(app.name)) return;
    for (const { app: name } of app.dependsOn ?? []) {
      const other = byName.get(name);
      if (other !== undefined) visit(other, [...above, app.name]);
    }
    sorted.add(app);
  };
  for (const app of apps.toSorted((a, b) => compareText(a.name, b.name))) visit(app, []);
  return [...sorted];
}

/** The applications that this node has, as far as is known while it cannot be reached. */
export function applicationsOf(input: PlanInput, node: NodeName): readonly Application[] {
  const facts = knownFacts(input, node);
  const all = Object.values(input.config.applications).filter(({ name, volumes }) => {
    const ids = new Set(volumes.map(({ id }) => id));
    const owns = facts !== undefined && claimsAny(node, facts, ids);
    const isPlaced = input.placement.get(name) === node;
    return owns || isPlaced || (input.placement.has(name) && runs(facts, name));
  });
  return dependenciesFirst(all);
}
