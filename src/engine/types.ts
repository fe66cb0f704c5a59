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
import type { ApplyPolicy, EngineEvent, MoveReceipt, RunOutcome } from '../model/events.ts';
import type { Examination, HereAnswer } from '../model/examination.ts';
import type { AuditLine } from '../model/history.ts';
import type { MoveForecast, Plan } from '../model/plan.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { Cluster, ExecOptions, ExecSession, LogLine, LogOptions, ZfsDataset } from './node-client.ts';
import type { ConfirmRemoval } from './run/removal-guard.ts';

/** Everything the engine needs from outside; tests and `demo` give other ones. */
export interface EngineDeps {
  /** Reads both files anew. */
  readonly load: () => Promise<LoadResult>;
  /** Opens (lazily) connections to the nodes of a configuration; `onCommand` hears what is changed on them. */
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

/** What `doctor` looks at, and how thoroughly. */
export interface ExamineOptions {
  /** Only this node; connections to and from it are tried all the same. */
  readonly only?: NodeName;
  /** Looks only, tries nothing. */
  readonly quick: boolean;
  readonly onStage?: (text: string) => void;
}

/** What was seen and tried; `examinations` is empty after a quick one. */
export interface Examined {
  readonly state: ClusterState;
  readonly examinations: Readonly<Record<NodeName, Examination>>;
  /** Connections tried from this machine. */
  readonly here: readonly HereAnswer[];
}

export type ExamineResult =
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
  | ({ readonly ok: true; readonly config: Config } & Examined);

/** The only door for the command line and the TUI. */
export interface Engine {
  readonly store: Store<ClusterView>;
  onEvent(listener: (event: EngineEvent) => void): () => void;
  observe(signal: AbortSignal): Promise<ObserveResult>;
  /** Observes, and tries out with real packets and commands what could be in a move's way. Changes nothing. */
  examine(options: ExamineOptions, signal: AbortSignal): Promise<ExamineResult>;
  plan(signal: AbortSignal): Promise<PlanResult>;
  /**
   * Lock, observe, plan, execute, until the plan is empty. `soft` stops after the atomic steps that are under way
   * (first Ctrl-C); `signal` stops at once (second). `confirm` is asked before most of what runs is stopped; without
   * it such a plan is blocked.
   */
  converge(signal: AbortSignal, soft?: AbortSignal, confirm?: ConfirmRemoval): Promise<RunOutcome>;
  /** Converges now and after every change of the files or drift of the nodes, newest wins, until aborted. */
  watch(signal: AbortSignal, soft?: AbortSignal): Promise<void>;
  logs(app: AppName, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine & { readonly node: NodeName }>;
  /**
   * Keeps nodes, containers, pools and figures fresh, cheaply, until aborted: what changes on a node is in the store
   * within two seconds, also that it stopped answering. Reads only.
   */
  monitor(signal: AbortSignal): Promise<void>;
  readonly acts: Acts;
  /** What this node has kept of the runs that locked it, by any person; the newest last. */
  audit(node: NodeName, signal: AbortSignal): Promise<readonly AuditLine[]>;
  send(command: EngineCommand): void;
  close(): Promise<void>;
}

export type EngineCommand =
  | { readonly type: 'approve'; readonly revision: string }
  | { readonly type: 'retry' }
  /** Stops the run that is under way at the next safe point. */
  | { readonly type: 'cancel' }
  /** Drops a plan that waits for approval; the files stay as they are. */
  | { readonly type: 'decline' }
  | { readonly type: 'policy'; readonly policy: ApplyPolicy }
  /** Observe everything now. */
  | { readonly type: 'refresh' }
  /** What the screen shows: containers of these applications are measured, others are not. */
  | { readonly type: 'visible'; readonly apps: readonly AppName[] };

/**
 * What a person does to an application outside the plan, one row in src/model/acts.ts for each. Each looks first, takes the nodes' locks where it changes
 * something, says `act-finished`, and throws AppError.
 */
export interface Acts {
  restart(app: AppName, signal: AbortSignal): Promise<void>;
  /** Stays stopped until it is started, or the files change: `watch` does not undo it. */
  stop(app: AppName, signal: AbortSignal): Promise<void>;
  start(app: AppName, signal: AbortSignal): Promise<void>;
  /** Of all of its volumes at one moment, by the owner; the name has the form `user-…`. */
  snapshot(app: AppName, name: string | undefined, signal: AbortSignal): Promise<readonly SnapshotRef[]>;
  /** A new dataset with the snapshot's content, beside the volume, which is not touched. Returns its name. */
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
