import type { Volume } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import type { PlanInput } from '../plan-input.ts';
import { quote } from '../wording.ts';
import { type Copy, evidence } from './ownership.ts';

/** Whether a node's copy may become the owner, because the node that owns the volume is lost. */
export type ReclaimJudgement =
  | { readonly kind: 'owner'; readonly copy: Volume }
  | { readonly kind: 'reclaim'; readonly copy: Volume; readonly epoch: number }
  /** Completes "cannot …: ". `isOwned`: another node owns the volume and answers. */
  | { readonly kind: 'refused'; readonly why: string; readonly isOwned?: true };

/**
 * How far the epoch is raised. The lost node may have raised its own after it was last seen; if it comes back, it must
 * find a higher one.
 */
const epochLeap = 1000;

/**
 * Judges the copies on all reachable nodes: no other one may own the volume or have newer data. `known` are the epochs
 * of copies on unreachable nodes, as last seen.
 */
export function judgeReclaim(
  input: PlanInput,
  node: NodeName,
  copies: readonly Copy[],
  known: readonly number[],
): ReclaimJudgement {
  const refused = (why: string): ReclaimJudgement => ({ kind: 'refused', why });
  const [own, second] = copies.filter((copy) => copy.node === node);
  if (own === undefined) return refused(`${quote(node)} has no copy of it`);
  if (second !== undefined) return refused(`${quote(node)} has it twice: ${evidence(input, [own, second])}`);
  const others = copies.filter((copy) => copy !== own);
  const isOwner = own.volume.role === 'owner' && own.volume.owner === input.reachable.get(node)?.nodeId;
  const owned = findOwner(input, others);
  if (owned !== undefined) return { kind: 'refused', why: owned, isOwned: true };
  const why = (isOwner ? undefined : unfit(own)) ?? findNewer(input, own, others);
  if (why !== undefined) return refused(why);
  if (isOwner) return { kind: 'owner', copy: own.volume };
  const epoch = Math.max(...known, ...copies.map(({ volume }) => volume.epoch)) + epochLeap;
  return { kind: 'reclaim', copy: own.volume, epoch };
}

function unfit({ node, volume }: Copy): string | undefined {
  const { role, snapshots } = volume;
  if (role === 'diverged') return `the copy on ${quote(node)} diverged: another node had taken the volume over`;
  if (role === 'retired') return `it was declared deleted, and is kept on ${quote(node)}`;
  if (role === 'incoming' && snapshots.length === 0) return `the copy on ${quote(node)} never arrived completely`;
  return undefined;
}

function findOwner(input: PlanInput, others: readonly Copy[]): string | undefined {
  const owner = others.find(({ node, volume }) => {
    const isOwn = volume.owner === input.reachable.get(node)?.nodeId;
    return isOwn && (volume.role === 'owner' || volume.role === 'frozen');
  });
  return owner && `${quote(owner.node)} owns it, and can be reached`;
}

function findNewer(input: PlanInput, own: Copy, others: readonly Copy[]): string | undefined {
  const newer = others.find(({ volume }) => volume.epoch > own.volume.epoch || !holdsAll(own.volume, volume));
  return newer && `${quote(newer.node)} may have newer data: ${evidence(input, [own, newer])}`;
}

/** True if this copy has the other one's newest snapshot, or the other one is a claim with a lower epoch. */
function holdsAll(own: Volume, other: Volume): boolean {
  const isOld = !['incoming', 'replica'].includes(other.role) && other.epoch < own.epoch;
  const newest = other.snapshots.at(-1);
  return isOld || newest === undefined || [...own.snapshots, ...own.bookmarks].some(({ guid }) => guid === newest.guid);
}
