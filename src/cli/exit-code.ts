import type { ErrorReport } from '../model/errors.ts';
import type { RunOutcome } from '../model/events.ts';
import { assertNever } from '../model/plan.ts';

/** What the shell sees; 64 and 65 are EX_USAGE and EX_DATAERR of sysexits.h, 130 is the shell's 128 + SIGINT. */
export const exitCode = {
  done: 0,
  failed: 1,
  /** Only from `plan --detailed-exitcode` and `node add --check`. */
  changesPending: 2,
  lockHeld: 3,
  blocked: 4,
  usage: 64,
  filesWrong: 65,
  cancelled: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode] | ProgramCode;

/** What a program in a container ended with, as it is. */
type ProgramCode = number & { readonly program: true };

/** `exec` ends as the program did. */
export function programCode(code: number): ProgramCode {
  // The mark exists for the compiler alone.
  return code as ProgramCode;
}

export function exitCodeOf(outcome: RunOutcome): ExitCode {
  switch (outcome.result) {
    case 'converged':
      return exitCode.done;
    case 'blocked':
      return exitCode.blocked;
    case 'failed':
      return exitCodeOfError(outcome.error);
    case 'locked':
      return exitCode.lockHeld;
    case 'rejected':
      return exitCode.filesWrong;
    case 'superseded':
    case 'cancelled':
      return exitCode.cancelled;
    default:
      return assertNever(outcome);
  }
}

export function exitCodeOfError({ code }: Pick<ErrorReport, 'code'>): ExitCode {
  if (code === 'cancelled') return exitCode.cancelled;
  if (code === 'lock-held') return exitCode.lockHeld;
  return code === 'usage' ? exitCode.usage : exitCode.failed;
}
