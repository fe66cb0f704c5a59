import type { AppName, NodeName } from './config.ts';
import type { MoveReceipt, RunOutcome } from './events.ts';

/** One finished run, as it is kept in the state folder; newest last. */
export interface RunRecord {
  /** Unique; sorts by time. */
  readonly id: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly revision: string;
  readonly result: RunOutcome['result'];
  /** One sentence. */
  readonly summary: string;
  /** What was done, as printed, in order, with how each step ended. */
  readonly steps: readonly { readonly text: string; readonly result: string; readonly durationMs?: number }[];
  readonly receipts: readonly MoveReceipt[];
  /** Where each application was wanted. */
  readonly deployment: Readonly<Record<NodeName, readonly AppName[]>>;
  readonly files: { readonly application: string; readonly deployment: string };
}
