/** Measuring programs from outside: how long they take, what they use, what they write. Linux, because of /proc. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn as spawnPty } from '@lydell/node-pty';
import xterm from '@xterm/headless';

/** Of USER_HZ, which is 100 on every Linux that Node.js runs on. */
const TICK_MS = 10;

export function statistics(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { min: sorted[0], median, max: sorted.at(-1), runs: sorted.length };
}

/** Wall time in ms of each of several things, `runs` times, in turn: what else the machine does hits all of them alike. */
export async function timeInTurn(commands, runs) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const [name, work] of Object.entries(commands)) {
      const began = performance.now();
      await work();
      times[name].push(performance.now() - began);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, each]) => [name, statistics(each)]));
}

/** Runs it without a terminal; rejects where it does not end with one of these codes. */
export function runProgram(file, args, { codes = [0], ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      codes.includes(code) ? resolve() : reject(new Error(`${file} ${args.join(' ')} ended with ${code}: ${errors}`)),
    );
  });
}

/** CPU time of a process so far in ms, its own and the kernel's for it. */
export function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name, which may have spaces and brackets in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** A program on a terminal of its own, with what it draws. */
export function openOnTerminal(file, args, { columns = 120, rows = 36, env = process.env, cwd } = {}) {
  const began = performance.now();
  const pty = spawnPty(file, args, { name: 'xterm-256color', cols: columns, rows, env, cwd });
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 });
  let bytes = 0;
  let firstFrameMs;
  let seen = '';
  const ended = new Promise((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
  const drawn = [];
  pty.onData((data) => {
    bytes += Buffer.byteLength(data);
    const at = performance.now() - began;
    terminal.write(data, () => {
      if (firstFrameMs !== undefined) return;
      seen = screenOf(terminal);
      if (seen.trim() === '') return;
      firstFrameMs = at;
      for (const tell of drawn) tell(at);
    });
  });
  return {
    pid: pty.pid,
    bytes: () => bytes,
    screen: () => screenOf(terminal),
    /** Milliseconds from the start to the first screen that is not empty. */
    firstFrame: () =>
      firstFrameMs === undefined ? new Promise((resolve) => drawn.push(resolve)) : Promise.resolve(firstFrameMs),
    write: (text) => pty.write(text),
    /** Leaves with `keys`, or without them where that does not help. */
    leave: async (keys) => {
      pty.write(keys);
      const late = sleep(5000).then(() => pty.kill('SIGKILL'));
      const code = await Promise.race([ended, late.then(() => ended)]);
      terminal.dispose();
      return code;
    },
  };
}

function screenOf(terminal) {
  const { active } = terminal.buffer;
  return Array.from({ length: terminal.rows }, (_, at) => active.getLine(at)?.translateToString(true) ?? '').join('\n');
}

/** Average of a core in percent, bytes a second to the terminal, and the largest resident size, over a while. */
export async function watchUse(program, forMs) {
  const [cpuBefore, bytesBefore, began] = [cpuMs(program.pid), program.bytes(), performance.now()];
  let largest = 0;
  while (performance.now() - began < forMs) {
    await sleep(Math.min(500, forMs));
    largest = Math.max(largest, residentBytes(program.pid));
  }
  const seconds = (performance.now() - began) / 1000;
  return {
    seconds,
    cpuPercent: (cpuMs(program.pid) - cpuBefore) / seconds / 10,
    bytesPerSecond: (program.bytes() - bytesBefore) / seconds,
    residentBytes: largest,
  };
}

/** Bytes a minute by which a line through the samples rises (least squares). */
export function slopePerMinute(samples) {
  const n = samples.length;
  if (n < 2) return 0;
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / n;
  const mean = samples.reduce((sum, { bytes }) => sum + bytes, 0) / n;
  const top = samples.reduce((sum, { at, bytes }) => sum + (at - meanAt) * (bytes - mean), 0);
  const bottom = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  return bottom === 0 ? 0 : (top / bottom) * 60_000;
}
