import type { AppName, NodeName } from './config.ts';
import type { MoveReceipt, RunOutcome } from './events.ts';
import type { ContentHash } from './sealed-content.ts';

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
  readonly files: RecordedFiles;
}

/** Texts of the two files, with a mark in place of every secret value. */
export interface RecordedFiles {
  readonly application: string;
  readonly deployment: string;
  /** Tells whether the values were others, and not which: a slow, salted hash of all of them. Absent for none. */
  readonly secrets?: ContentHash;
  /** Absent in records of older versions, whose texts are as they were written. */
  readonly isHidden?: true;
}
