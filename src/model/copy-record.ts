import { parseSnapshotName } from './names.ts';
import { isNodeId } from './untrusted.ts';

/**
 * The nodes that may have a copy of a volume, from the property `drover:copies` of one copy: `EPOCH:SNAPSHOT:ID,ID…`,
 * with `-` for none. The record is valid only for its epoch and up to its snapshot. A take-over or a copy by a program
 * that keeps no record changes one of them: then the record is void, and any node may have a copy.
 */
export interface CopyRecord {
  readonly epoch: number;
  /** Drover's newest snapshot of the copy when the record was written; absent if it had none. */
  readonly upTo?: string;
  /** Ids of nodes, without the one that has the record; some in the form of `unproven`. */
  readonly nodes: readonly string[];
}

/**
 * The form for a node that claims to have a copy without a common snapshot. The node gets answers about the volume when
 * it boots, in case it does have a copy, but its own answers are neither asked for nor believed.
 */
export const unproven = (id: string): string => `?${id}`;

/** Ids of the nodes that are asked and believed at boot. */
export const holdersIn = (nodes: readonly string[]): readonly string[] => nodes.filter((id) => !id.startsWith('?'));

/** True if the node with this id gets answers about the volume. */
export const isListed = (nodes: readonly string[], id: string): boolean =>
  nodes.includes(id) || nodes.includes(unproven(id));

/** A property's value that drover sets has at most 1024 characters, including the epoch and the snapshot. */
const longestList = 900;

/** False if the record cannot hold so many nodes: then any node may have a copy. */
export const hasRoom = (nodes: readonly string[]): boolean => nodes.join(',').length <= longestList;

/** The property's value. For too many nodes it is `-`, which is not a record. */
export function printCopyRecord({ epoch, upTo = '-', nodes }: CopyRecord): string {
  if (!hasRoom(nodes)) return '-';
  return `${epoch}:${upTo}:${nodes.length === 0 ? '-' : nodes.join(',')}`;
}

/**
 * The ids of the nodes; undefined if the record is void for a copy with this epoch and these snapshots and bookmarks.
 */
export function readCopyRecord(
  text: string | undefined,
  epoch: number,
  names: readonly string[],
): readonly string[] | undefined {
  const [, of, upTo = '', ids = ''] = /^(\d{1,15}):(-|drover-e\d{1,15}-\d{1,15}):(\S+)$/.exec(text ?? '') ?? [];
  if (of === undefined || Number(of) !== epoch) return undefined;
  if (names.some((name) => parseSnapshotName(name) !== undefined && isLater(name, upTo))) return undefined;
  const nodes = ids === '-' ? [] : ids.split(',');
  return nodes.every((id) => isNodeId(id.replace(/^\?/, ''))) ? nodes : undefined;
}

/** The last of drover's snapshots and bookmarks, by epoch and number; undefined if there is none. */
export function newestName(names: readonly string[]): string | undefined {
  return names
    .filter((name) => parseSnapshotName(name) !== undefined)
    .reduce<string | undefined>((last, name) => (last === undefined || isLater(name, last) ? name : last), undefined);
}

function isLater(name: string, than: string): boolean {
  const [a, b] = [parseSnapshotName(name), parseSnapshotName(than)];
  if (a === undefined || b === undefined) return a !== undefined;
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.n > b.n);
}
