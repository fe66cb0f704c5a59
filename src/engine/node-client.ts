import type { Readable, Writable } from 'node:stream';
import type {
  BootRules,
  Container,
  ContainerSpec,
  NetworkTable,
  NodeFacts,
  NodeFigures,
  PortKey,
  Volume,
} from '../model/cluster.ts';
import type { AppName, DeploymentName, ImageId, ImageRef, NodeName, VolumeId } from '../model/config.ts';
import type { ConnectAnswer, ConnectTarget, ProvisionStep, SystemReading } from '../model/examination.ts';
import type { FailoverReceipt } from '../model/failover.ts';
import type { AuditLine, RunNote } from '../model/history.ts';
import type { HeldPort } from '../model/name-table.ts';
import type { StandbyRules, StandbySend } from '../model/standby/facts.ts';
import type { DockerImports } from './docker-imports.ts';
import type { VolumeStore } from './volume-store.ts';

/** What the engine needs of the nodes. `src/node` implements it over SSH, `src/simulation/memory` in memory. */
export interface Cluster {
  /** A connected client; the same one for the same node until it is closed or lost. */
  node(name: NodeName, signal: AbortSignal): Promise<NodeClient>;
  /** One `zfs send` into one `zfs receive`, node to node directly or through this machine. */
  transfer(
    request: TransferRequest,
    progress: (doneBytes: number) => void,
    signal: AbortSignal,
  ): Promise<TransferResult>;
  close(): Promise<void>;
}

export interface TransferRequest {
  readonly from: NodeName;
  readonly to: NodeName;
  readonly source: SendSource;
  /** Full name of the dataset to receive into. */
  readonly dataset: string;
  /** The expected size. Small streams take the way that needs no new connection. */
  readonly expectedBytes?: number;
  /** Properties given with `-o` on receive, beyond the fixed readonly, canmount and mountpoint ones. */
  readonly properties: Readonly<Record<string, string>>;
  /** What arrives is held with this tag as soon as it is there. Nothing where the rest of a stream is sent. */
  readonly tag?: string;
}

export type SendSource =
  | {
      readonly kind: 'snapshot';
      readonly dataset: string;
      readonly snapshot: string /** `@name` or `#name` */;
      readonly base?: string;
    }
  | { readonly kind: 'resume'; readonly token: string };

export interface TransferResult {
  /** Counted in our own pipe. */
  readonly bytes: number;
  readonly mode: 'direct' | 'relay';
  /** Guid of the snapshot that was sent, as the target has it; only where it was to be held. */
  readonly guid?: string;
}

export interface NodeClient {
  readonly node: NodeName;
  /** Load, memory, pool, and these containers' use: one cheap command. Reads only. */
  figures(containers: readonly string[], signal: AbortSignal): Promise<NodeFigures>;
  /** Everything the planner needs, in as few round trips as possible. Reads only. */
  observe(signal: AbortSignal): Promise<NodeFacts>;
  readonly containers: ContainerRuntime;
  readonly imports: DockerImports;
  readonly volumes: VolumeStore;
  readonly network: NetworkControl;
  readonly mutex: NodeMutex;
  readonly deadMan: DeadMan;
  readonly failovers: FailoverReceipts;
  readonly standbys: StandbyControl;
  readonly doctor: NodeDoctor;
  /**
   * Opens sessions ahead for what the switch of an application does on its old or its new node, so that it is down for a
   * shorter time. Changes nothing and never throws.
   */
  prepareSwitch(side: 'old' | 'new', signal: AbortSignal): Promise<void>;
  /**
   * Waits until no client has a connection to the application's container any more, at most so long. Returns how many are
   * left; 0 where there is no container with a network of its own.
   */
  drain(app: AppName, waitMs: number, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** What `doctor` tries out on a node, one thing at a time. Reads only: nothing is left behind. */
export interface NodeDoctor {
  /** False where commands go through sudo. */
  readonly isRoot: boolean;
  /** Where the other nodes may find this node's sshd, the likeliest first. */
  readonly sshPlaces: readonly { readonly address: string; readonly port: number }[];
  /** Opens so many sessions at once; returns how many sshd granted. Wrong while others use the connection. */
  sessions(asked: number, signal: AbortSignal): Promise<number>;
  /** The node's clock, milliseconds since 1970. */
  clock(signal: AbortSignal): Promise<number>;
  system(signal: AbortSignal): Promise<SystemReading>;
  /** Runs this `provision.sh` with `--check`. */
  provision(script: string, signal: AbortSignal): Promise<readonly ProvisionStep[]>;
  /** Connects from the node to all of them at once, over within seconds; the answers in the targets' order. */
  connect(targets: readonly ConnectTarget[], signal: AbortSignal): Promise<readonly ConnectAnswer[]>;
}

/** Docker. Names are deterministic (`drover-<app>`), so no step needs another step's result. */
export interface ContainerRuntime {
  list(signal: AbortSignal): Promise<readonly Container[]>;
  /** Image id, or undefined where the node does not have it. */
  imageId(image: ImageRef, signal: AbortSignal): Promise<string | undefined>;
  /** What these images, by reference or id, keep in volumes of Docker's; only those that the node has and that do. */
  imageVolumes(images: readonly string[], signal: AbortSignal): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Throws `image-missing` where the registry does not have it or cannot be reached. */
  pull(
    image: ImageRef,
    progress: (text: string, doneBytes: number, totalBytes?: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** `docker save` as a stream, for copying node to node without a registry. */
  exportImage(image: ImageRef | ImageId, signal: AbortSignal): Promise<Readable>;
  /** The ports that these images expose, by reference or id, as `imageVolumes`. */
  imagePorts(images: readonly string[], signal: AbortSignal): Promise<Readonly<Record<string, readonly PortKey[]>>>;
  /**
   * What arrives must be one image without a name, as exported by its id, and have this id as the node itself finds it;
   * it gets this name then, whatever had it before. Throws `docker-failed` or `image-missing` otherwise.
   */
  importImage(tar: Readable, signal: AbortSignal, wanted: { readonly image: ImageRef } & ImageId): Promise<void>;
  /**
   * Create; `directories` says where each volume lies on this node. A new (empty) volume is first filled with the
   * image's content and ownership at that path, as Docker does for named volumes. What the image keeps in volumes of
   * its own gets one of Docker's with a name, so that the next container here has it again. Never starts anything.
   */
  create(spec: ContainerSpec, directories: Readonly<Record<VolumeId, string>>, signal: AbortSignal): Promise<void>;
  /** As `create` on directories that are known to have content: none of them is looked into, and nothing is filled. */
  createOnData(
    spec: ContainerSpec,
    directories: Readonly<Record<VolumeId, string>>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Asks now what the next create of this application has to know. Throws `image-missing`. */
  prepare(spec: ContainerSpec, signal: AbortSignal): Promise<void>;
  /** How the application's container is now; undefined where there is none. */
  condition(app: AppName, signal: AbortSignal): Promise<ContainerCondition | undefined>;
  start(app: AppName, signal: AbortSignal): Promise<void>;
  /** Watches the application's program from now on, so that the next stop notices its end at once. Never throws. */
  prepareStop(app: AppName, signal: AbortSignal): Promise<void>;
  /**
   * Returns how it ended; undefined where there was nothing to stop. `exited` may be called earlier, when its program has
   * ended and Docker still takes the container down. Whatever is asked of this runtime from then on waits for Docker.
   */
  stop(
    app: AppName,
    graceMs: number,
    signal: AbortSignal,
    exited?: () => void,
  ): Promise<{ readonly code: number; readonly killed: boolean } | undefined>;
  /**
   * These containers of the node, by id, belong to the deployment from now on: `observe` says so, whatever their labels
   * say. Nothing is restarted. Throws `connection-failed` where the node's lock was taken and has been lost since.
   */
  adopt(ids: readonly string[], deployment: DeploymentName, signal: AbortSignal): Promise<void>;
  /** Removes a container of ours that is not running, never its volumes; no error where there is none. */
  remove(app: AppName, signal: AbortSignal): Promise<void>;
  logs(app: AppName, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
  /**
   * Container events of this node until aborted; ends without an error when the connection does. `opened` is called
   * once the node listens: what happens after that is reported.
   */
  events(signal: AbortSignal, opened?: () => void): AsyncIterable<ContainerEvent>;
  /** Docker's exec with its hijacked stream; ends when the program does or the signal aborts. */
  exec(app: AppName, options: ExecOptions, signal: AbortSignal): Promise<ExecSession>;
}

export interface ContainerCondition extends Pick<Container, 'state' | 'health' | 'exit'> {
  /** What the last health check printed; absent: nothing, or there was none. */
  readonly healthOutput?: string;
}

export interface ContainerEvent {
  readonly action: string;
  readonly container?: string;
  readonly application?: AppName;
  readonly exitCode?: number;
}

export interface ExecOptions {
  /** Absent: `/bin/sh`, or bash where the container has it. */
  readonly command?: readonly string[];
  readonly tty: boolean;
  /** As `user` of a container. */
  readonly user?: string;
  readonly workingDir?: string;
  readonly privileged?: true;
  readonly environment?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

export interface ExecSession {
  /** With a terminal both outputs are one stream; without one, standard error is separate. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr?: Readable;
  resize(columns: number, rows: number): Promise<void>;
  /** The program's exit code. */
  readonly ended: Promise<number>;
}

export interface LogOptions {
  readonly follow: boolean;
  readonly tail?: number;
  readonly timestamps?: boolean;
}
export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface NetworkControl {
  read(signal: AbortSignal): Promise<NetworkTable>;
  /**
   * One atomic load, kept over reboots; holds that are not in `dropHolds` stay. Without `names` those of the node stay.
   * Returns how many milliseconds ago it was loaded: what keeps it, and what closes the forwarding for others again,
   * comes after it.
   */
  replace(
    table: Pick<NetworkTable, 'proxies' | 'open' | 'peers' | 'listen' | 'names'>,
    dropHolds: readonly HeldPort[],
    signal: AbortSignal,
  ): Promise<number>;
  /** New connections to these ports wait; the element expires by itself after `timeoutMs`. */
  hold(ports: readonly HeldPort[], timeoutMs: number, signal: AbortSignal): Promise<void>;
  dropHolds(ports: readonly HeldPort[], signal: AbortSignal): Promise<void>;
  /** What the node goes by when it boots without drover; `observe` reads it back. The node's peers may ask it then. */
  readBootRules(signal: AbortSignal): Promise<BootRules>;
  setBootRules(rules: BootRules, signal: AbortSignal): Promise<void>;
  /** True where a TCP connection to the port on this node's own container is accepted (asked on the node itself). */
  accepts(port: number, signal: AbortSignal): Promise<boolean>;
  /** Asks as `accepts` does, again and again for so long; returns the ports that have not accepted by then. */
  closedPorts(ports: readonly number[], waitMs: number, signal: AbortSignal): Promise<readonly number[]>;
}

/** What a node keeps up on its own: scheduled snapshots, and copies of its volumes on other nodes. */
export interface StandbyControl {
  /** Replaces the rules; `observe` reads them back. Throws `command-failed` where the node is not set up for them. */
  setRules(rules: StandbyRules, signal: AbortSignal): Promise<void>;
  /**
   * Ends the node's own rounds for this volume and the streams that it receives, and keeps them from starting until this
   * run has given up the node's lock. Nothing where the node is not set up for standbys, or has not been locked.
   */
  pause(volume: Pick<StandbySend, 'volume' | 'application'>, signal: AbortSignal): Promise<void>;
}

/** What a node does by itself for an application that a move has stopped, when drover does not come back. */
export interface DeadMan {
  /**
   * After `afterMs`, and once no run has the node's lock: where all these datasets are this node's own, as owner or
   * frozen with the epoch they have now, and no other container uses one of them, the application's container, which
   * must still be the one that is there now, is started again on them (as owner, with the next epoch: a run that has
   * slept in the meantime is refused). Otherwise nothing. Kept over a reboot; the last call counts; nothing where the
   * application has no container. The present containers of `sharers` may use the volumes too: what is armed for them
   * goes on with the next epoch. Throws `command-failed` where the node was not set up for it.
   */
  arm(
    app: AppName,
    volumes: readonly Pick<Volume, 'dataset' | 'epoch'>[],
    sharers: readonly AppName[],
    afterMs: number,
    signal: AbortSignal,
  ): Promise<void>;
  disarm(app: AppName, signal: AbortSignal): Promise<void>;
}

/** What the node keeps about the failovers that brought applications to it. */
export interface FailoverReceipts {
  /** Writes the receipt; it is there after a power cut. Returns the path of the file. */
  keep(receipt: FailoverReceipt, signal: AbortSignal): Promise<string>;
  /** The newest first. */
  read(signal: AbortSignal): Promise<readonly FailoverReceipt[]>;
}

export interface NodeMutex {
  /** Throws `lock-held` with owner and since. The lock ends with the handle or with the connection, whichever is first. */
  acquire(holder: string | LockHolder, signal: AbortSignal): Promise<LockHandle>;
  /** The lines that the node has kept, the newest last; at most some thousand. */
  audit(signal: AbortSignal): Promise<readonly AuditLine[]>;
}
/** Who takes a lock; with `note`, the node keeps a line of it when the lock begins, and one when it ends. */
export interface LockHolder {
  readonly owner: string;
  readonly note?: RunNote;
}

export interface LockHandle {
  /** Aborts when the lock is lost (connection gone). */
  readonly lost: AbortSignal;
  /** `result`: how what was done under the lock has ended. */
  release(result?: string): Promise<void>;
}
