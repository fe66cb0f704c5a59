import type { ClusterState } from '../model/cluster.ts';
import type { AppName, Config, ConfigProblem, LoadResult, NodeName } from '../model/config.ts';
import type { EngineEvent, MoveReceipt, RunOutcome } from '../model/events.ts';
import type { MoveForecast, Plan } from '../model/plan.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { Cluster, LogLine, LogOptions } from './node-client.ts';

/** Everything the engine needs from outside; tests and `demo` give other ones. */
export interface EngineDeps {
  /** Reads both files anew. */
  readonly load: () => Promise<LoadResult>;
  /** Opens (lazily) connections to the nodes of a configuration. */
  readonly openCluster: (config: Config) => Cluster;
  /** Calls back after every settled save of the files until aborted. Absent: `watch` is not available. */
  readonly watchFiles?: (changed: () => void, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Who holds the lock, shown to others: `anna@laptop pid 4711`. */
  readonly owner: string;
  /** Receipts of earlier moves, for forecasts; newest last. */
  readonly history?: MoveHistory;
  /** Connects to a port of a node as a client would; counts refused connections during a switch. Absent: not counted. */
  readonly probe?: Probe;
}

/** One connection attempt from here to a TCP port of a node; `held` where it neither opens nor fails. */
export type Probe = (node: NodeName, port: number, signal: AbortSignal) => Promise<'accepted' | 'refused' | 'held'>;

export interface MoveHistory {
  read(): Promise<readonly MoveReceipt[]>;
  append(receipt: MoveReceipt): Promise<void>;
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

/** The only door for the command line and the TUI. */
export interface Engine {
  readonly store: Store<ClusterView>;
  onEvent(listener: (event: EngineEvent) => void): () => void;
  observe(signal: AbortSignal): Promise<ObserveResult>;
  plan(signal: AbortSignal): Promise<PlanResult>;
  /**
   * Lock, observe, plan, execute, until the plan is empty. `soft` stops after the atomic steps that are under way
   * (first Ctrl-C); `signal` stops at once (second).
   */
  converge(signal: AbortSignal, soft?: AbortSignal): Promise<RunOutcome>;
  /** Converges now and after every change of the files or drift of the nodes, newest wins, until aborted. */
  watch(signal: AbortSignal, soft?: AbortSignal): Promise<void>;
  logs(app: AppName, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine & { readonly node: NodeName }>;
  send(command: EngineCommand): void;
  close(): Promise<void>;
}

export type EngineCommand =
  | { readonly type: 'approve'; readonly revision: string }
  | { readonly type: 'retry' }
  | { readonly type: 'cancel' };

export interface Store<T> {
  getSnapshot(): T;
  subscribe(listener: () => void): () => void;
}
