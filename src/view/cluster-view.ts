import type { ContainerFigures, NodeFigures, NodeState } from '../model/cluster.ts';
import type { AppName, Config, ConfigProblem, NodeName } from '../model/config.ts';
import type { ApplyPolicy, Approval, MoveReceipt, RunOutcome, StepOutcome } from '../model/events.ts';
import type { MoveForecast, Plan, StepId } from '../model/plan.ts';
import type { Tone } from './lines.ts';

/** What the screen and the command line show, reduced from events; immutable. */
export interface ClusterView {
  readonly config?: Config;
  /** Problems of the newest save; the last good configuration stays in force. */
  readonly problems: readonly ConfigProblem[];
  readonly nodes: Readonly<Record<NodeName, NodeState>>;
  readonly plan?: Plan;
  readonly forecasts: readonly MoveForecast[];
  readonly run: number;
  readonly running: boolean;
  readonly steps: Readonly<Record<StepId, StepView>>;
  readonly receipts: readonly MoveReceipt[];
  readonly outcome?: RunOutcome;
  /** When the shown run began and ended. */
  readonly runStartedAt?: number;
  readonly runEndedAt?: number;
  /** The outcome of the last run that had steps. */
  readonly lastRun?: Pick<ClusterView, 'steps' | 'forecasts'> & { readonly plan: Plan };
  readonly figures: Readonly<Record<NodeName, FiguresView>>;
  readonly policy: ApplyPolicy;
  readonly approval?: Approval;
  /** When the configuration in force was loaded. */
  readonly configLoadedAt?: number;
  /** The event log, newest last; bounded. */
  readonly trail: readonly TrailEntry[];
  /** Commands as they were run, newest last; bounded. */
  readonly commands: readonly CommandEntry[];
}

export interface FiguresView {
  readonly latest: NodeFigures;
  /** Percent, oldest first, at most 60. */
  readonly cpuHistory: readonly number[];
  /** Last figures of containers that are no longer measured, for some seconds. */
  readonly earlier?: Readonly<Record<string, EarlierFigures>>;
}

export interface EarlierFigures extends ContainerFigures {
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** One line of the audit trail. */
export interface TrailEntry {
  readonly at: number;
  readonly source: 'file' | 'node' | 'docker' | 'plan' | 'apply' | 'act';
  readonly node?: NodeName;
  readonly app?: AppName;
  readonly text: string;
  readonly tone?: Tone;
}

export interface CommandEntry {
  readonly at: number;
  readonly node: NodeName;
  readonly text: string;
}

export interface StepView {
  readonly state: 'waiting' | 'running' | StepOutcome['result'];
  readonly startedAt?: number;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly what?: string;
  readonly outcome?: StepOutcome;
  /** Samples of the bytes, one per second at most, oldest first, at most 60: for rates and the sparkline. */
  readonly samples?: readonly { readonly at: number; readonly doneBytes: number }[];
  /** Newest last, at most 50. */
  readonly output?: readonly string[];
}
