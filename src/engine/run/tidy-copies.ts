import type { Snapshot, Volume } from '../../model/cluster.ts';
import { holdTag, parseSnapshotName } from '../../model/names.ts';
import type { NodeClient } from '../node-client.ts';
import type { Leftovers } from './leftovers.ts';
import { type Ends, type Pair, thirdCopies } from './pair.ts';
import { factsOf, findVolume, leaveForLater, type StepContext, tidyUp } from './step-context.ts';
import { basesFor, droppable } from './volume-base.ts';

/**
 * After a move: both sides keep their newest common snapshot, so that a way back is short, and drover holds none any
 * more. `ends` are as both nodes have just shown them; each node compares them again.
 */
export async function tidyCopies(pair: Pair, context: StepContext, ends: Ends, signal: AbortSignal): Promise<void> {
  const { source, target } = ends;
  // One of drover's own: what a snapshot job has taken, it removes again.
  const base = source.snapshots.findLast(
    (one) => isOurs(one) && target?.snapshots.some(({ guid }) => guid === one.guid) === true,
  );
  if (base === undefined || target === undefined) return;
  const isMarked = factsOf(context.state, pair.from)?.capabilities.bookmarks !== false;
  // The bookmark comes before everything else: where the first command fails, nothing goes on the other node either.
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

/** After a round of a sync: what came before the snapshot with this guid, which both ends have now. */
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
 * Our own snapshots and bookmarks before the base, except those that a copy on a third node builds on. Undefined where
 * the copy does not have the base.
 */
function olderThan(
  copy: Volume,
  { guid }: Pick<Snapshot, 'guid'>,
  { copies, areAllSeen }: ReturnType<typeof thirdCopies>,
): Older | undefined {
  const base = copy.snapshots.find((one) => one.guid === guid);
  if (base === undefined) return undefined;
  // A node that cannot be asked may hold a copy whose base is any of them.
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
