import type { AppName, DeploymentName, NodeName } from './config.ts';
import type { ContentHash } from './container/sealed-content.ts';
import type { MoveReceipt, RunOutcome } from './events.ts';

/** Id of a run that began at this time (milliseconds since 1970): unique, and sorted by time. */
export function runIdOf(startedAt: number): string {
  return new Date(startedAt).toISOString().replaceAll(/[-:Z]/g, '').replace('T', '-').replace('.', '-');
}

/** What a node keeps about a run that locks it. */
export interface RunNote {
  readonly run: string;
  readonly deployment: DeploymentName;
  /** The command, or the act of a person on the screen: `apply`, `restart "db"`. */
  readonly verb: string;
}

/** One line that a node keeps about a run; texts contain only letters, digits and `._:@+-`. */
export interface AuditLine {
  /** RFC 3339, by the node's clock. */
  readonly at: string;
  readonly event: 'began' | 'ended';
  readonly run: string;
  readonly deployment: string;
  readonly verb: string;
  /** `user@host` of the controlling machine, by its own report. */
  readonly by: string;
  /** The address that the node's sshd saw, or `unknown`. */
  readonly from: string;
  /** `converged`, `failed`…; `lost`: the controlling machine disappeared. Only with event `ended`. */
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
  /** The steps as printed, in order, each with its result. */
  readonly steps: readonly { readonly text: string; readonly result: string; readonly durationMs?: number }[];
  readonly receipts: readonly MoveReceipt[];
  /** Where the files placed each application. */
  readonly deployment: Readonly<Record<NodeName, readonly AppName[]>>;
  readonly files: RecordedFiles;
}

/** The texts of the two files, with a placeholder for every secret value. */
export interface RecordedFiles {
  readonly application: string;
  readonly deployment: string;
  /** A slow, salted hash of all values: it shows that a value changed, and not which one. Absent for none. */
  readonly secrets?: ContentHash;
  /** Absent in records of older versions, whose texts include the secret values. */
  readonly isHidden?: true;
}
