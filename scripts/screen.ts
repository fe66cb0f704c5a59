/** `npm start` on a terminal: the screen shows the lab as it starts, then its cluster with the first tutorial. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProgress, PROGRESS_FILE } from './progress.mjs';
import { root } from './run.mjs';

const LAST_LINES = 15;

interface Terminal {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: { readonly isTTY?: boolean };
  readonly stdout?: { readonly isTTY?: boolean };
}

/** A screen needs a terminal on both sides that can move its cursor, and a person who looks at it. */
export function wantsScreen({
  env = process.env,
  stdin = process.stdin,
  stdout = process.stdout,
}: Terminal = {}): boolean {
  const isPerson = Boolean(stdin.isTTY && stdout.isTTY) && env.TERM !== 'dumb' && !env.CI;
  const hasReader = env.INK_SCREEN_READER === 'true';
  return isPerson && !hasReader;
}

interface OnScreen {
  /** Opens the screen on the file with the lab's stages; resolves to 0 when the lab is up. */
  screen(stages: string): Promise<number>;
  /** Runs when the lab is up. */
  after(): Promise<number>;
  /** The words that start the lab. */
  readonly lab: readonly string[];
}

/** Starts the lab behind the screen. Resolves to the exit status for the shell. */
export async function startOnScreen({ screen, after, lab }: OnScreen): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-start-'));
  const work = startBehind(lab, folder);
  try {
    const shown = await screen(work.stages);
    const hasEnded = work.code() !== undefined;
    // The user left before the lab was up: it stops where the next start can continue, as with Ctrl-C.
    if (!hasEnded) process.stderr.write('stopping the lab at a safe place; Ctrl-C ends it at once …\n');
    const code = await work.stop();
    if (hasEnded && code === 0 && shown === 0) return await after();
    process.stderr.write(`${lastOf(work.log)}\n`);
    // A screen that could not open has printed why.
    return hasEnded ? code || shown : shown || 130;
  } finally {
    await work.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Behind {
  readonly stages: string;
  readonly log: string;
  /** The exit status; undefined while the program runs. */
  code(): number | undefined;
  /** Ends the program where it still runs, and resolves to its exit status. */
  stop(): Promise<number>;
}

/** Starts a program with its progress in one file and its output in another. */
function startBehind([file = '', ...args]: readonly string[], folder: string): Behind {
  const stages = join(folder, 'progress.jsonl');
  const log = join(folder, 'output.log');
  const env = { ...process.env, [PROGRESS_FILE]: stages };
  const output = openSync(log, 'a');
  // In a process group of its own: Ctrl-C on the terminal is for the screen, which asks first.
  const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  let code: number | undefined;
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (status, signal) => resolve(status ?? (signal === 'SIGTERM' ? 143 : 1)));
  }).then((status) => {
    code = status;
    createProgress({ quiet: true, env }).ended(status);
    return status;
  });
  const terminate = () => child.kill('SIGTERM');
  // The second Ctrl-C: ends the program and everything it has started at once.
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  process.on('SIGTERM', terminate);
  process.on('SIGHUP', terminate);
  return {
    stages,
    log,
    code: () => code,
    stop: async () => {
      if (code === undefined) {
        terminate();
        // Until now Ctrl-C was for the screen.
        process.on('SIGINT', kill);
      }
      const status = await ended;
      process.off('SIGINT', kill);
      process.off('SIGTERM', terminate);
      process.off('SIGHUP', terminate);
      return status;
    },
  };
}

const lastOf = (log: string): string => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n');
