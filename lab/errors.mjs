/** An error whose message is one sentence for a person, with the remedy in it. */
export class LabError extends Error {
  constructor(message, { code = 1, cause } = {}) {
    super(message, { cause });
    this.name = 'LabError';
    this.code = code;
  }
}

/** Wrong arguments: EX_USAGE of sysexits.h. */
export class UsageError extends LabError {
  constructor(message) {
    super(message, { code: 64 });
    this.name = 'UsageError';
  }
}

const cleanups = new Set();
let interrupted = false;

/** True once Ctrl-C or SIGTERM came: failures that follow are no news. */
export const isInterrupted = () => interrupted;

/** Runs `undo` when the process is interrupted; returns a function that forgets it again. */
export function onInterrupt(undo) {
  cleanups.add(undo);
  return () => cleanups.delete(undo);
}

/** Ctrl-C and SIGTERM: undo what is half done, newest first, then leave with the shell's number. */
export function installInterruptHandler() {
  const handle = (signal, code) => async () => {
    if (interrupted) return;
    interrupted = true;
    for (const undo of [...cleanups].reverse()) {
      try {
        await undo();
      } catch {
        // The next run replaces whatever is left.
      }
    }
    process.stderr.write(`\nInterrupted by ${signal}; the next run begins this step again.\n`);
    process.exit(code);
  };
  process.on('SIGINT', handle('Ctrl-C', 130));
  process.on('SIGTERM', handle('SIGTERM', 143));
}
