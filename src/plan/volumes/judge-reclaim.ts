import type { Volume } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import type { PlanInput } from '../plan-input.ts';
import { quote } from '../wording.ts';
import { type Copy, evidence } from './ownership.ts';

/** Whether the copy on a node may become the owner's although the node that owns the volume is lost. */
export type ReclaimJudgement =
  | { readonly kind: 'owner'; readonly copy: Volume }
  | { readonly kind: 'reclaim'; readonly copy: Volume; readonly epoch: number }
  /** Continues "cannot …: why". */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * How far the epoch is raised. The lost node may have raised its own since it was last heard of, and must find a higher
 * one if it ever comes back.
 */
const epochLeap = 1000;

/**
 * Judges by the copies on all nodes that can be reached: none of them may own the volume, or have newer data. `known`
 * are the epochs that nodes which cannot be reached had when they were last seen.
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
  const why = findOwner(input, others) ?? (isOwner ? undefined : unfit(own)) ?? findNewer(input, own, others);
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

/** Whatever ends the other copy is in the history of this one, or it is a claim that was given up long ago. */
function holdsAll(own: Volume, other: Volume): boolean {
  const isOld = !['incoming', 'replica'].includes(other.role) && other.epoch < own.epoch;
  const newest = other.snapshots.at(-1);
  return isOld || newest === undefined || [...own.snapshots, ...own.bookmarks].some(({ guid }) => guid === newest.guid);
}
