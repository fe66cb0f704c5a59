import { parseSnapshotName } from './names.ts';
import { isNodeId } from './untrusted.ts';

/**
 * Which nodes may have a copy of a volume, as the property `drover:copies` of one copy has it: `EPOCH:SNAPSHOT:ID,ID…`,
 * with `-` for none. It counts only for the epoch and up to the snapshot that it names: every take-over and every copy
 * that was made by something which keeps no record makes it void, and then any node may have one.
 */
export interface CopyRecord {
  readonly epoch: number;
  /** Drover's newest snapshot of the copy when the record was written; absent where it had none. */
  readonly upTo?: string;
  /** Ids of nodes, without the one that has the record; some only as `unproven` has them. */
  readonly nodes: readonly string[];
}

/**
 * How a record names a node that says it has a copy and shows no snapshot of it. That node is told about the volume when
 * it boots, in case it does have a copy; it is neither asked nor believed.
 */
export const unproven = (id: string): string => `?${id}`;

/** Ids of the nodes that are asked and believed. */
export const holdersIn = (nodes: readonly string[]): readonly string[] => nodes.filter((id) => !id.startsWith('?'));

/** True where the node with this id is told about the volume. */
export const isListed = (nodes: readonly string[], id: string): boolean =>
  nodes.includes(id) || nodes.includes(unproven(id));

/** A value of a property that drover sets has at most 1024 characters; an epoch and the name of a snapshot need some. */
const longestList = 900;

/** False for more nodes than a record has room for: then any node may have a copy. */
export const hasRoom = (nodes: readonly string[]): boolean => nodes.join(',').length <= longestList;

/** The property's value; `-`, which is no record, where there are too many nodes for one. */
export function printCopyRecord({ epoch, upTo = '-', nodes }: CopyRecord): string {
  if (!hasRoom(nodes)) return '-';
  return `${epoch}:${upTo}:${nodes.length === 0 ? '-' : nodes.join(',')}`;
}

/** Ids of the nodes, where the record counts for a copy with this epoch and with snapshots and bookmarks of these names. */
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

/** The last one of drover's snapshots and bookmarks by epoch and number; undefined where there is none. */
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
