/** Processes that outlive the command that starts them, and are found again by a file and a word of their command line. */
import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const ASK_EVERY_MS = 50;

/** The process id that the file tells, or undefined when that process is gone; another one may have its number. */
export function findProcess(pidFile, word) {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Waits until that process is gone; resolves to false where it is still there after `limitMs`. */
export async function isGoneWithin(pidFile, word, limitMs) {
  const until = Date.now() + limitMs;
  while (findProcess(pidFile, word) !== undefined && Date.now() < until) await sleep(ASK_EVERY_MS);
  return findProcess(pidFile, word) === undefined;
}

/**
 * Starts it, and waits until `answers()` is true; what that throws counts as no answer yet. Resolves to undefined, and
 * where it ends before or `limitMs` are over, to the last line it wrote: the caller ends what may still be there.
 */
export async function startProcess([program, ...args], { cwd, log, pidFile, answers, limitMs }) {
  const to = openSync(log, 'w');
  const child = spawn(program, args, { cwd, detached: true, stdio: ['ignore', to, to] });
  let exited = false;
  for (const event of ['exit', 'error']) {
    child.once(event, () => {
      exited = true;
    });
  }
  child.unref();
  await writeFile(pidFile, String(child.pid));
  const isThere = async () => {
    try {
      return await answers();
    } catch {
      return false;
    }
  };
  const until = Date.now() + limitMs;
  while (!exited && Date.now() < until) {
    if (await isThere()) return undefined;
    await sleep(ASK_EVERY_MS);
  }
  return (await readFile(log, 'utf8')).trim().split('\n').at(-1) || 'it did not answer in time';
}
