import type { NodeName } from './config.ts';
import type { ErrorReport } from './errors.ts';

/** What `doctor` found on one node; a part that could not be examined is absent. */
export interface Examination {
  /** False where commands on the node go through sudo. */
  readonly isRoot?: boolean;
  readonly sessions?: { readonly asked: number; readonly granted: number };
  readonly clock?: ClockReading;
  readonly system?: SystemReading;
  /** What `provision.sh --check` says there. */
  readonly provision?: readonly ProvisionStep[];
  /** Connections tried from this node. */
  readonly connects?: readonly ConnectAnswer[];
  /** Why a part is absent. */
  readonly failures: readonly { readonly part: ExaminationPart; readonly error: ErrorReport }[];
}

export type ExaminationPart = 'connection' | 'sessions' | 'clock' | 'system' | 'provision' | 'connects';

/** The node's clock compared with this machine's: positive if the node is ahead. */
export interface ClockReading {
  readonly offsetMs: number;
  /** The precision of the offset: half of the shortest round trip. */
  readonly uncertaintyMs: number;
}

/** One line of `provision.sh --check`. */
export interface ProvisionStep {
  readonly state: 'done' | 'would do' | 'did' | 'cannot';
  readonly step: string;
  readonly detail?: string;
}

/** Where to connect to. With `banner` the node waits for the first line of the server. */
export interface ConnectTarget {
  readonly address: string;
  readonly port: number;
  readonly banner?: true;
}

/** refused: by a reset or a reject. silent: no answer came in time, or the network has no route. */
export type ConnectResult = 'accepted' | 'refused' | 'silent';

export interface ConnectAnswer extends ConnectTarget {
  readonly result: ConnectResult;
  /** The first line that the server sent, with `banner`. */
  readonly said?: string;
}

/** What one read-only script reads on a node, in addition to an observation; parts that the node lacks are empty. */
export interface SystemReading {
  /** The node's clock, milliseconds since 1970, for computing ages. */
  readonly nowMs: number;
  readonly forwards: { readonly ipv4: boolean; readonly ipv6: boolean };
  readonly firewall: FirewallReading;
  readonly names?: NamesReading;
  readonly zfs: { readonly userland?: string; readonly module?: string };
  /** Absent if Docker does not answer. `fit` compares its API with the versions that drover supports. */
  readonly docker?: { readonly api: string; readonly minApi: string; readonly fit: 'well' | 'too old' | 'too new' };
  /** Active services that set the clock: chrony, systemd-timesyncd and the like. */
  readonly timeKeepers: readonly string[];
  readonly snapshotters: readonly Snapshotter[];
  readonly pool: PoolReading;
  /** The root and everything below it. */
  readonly datasets: readonly DatasetReading[];
  readonly snapshots: readonly SnapshotReading[];
}

/** What names need on a node. */
export interface NamesReading {
  /** Its name servers by virtual address: whether the unit runs, and whether it answers a question. */
  readonly servers: readonly { readonly address: string; readonly runs: boolean; readonly answers: boolean }[];
  /** IPv4 networks that the node reaches through its interfaces, without those of drover's own networks. */
  readonly routes: readonly { readonly network: string; readonly interface: string }[];
}

export interface FirewallReading {
  /** Firewalls that run as services: ufw, firewalld. */
  readonly services: readonly string[];
  /** Peers whose forwards are accepted in both directions; absent if Docker made no such chain. */
  readonly accepted?: readonly string[];
  /** Families whose packets the kernel forwards for every client: the policy of the chain FORWARD is ACCEPT. */
  readonly open?: readonly ('IPv4' | 'IPv6')[];
  /** Rules that may drop a packet, in the order in which it meets them. */
  readonly drops: readonly FirewallDrop[];
}

/** A policy (`handle` absent) or a rule that drops or rejects, in nft's words. */
export interface FirewallDrop {
  readonly hook: 'prerouting' | 'input' | 'forward';
  /** `ip filter`. */
  readonly table: string;
  readonly chain: string;
  readonly handle?: number;
  readonly rule: string;
}

/** A program that takes snapshots automatically, and what starts it. */
export interface Snapshotter {
  readonly tool: SnapshotTool;
  /** A systemd unit, or a path of cron. */
  readonly startedBy: string;
}

export type SnapshotTool = 'zfs-auto-snapshot' | 'sanoid' | 'zrepl' | 'pyznap' | 'znapzend';

export interface PoolReading {
  readonly health: string;
  /** Percent; absent if the pool reports none. */
  readonly capacity?: number;
  readonly fragmentation?: number;
  /** As `zpool status` prints it: `scrub repaired 0B in … with 0 errors on …`. */
  readonly scan?: string;
  readonly errors?: string;
}

export interface DatasetReading {
  readonly name: string;
  readonly role?: string;
  readonly application?: string;
  readonly readonly: boolean;
  readonly mounted: boolean;
  readonly canmount: string;
  readonly mountpoint: { readonly value: string; readonly source: string };
  /** `com.sun:auto-snapshot`; absent if it is not set. */
  readonly autoSnapshot?: string;
  readonly hasResumeToken: boolean;
  readonly createdAt: number;
  readonly bookmarks: number;
}

export interface SnapshotReading {
  readonly dataset: string;
  readonly name: string;
  readonly createdAt: number;
  readonly holds: readonly string[];
}

/** One connection from this machine to a served port. */
export interface HereAnswer {
  readonly node: NodeName;
  readonly port: number;
  readonly result: ConnectResult;
}
