import type { AppName, DeploymentName, NodeName, PortMapping, Protocol, VolumeId } from './config.ts';
import type { ContainerSettings, RestartPolicy } from './container-fields.ts';
import type { ContainerFile } from './container-file.ts';
import type { ErrorReport } from './errors.ts';
import type { ContentHash, SealedContent } from './sealed-content.ts';

/** One observation of every known node. An unreachable node is never an empty node. */
export interface ClusterState {
  readonly nodes: Readonly<Record<NodeName, NodeState>>;
  /** Nodes that this process has seen with containers or data of drover's, and that no file names any more. */
  readonly departed?: Readonly<Record<NodeName, NodeFacts>>;
  /** Where earlier runs on this machine saw the data of each volume. */
  readonly remembered?: readonly DataPlace[];
}

/** The node that had the data of a volume when it was last seen from this machine. */
export interface DataPlace {
  readonly volume: VolumeId;
  readonly application?: AppName;
  readonly node: NodeName;
  readonly nodeId: string;
  /** Mesh address of the node. */
  readonly address: string;
}

export type NodeState =
  | { readonly status: 'reachable'; readonly observedAt: number; readonly facts: NodeFacts }
  | {
      readonly status: 'unreachable';
      readonly since: number;
      readonly error: ErrorReport;
      readonly lastFacts?: NodeFacts;
    };

/** What was observed on a node that can be reached; undefined for any other: what is there now is unknown. */
export const freshFacts = (state: NodeState | undefined): NodeFacts | undefined =>
  state?.status === 'reachable' ? state.facts : undefined;

/** What was last observed on a node, also on one that cannot be reached now. */
export const lastFacts = (state: NodeState | undefined): NodeFacts | undefined =>
  state?.status === 'unreachable' ? state.lastFacts : state?.facts;

export interface NodeFacts {
  /** Stable id of the node (`drover:node` on the root dataset); what `drover:owner` refers to. */
  readonly nodeId: string;
  /** Address the others use for it; decides link variables and forwards. */
  readonly meshAddress: string;
  /** Its own addresses; absent where they were not read. */
  readonly addresses?: readonly NodeAddress[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
  readonly network: NetworkTable;
  /** Mounts of volumes that outlive an unmount on the node: by programs in mount namespaces of their own. */
  readonly foreignMounts?: readonly ForeignMount[];
  /** Listening sockets that are not ours (sshd, other people's containers): a port drover must not take. */
  readonly listeners: readonly Listener[];
  /** Image id by `repository:tag` for every image the node has. */
  readonly images: Readonly<Record<string, string>>;
  /** Directories that an image keeps in volumes of Docker's (its VOLUME lines), by image id; only where it has any. */
  readonly imageVolumes?: Readonly<Record<string, readonly string[]>>;
  readonly pool: PoolFacts;
  readonly versions: {
    readonly docker: string;
    readonly dockerApi: string;
    readonly zfs: string;
    readonly kernel: string;
    readonly arch: string;
  };
  readonly capabilities: ZfsCapabilities;
  /** What a command takes besides its own work: sending it, a session, the way back. */
  readonly roundTripMs: number;
  /** What the commands of this observation took on the node itself, as it says. */
  readonly scriptMs?: number;
  /** Absent where the node is not set up for it: there Docker starts containers at boot in no order. */
  readonly boot?: BootFacts;
}

/** An address of a node on one of its interfaces. */
export interface NodeAddress {
  readonly interface: string;
  readonly address: string;
  /** The kernel made it for a while (IPv6's privacy addresses), or it is about to go. */
  readonly temporary?: true;
}

/** What a node knows for the time when it boots and no drover runs. */
export interface BootFacts extends BootRules {
  /** How the others may ask it: ports its sshd may have, and its host keys as `type base64`. */
  readonly sshPorts: readonly number[];
  readonly hostKeys: readonly string[];
  /** Volumes it owns and has not mounted since it booted, and why. */
  readonly waiting: readonly WaitingVolume[];
}

/** Whom a node asks whether a volume was taken over while it was off, and what it does without an answer. */
export interface BootRules {
  readonly alone: 'wait' | 'start';
  /** By address. */
  readonly peers: readonly BootPeer[];
  /** Ids in the records of this node's volumes that no node of the cluster has any more; absent: none. */
  readonly gone?: readonly string[];
}

export interface BootPeer {
  readonly address: string;
  /** In the order in which they are tried. */
  readonly ports: readonly number[];
  /** `type base64`: the peer is known by them, when it is asked and when it asks. */
  readonly keys: readonly string[];
  /** As the records of copies name it; absent: it may be any of them. */
  readonly id?: string;
}

/** silent: these peers do not answer and may have taken it over. rival: they claim it with the same epoch. */
export interface WaitingVolume {
  readonly volume: VolumeId;
  readonly why: 'silent' | 'rival';
  /** Addresses. */
  readonly peers: readonly string[];
}

/**
 * A dataset that is mounted in another mount namespace, which an unmount on the node does not reach: in a container that
 * was given a directory above it (`-v /var/lib/drover:/volumes:ro`) or was started by a program other than Docker.
 */
export interface ForeignMount {
  readonly dataset: string;
  /** Name of the container it is in; absent for any other process. */
  readonly container?: string;
  /** One process of that namespace, and the name of its command. */
  readonly pid: number;
  readonly process: string;
}

export interface PoolFacts {
  readonly name: string;
  readonly health: string;
  readonly sizeBytes: number;
  readonly freeBytes: number;
}

/** What the node's zfs can do: from the version of its module and the features that the pool has enabled. */
export interface ZfsCapabilities {
  readonly resume: boolean;
  readonly bookmarks: boolean;
  readonly compressed: boolean;
  readonly largeBlocks: boolean;
}

/** What is cheap enough to be asked of a node every second or two, beside its facts. */
export interface NodeFigures {
  /** Milliseconds since 1970, this machine's clock. */
  readonly at: number;
  readonly roundTripMs: number;
  readonly cores: number;
  /** 0 to 100 over all cores, since the figures before; absent in the first ones. */
  readonly cpuPercent?: number;
  readonly load1: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  readonly pool: PoolFacts;
  /** By container name; only of containers somebody looks at. */
  readonly containers: Readonly<Record<string, ContainerFigures>>;
}

export interface ContainerFigures {
  /** As `docker stats`: 100 is one core. */
  readonly cpuPercent: number;
  /** Without the page cache, as `docker stats`. */
  readonly memoryBytes: number;
}

export interface Container {
  readonly id: string;
  readonly name: string;
  /** From the label; absent for foreign containers. */
  readonly application?: AppName;
  /** Carries our label. Everything else is foreign and untouchable. */
  readonly managed: boolean;
  /**
   * The deployment it belongs to: the node's own record, or else its label. Absent: foreign, or made by a version of
   * drover that had no deployments, and adopted by none since.
   */
  readonly deployment?: DeploymentName;
  /**
   * The application it runs, where drover made it for another deployment, or where it carries none and no file
   * describes it. Never set by a node: `deploymentView` in src/plan/deployment-view.ts does, and it counts as foreign.
   */
  readonly otherApplication?: AppName;
  readonly state: 'created' | 'running' | 'restarting' | 'paused' | 'exited' | 'dead' | 'removing';
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  readonly exit?: { readonly code: number; readonly oomKilled: boolean };
  /** How often Docker has started it again by its restart policy; absent for never. */
  readonly restarts?: number;
  /** RFC 3339, from Docker. */
  readonly startedAt?: string;
  /** As the container really is, read back from the daemon. */
  readonly spec: ContainerSpec;
  /** What is bound for each volume; a dataset that was renamed since lies elsewhere. */
  readonly directories?: Readonly<Record<VolumeId, string>>;
  /** Id of the image the container was made from, and what that image itself sets. */
  readonly imageId: string;
  readonly imageDefaults: ImageDefaults;
}

export interface ImageDefaults {
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
}

/** True while its processes exist, or Docker starts them again: it writes to its volumes, and has its ports. */
export const isActive = ({ state }: Pick<Container, 'state'>): boolean =>
  state === 'running' || state === 'restarting' || state === 'paused';

/** What decides how a container runs: made from the configuration, or read back. Both in the same form. */
export interface ContainerSpec extends ContainerSettings {
  readonly application: AppName;
  /** The deployment it is made for; becomes a label, and makes no difference to a container that is there. */
  readonly deployment?: DeploymentName;
  /** `repository:tag` or `repository@digest`. */
  readonly image: string;
  readonly ports: readonly PortMapping[];
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  readonly restartPolicy: RestartPolicy;
  /**
   * What goes first when the node boots, as far as it is on that node: names of applications, and `8000/tcp` for
   * whoever publishes that port. Absent: the node has no order, and Docker starts the container by itself.
   */
  readonly after?: readonly string[];
  /** Secrets and configs; absent for none. */
  readonly files?: readonly ContainerFile<SealedContent | ContentHash>[];
  /** Its command line holds values of variables: it is shown nowhere. */
  readonly hidesCommand?: true;
}

export interface ContainerMount {
  readonly volume: VolumeId;
  readonly mountpoint: string;
}

/**
 * owner: writable here. frozen: still the owner's data, unmounted for a switch. released: given to `owner`, not yet
 * known to be acquired. incoming: a copy being received. replica: an older read-only copy. diverged: an owner that
 * came back after another took over; kept, never started. retired: declared deleted; kept until removed by hand.
 */
export type VolumeRole = 'owner' | 'frozen' | 'released' | 'incoming' | 'replica' | 'diverged' | 'retired';

export interface Volume {
  readonly id: VolumeId;
  /** The application that last declared it. */
  readonly application?: AppName;
  /** The deployment it belongs to; absent: an earlier version made it, and no deployment has adopted it since. */
  readonly deployment?: DeploymentName;
  /** Full ZFS name on this node. */
  readonly dataset: string;
  readonly role: VolumeRole;
  /** Node id of whoever owns the data according to this copy. */
  readonly owner?: string;
  /** Only grows; the higher one is right. */
  readonly epoch: number;
  readonly mounted: boolean;
  readonly usedBytes: number;
  readonly referencedBytes: number;
  /** Bytes written since the newest snapshot. */
  readonly writtenBytes: number;
  readonly limitBytes?: number;
  /** Oldest first, by createtxg. */
  readonly snapshots: readonly Snapshot[];
  readonly bookmarks: readonly Snapshot[];
  /** A receive was interrupted and can go on at the byte. */
  readonly resumeToken?: string;
  /** Send flags fixed when the volume was made. */
  readonly flags?: string;
  /** Properties of ZFS that were set on this dataset itself, such as `recordsize`; absent: none. */
  readonly tuning?: Readonly<Record<string, string>>;
  /** Ids of the other nodes that may have a copy of the volume; absent: any node may have one. */
  readonly copies?: readonly string[];
  /** Datasets below it, which no move takes along; absent: none. */
  readonly children?: readonly string[];
}

/** guid and createTxg are 64-bit and stay strings. */
export interface Snapshot {
  /** The part after `@` (or `#`). */
  readonly name: string;
  readonly guid: string;
  readonly createTxg: string;
}

export interface NetworkTable {
  /** False where our table is missing (after a reboot without the unit, or never set up). */
  readonly present: boolean;
  readonly proxies: readonly Proxy[];
  /** Ports that applications on this node publish: served here, never forwarded. */
  readonly open: readonly ServedPort[];
  /** Mesh addresses of the other nodes that may be forwarded to. */
  readonly peers: readonly string[];
  /** Ports whose new connections are held during a switch. */
  readonly holds: readonly PortKey[];
  /** Its own addresses at which it forwards the others' ports, sorted; absent: its mesh address alone. */
  readonly listen?: readonly string[];
  /** The node was set up by a version that lets it forward for everybody after a boot. */
  readonly isOutdated?: true;
}

export interface PortKey {
  readonly port: number;
  readonly protocol: Protocol;
}

/** A port that the deployment serves on every node. Absent: an earlier version of drover made the entry. */
export interface ServedPort extends PortKey {
  readonly deployment?: DeploymentName;
}

/** Traffic to `port` on this node goes to the same port at `address`, the mesh address of another node. */
export interface Proxy extends ServedPort {
  readonly address: string;
}

export interface Listener extends PortKey {
  readonly address: string;
  readonly process?: string;
}
