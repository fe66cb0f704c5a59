import type { VolumeRole } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';

/**
 * up, stopped, failed: as the daemon says. changing: on its way. unknown: its node cannot be seen. absent: wanted here,
 * and not here yet.
 */
export type RowState = 'up' | 'changing' | 'stopped' | 'failed' | 'unknown' | 'absent';

/** Wanted and actual state of every node, side by side. Times are milliseconds since 1970; ages are the faces' part. */
export interface Board {
  readonly nodes: readonly BoardNode[];
  /** Declared, placed on no node, and on none. */
  readonly idle: readonly AppName[];
}

export interface BoardNode {
  readonly node: NodeName;
  readonly title: string;
  /** The other word for the node, where it has two. */
  readonly address?: string;
  readonly status: 'reachable' | 'unreachable' | 'unseen';
  /** Why it cannot be reached, and since when. */
  readonly problem?: string;
  readonly hint?: string;
  readonly since?: number;
  /** What is shown is what was true once. */
  readonly isStale: boolean;
  readonly roundTripMs?: number;
  /** When it was last measured, milliseconds since 1970: a node that was cut off is silent before it is lost. */
  readonly measuredAt?: number;
  readonly cpuPercent?: number;
  /** Percent, oldest first. */
  readonly cpuHistory: readonly number[];
  readonly memoryPercent?: number;
  readonly pool?: BoardPool;
  /** What is blocked on this node and belongs to no application. */
  readonly blocked: readonly string[];
  /** Applications by name, then containers that are not drover's, then volumes that nothing here uses. */
  readonly rows: readonly BoardRow[];
}

export interface BoardPool {
  readonly name: string;
  readonly health: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly usedPercent: number;
}

/** One thing on one node. An application that moves has two: where it is, and (as a ghost) where it goes. */
export interface BoardRow {
  readonly kind: 'app' | 'ghost' | 'foreign' | 'volume';
  readonly node: NodeName;
  readonly app?: AppName;
  readonly volume?: VolumeId;
  readonly foreign?: string;
  /** Safe to draw, as are all texts here. */
  readonly name: string;
  readonly state: RowState;
  /** `up`, `exited 137, out of memory`, `last seen up`. */
  readonly text: string;
  /** Since when it is up. */
  readonly startedAt?: number;
  readonly isStale: boolean;
  readonly note?: BoardNote;
  readonly wanted?: NodeName;
  readonly image?: string;
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
  /** Both were measured some seconds ago, and not since. */
  readonly isUseOld?: true;
  /** Of the copies on this node; absent where there are none. */
  readonly dataBytes?: number;
  readonly volumes: readonly BoardVolume[];
}

/** The note of a row: what happens, what the plan would do, or what blocks it. */
export interface BoardNote {
  readonly kind: NoteKind;
  readonly text: string;
  /** Shown with an arrow between them: `image` 2.8 → 2.9. */
  readonly from?: string;
  readonly to?: string;
  /** In full where `text` is short. */
  readonly full?: string;
}

/** working: now. goes, comes, change, add, remove: as planned. kept: a copy that is no longer used. */
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
  /** Set if the name says it. */
  readonly newestSnapshotAt?: number;
}
