// @ts-check
/** An error whose message is one sentence for the user, with the remedy in it. `code` is the exit status. */
export class LabError extends Error {
  /** @param {string} message @param {{ code?: number, cause?: unknown }} options */
  constructor(message, { code = 1, cause } = {}) {
    super(message, { cause });
    this.name = 'LabError';
    this.code = code;
  }
}

/** Wrong arguments: EX_USAGE of sysexits.h. */
export class UsageError extends LabError {
  /** @param {string} message */
  constructor(message) {
    super(message, { code: 64 });
    this.name = 'UsageError';
  }
}

/** @type {Set<() => unknown>} */
const cleanups = new Set();
let interrupted = false;

/** True after Ctrl-C or SIGTERM: failures that follow are not reported. */
export const isInterrupted = () => interrupted;

/**
 * Runs `undo` when the process is interrupted. Returns a function that removes it again.
 * @param {() => unknown} undo
 */
export function onInterrupt(undo) {
  cleanups.add(undo);
  return () => cleanups.delete(undo);
}

/** Ctrl-C and SIGTERM: undo what is half done, newest first, then exit with the shell's number. */
export function installInterruptHandler() {
  /** @param {string} signal @param {number} code */
  const handle = (signal, code) => async () => {
    if (interrupted) return;
    interrupted = true;
    for (const undo of [...cleanups].reverse()) {
      try {
        await undo();
      } catch {
        // The next run replaces what is left.
      }
    }
    process.stderr.write(`\nInterrupted by ${signal}; the next run repeats this step.\n`);
    process.exit(code);
  };
  process.on('SIGINT', handle('Ctrl-C', 130));
  process.on('SIGTERM', handle('SIGTERM', 143));
}
