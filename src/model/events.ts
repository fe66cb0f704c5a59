import type { NodeState } from './cluster.ts';
import type { AppName, Config, ConfigProblem, NodeName, VolumeId } from './config.ts';
import type { ErrorReport } from './errors.ts';
import type { Blocker, MoveForecast, Plan, StepId } from './plan.ts';

export type StepOutcome =
  | { readonly result: 'succeeded'; readonly durationMs: number }
  | { readonly result: 'failed'; readonly durationMs: number; readonly error: ErrorReport }
  | { readonly result: 'skipped'; readonly because: StepId }
  | { readonly result: 'cancelled' };

export type RunOutcome =
  | { readonly result: 'converged'; readonly steps: number }
  | { readonly result: 'blocked'; readonly steps: number; readonly blockers: readonly Blocker[] }
  | { readonly result: 'failed'; readonly failed: readonly StepId[]; readonly error: ErrorReport }
  | { readonly result: 'locked'; readonly error: ErrorReport }
  | { readonly result: 'rejected'; readonly problems: readonly ConfigProblem[] }
  | { readonly result: 'superseded' | 'cancelled' };

/** What a finished move cost; kept in the history and printed at the end. */
export interface MoveReceipt {
  readonly app?: AppName;
  readonly volume: VolumeId;
  readonly from: NodeName;
  readonly to: NodeName;
  readonly startedAt: number;
  readonly rounds: number;
  /** Bytes of each send, the final delta last, counted in the pipe. */
  readonly bytes: readonly number[];
  /** `both`: large parts node to node, small ones through the controlling machine. */
  readonly mode: 'direct' | 'relay' | 'both' | 'none';
  readonly totalMs: number;
  /** From the stop to the new container answering; absent for bare volumes. */
  readonly downtimeMs?: number;
  /** Connections refused during the switch as counted by drover's own probe of the held ports on every node. */
  readonly refused?: number;
}

/** Every event is JSON; `run` numbers the pass it belongs to (0: outside a run). */
export type EngineEvent = { readonly at: number; readonly run: number } & EngineEventBody;

export type EngineEventBody =
  | { readonly type: 'config-loaded'; readonly config: Config }
  | { readonly type: 'config-rejected'; readonly problems: readonly ConfigProblem[] }
  | { readonly type: 'node-observed'; readonly node: NodeName; readonly state: NodeState }
  | { readonly type: 'plan-made'; readonly plan: Plan; readonly forecasts: readonly MoveForecast[] }
  | { readonly type: 'run-started'; readonly revision: string }
  | { readonly type: 'step-started'; readonly step: StepId }
  | { readonly type: 'step-finished'; readonly step: StepId; readonly outcome: StepOutcome }
  | {
      readonly type: 'step-progress';
      readonly step: StepId;
      readonly doneBytes: number;
      readonly totalBytes?: number;
      /** e.g. `round 2` or `pulling layer 3 of 7`. */
      readonly what?: string;
    }
  | { readonly type: 'step-output'; readonly step: StepId; readonly line: string }
  | { readonly type: 'move-finished'; readonly receipt: MoveReceipt }
  | { readonly type: 'retrying'; readonly inMs: number; readonly error: ErrorReport }
  | { readonly type: 'run-finished'; readonly outcome: RunOutcome };
