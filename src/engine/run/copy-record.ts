import type { Volume } from '../../model/cluster.ts';
import { type CopyRecord, newestName } from '../../model/copy-record.ts';
import type { Pair } from './pair.ts';
import { nodeIdOf, type StepContext } from './step-context.ts';

type Marked = Pick<Volume, 'snapshots' | 'bookmarks'>;
type Recorded = Pick<Volume, 'copies'>;
type Way = Pick<Pair, 'from' | 'to'>;

/** Names of all snapshots and bookmarks of a copy. */
const namesOf = ({ snapshots, bookmarks }: Marked): string[] => [...snapshots, ...bookmarks].map(({ name }) => name);

const withNode = (nodes: readonly string[], id: string): readonly string[] =>
  nodes.includes(id) ? nodes : [...nodes, id].toSorted();

/** The record that a copy gets with this epoch: of these nodes, and up to its newest snapshot or a later one. */
export function recordOf(copy: Marked, epoch: number, nodes: readonly string[], later?: string): CopyRecord {
  const upTo = newestName([...namesOf(copy), ...(later === undefined ? [] : [later])]);
  return { epoch, nodes, ...(upTo === undefined ? {} : { upTo }) };
}

/** What the owner's record says with the target in it; undefined where it says nothing. */
export function nodesWithTarget(
  { copies }: Recorded,
  { to }: Way,
  context: StepContext,
): readonly string[] | undefined {
  return copies === undefined ? undefined : withNode(copies, nodeIdOf(context, to));
}

/**
 * What the target's copy says: everything that the owner's does, since only an owner makes copies. Undefined where that
 * one says nothing.
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
 * Puts the target into the record of the source before anything is sent: cut off behind it, the record has a node too
 * many, never one too few. `copy` is the source as it was before the snapshot `taken`. Where the record says nothing,
 * any node may have a copy, and nothing is written.
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
