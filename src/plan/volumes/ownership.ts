import type { Volume } from '../../model/cluster.ts';
import { addTo } from '../../model/collect.ts';
import type { NodeName, VolumeId } from '../../model/config.ts';
import { firstOnVolume } from '../../model/shared-volumes.ts';
import { compareText } from '../lists.ts';
import { whyNotAbsent } from '../missing-nodes.ts';
import { bringNodeBack } from '../node-reasons.ts';
import { nodeWithId, type PlanInput, perInput } from '../plan-input.ts';
import { quote, quoteAll } from '../wording.ts';

/** One dataset of a volume, and the reachable node it lies on. */
export interface Copy {
  readonly node: NodeName;
  readonly volume: Volume;
}

/** Which node has the data. Only role, owner, epoch and guids of the copies decide. */
export type Ownership =
  | { readonly kind: 'absent' }
  | { readonly kind: 'owned'; readonly at: Copy; readonly released: readonly Copy[]; readonly stale: readonly Copy[] }
  | { readonly kind: 'frozen'; readonly at: Copy }
  | { readonly kind: 'released'; readonly at: Copy; readonly to: NodeName }
  /** Nothing may be done to it. `problem` completes "cannot …: ". */
  | { readonly kind: 'unclear'; readonly problem: string; readonly node?: NodeName; readonly hint?: string };

const copiesById = perInput((input) => {
  const byId = new Map<VolumeId, Copy[]>();
  for (const [node, { volumes }] of input.reachable)
    for (const volume of volumes) addTo(byId, volume.id, { node, volume });
  return byId;
});

/** All datasets of a volume on reachable nodes, by node. */
export const copiesOf = (input: PlanInput, id: VolumeId): readonly Copy[] => copiesById(input).get(id) ?? [];

const lastSeenById = perInput((input) => {
  const byId = new Map<VolumeId, Copy[]>();
  for (const [node, facts] of input.unreachable)
    for (const volume of facts?.volumes ?? []) addTo(byId, volume.id, { node, volume });
  return byId;
});

/** The datasets of a volume that were last seen on unreachable nodes, by node. */
const lastSeenOf = (input: PlanInput, id: VolumeId): readonly Copy[] => lastSeenById(input).get(id) ?? [];

/** Copies of former owners whose node found out, when it booted, that another node had taken over. */
export function divergedCopies(input: PlanInput, id: VolumeId): Copy[] {
  return copiesOf(input, id).filter(({ volume }) => volume.role === 'diverged');
}

const claims = ['owner', 'frozen', 'released'];
/** True if this copy claims that its node owns the data, or released it. */
export const isClaim = (copy: Copy): boolean => claims.includes(copy.volume.role);

/** The ownership of a volume. The claim with the highest epoch is right; if that is not safe to say, it is unclear. */
export function ownershipOf(input: PlanInput, id: VolumeId): Ownership {
  const copies = copiesOf(input, id);
  const claimed = copies.filter(isClaim);
  const epoch = Math.max(...claimed.map((copy) => copy.volume.epoch));
  const top = claimed.filter((copy) => copy.volume.epoch === epoch);
  if (claimed.length === 0) return withoutClaim(input, id, copies);
  return (
    twiceOnOneNode(copies) ??
    retiredSince(copies, epoch) ??
    foreignOwner(input, id, top) ??
    higherElsewhere(input, id, copies, epoch) ??
    ownedOrInProgress(input, id, claimed, top)
  );
}

/** A retired copy was the owner when it was retired, so claims with a lower epoch are older. */
function retiredSince(copies: readonly Copy[], epoch: number): Ownership | undefined {
  const retired = copies.find(({ volume }) => volume.role === 'retired' && volume.epoch >= epoch);
  if (retired === undefined) return undefined;
  return {
    kind: 'unclear',
    node: retired.node,
    problem: `it was declared deleted and is kept on ${quote(retired.node)} as "${retired.volume.dataset}"`,
    hint: 'give the new volume another id',
  };
}

function withoutClaim(input: PlanInput, id: VolumeId, copies: readonly Copy[]): Ownership {
  const retired = retiredSince(copies, 0);
  if (retired !== undefined) return retired;
  const best = newestCopy(copies);
  const away = [...input.unreachable.keys()];
  if (away.length > 0) {
    const last = [...new Set(lastSeenOf(input, id).map(({ node }) => node))];
    const problem =
      last.length > 0
        ? `node ${quoteAll(last)} had it when last seen and cannot be reached`
        : `node ${quoteAll(away)} may hold it and cannot be reached`;
    return { kind: 'unclear', node: last[0] ?? away[0] ?? '', problem, hint: bringBack(input, id, best?.node) };
  }
  const missing = whyNotAbsent(input, id);
  if (missing !== undefined) return { kind: 'unclear', ...missing };
  if (copies.length === 0) return { kind: 'absent' };
  const problem = `no node owns it: ${evidence(input, copies)}`;
  const isDiverged = copies.some(({ volume }) => volume.role === 'diverged');
  const reclaim = best === undefined ? undefined : reclaimCommand(input, id, best.node);
  const hint = isDiverged
    ? 'bring back the node that took it over'
    : reclaim &&
      `bring back the node that owned it, with its line in the files; only where it is lost for good: ${reclaim}`;
  return { kind: 'unclear', problem, ...(hint === undefined ? {} : { hint }) };
}

/** The complete copy with the highest epoch. */
function newestCopy(copies: readonly Copy[]): Copy | undefined {
  return copies
    .filter(({ volume }) => volume.snapshots.length > 0 && (volume.role === 'replica' || volume.role === 'incoming'))
    .toSorted((a, b) => b.volume.epoch - a.volume.epoch || compareText(a.node, b.node))[0];
}

/**
 * The command that makes this node's copy the owner, after a confirmation; undefined for a volume without application.
 */
function reclaimCommand(input: PlanInput, id: VolumeId, node: NodeName): string | undefined {
  const app = firstOnVolume(input.config, id);
  return app === undefined ? undefined : `drover reclaim ${app} --on ${node}`;
}

function bringBack(input: PlanInput, id: VolumeId, node: NodeName | undefined): string {
  const reclaim = node === undefined ? undefined : reclaimCommand(input, id, node);
  return reclaim === undefined ? bringNodeBack : `${bringNodeBack}; only where it is lost for good: ${reclaim}`;
}

function twiceOnOneNode(copies: readonly Copy[]): Ownership | undefined {
  const twice = copies.find((copy, index) => copies.findIndex((other) => other.node === copy.node) !== index);
  if (twice === undefined) return undefined;
  const names = copies.filter((copy) => copy.node === twice.node).map((copy) => copy.volume.dataset);
  return { kind: 'unclear', node: twice.node, problem: `${quote(twice.node)} has it twice: ${quoteAll(names)}` };
}

/** A copy whose owner is another node: the disk was cloned or moved. */
function foreignOwner(input: PlanInput, id: VolumeId, top: readonly Copy[]): Ownership | undefined {
  const copy = top.find(({ node, volume }) => {
    const self = input.reachable.get(node)?.nodeId;
    return volume.role !== 'released' && volume.owner !== undefined && volume.owner !== self;
  });
  if (copy === undefined) return undefined;
  const says = ownerText(input, copy.volume.owner);
  const isKnown = nodeWithId(input, copy.volume.owner ?? '') !== undefined;
  const reclaim = isKnown ? undefined : reclaimCommand(input, id, copy.node);
  return {
    kind: 'unclear',
    node: copy.node,
    problem: `the copy on ${quote(copy.node)} says it belongs to ${says}: the disk was cloned or moved`,
    ...(reclaim === undefined ? {} : { hint: `where this host was installed again and has kept its pool: ${reclaim}` }),
  };
}

// Another node took over from a diverged copy, so a claim with the same epoch as the diverged copy is not the latest
// one.
const knowsLaterOwner = ({ role, epoch }: Volume, than: number): boolean =>
  (role === 'replica' && epoch > than) || (role === 'diverged' && epoch >= than);

/** A copy that knows a later owner, or a later claim that was last seen on an unreachable node. */
function higherElsewhere(
  input: PlanInput,
  id: VolumeId,
  copies: readonly Copy[],
  epoch: number,
): Ownership | undefined {
  const later = copies.find(({ volume }) => knowsLaterOwner(volume, epoch));
  if (later !== undefined) {
    const kind = later.volume.role === 'replica' ? 'replica' : 'diverged copy';
    const problem = `the ${kind} on ${quote(later.node)} knows a later owner: ${evidence(input, copies)}`;
    return { kind: 'unclear', node: later.node, problem };
  }
  const owned = copies.some((copy) => copy.volume.role === 'owner' && copy.volume.epoch === epoch);
  const rival = lastSeenOf(input, id).find(
    (copy) =>
      isClaim(copy) &&
      (copy.volume.epoch > epoch || (owned && copy.volume.epoch === epoch && copy.volume.role === 'owner')),
  );
  if (rival === undefined) return undefined;
  const { node } = rival;
  const seen = evidence(input, [...copies, rival]);
  return { kind: 'unclear', node, problem: `node ${quote(node)} cannot be reached and had a later claim: ${seen}` };
}

function ownedOrInProgress(input: PlanInput, id: VolumeId, claimed: readonly Copy[], top: readonly Copy[]): Ownership {
  const isOld = (copy: Copy) =>
    copy.volume.role === 'released' && top.some((other) => other !== copy && handedTo(input, copy, other));
  const [only, another] = top.filter((copy) => !isOld(copy));
  if (only === undefined || another !== undefined) return rivals(input, top);
  if (only.volume.role === 'frozen') return { kind: 'frozen', at: only };
  if (only.volume.role === 'released') return releasedTo(input, id, only);
  const others = claimed.filter((copy) => copy !== only);
  return {
    kind: 'owned',
    at: only,
    released: others.filter((copy) => copy.volume.role === 'released'),
    stale: others.filter((copy) => copy.volume.role !== 'released'),
  };
}

/** True if the released copy was released to the node of the other one. */
function handedTo(input: PlanInput, released: Copy, other: Copy): boolean {
  return other.volume.role !== 'released' && released.volume.owner === input.reachable.get(other.node)?.nodeId;
}

function releasedTo(input: PlanInput, id: VolumeId, at: Copy): Ownership {
  const to = at.volume.owner === undefined ? undefined : nodeWithId(input, at.volume.owner);
  const from = quote(at.node);
  const reclaim = reclaimCommand(input, id, at.node);
  const lost = reclaim === undefined ? '' : `; only where it is lost for good: ${reclaim}`;
  if (to === undefined) {
    const unknown = [...input.unreachable].flatMap(([node, facts]) => (facts === undefined ? [node] : []));
    const which =
      unknown.length === 0
        ? 'which is not in the files'
        : `which may be ${quoteAll(unknown)}, which does not answer, or a node that is not in the files`;
    const problem = `${from} released it to ${ownerText(input, at.volume.owner)}, ${which}`;
    return { kind: 'unclear', node: at.node, problem, hint: `bring that node back, with its line in the files${lost}` };
  }
  if (!input.reachable.has(to)) {
    return {
      kind: 'unclear',
      node: to,
      problem: `${from} released it to ${quote(to)}, which cannot be reached`,
      hint: `${bringNodeBack}: it may have taken the volume over already${lost}`,
    };
  }
  return { kind: 'released', at, to };
}

function rivals(input: PlanInput, copies: readonly Copy[]): Ownership {
  const problem = `several nodes claim it with the same epoch: ${evidence(input, copies)}`;
  const hint = 'decide which copy is right and make the others replicas by hand';
  return { kind: 'unclear', node: copies[0]?.node ?? '', problem, hint };
}

/** The role, epoch and newest snapshot of every copy, for a person who has to decide. */
export function evidence(input: PlanInput, copies: readonly Copy[]): string {
  return [...copies]
    .sort((a, b) => compareText(a.node, b.node))
    .map(({ node, volume }) => {
      const isOwn = ['owner', 'frozen', 'diverged'].includes(volume.role);
      const owner = isOwn ? '' : ` of ${ownerText(input, volume.owner)}`;
      const newest = volume.snapshots.at(-1);
      const snapshot = newest === undefined ? 'no snapshot' : `newest snapshot @${newest.name} (guid ${newest.guid})`;
      return `${quote(node)} has role ${volume.role}${owner}, epoch ${volume.epoch}, ${snapshot}`;
    })
    .join('; ');
}

function ownerText(input: PlanInput, id: string | undefined): string {
  if (id === undefined) return 'no node';
  const node = nodeWithId(input, id);
  return node === undefined ? `node id "${id}"` : quote(node);
}
