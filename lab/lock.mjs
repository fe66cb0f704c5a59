/** Locks that die with the process: flock(1) holds the file for as long as our pipe to it is open. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { LabError } from './errors.mjs';

/** Waits for the lock, runs `work`, lets go. `onWait` is called once when another holds it. */
export async function withLock(path, work, { onWait = () => {} } = {}) {
  mkdirSync(dirname(path), { recursive: true });
  const child = spawn('flock', ['-x', path, 'sh', '-c', 'echo held; cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true, // Ctrl-C must not let go before the half-done work is undone
  });
  const waiting = setTimeout(onWait, 700);
  try {
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('error', reject);
      child.once('exit', () =>
        reject(new LabError(`The lock ${path} cannot be taken; check that the folder is writable.`)),
      );
    });
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    child.stdin.end();
    child.unref();
  }
}
