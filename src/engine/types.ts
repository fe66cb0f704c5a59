import type { ClusterState, DataPlace } from '../model/cluster.ts';
import type {
  AppName,
  Config,
  ConfigProblem,
  DeploymentName,
  LoadResult,
  NodeName,
  VolumeId,
} from '../model/config.ts';
import type { ApplyPolicy, EngineEvent, EngineEventBody, MoveReceipt, RunOutcome } from '../model/events.ts';
import type { Examination, HereAnswer } from '../model/examination.ts';
import type { FailoverProof, FailoverStage, FailoverVolume } from '../model/failover.ts';
import type { AuditLine } from '../model/history.ts';
import type { MoveForecast, Plan } from '../model/plan.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { ImportEvent, ImportReport, ImportRequest } from './docker-imports.ts';
import type { Cluster, ExecOptions, ExecSession, LogLine, LogOptions } from './node-client.ts';
import type { ConfirmRemoval } from './run/removal-guard.ts';
import type { ZfsDataset } from './volume-store.ts';

/** What the engine needs from outside; tests and the demo bring their own. */
export interface EngineDeps {
  /** Reads the files again. */
  readonly load: () => Promise<LoadResult>;
  /** Opens connections to the nodes of a configuration when they are needed; `onCommand` receives each change on a node. */
  readonly openCluster: (config: Config, onCommand: (node: NodeName, text: string) => void) => Cluster;
  /** Calls back when it begins, and after each settled save of the files, until aborted. Absent: no `watch`. */
  readonly watchFiles?: (changed: () => void, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Who holds the lock, shown to others: `anna@laptop pid 4711`. */
  readonly owner: string;
  /** The verb of the command line, for the lines that nodes keep. Default: apply. */
  readonly verb?: string;
  /** Receipts of earlier moves, for forecasts; newest last. */
  readonly history?: MoveHistory;
  /** Where earlier runs saw the data of each volume. Absent: nothing is remembered from run to run. */
  readonly places?: DataPlaces;
  /** Connects to a port of a node as a client would; counts refused connections during a switch. Absent: not counted. */
  readonly probe?: Probe;
  /** Runs a command of drover.yml on this machine, in a shell. Absent: nothing can be fenced from here. */
  readonly runHere?: (command: string, signal: AbortSignal) => Promise<CommandHere>;
  /** What `watch` does with a save and with drift; default `on-save`. */
  readonly policy?: ApplyPolicy;
  /** A person can answer: `watch` asks before a plan that stops most of what runs. Default: such a plan is refused. */
  readonly asks?: boolean;
  /** A plan that stops most of what runs is meant: it is neither asked for nor refused. */
  readonly allowsRemoval?: boolean;
  /** What the files describe is taken over from this deployment; a person has confirmed it. */
  readonly takesOver?: DeploymentName;
  /** The text of provision.sh, which knows what a node should have. Absent: `examine` does not ask it. */
  readonly provisionScript?: () => Promise<string>;
  /** Nothing is changed anywhere: runs and acts are refused, and `watch` only observes and plans. */
  readonly isReadOnly?: boolean;
}

/** How a command on this machine ended: its exit code, and the end of what it printed. */
export interface CommandHere {
  readonly code: number;
  readonly output: string;
}

/** One connection attempt from here to a TCP port of a node; `held` where it neither opens nor fails. */
export type Probe = (node: NodeName, port: number, signal: AbortSignal) => Promise<'accepted' | 'refused' | 'held'>;

export interface MoveHistory {
  read(): Promise<readonly MoveReceipt[]>;
  append(receipt: MoveReceipt): Promise<void>;
}

export interface DataPlaces {
  read(): Promise<readonly DataPlace[]>;
  keep(places: readonly DataPlace[]): Promise<void>;
}

export type PlanResult =
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
  | {
      readonly ok: true;
      readonly config: Config;
      readonly state: ClusterState;
      readonly plan: Plan;
      readonly forecasts: readonly MoveForecast[];
    };

export type ObserveResult =
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
  | { readonly ok: true; readonly config: Config; readonly state: ClusterState };

/** What `doctor` examines, and how thoroughly. */
export interface ExamineOptions {
  /** Only this node, with the connections to and from it. */
  readonly only?: NodeName;
  /** Observe only, try nothing. */
  readonly quick: boolean;
  readonly onStage?: (text: string) => void;
}

/** The results; `examinations` is empty after a quick examination. */
export interface Examined {
  readonly state: ClusterState;
  readonly examinations: Readonly<Record<NodeName, Examination>>;
  /** Connections tried from this machine. */
  readonly here: readonly HereAnswer[];
}

export type ExamineResult =
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
  | ({ readonly ok: true; readonly config: Config } & Examined);

/** The only way into the engine, for the command line and the screen. */
export interface Engine {
  readonly store: Store<ClusterView>;
  onEvent(listener: (event: EngineEvent) => void): () => void;
  observe(signal: AbortSignal): Promise<ObserveResult>;
  /** Observes the nodes, and tries with real packets and commands whether moves can work. Changes nothing. */
  examine(options: ExamineOptions, signal: AbortSignal): Promise<ExamineResult>;
  plan(signal: AbortSignal): Promise<PlanResult>;
  /**
   * Locks, observes, plans and executes until the plan is empty. `soft` stops after the atomic steps that are running
   * (first Ctrl-C); `signal` stops at once (second). `confirm` is asked before most of the running applications are
   * stopped; without it such a plan is blocked.
   */
  converge(signal: AbortSignal, soft?: AbortSignal, confirm?: ConfirmRemoval): Promise<RunOutcome>;
  /** Runs now, and after every change of the files or of the nodes, until aborted. The newest files win. */
  watch(signal: AbortSignal, soft?: AbortSignal): Promise<void>;
  logs(app: AppName, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine & { readonly node: NodeName }>;
  /**
   * Keeps nodes, containers, pools and figures up to date until aborted: a change on a node is in the store within two
   * seconds, also that the node stopped answering. Reads only.
   */
  monitor(signal: AbortSignal): Promise<void>;
  readonly acts: Acts;
  /** Cuts a node off with the `fence` of drover.yml, and finds out whether it is silent afterwards. Throws without a fence. */
  testFence(node: NodeName, signal: AbortSignal): Promise<FenceTest>;
  /** The copies of former owners on all nodes that can be reached. Observes. */
  diverged(signal: AbortSignal): Promise<readonly DivergedCopy[]>;
  /** The applications that a lost node has, as far as is known, in the order of their dependencies. Observes. */
  applicationsOn(node: NodeName, signal: AbortSignal): Promise<readonly AppName[]>;
  /** Takes containers and volumes of a node's Docker over. Throws AppError; what ran before runs again then. */
  importDocker(
    request: ImportRequest,
    onEvent: (event: ImportEvent) => void,
    signal: AbortSignal,
  ): Promise<ImportReport>;
  /** The lines that this node keeps about all runs that locked it; the newest last. */
  audit(node: NodeName, signal: AbortSignal): Promise<readonly AuditLine[]>;
  send(command: EngineCommand): void;
  close(): Promise<void>;
}

/** What a screen asks of the engine without waiting for it. */
export type EngineCommand =
  /** Runs the plan that is shown, if it still has this revision. */
  | { readonly type: 'approve'; readonly revision: string }
  /** Runs what the files describe now, whatever happened before. */
  | { readonly type: 'apply' }
  /** Stops the present run at the next safe point. */
  | { readonly type: 'cancel' }
  /** Drops a plan that waits for approval; the files stay as they are. */
  | { readonly type: 'decline' }
  | { readonly type: 'policy'; readonly policy: ApplyPolicy }
  /** Observes every node now. */
  | { readonly type: 'refresh' }
  /** The applications on the screen: only their containers are measured. */
  | { readonly type: 'visible'; readonly apps: readonly AppName[] };

/**
 * What a person does to an application outside of the plan; src/model/acts.ts has one row for each. An act observes
 * first, takes the locks of the nodes that it changes, emits `act-finished`, and throws AppError.
 */
export interface Acts {
  restart(app: AppName, signal: AbortSignal): Promise<void>;
  /** The application stays stopped until a person starts it, or the files change. */
  stop(app: AppName, signal: AbortSignal): Promise<void>;
  start(app: AppName, signal: AbortSignal): Promise<void>;
  /** Snapshots all volumes of the application at one moment; the name has the form `user-…`. */
  snapshot(app: AppName, name: string | undefined, signal: AbortSignal): Promise<readonly SnapshotRef[]>;
  /** Creates a dataset with the snapshot's content; the volume is not touched. Returns the dataset's name. */
  cloneSnapshot(snapshot: SnapshotRef, signal: AbortSignal): Promise<string>;
  /**
   * The application continues with the snapshot's content: stop, keep the present data as a retired dataset, swap,
   * start. All of its volumes go back together, each to its snapshot of that name and moment. Nothing is destroyed.
   * Returns the names of the datasets that have the present data.
   */
  rollBack(app: AppName, snapshot: SnapshotRef, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * The copies of the application's volumes on this node become the owner's, because the node that owned them is lost.
   * Throws `volume-conflict` where a node that can be reached owns one of them or may have newer data. Starts nothing.
   */
  reclaim(app: AppName, node: NodeName, signal: AbortSignal): Promise<readonly ReclaimedVolume[]>;
  /**
   * The application continues on this node with the copies that it has, after a proof that the node that owned them writes
   * no more. Throws `volume-conflict` where that node answers, or where newer data may be elsewhere.
   */
  failOver(request: FailoverRequest, signal: AbortSignal): Promise<FailoverReport>;
  /**
   * Makes the copies on this node standbys again, after another node has taken over from it: a copy that does not fit is
   * kept under another name, and what is missing is sent. Throws `volume-conflict` without enough space. Destroys nothing.
   */
  reseed(app: AppName, node: NodeName, signal: AbortSignal): Promise<readonly ReseededVolume[]>;
  /** Datasets, snapshots and holds below drover's root, with what the cheap observation leaves out. */
  zfs(node: NodeName, signal: AbortSignal): Promise<readonly ZfsDataset[]>;
  /** A program in the application's container, where it runs now, over Docker's exec stream. */
  exec(app: AppName, options: ExecOptions, signal: AbortSignal): Promise<ExecSession>;
}

export interface ReclaimedVolume {
  readonly volume: VolumeId;
  readonly dataset: string;
  /** What its data ends with. */
  readonly snapshot?: string;
}

/** What a failover would do, as far as it is known now. */
export interface FailoverLook {
  readonly app: AppName;
  /** The nodes that are lost. Empty: nothing has to be taken over, the application only has to start. */
  readonly from: readonly NodeName[];
  readonly to: NodeName;
  /** Other nodes that cannot be reached. */
  readonly away: readonly NodeName[];
  readonly volumes: readonly FailoverVolume[];
  /** Everything written after this moment is lost (milliseconds since 1970). Absent: nothing is taken over. */
  readonly lostSince?: number;
  /** What follows the take-over. */
  readonly plan: Plan;
}

export interface FailoverReport extends FailoverLook {
  readonly proofs: readonly FailoverProof[];
  /** The file with the receipt, on the new node. Absent: nothing had to be taken over. */
  readonly receipt?: string;
}

/** How the caller makes certain that a node writes no more. drover runs the command of a fence itself. */
export type FailoverWay =
  | { readonly kind: 'fence'; readonly command: string }
  | { readonly kind: 'powered-off' }
  /** From a failover of another application in the same call. */
  | { readonly kind: 'proven'; readonly proof: FailoverProof };

export interface FailoverRequest {
  readonly app: AppName;
  /** Absent: a node that no newer copy forbids. */
  readonly to?: NodeName;
  /** Goes on although no other node confirms that the lost one is silent. */
  readonly isAlone?: boolean;
  /** Looks, and changes nothing. */
  readonly isDryRun?: boolean;
  readonly onStage?: (stage: FailoverStage, text: string) => void;
  /** Events of the steps after the take-over. */
  readonly onEvent?: (event: EngineEventBody) => void;
  /** Called before the proof. Throws where the loss is not accepted. */
  readonly accept?: (look: FailoverLook) => Promise<void>;
  /** Throws where there is no proof. */
  readonly prove: (node: NodeName, look: FailoverLook) => Promise<FailoverWay>;
  /** Called when the new node owns the volumes, before the application starts. */
  readonly onTaken?: (to: NodeName) => Promise<void>;
}

export interface FenceTest extends CommandHere {
  readonly command: string;
  /** The nodes that still reach it 10 s later, and `here` for this machine. Empty: the fence works. */
  readonly reachedFrom: readonly string[];
}

export interface ReseededVolume {
  readonly volume: VolumeId;
  /** The node that owns it, which has sent the rest. */
  readonly from: NodeName;
  /** The dataset that keeps what the node had before. Absent: its copy fits. */
  readonly kept?: string;
  /** The newest common snapshot. Absent: there is none, and everything was sent. */
  readonly base?: string;
}

/** A copy of a former owner that another node has taken over from. */
export interface DivergedCopy {
  readonly volume: VolumeId;
  readonly application?: AppName;
  readonly node: NodeName;
  readonly dataset: string;
  /** The node that owns the volume now. */
  readonly owner: NodeName;
  /** What was written to it that never arrived at the owner. Absent: they have no snapshot in common. */
  readonly bytes?: number;
  /** The time of the newest common snapshot, milliseconds since 1970. */
  readonly since?: number;
}

export interface SnapshotRef {
  readonly node: NodeName;
  readonly volume: VolumeId;
  readonly dataset: string;
  /** The part after `@`. */
  readonly snapshot: string;
}

export interface Store<T> {
  getSnapshot(): T;
  subscribe(listener: () => void): () => void;
}
