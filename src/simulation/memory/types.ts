import type { ContainerEvent } from '../../engine/node-client.ts';
import type {
  BootFacts,
  Container,
  ImageDefaults,
  Listener,
  NetworkTable,
  NodeAddress,
  PortKey,
  VolumeRole,
  ZfsCapabilities,
} from '../../model/cluster.ts';
import type { AppName, DeploymentName, NodeName, VolumeId } from '../../model/config.ts';
import type { ProvisionStep, SystemReading } from '../../model/examination.ts';
import type { AuditLine } from '../../model/history.ts';

/** Time for the memory cluster; tests give one that only moves when everybody sleeps. */
export interface MemoryClock {
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What an image makes its container do; everything optional, times in ms after the start. */
export interface MemoryImage {
  readonly id?: string;
  readonly defaults?: ImageDefaults;
  readonly sizeBytes?: number;
  /** Bytes the image itself has at a path: what a new volume is filled with. */
  readonly content?: Readonly<Record<string, number>>;
  /** What it keeps in volumes of its own: its VOLUME lines. */
  readonly volumes?: readonly string[];
  readonly acceptsAfterMs?: number;
  /** False: never opens its ports. */
  readonly accepts?: boolean;
  readonly health?: { readonly afterMs: number; readonly result: 'healthy' | 'unhealthy' };
  readonly exits?: { readonly afterMs: number; readonly code: number; readonly oomKilled?: true };
  /** Lines it writes when started. */
  readonly logs?: readonly string[];
  /** Lines it goes on with, one after the other and again; `{time}` and `{n}` stand for when, and for its number. */
  readonly chatter?: { readonly everyMs: number; readonly lines: readonly string[] };
  /** Appends to each of its volumes while it runs. */
  readonly writesBytesPerSecond?: number;
  /** How long it takes to end after TERM; beyond the grace it is killed. */
  readonly stopsAfterMs?: number;
}

export interface MemorySnapshotSeed {
  readonly name: string;
  /** Absent: a new one. Give the same guid on two nodes for a common snapshot. */
  readonly guid?: string;
  readonly bytes?: number;
}

export interface MemoryVolumeSeed {
  readonly id: VolumeId;
  readonly application?: AppName;
  /** Default: the default deployment; null: none, as an earlier version made it. */
  readonly deployment?: DeploymentName | null;
  readonly role?: VolumeRole;
  /** A node's name; default: this node for an owner, nobody for others. */
  readonly owner?: NodeName;
  readonly epoch?: number;
  readonly mounted?: boolean;
  readonly bytes?: number;
  readonly limitBytes?: number;
  readonly snapshots?: readonly MemorySnapshotSeed[];
  /** Of the dataset and its snapshots; default: now. */
  readonly createdAtMs?: number;
}

/** A container to begin with: `spec` and `managed` decide, the rest has defaults. */
export type MemoryContainerSeed = Pick<Container, 'spec'> &
  Partial<Pick<Container, 'name' | 'managed' | 'state' | 'imageId' | 'imageDefaults' | 'exit' | 'startedAt'>> & {
    /** Default: that of the spec, or else the default deployment; null: none, as an earlier version made it. */
    readonly deployment?: DeploymentName | null;
  };

export interface MemoryNodeSeed {
  readonly nodeId?: string;
  readonly meshAddress?: string;
  /** Beside its mesh address at eth0 and loopback. */
  readonly addresses?: readonly NodeAddress[];
  readonly containers?: readonly MemoryContainerSeed[];
  readonly volumes?: readonly MemoryVolumeSeed[];
  /** References (`repository:tag`) already on the node. */
  readonly images?: readonly string[];
  readonly listeners?: readonly Listener[];
  readonly network?: Partial<NetworkTable>;
  /** Set up for starting by itself when it boots: asks its peers, keeps an order. */
  readonly boot?: Partial<BootFacts>;
  readonly poolBytes?: number;
  readonly capabilities?: Partial<ZfsCapabilities>;
  readonly ailments?: MemoryAilments;
}

/** What an examination finds out of order; absent: nothing. */
export interface MemoryAilments {
  /** How far the node's clock is ahead. */
  readonly clockOffsetMs?: number;
  /** How many sessions its sshd grants; default: as many as are asked for. */
  readonly maximumSessions?: number;
  readonly provision?: readonly ProvisionStep[];
  readonly system?: Partial<SystemReading>;
  /** Drops what comes from other nodes. */
  readonly drops?: true;
}

export interface MemorySeed {
  readonly nodes: Readonly<Record<NodeName, MemoryNodeSeed>>;
  /** By `repository:tag`. Absent: every reference can be pulled and runs without incident. */
  readonly registry?: Readonly<Record<string, MemoryImage>>;
  readonly clock?: MemoryClock;
  /** Of every call; default 0. */
  readonly roundTripMs?: number;
  /** Of a transfer or pull; default: at once. */
  readonly bytesPerSecond?: number;
  readonly pool?: string;
  readonly datasetRoot?: string;
}

/** One call to a node, as an observer of the calls sees it. Throwing from `after` loses the reply, not the effect. */
export interface MemoryCall {
  readonly node: NodeName;
  /** `volumes.mount`, `containers.start`, `network.replace`, `observe`, `transfer`, `mutex.acquire`… */
  readonly operation: string;
  readonly write: boolean;
  readonly phase: 'before' | 'after';
}

/** What lies in a dataset: bytes now, all bytes ever written, and a digest of the history that tells two apart. */
export interface MemoryContent {
  readonly bytes: number;
  readonly written: number;
  readonly version: string;
}

export interface MemorySnapshot {
  readonly name: string;
  readonly guid: string;
  readonly createTxg: number;
  readonly content: MemoryContent;
  readonly createdAtMs: number;
  readonly holds: Set<string>;
}

export interface MemoryReceive {
  readonly token: string;
  readonly from: NodeName;
  readonly sourceDataset: string;
  readonly snapshot: string;
  readonly guid: string;
  readonly content: MemoryContent;
  /** The snapshot it builds on, which stays as long as this does. */
  readonly baseGuid: string | undefined;
  readonly totalBytes: number;
  doneBytes: number;
}

export interface MemoryDataset {
  readonly name: string;
  properties: {
    volume?: VolumeId;
    application?: AppName;
    deployment?: DeploymentName;
    role?: VolumeRole;
    owner?: string;
    epoch?: number;
    flags?: string;
  };
  mounted: boolean;
  readonly: boolean;
  /** What a person has set with `zfs set`. */
  tuning: Readonly<Record<string, string>>;
  limitBytes: number | undefined;
  content: MemoryContent;
  snapshots: MemorySnapshot[];
  bookmarks: { readonly name: string; readonly guid: string; readonly createTxg: number; readonly written: number }[];
  partial: MemoryReceive | undefined;
  /** False until a container was created on it: the image's content goes only into a new volume. */
  filled: boolean;
  readonly createdAtMs: number;
  /** Of a clone: the snapshot it was made from, which stays as long as it does. */
  origin: { readonly dataset: string; readonly snapshot: string } | undefined;
}

export interface MemoryContainer {
  readonly id: string;
  readonly name: string;
  readonly managed: boolean;
  readonly spec: Container['spec'];
  readonly image: MemoryImage;
  imageId: string;
  readonly imageDefaults: ImageDefaults;
  state: Container['state'];
  startedAtMs: number | undefined;
  /** How often it was started: the clock may stand still between two. */
  starts: number;
  exit: { readonly code: number; readonly oomKilled: boolean } | undefined;
  /** Until when its writer has been accounted for. */
  writtenUntilMs: number;
  readonly lines: string[];
  /** How much of its chatter it has written since it was started. */
  chattered: number;
  /** Datasets whose directories were bound into it when it was created, by volume. */
  bound: Readonly<Record<VolumeId, string>>;
}

/** What a node starts again by itself, unless somebody has started it since. */
export interface MemoryArmed {
  readonly id: string;
  readonly starts: number;
  readonly volumes: readonly { readonly dataset: string; readonly epoch: number }[];
  readonly dueMs: number;
  /** The node was off since: its peers are asked first. */
  readonly asksFirst?: true;
}

/** One node's whole state. */
export interface MemoryMachine {
  readonly name: NodeName;
  readonly nodeId: string;
  readonly meshAddress: string;
  addresses: readonly NodeAddress[];
  poolBytes: number;
  readonly capabilities: ZfsCapabilities;
  readonly ailments: MemoryAilments;
  readonly listeners: readonly Listener[];
  connected: boolean;
  txg: number;
  readonly datasets: Map<string, MemoryDataset>;
  readonly containers: Map<string, MemoryContainer>;
  readonly images: Map<string, { readonly id: string; readonly image: MemoryImage }>;
  table: Omit<NetworkTable, 'holds'>;
  boot: BootFacts | undefined;
  /** Deployments of containers by id, whatever their labels say. */
  readonly adopted: Map<string, DeploymentName>;
  readonly holds: Map<string, { readonly port: PortKey; readonly untilMs: number }>;
  lock: { readonly owner: string; readonly sinceMs: number; readonly lose: () => void } | undefined;
  /** What it has kept of the runs that locked it. */
  readonly audit: AuditLine[];
  readonly armed: Map<AppName, MemoryArmed>;
  /** Mounts of datasets that others keep: who has one, by the dataset's name. */
  readonly foreignMounts: Map<string, string>;
  /** Containers that Docker wanted to start at boot and could not before the node knew what it may start. */
  readonly wanted: Set<string>;
  readonly listenersOfEvents: Set<(event: ContainerEvent) => void>;
}
