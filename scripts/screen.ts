/** `npm start` on a terminal: the screen shows the lab on its way up, then the lab's cluster with the first tutorial. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProgress, PROGRESS_FILE } from '../progress.mjs';
import { hand, root } from './run.mjs';

const LAST_LINES = 15;

/** A screen needs a terminal on both sides that can move its cursor, and somebody who looks at it. */
export function wantsScreen({ env = process.env, stdin = process.stdin, stdout = process.stdout } = {}) {
  const isPerson = Boolean(stdin.isTTY && stdout.isTTY) && env.TERM !== 'dumb' && !env.CI;
  const isReader = env.INK_SCREEN_READER === 'true';
  return isPerson && !isReader;
}

/**
 * Runs `lab up` behind the screen. `screen(file)` opens the screen on its stages and resolves to 0 when the lab is up;
 * `after()` is what follows then. Resolves to the exit status for the shell.
 */
export async function startOnScreen({ screen, after, lab = [process.execPath, join(root, 'lab', 'lab.mjs'), 'up'] }) {
  const folder = mkdtempSync(join(tmpdir(), 'drover-start-'));
  const work = startBehind(lab, folder);
  try {
    const shown = await screen(work.stages);
    const hasEnded = work.code() !== undefined;
    // Left before it was up: it stops where it can go on another time, as with Ctrl-C.
    if (!hasEnded) process.stderr.write('stopping the lab at a safe place; Ctrl-C ends it at once …\n');
    const code = await work.stop();
    if (hasEnded && code === 0 && shown === 0) return await after();
    process.stderr.write(`${lastOf(work.log)}\n`);
    // A screen that could not be shown says why itself.
    return hasEnded ? code || shown : shown || 130;
  } finally {
    await work.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A program with its progress in one file, and everything it says in another. */
function startBehind([file, ...args], folder) {
  const [stages, log] = [join(folder, 'progress.jsonl'), join(folder, 'output.log')];
  const env = { ...process.env, [PROGRESS_FILE]: stages };
  const output = openSync(log, 'a');
  // In a group of its own: a Ctrl-C on the terminal is the screen's, which asks first.
  const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  let code;
  const ended = new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (status, signal) => resolve(status ?? (signal === 'SIGTERM' ? 143 : 1)));
  }).then((status) => {
    code = status;
    createProgress({ quiet: true, env }).ended(status);
    return status;
  });
  const terminate = () => child.kill('SIGTERM');
  // With everything it has started: whoever asks twice does not want to wait any longer.
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  };
  process.on('SIGTERM', terminate);
  process.on('SIGHUP', terminate);
  return {
    stages,
    log,
    code: () => code,
    /** Resolves when it has ended, by itself or because it is told to. */
    stop: async () => {
      if (code === undefined) {
        terminate();
        // Before, Ctrl-C was the screen's.
        process.on('SIGINT', kill);
      }
      await ended;
      process.off('SIGINT', kill);
      process.off('SIGTERM', terminate);
      process.off('SIGHUP', terminate);
      return code;
    },
  };
}

const lastOf = (log) => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n');

/** The program's screen with the terminal in its hands. */
export const screenOf = (program, args) => hand(process.execPath, [program, ...args]);
