import type { NodeState } from '../model/cluster.ts';
import type { Config, ConfigProblem, NodeName } from '../model/config.ts';
import type { MoveReceipt, RunOutcome, StepOutcome } from '../model/events.ts';
import type { MoveForecast, Plan, StepId } from '../model/plan.ts';

/** What both faces show, reduced from events; immutable. */
export interface ClusterView {
  readonly config?: Config;
  /** Problems of the newest save; the last good configuration stays in force beside them. */
  readonly problems: readonly ConfigProblem[];
  readonly nodes: Readonly<Record<NodeName, NodeState>>;
  readonly plan?: Plan;
  readonly forecasts: readonly MoveForecast[];
  readonly run: number;
  readonly running: boolean;
  readonly steps: Readonly<Record<StepId, StepView>>;
  readonly receipts: readonly MoveReceipt[];
  readonly outcome?: RunOutcome;
}

export interface StepView {
  readonly state: 'waiting' | 'running' | StepOutcome['result'];
  readonly startedAt?: number;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly what?: string;
  readonly outcome?: StepOutcome;
}
