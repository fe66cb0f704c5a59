import { lastFacts, type Snapshot, type Volume } from '../../model/cluster.ts';
import { holdTag, parseSnapshotName } from '../../model/names.ts';
import type { NodeClient } from '../node-client.ts';
import type { Leftovers } from './leftovers.ts';

import { type Copies, type Pair, thirdCopies } from './pair.ts';
import { findVolume, leaveForLater, type StepContext, tidyUp } from './step-context.ts';

import { basesFor, droppable } from './volume-base.ts';

/**
 * Tidies up after a move: both nodes keep their newest common snapshot, so that a move back is short, and drover's holds
 * end. `copies` were just read; each node compares them again.
 */
export async function tidyCopies(pair: Pair, context: StepContext, copies: Copies, signal: AbortSignal): Promise<void> {
  const { source, target } = copies;
  // One of drover's: other programs remove their own snapshots.
  const base = source.snapshots.findLast(
    (one) => isOurs(one) && target?.snapshots.some(({ guid }) => guid === one.guid) === true,
  );
  if (base === undefined || target === undefined) return;
  const isMarked = lastFacts(context.state.nodes[pair.from])?.capabilities.bookmarks !== false;
  // The bookmark is first: if that command fails, nothing is removed on the other node either.
  await tidyUp(context, signal, async () => {
    const others = thirdCopies(context, pair);
    for (const [client, copy, marked] of [
      [pair.source, source, isMarked],
      [pair.target, target, false],
    ] as const) {
      const older = olderThan(copy, base, others);
      if (older === undefined) continue;
      const gone = new Set(older.snapshots.map(({ guid }) => guid));
      const released = copy.snapshots.filter((one) => isOurs(one) && !gone.has(one.guid));
      await tidyOne(context, client, copy, { ...older, isMarked: marked, released }, signal);
    }
  });
}

/** Removes, after a round of a sync, what is older than the snapshot with this guid, which both copies have now. */
export async function dropOlder(pair: Pair, context: StepContext, guid: string, signal: AbortSignal): Promise<void> {
  const others = thirdCopies(context, pair);
  if (!others.areAllSeen) return;
  const clients = [pair.source, pair.target];
  const copies = await Promise.all(clients.map((client) => findVolume(client, pair.volume, signal)));
  await tidyUp(context, signal, async () => {
    for (const [index, client] of clients.entries()) {
      const copy = copies[index];
      const older = copy === undefined ? undefined : olderThan(copy, { guid }, others);
      if (copy === undefined || older === undefined) continue;
      await tidyOne(context, client, copy, { ...older, isMarked: false, released: [] }, signal);
    }
  });
}

type Older = Pick<Leftovers, 'base' | 'snapshots' | 'bookmarks'>;

/**
 * Drover's snapshots and bookmarks that are older than the base, except those that a copy on another node needs as its
 * base. Undefined where the copy does not have the base.
 */
function olderThan(
  copy: Volume,
  { guid }: Pick<Snapshot, 'guid'>,
  { copies, areAllSeen }: ReturnType<typeof thirdCopies>,
): Older | undefined {
  const base = copy.snapshots.find((one) => one.guid === guid);
  if (base === undefined) return undefined;
  // A node that does not answer may have a copy that needs any of them.
  if (!areAllSeen) return { base, snapshots: [], bookmarks: [] };
  const needed = basesFor(copies, copy);
  return {
    base,
    snapshots: droppable(copy.snapshots, base, needed),
    bookmarks: droppable(copy.bookmarks, base, needed),
  };
}

async function tidyOne(
  context: StepContext,
  { volumes }: NodeClient,
  copy: Volume,
  leftovers: Leftovers,
  signal: AbortSignal,
): Promise<void> {
  const { isMarked, snapshots, bookmarks, released } = leftovers;
  if (!isMarked && snapshots.length + bookmarks.length + released.length === 0) return;
  for (const why of await volumes.tidy(copy, leftovers, holdTag, signal)) leaveForLater(context, why);
}

const isOurs = ({ name }: Snapshot): boolean => parseSnapshotName(name) !== undefined;
