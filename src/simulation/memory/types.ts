import type { ContainerEvent } from '../../engine/node-client.ts';
import type {
  BootFacts,
  Container,
  ContainerExit,
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
import type { FailoverReceipt } from '../../model/failover.ts';
import type { FoundContainer, FoundDocker, FoundVolume } from '../../model/found-docker.ts';
import type { AuditLine } from '../../model/history.ts';
import type { HeldPort } from '../../model/name-table.ts';
import type { ReceivedStandby, SentStandby, StandbyRules } from '../../model/standby/facts.ts';

/** The clock of the memory cluster. That of tests moves only when every task sleeps. */
export interface MemoryClock {
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** How containers of an image behave; times are in ms after the start. */
export interface MemoryImage {
  readonly id?: string;
  readonly defaults?: ImageDefaults;
  readonly sizeBytes?: number;
  /** Bytes of the image at a path, which fill a new volume there. */
  readonly content?: Readonly<Record<string, number>>;
  /** Paths of its VOLUME lines. */
  readonly volumes?: readonly string[];
  readonly acceptsAfterMs?: number;
  /** False: it never opens its ports. */
  readonly accepts?: boolean;
  /** Ports that its program opens, and that neither it nor a file names. */
  readonly listens?: readonly PortKey[];
  /** How its health check goes, and what it prints. */
  readonly health?: { readonly afterMs: number; readonly result: 'healthy' | 'unhealthy'; readonly output?: string };
  readonly exits?: { readonly afterMs: number; readonly code: number; readonly oomKilled?: true };
  /** Log lines when it starts. */
  readonly logs?: readonly string[];
  /** Log lines afterwards, in turn and repeated; `{time}` and `{n}` stand for the line's time and number. */
  readonly chatter?: { readonly everyMs: number; readonly lines: readonly string[] };
  /** Appends to each of its volumes while it runs. */
  readonly writesBytesPerSecond?: number;
  /** How long it takes to exit after TERM; after the grace period it is killed. */
  readonly stopsAfterMs?: number;
  /** Its exit code after TERM; default 0. */
  readonly codeOnTerm?: number;
  /** The exit code of programs that run in its containers, by their first word; others do as in a shell. */
  readonly programs?: Readonly<Record<string, number>>;
}

export interface MemorySnapshotSeed {
  readonly name: string;
  /** Default: a new one. A snapshot with the same guid on two nodes is common to both. */
  readonly guid?: string;
  readonly bytes?: number;
}

export interface MemoryVolumeSeed {
  readonly id: VolumeId;
  readonly name?: string;
  readonly application?: AppName;
  /** Default: the default deployment; null: none, as in an earlier version. */
  readonly deployment?: DeploymentName | null;
  readonly role?: VolumeRole;
  /** A node's name; default: this node for an owner, none for other roles. */
  readonly owner?: NodeName;
  readonly epoch?: number;
  readonly mounted?: boolean;
  readonly bytes?: number;
  readonly limitBytes?: number;
  readonly snapshots?: readonly MemorySnapshotSeed[];
  /** Creation time of the dataset and its snapshots; default: now. */
  readonly createdAtMs?: number;
}

/** A container to begin with: `spec` and `managed` decide, the rest has defaults. */
export type MemoryContainerSeed = Pick<Container, 'spec'> &
  Partial<Pick<Container, 'name' | 'managed' | 'state' | 'imageId' | 'imageDefaults' | 'exit' | 'startedAt'>> & {
    /** Default: that of the spec, else the default deployment; null: none, as in an earlier version. */
    readonly deployment?: DeploymentName | null;
  };

export interface MemoryNodeSeed {
  readonly nodeId?: string;
  readonly meshAddress?: string;
  /** In addition to loopback and its mesh address at eth0. */
  readonly addresses?: readonly NodeAddress[];
  readonly containers?: readonly MemoryContainerSeed[];
  readonly volumes?: readonly MemoryVolumeSeed[];
  /** References (`repository:tag`) already on the node. */
  readonly images?: readonly string[];
  readonly listeners?: readonly Listener[];
  /** Files and folders that containers can bind, besides those that every node has. */
  readonly paths?: readonly string[];
  readonly network?: Partial<NetworkTable>;
  /** Boot rules; absent: the node has no boot gate. */
  readonly boot?: Partial<BootFacts>;
  /** It is set up for standbys. */
  readonly standby?: true;
  readonly poolBytes?: number;
  readonly capabilities?: Partial<ZfsCapabilities>;
  readonly ailments?: MemoryAilments;
  readonly docker?: MemoryDockerSeed;
}

/** What the node's Docker has besides drover's containers. */
export interface MemoryDockerSeed extends Partial<FoundDocker> {
  /** Bytes in the directory of each volume. */
  readonly bytes?: Readonly<Record<string, number>>;
  /** What running containers write after each copy; default 0. */
  readonly writesBytes?: number;
}

/** Faults that an examination finds. */
export interface MemoryAilments {
  /** How many ms the node's clock is ahead. */
  readonly clockOffsetMs?: number;
  /** How many sessions its sshd grants; default: all. */
  readonly maximumSessions?: number;
  readonly provision?: readonly ProvisionStep[];
  readonly system?: Partial<SystemReading>;
  /** Its firewall drops packets of other nodes. */
  readonly drops?: true;
}

export interface MemorySeed {
  readonly nodes: Readonly<Record<NodeName, MemoryNodeSeed>>;
  /** By `repository:tag`. Absent: every reference can be pulled and runs without incident. */
  readonly registry?: Readonly<Record<string, MemoryImage>>;
  readonly clock?: MemoryClock;
  /** Delay of every call; default 0. */
  readonly roundTripMs?: number;
  /** Rate of a transfer or pull; default: instantaneous. */
  readonly bytesPerSecond?: number;
  readonly pool?: string;
  readonly datasetRoot?: string;
  /** The applications that may run on a volume at the same time, on one node. Every other volume has one. */
  readonly shared?: Readonly<Record<VolumeId, readonly AppName[]>>;
}

/** One call to a node, for an observer. If the observer throws in phase `after`, the caller loses the reply, not the effect. */
export interface MemoryCall {
  readonly node: NodeName;
  /** `volumes.mount`, `containers.start`, `network.replace`, `observe`, `transfer`, `mutex.acquire`… */
  readonly operation: string;
  readonly write: boolean;
  readonly phase: 'before' | 'after';
}

/** The content of a dataset: its size, all bytes ever written, and a digest that distinguishes histories. */
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
  /** The snapshot that it is based on, which ZFS keeps as long as the partial receive. */
  readonly baseGuid: string | undefined;
  readonly totalBytes: number;
  doneBytes: number;
}

export interface MemoryDataset {
  readonly name: string;
  properties: {
    volume?: VolumeId;
    name?: string;
    application?: AppName;
    deployment?: DeploymentName;
    role?: VolumeRole;
    owner?: string;
    epoch?: number;
    flags?: string;
    /** As ZFS has it: text. */
    copies?: string;
  };
  mounted: boolean;
  readonly: boolean;
  /** What a user has set with `zfs set`. */
  tuning: Readonly<Record<string, string>>;
  limitBytes: number | undefined;
  content: MemoryContent;
  snapshots: MemorySnapshot[];
  bookmarks: { readonly name: string; readonly guid: string; readonly createTxg: number; readonly written: number }[];
  partial: MemoryReceive | undefined;
  /** False until a container was created on it: only a new volume gets the image's content. */
  filled: boolean;
  readonly createdAtMs: number;
  /** The snapshot from which a clone was made, which ZFS keeps as long as the clone. */
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
  /** How often it was started; two starts may have the same time. */
  starts: number;
  exit: ContainerExit | undefined;
  /** The time up to which its writes have been counted. */
  writtenUntilMs: number;
  readonly lines: string[];
  /** Number of chatter lines since it was started. */
  chattered: number;
  /** The programs that ran in it, as words in one text, with the user where one was given: `root: nginx -s reload`. */
  readonly programs: string[];
  /** The dataset that was bound for each volume when it was created. */
  bound: Readonly<Record<VolumeId, string>>;
}

/** An armed dead-man: the container that the node starts again unless it was started since. */
export interface MemoryArmed {
  readonly id: string;
  readonly starts: number;
  readonly volumes: readonly { readonly dataset: string; readonly epoch: number }[];
  /** Containers of other applications that may run on the volumes too, by application. */
  readonly sharers: ReadonlyMap<AppName, string>;
  readonly dueMs: number;
  /** The node was off since, so it asks its peers first. */
  readonly asksFirst?: true;
}

/** What a node knows of standbys, and when its next rounds are due. */
export interface MemoryStandby {
  rules: StandbyRules | undefined;
  due: Map<VolumeId, number>;
  /** By volume, the lock of the run that has paused its rounds. */
  readonly paused: Map<VolumeId, MemoryMachine['lock']>;
  /** By volume and target. */
  readonly sent: Map<string, SentStandby>;
  readonly received: Map<VolumeId, ReceivedStandby>;
}

export interface MemoryDocker {
  readonly containers: Map<string, FoundContainer>;
  readonly volumes: readonly FoundVolume[];
  readonly directories: Map<string, MemoryContent>;
  readonly writesBytes: number;
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
  /** Files and folders that containers can bind. */
  readonly paths: ReadonlySet<string>;
  connected: boolean;
  /** Switched off, or its boot gate has not decided since about what it owned: it is no writer. */
  isOff: boolean;
  txg: number;
  readonly datasets: Map<string, MemoryDataset>;
  readonly containers: Map<string, MemoryContainer>;
  readonly docker: MemoryDocker;
  readonly images: Map<string, { readonly id: string; readonly image: MemoryImage }>;
  /** With `names` if it is set up for names. */
  table: Omit<NetworkTable, 'holds'>;
  boot: BootFacts | undefined;
  /** Absent: it is not set up for standbys. */
  standby: MemoryStandby | undefined;
  /** Recorded deployments of containers by id; they override the labels. */
  readonly adopted: Map<string, DeploymentName>;
  readonly holds: Map<string, { readonly port: HeldPort; readonly untilMs: number }>;
  lock: { readonly owner: string; readonly sinceMs: number; readonly lose: () => void } | undefined;
  /** The record of runs that locked it. */
  readonly audit: AuditLine[];
  readonly armed: Map<AppName, MemoryArmed>;
  /** Receipts of failovers, the newest first. */
  readonly failovers: FailoverReceipt[];
  /** Foreign mounts: the program that has one, by dataset. */
  readonly foreignMounts: Map<string, string>;
  /** Containers that Docker should have started at boot, and could not while the gate was closed. */
  readonly wanted: Set<string>;
  readonly listenersOfEvents: Set<(event: ContainerEvent) => void>;
}
