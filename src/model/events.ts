import type { NodeFigures, NodeState } from './cluster.ts';
import type { AppName, Config, ConfigProblem, NodeName, VolumeId } from './config.ts';
import type { ErrorReport } from './errors.ts';
import type { Blocker, MoveForecast, Plan, StepId } from './plan.ts';

export type StepOutcome =
  | { readonly result: 'succeeded'; readonly durationMs: number }
  | { readonly result: 'failed'; readonly durationMs: number; readonly error: ErrorReport }
  | { readonly result: 'skipped'; readonly because: StepId }
  | { readonly result: 'cancelled' };

export type RunOutcome =
  | { readonly result: 'converged'; readonly steps: number; readonly warnings?: readonly string[] }
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
  /** How long the application was down: from the stop until the new container answered; absent for bare volumes. */
  readonly downtimeMs?: number;
  /** How long new connections waited: from the first node that held them until the last hold ended. */
  readonly waitedMs?: number;
  /** Connections refused during the switch as counted by drover's own probe of the held ports on every node. */
  readonly refused?: number;
  /** The application was killed, because it did not stop in time. */
  readonly killed?: true;
}

/** Every event is JSON. `run` is the number of its run, 0 outside a run. */
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
  | { readonly type: 'run-finished'; readonly outcome: RunOutcome }
  | { readonly type: 'figures'; readonly node: NodeName; readonly figures: NodeFigures }
  | {
      /** An event of Docker: `die`, `start`, `health_status: unhealthy`, `oom`… */
      readonly type: 'container-event';
      readonly node: NodeName;
      readonly container: string;
      readonly application?: AppName;
      readonly action: string;
      readonly exitCode?: number;
    }
  /** A command that ran on a node, without secrets, for the command log. */
  | { readonly type: 'command'; readonly node: NodeName; readonly text: string }
  | { readonly type: 'policy-changed'; readonly policy: ApplyPolicy }
  /** No step of this plan runs before a person approves its revision and steps. */
  | { readonly type: 'approval-wanted'; readonly approval: Approval }
  | { readonly type: 'approval-over' }
  /** A person's act outside the plan has ended: restart, stop, snapshot… */
  | { readonly type: 'act-finished'; readonly act: string; readonly error?: ErrorReport };

/** `on-save`: a save is applied at once. `ask`: the plan is shown and waits for approval. */
export type ApplyPolicy = 'on-save' | 'ask';

export interface Approval {
  readonly revision: string;
  /** `policy`: every plan needs approval. `removal`: the plan would stop more than half of the running applications. */
  readonly because: 'policy' | 'removal';
  /** For a person: `this would stop 7 of the 9 applications that run`. */
  readonly reason: string;
}
