/** Processes that outlive the command that starts them, and are found again by a file and a word of their command line. */
import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const ASK_EVERY_MS = 50;

/**
 * The process id in the file; undefined when that process has ended. `word` is compared with its command line, because
 * another process may have the number by now.
 */
export function findProcess(pidFile: string, word: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Waits until that process has ended; resolves to false where it still runs after `limitMs`. */
export async function isGoneWithin(pidFile: string, word: string, limitMs: number): Promise<boolean> {
  const until = Date.now() + limitMs;
  while (findProcess(pidFile, word) !== undefined && Date.now() < until) await sleep(ASK_EVERY_MS);
  return findProcess(pidFile, word) === undefined;
}

interface Start {
  readonly cwd: string;
  /** The file for both of its outputs. */
  readonly log: string;
  readonly pidFile: string;
  readonly answers: () => boolean | Promise<boolean>;
  readonly limitMs: number;
}

/**
 * Starts a process and waits until `answers()` is true; an exception in it counts as no answer yet. Resolves to undefined,
 * or to the last line that the process wrote where it ended or did not answer in time. Then the caller ends what is left.
 */
export async function startProcess(
  command: readonly string[],
  { cwd, log, pidFile, answers, limitMs }: Start,
): Promise<string | undefined> {
  const [program = '', ...args] = command;
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
  const isThere = async (): Promise<boolean> => {
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
