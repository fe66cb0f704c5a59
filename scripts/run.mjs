// @ts-check
/** Runs other programs: with this terminal, or with their output captured. */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure whose reason has been printed: it ends the command without another message. */
export class ReportedError extends Error {
  isReported = true;
  /** @param {string} message @param {number} exitCode */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

let interrupted = false;
/** True after Ctrl-C or SIGTERM: a command that runs several programs stops then. */
export const wasInterrupted = () => interrupted;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
// Ctrl-C reaches the children too (one terminal, one process group); they decide how to end, and this process waits.
process.on('SIGINT', () => {
  interrupted = true;
});
process.on('SIGTERM', () => {
  interrupted = true;
  for (const child of running) child.kill('SIGTERM');
});

/** @param {number | null} code @param {NodeJS.Signals | null} signal */
const codeOf = (code, signal) => code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1);

/**
 * @param {string} file
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
function started(file, args, options) {
  const child = spawn(file, args, { cwd: root, ...options });
  running.add(child);
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(codeOf(code, signal)));
  });
  return { child, ended: ended.finally(() => running.delete(child)) };
}

/**
 * Runs a program with this terminal; resolves to its exit status.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
export const inherit = (file, args, options = {}) => started(file, args, { stdio: 'inherit', ...options }).ended;

/**
 * Runs a program silently. `output` has both of its streams in the order they came; `onLine` gets the last line of each
 * piece of output.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ onLine?: (line: string) => void } & import('node:child_process').SpawnOptions} options
 */
export async function capture(file, args, { onLine = () => {}, ...options } = {}) {
  const { child, ended } = started(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  /** @type {Buffer[]} */
  const all = [];
  /** @type {Buffer[]} */
  const results = [];
  child.stdout?.on('data', (chunk) => {
    all.push(chunk);
    results.push(chunk);
  });
  child.stderr?.on('data', (chunk) => all.push(chunk));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      const line = String(chunk).trim().split('\n').at(-1);
      if (line) onLine(line);
    });
  }
  const code = await ended;
  return { code, output: Buffer.concat(all).toString(), stdout: Buffer.concat(results).toString() };
}
