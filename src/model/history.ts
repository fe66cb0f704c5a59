import type { AppName, DeploymentName, NodeName } from './config.ts';
import type { MoveReceipt, RunOutcome } from './events.ts';
import type { ContentHash } from './sealed-content.ts';

/** Id of a run that began at this time, milliseconds since 1970: unique, and sorts by time. */
export function runIdOf(startedAt: number): string {
  return new Date(startedAt).toISOString().replaceAll(/[-:Z]/g, '').replace('T', '-').replace('.', '-');
}

/** What a node keeps of a run that locks it. */
export interface RunNote {
  readonly run: string;
  readonly deployment: DeploymentName;
  /** The verb, or what a person does on the screen: `apply`, `restart "db"`. */
  readonly verb: string;
}

/** One line that a node keeps of a run; texts hold letters, digits and `._:@+-` only. */
export interface AuditLine {
  /** RFC 3339, by the node's clock. */
  readonly at: string;
  readonly event: 'began' | 'ended';
  readonly run: string;
  readonly deployment: string;
  readonly verb: string;
  /** `user@host` of the controlling machine, as it says itself. */
  readonly by: string;
  /** The address that the node's sshd saw, or `unknown`. */
  readonly from: string;
  /** `converged`, `failed`…; `lost`: the controlling machine was gone. Only where it ended. */
  readonly result?: string;
}

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
