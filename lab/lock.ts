/** Locks that die with the process: flock(1) holds the file for as long as our pipe to it is open. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LabError } from './errors.mjs';

const identity = (path) => statSync(path, { throwIfNoEntry: false })?.ino;

/**
 * Waits for the lock, runs `work`, lets go. `onWait` is called once when another holds it. Who held it may have
 * removed the file; then the lock that was waited for is nobody's, and the new file is locked.
 */
export async function withLock(path, work, { onWait = () => {} } = {}) {
  // State and caches are for one user: drover itself makes these folders with this mode, and the first of the two creates them.
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const waiting = setTimeout(onWait, 700);
  try {
    for (;;) {
      closeSync(openSync(path, 'a'));
      const before = identity(path);
      const child = await hold(path);
      try {
        if (identity(path) !== before) continue;
        clearTimeout(waiting);
        return await work();
      } finally {
        child.stdin.end();
        child.unref();
      }
    }
  } finally {
    clearTimeout(waiting);
  }
}

async function hold(path) {
  const child = spawn('flock', ['-x', path, 'sh', '-c', 'echo held; cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true, // Ctrl-C must not let go before the half-done work is undone
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('error', reject);
    child.once('exit', () =>
      reject(new LabError(`The lock ${path} cannot be taken; check that the folder is writable.`)),
    );
  });
  return child;
}
