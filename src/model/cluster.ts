import type { AppName, DeploymentName, NodeName, PortMapping, Protocol, VolumeId } from './config.ts';
import type { ContainerSettings, RestartPolicy } from './container/fields.ts';
import type { ContainerFile } from './container/file.ts';
import type { Healthcheck } from './container/healthcheck.ts';
import type { NodeMounts } from './container/mounts.ts';
import type { ContainerOptions, SeenOptions } from './container/options.ts';
import type { ContentHash, SealedContent } from './container/sealed-content.ts';
import type { ErrorReport } from './errors.ts';
import type { ContainerNames, HeldPort, NameTable } from './name-table.ts';
import type { StandbyFacts } from './standby/facts.ts';

/** One observation of every known node. An unreachable node is never an empty node. */
export interface ClusterState {
  readonly nodes: Readonly<Record<NodeName, NodeState>>;
  /** Nodes that this process has seen with drover's containers or data, and that no file names any more. */
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

/** The facts of a reachable node; undefined for any other node, whose present state is unknown. */
export const freshFacts = (state: NodeState | undefined): NodeFacts | undefined =>
  state?.status === 'reachable' ? state.facts : undefined;

/** The last observed facts of a node, reachable or not. */
export const lastFacts = (state: NodeState | undefined): NodeFacts | undefined =>
  state?.status === 'unreachable' ? state.lastFacts : state?.facts;

export interface NodeFacts {
  /** Stable id of the node (`drover:node` on the root dataset); what `drover:owner` refers to. */
  readonly nodeId: string;
  /** Address at which the other nodes reach it: link variables and forwards use it. */
  readonly meshAddress: string;
  /** Its own addresses; absent if they were not read. */
  readonly addresses?: readonly NodeAddress[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
  readonly network: NetworkTable;
  /** Mounts of volumes in other mount namespaces, which an unmount on the node does not end. */
  readonly foreignMounts?: readonly ForeignMount[];
  /** Listening sockets that drover did not open (sshd, foreign containers): drover must not take their ports. */
  readonly listeners: readonly Listener[];
  /** Image id by `repository:tag` for every image the node has. */
  readonly images: Readonly<Record<string, string>>;
  /**
   * Directories that an image keeps in Docker's volumes (its VOLUME lines), by image id; images without any are absent.
   */
  readonly imageVolumes?: Readonly<Record<string, readonly string[]>>;
  /** Ports that an image exposes (its EXPOSE lines), by image id; images without any are absent. */
  readonly imagePorts?: Readonly<Record<string, readonly PortKey[]>>;
  /** Volumes of Docker that people, or Compose, have named, and that are not drover's; absent: none. */
  readonly dockerVolumes?: readonly DockerVolume[];
  readonly pool: PoolFacts;
  readonly versions: {
    readonly docker: string;
    readonly dockerApi: string;
    readonly zfs: string;
    readonly kernel: string;
    readonly arch: string;
  };
  readonly capabilities: ZfsCapabilities;
  /** The overhead of a command: sending it, opening a session, returning the answer. */
  readonly roundTripMs: number;
  /** How long the commands of this observation ran on the node, by the node's own report. */
  readonly scriptMs?: number;
  /** Absent if the node is not provisioned for it: Docker then starts its containers at boot in no order. */
  readonly boot?: BootFacts;
  /** Absent: the node is not set up for standbys. */
  readonly standby?: StandbyFacts;
}

/** A volume of Docker: `drover import` can take its data over. */
export interface DockerVolume {
  readonly name: string;
  /** From Compose's labels: its project, and its key in the Compose file. */
  readonly project?: string;
  readonly key?: string;
}

/** An address of a node on one of its interfaces. */
export interface NodeAddress {
  readonly interface: string;
  readonly address: string;
  /** A temporary address (IPv6's privacy addresses), or a deprecated one. */
  readonly temporary?: true;
}

/** What a node knows when it boots, because no drover runs then. */
export interface BootFacts extends BootRules {
  /** How the other nodes can ask it: the possible ports of its sshd, and its host keys as `type base64`. */
  readonly sshPorts: readonly number[];
  readonly hostKeys: readonly string[];
  /** Volumes it owns and has not mounted since it booted, and why. */
  readonly waiting: readonly WaitingVolume[];
}

/** The peers that a node asks at boot whether a volume was taken over, and what it does without an answer. */
export interface BootRules {
  readonly alone: 'wait' | 'start';
  /** By address. */
  readonly peers: readonly BootPeer[];
  /** Ids in the records of this node's volumes that no node of the cluster has any more; absent: none. */
  readonly gone?: readonly string[];
}

export interface BootPeer {
  readonly address: string;
  /** Tried in this order. */
  readonly ports: readonly number[];
  /** `type base64`: they identify the peer, both when it is asked and when it asks. */
  readonly keys: readonly string[];
  /** Its node id in the records of copies; absent: it may be any of them. */
  readonly id?: string;
}

/**
 * A volume that the node does not mount. silent: these peers do not answer and may have taken it over. rival: they
 * claim it with the same epoch.
 */
export interface WaitingVolume {
  readonly volume: VolumeId;
  readonly why: 'silent' | 'rival';
  /** Addresses. */
  readonly peers: readonly string[];
}

/**
 * A dataset that is mounted in another mount namespace, where an unmount on the node has no effect: in a container with
 * a bind mount of a directory above it (`-v /var/lib/drover:/volumes:ro`), or one that Docker did not start.
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

/** What ZFS on the node can do: depends on the module's version and the pool's enabled features. */
export interface ZfsCapabilities {
  readonly resume: boolean;
  readonly bookmarks: boolean;
  readonly compressed: boolean;
  readonly largeBlocks: boolean;
}

/** Figures that are cheap enough to read every second or two. */
export interface NodeFigures {
  /** Milliseconds since 1970, this machine's clock. */
  readonly at: number;
  readonly roundTripMs: number;
  readonly cores: number;
  /** 0 to 100 over all cores, since the previous figures; absent in the first ones. */
  readonly cpuPercent?: number;
  readonly load1: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  readonly pool: PoolFacts;
  /** By container name; only of containers that the screen shows. */
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
  /** It carries drover's label. Any other container is foreign, and drover never touches it. */
  readonly managed: boolean;
  /**
   * The deployment it belongs to: from the node's own record, else from its label. Absent: foreign, or made by a
   * version of drover without deployments, and no deployment has adopted it.
   */
  readonly deployment?: DeploymentName;
  /**
   * The application it runs, if drover made it for another deployment, or for none and no file describes it. Never set
   * by a node: `deploymentView` in src/plan/deployment-view.ts does, and it counts as foreign.
   */
  readonly otherApplication?: AppName;
  readonly state: 'created' | 'running' | 'restarting' | 'paused' | 'exited' | 'dead' | 'removing';
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  readonly exit?: ContainerExit;
  /** How often Docker has restarted it by its restart policy; absent for never. */
  readonly restarts?: number;
  /** RFC 3339, from Docker. */
  readonly startedAt?: string;
  /** The container's present settings, read back from Docker. */
  readonly spec: ContainerSpec;
  /** The directory that is bound for each volume. If the dataset was renamed, it is mounted elsewhere. */
  readonly directories?: Readonly<Record<VolumeId, string>>;
  /** Id of the image the container was made from, and what that image itself sets. */
  readonly imageId: string;
  readonly imageDefaults: ImageDefaults;
  /**
   * Where its programs listen at another address than loopback, in a network of its own; sorted. Absent: nowhere, or it
   * was not read.
   */
  readonly listens?: readonly PortKey[];
}

export interface ContainerExit {
  readonly code: number;
  readonly oomKilled: boolean;
  /** When: RFC 3339, from Docker. */
  readonly at?: string;
  /** The node has booted since: the shutdown may have ended it. */
  readonly isBeforeBoot?: true;
}

export interface ImageDefaults {
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
  /** Its EXPOSE lines, sorted by port, then protocol; absent: none. */
  readonly exposes?: readonly PortKey[];
  readonly healthcheck?: Healthcheck;
}

/** True while its processes exist or Docker restarts them: it can write to its volumes, and it has its ports. */
export const isActive = ({ state }: Pick<Container, 'state'>): boolean =>
  state === 'running' || state === 'restarting' || state === 'paused';

/** How a container runs: computed from the configuration, or read back from Docker, in the same form. */
export interface ContainerSpec extends ContainerSettings, NodeMounts {
  readonly application: AppName;
  /**
   * The deployment it is made for, which becomes a label. A different deployment is not a reason to replace a
   * container.
   */
  readonly deployment?: DeploymentName;
  /** `repository:tag` or `repository@digest`. */
  readonly image: string;
  readonly ports: readonly PortMapping[];
  /** Absent: no names, as in a container that an earlier version made, or on a node that is not set up for names. */
  readonly names?: ContainerNames;
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  readonly restartPolicy: RestartPolicy;
  /**
   * What starts before it when the node boots, if it is on that node: names of applications, and `8000/tcp` for the
   * application that publishes that port. Absent: the node has no order, and Docker starts the container.
   */
  readonly after?: readonly string[];
  /** Secrets and configs; absent for none. */
  readonly files?: readonly ContainerFile<SealedContent | ContentHash>[];
  /** Its command line contains values of variables and is never shown. */
  readonly hidesCommand?: true;
  /** More settings; read back, they are what drover asked for. */
  readonly options?: ContainerOptions;
  /** Read back: the hashes of the sealed ones. */
  readonly optionHashes?: SeenOptions['optionHashes'];
  /** A job that is done: its container came here with a move and is not started. Not a reason to replace it. */
  readonly isDone?: true;
}

export interface ContainerMount {
  readonly volume: VolumeId;
  readonly mountpoint: string;
  readonly readOnly?: true;
  /** A new volume stays empty: it does not get what the image has at the mountpoint. Never read back from a node. */
  readonly noCopy?: true;
}

/**
 * owner: writable here. frozen: still the owner's data, unmounted for a switch. released: given to `owner`, not yet
 * known to be acquired. incoming: a copy being received. replica: an older read-only copy. diverged: an owner that
 * came back after another took over; kept, never started. retired: declared deleted; kept until removed by hand.
 */
export type VolumeRole = 'owner' | 'frozen' | 'released' | 'incoming' | 'replica' | 'diverged' | 'retired';

export interface Volume {
  readonly id: VolumeId;
  /** What the Compose file calls it; absent: no Compose file named it. */
  readonly name?: string;
  /** The application that last declared it. */
  readonly application?: AppName;
  /** The deployment it belongs to; absent: an earlier version made it, and no deployment has adopted it since. */
  readonly deployment?: DeploymentName;
  /** Full ZFS name on this node. */
  readonly dataset: string;
  readonly role: VolumeRole;
  /** Id of the node that owns the data according to this copy. */
  readonly owner?: string;
  /** It only grows; the copy with the higher epoch is right. */
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
  /** A receive was interrupted and can be resumed. */
  readonly resumeToken?: string;
  /** Send flags, fixed when the volume was created. */
  readonly flags?: string;
  /** Properties of ZFS that were set on this dataset itself, such as `recordsize`; absent: none. */
  readonly tuning?: Readonly<Record<string, string>>;
  /** Ids of the other nodes that may have a copy of the volume; absent: any node may have one. */
  readonly copies?: readonly string[];
  /** Datasets below it, which do not move with it; absent: none. */
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
  /** False if drover's table is missing: it was never set up, or the node booted without the unit. */
  readonly present: boolean;
  readonly proxies: readonly Proxy[];
  /** Ports that applications on this node publish: served here, never forwarded. */
  readonly open: readonly ServedPort[];
  /** Mesh addresses of the other nodes that may be forwarded to. */
  readonly peers: readonly string[];
  /** Ports whose new connections are held during a switch. */
  readonly holds: readonly HeldPort[];
  /** Absent: the node is not set up for names. */
  readonly names?: NameTable;
  /** Its own addresses at which it forwards ports of other nodes, sorted; absent: only its mesh address. */
  readonly listen?: readonly string[];
  /** Its program that loads the tables at boot is of an earlier version. */
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
