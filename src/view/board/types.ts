import type { VolumeRole } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';

/**
 * up, stopped, failed: what Docker reports. changing: starting or stopping. unknown: its node does not answer. absent:
 * the files place it here, and it is not here yet.
 */
export type RowState = 'up' | 'changing' | 'stopped' | 'failed' | 'unknown' | 'absent';

/** The desired and the observed state of every node. Times are milliseconds since 1970. */
export interface Board {
  readonly nodes: readonly BoardNode[];
  /** Applications that are declared, placed on no node, and not on any. */
  readonly idle: readonly AppName[];
}

export interface BoardNode {
  readonly node: NodeName;
  readonly title: string;
  /** The node's address, if it has a name too. */
  readonly address?: string;
  readonly status: 'reachable' | 'unreachable' | 'unseen';
  /** Why it does not answer, and since when. */
  readonly problem?: string;
  readonly hint?: string;
  readonly since?: number;
  /** The rows show the last facts of a node that does not answer. */
  readonly isStale: boolean;
  readonly roundTripMs?: number;
  /** Time of the last figures. A node that was cut off has none for some seconds before it counts as unreachable. */
  readonly measuredAt?: number;
  readonly cpuPercent?: number;
  /** Percent, oldest first. */
  readonly cpuHistory: readonly number[];
  readonly memoryPercent?: number;
  readonly pool?: BoardPool;
  /** The blockers of this node that belong to no application. */
  readonly blocked: readonly string[];
  /** Applications by name, then containers that drover did not make, then volumes that no application here uses. */
  readonly rows: readonly BoardRow[];
}

export interface BoardPool {
  readonly name: string;
  readonly health: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly usedPercent: number;
}

/** One thing on one node. A moving application has two rows: on its node, and as a ghost on its next one. */
export interface BoardRow {
  readonly kind: 'app' | 'ghost' | 'foreign' | 'volume';
  readonly node: NodeName;
  readonly app?: AppName;
  readonly volume?: VolumeId;
  readonly foreign?: string;
  /** Cleaned, as all texts here. */
  readonly name: string;
  readonly state: RowState;
  /** `up`, `exited 137, out of memory`, `last seen up`. */
  readonly text: string;
  /** When it was started. */
  readonly startedAt?: number;
  readonly isStale: boolean;
  readonly note?: BoardNote;
  readonly wanted?: NodeName;
  readonly image?: string;
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
  /** The figures are some seconds old. */
  readonly isUseOld?: true;
  /** Of the copies on this node; absent if there are none. */
  readonly dataBytes?: number;
  readonly volumes: readonly BoardVolume[];
}

/** The note of a row: the running step, the planned change, or the blocker. */
export interface BoardNote {
  readonly kind: NoteKind;
  readonly text: string;
  /** Shown with an arrow: `image` 2.8 → 2.9. */
  readonly from?: string;
  readonly to?: string;
  /** The full text, if `text` is shortened. */
  readonly full?: string;
}

/** working: a step runs. goes, comes, change, add, remove: planned. kept: a copy that is no longer used. */
export type NoteKind =
  | 'working'
  | 'failed'
  | 'blocked'
  | 'goes'
  | 'comes'
  | 'change'
  | 'add'
  | 'remove'
  | 'foreign'
  | 'kept';

export interface BoardVolume {
  readonly volume: VolumeId;
  readonly role: VolumeRole;
  readonly mounted: boolean;
  readonly referencedBytes: number;
  readonly limitBytes?: number;
  readonly snapshots: number;
  readonly newestSnapshot?: string;
  /** Known if the name contains it. */
  readonly newestSnapshotAt?: number;
}
