/** Locks that end with the process: flock(1) holds the file while our pipe to it is open. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LabError } from './errors.mjs';

const identity = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;

/**
 * Waits for the lock, runs `work`, releases the lock. `onWait` is called once when another process holds it. A process that
 * held it may have removed the file; then this one holds a lock on nothing, and locks the new file instead.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, { onWait = () => {} } = {}): Promise<T> {
  // State and caches belong to one user. drover makes these folders with the same mode; either of the two may be first.
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

async function hold(path: string) {
  const child = spawn('flock', ['-x', path, 'sh', '-c', 'echo held; cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true, // Ctrl-C must not release the lock before the half-done work is undone
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
