import type { Volume } from '../../model/cluster.ts';
import { type CopyRecord, newestName } from '../../model/copy-record.ts';
import { defined } from '../../model/defined.ts';
import type { Pair } from './pair.ts';
import { nodeIdOf, type StepContext } from './step-context.ts';

type Marked = Pick<Volume, 'snapshots' | 'bookmarks'>;
type Recorded = Pick<Volume, 'copies'>;
type Way = Pick<Pair, 'from' | 'to'>;

/** Names of all snapshots and bookmarks of a copy. */
const namesOf = ({ snapshots, bookmarks }: Marked): string[] => [...snapshots, ...bookmarks].map(({ name }) => name);

const withNode = (nodes: readonly string[], id: string): readonly string[] =>
  nodes.includes(id) ? nodes : [...nodes, id].toSorted();

/** A record of these nodes for a copy with this epoch, valid up to its newest snapshot, or up to `later`, a newer one. */
export function recordOf(copy: Marked, epoch: number, nodes: readonly string[], later?: string): CopyRecord {
  const upTo = newestName([...namesOf(copy), ...(later === undefined ? [] : [later])]);
  return { epoch, nodes, ...defined({ upTo }) };
}

/** The nodes of the owner's record and the target; undefined if the owner has no valid record. */
export function nodesWithTarget(
  { copies }: Recorded,
  { to }: Way,
  context: StepContext,
): readonly string[] | undefined {
  return copies === undefined ? undefined : withNode(copies, nodeIdOf(context, to));
}

/**
 * The nodes for the record of the target's copy: the owner and all nodes of the owner's record, because only an owner
 * makes copies. Undefined if the owner has no valid record.
 */
export function nodesOfTarget(
  { copies }: Recorded,
  { from, to }: Way,
  context: StepContext,
): readonly string[] | undefined {
  if (copies === undefined) return undefined;
  const self = nodeIdOf(context, to);
  return withNode(copies, nodeIdOf(context, from)).filter((id) => id !== self);
}

/**
 * Adds the target to the source's record before anything is sent: a run that ends after it leaves a node too many in the
 * record, never one too few. `copy` is the source as it was before the snapshot `taken`. Without a valid record any node
 * may have a copy, and nothing is written.
 */
export async function noteTarget(
  pair: Pair,
  copy: Volume,
  context: StepContext,
  signal: AbortSignal,
  taken?: string,
): Promise<Volume> {
  const nodes = nodesWithTarget(copy, pair, context);
  if (nodes === undefined || (taken === undefined && nodes === copy.copies)) return copy;
  await pair.source.volumes.setProperties(copy, { record: recordOf(copy, copy.epoch, nodes, taken) }, signal);
  return { ...copy, copies: nodes };
}
