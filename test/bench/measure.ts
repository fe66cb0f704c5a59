/** Measures programs from outside: time, processor, memory, output. Linux only, because of /proc. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn as spawnPty } from '@lydell/node-pty';
import xterm from '@xterm/headless';

/** Of USER_HZ, which is 100 on every Linux that Node.js runs on. */
const TICK_MS = 10;

export interface Statistics {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly runs: number;
}

/** Throws where there are no values. */
export function statistics(values: readonly number[]): Statistics {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => {
    const value = sorted[index];
    if (value === undefined) throw new Error('nothing was measured');
    return value;
  };
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1), runs: sorted.length };
}

/** Wall time in ms of several commands, `runs` times in turn, so that other work on the machine affects all of them. */
export async function timeInTurn<Name extends string>(
  commands: Readonly<Record<Name, () => Promise<unknown>>>,
  runs: number,
): Promise<Record<Name, Statistics>> {
  const entries = Object.entries(commands) as [Name, () => Promise<unknown>][];
  const times = new Map(entries.map(([name]): [Name, number[]] => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const [name, work] of entries) {
      const began = performance.now();
      await work();
      times.get(name)?.push(performance.now() - began);
    }
  }
  return Object.fromEntries([...times].map(([name, each]) => [name, statistics(each)])) as Record<Name, Statistics>;
}

/** Runs a program without a terminal; rejects where it fails. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${file} ${args.join(' ')} ended with ${code}: ${errors}`)),
    );
  });
}

/** CPU time of a process in ms, its own and the kernel's for it. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The fields come after the name, which may have spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** A program on a terminal of its own. */
export interface OnTerminal {
  readonly pid: number;
  /** Bytes that it has written. */
  bytes(): number;
  screen(): string;
  /** Milliseconds from the start to the first screen that is not empty. */
  firstFrame(): Promise<number>;
  write(text: string): void;
  /** Types `keys` to leave it, and kills it where that does not help. Resolves to its exit status. */
  leave(keys: string): Promise<number>;
}

interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export function openOnTerminal(
  file: string,
  args: readonly string[],
  { columns = 120, rows = 36, env = process.env, cwd = process.cwd() }: TerminalOptions = {},
): OnTerminal {
  const began = performance.now();
  const pty = spawnPty(file, [...args], { name: 'xterm-256color', cols: columns, rows, env, cwd });
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 });
  let bytes = 0;
  let firstFrameMs: number | undefined;
  let seen = '';
  const ended = new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
  const listeners: ((at: number) => void)[] = [];
  pty.onData((data) => {
    bytes += Buffer.byteLength(data);
    const at = performance.now() - began;
    terminal.write(data, () => {
      if (firstFrameMs !== undefined) return;
      seen = screenOf(terminal);
      if (seen.trim() === '') return;
      firstFrameMs = at;
      for (const listener of listeners) listener(at);
    });
  });
  return {
    pid: pty.pid,
    bytes: () => bytes,
    screen: () => screenOf(terminal),
    firstFrame: () =>
      firstFrameMs === undefined ? new Promise((resolve) => listeners.push(resolve)) : Promise.resolve(firstFrameMs),
    write: (text) => pty.write(text),
    leave: async (keys) => {
      pty.write(keys);
      const late = sleep(5000).then(() => pty.kill('SIGKILL'));
      const code = await Promise.race([ended, late.then(() => ended)]);
      terminal.dispose();
      return code;
    },
  };
}

function screenOf(terminal: xterm.Terminal): string {
  const { active } = terminal.buffer;
  return Array.from({ length: terminal.rows }, (_, at) => active.getLine(at)?.translateToString(true) ?? '').join('\n');
}

export interface Use {
  readonly seconds: number;
  /** Of one core, on average. */
  readonly cpuPercent: number;
  /** To the terminal. */
  readonly bytesPerSecond: number;
  /** The largest size. */
  readonly residentBytes: number;
}

export async function watchUse(program: OnTerminal, forMs: number): Promise<Use> {
  const cpuBefore = cpuMs(program.pid);
  const bytesBefore = program.bytes();
  const began = performance.now();
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

export interface HeapSample {
  /** Milliseconds. */
  readonly at: number;
  readonly bytes: number;
}

/** Bytes a minute by which a line through the samples rises (least squares). */
export function slopePerMinute(samples: readonly HeapSample[]): number {
  const n = samples.length;
  if (n < 2) return 0;
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / n;
  const mean = samples.reduce((sum, { bytes }) => sum + bytes, 0) / n;
  const top = samples.reduce((sum, { at, bytes }) => sum + (at - meanAt) * (bytes - mean), 0);
  const bottom = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  return bottom === 0 ? 0 : (top / bottom) * 60_000;
}
