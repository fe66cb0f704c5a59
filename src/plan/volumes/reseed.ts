import type { NodeFacts, Snapshot, Volume } from '../../model/cluster.ts';
import { isActive } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { quote } from '../wording.ts';
import { diffVolumes, newestCommon } from './volume-diff.ts';

/** What has to happen to a node's copies of a volume so that the node has a standby of it again. */
export type ReseedJudgement =
  /** The copy fits, or there is none: what is missing is only sent. */
  | { readonly kind: 'fits' }
  /** `copy` is kept under another name. With `base`, the newest snapshot that both have, only the rest is sent. */
  | { readonly kind: 'aside'; readonly copy: Volume; readonly base?: Snapshot }
  /** Completes "cannot …: ". */
  | { readonly kind: 'refused'; readonly why: string; readonly hint?: string };

/** Judges the copies on one node against the owner's. */
export function judgeReseed(
  node: NodeName,
  facts: NodeFacts,
  copies: readonly Volume[],
  owner: Volume,
): ReseedJudgement {
  const unfit = copies.filter((copy) => !isFit(copy, owner));
  const [copy, second] = unfit;
  if (copy === undefined) return { kind: 'fits' };
  if (second !== undefined) {
    return { kind: 'refused', why: `${quote(node)} has it twice: "${copy.dataset}" and "${second.dataset}"` };
  }
  if (copy.role === 'retired')
    return { kind: 'refused', why: `it was declared deleted, and is kept as "${copy.dataset}"` };
  const user = facts.containers.find(
    (one) => isActive(one) && one.spec.mounts.some(({ volume }) => volume === copy.id),
  );
  if (user !== undefined || copy.mounted) {
    const why = user === undefined ? `"${copy.dataset}" is mounted` : `container "${user.name}" runs on it`;
    return {
      kind: 'refused',
      why: `${why} on ${quote(node)}`,
      hint: `restart ${quote(node)}: it finds out that it lost it`,
    };
  }
  const base = unfit.length < copies.length ? undefined : newestCommon(owner, copy);
  return { kind: 'aside', copy, ...(base === undefined ? {} : { base }) };
}

/** True for a copy that can receive from the owner. */
function isFit(copy: Volume, owner: Volume): boolean {
  const receives = copy.role === 'replica' || copy.role === 'incoming';
  return receives && copy.writtenBytes === 0 && diffVolumes(owner, copy).kind !== 'conflict';
}

/** True for a copy with data that the owner may not have: a former owner's, which another node has taken over. */
export function isDiverged(copy: Volume, owner: Volume): boolean {
  if (copy.role === 'diverged') return true;
  const wasOwner = copy.role === 'owner' || copy.role === 'frozen' || copy.role === 'released';
  return wasOwner && copy.epoch < owner.epoch;
}
