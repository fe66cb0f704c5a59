/** Running other programs: with the terminal handed over, or with their output kept for when they fail. */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A failure that has been told already. */
export class Told extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.told = true;
    this.exitCode = exitCode;
  }
}

let interrupted = false;
/** True after Ctrl-C or SIGTERM: whoever runs several programs should stop then. */
export const wasInterrupted = () => interrupted;

const running = new Set();
// Ctrl-C reaches the children by itself (one terminal, one group); they decide how to end, and we wait for them.
process.on('SIGINT', () => {
  interrupted = true;
});
process.on('SIGTERM', () => {
  interrupted = true;
  for (const child of running) child.kill('SIGTERM');
});

const codeOf = (code, signal) => code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1);

function started(file, args, options) {
  const child = spawn(file, args, { cwd: root, ...options });
  running.add(child);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(codeOf(code, signal)));
  }).finally(() => running.delete(child));
  return { child, ended };
}

/** Runs it with our terminal; resolves to its exit status. */
export const hand = (file, args, options = {}) => started(file, args, { stdio: 'inherit', ...options }).ended;

/** Runs it silently; `{code, output, stdout}`, with `output` being both streams in order. */
export async function keep(file, args, { onLine = () => {}, ...options } = {}) {
  const { child, ended } = started(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const all = [];
  const results = [];
  child.stdout.on('data', (chunk) => {
    all.push(chunk);
    results.push(chunk);
  });
  child.stderr.on('data', (chunk) => all.push(chunk));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      const line = String(chunk).trim().split('\n').at(-1);
      if (line) onLine(line);
    });
  }
  const code = await ended;
  return { code, output: Buffer.concat(all).toString(), stdout: Buffer.concat(results).toString() };
}
