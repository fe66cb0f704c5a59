import { closeSync, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Puts the null device in the place of standard streams whose terminal has gone away: at its end Node.js sets the modes
 * of every terminal it began with, and aborts where that fails (`ResetStdio`). Nothing may be reading from them.
 */
export function replaceGone(fds: readonly number[] = [0, 1, 2]): void {
  for (const fd of fds) {
    if (!isGone(fd)) continue;
    closeSync(fd);
    // Takes the lowest number that is free.
    if (openSync('/dev/null', 'r+') !== fd) return;
  }
}

/** A terminal that is gone is a device still, and answers like none. */
function isGone(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && !isatty(fd);
  } catch {
    return false;
  }
}
