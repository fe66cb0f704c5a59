/** A lab for a benchmark, and ways to work on it. Needs root. */
import { type ChildProcessByStdio, execFile, execFileSync, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runDir } from '../../lab/paths.mjs';
import { build } from '../../scripts/build.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const LAB = join(root, 'lab', 'lab.mjs');

export interface Timed {
  readonly ms: number;
}
export interface Ran extends Timed {
  readonly stdout: string;
}

/** A program that failed, with its output. */
export class FailedRun extends Error {
  readonly stdout: string;
  constructor(message: string, stdout: string) {
    super(message);
    this.stdout = stdout;
  }
}

/** Runs a program; resolves to its output and its time. Throws FailedRun. */
export function run(
  [file = '', ...args]: readonly string[],
  { env = process.env, cwd = root }: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    execFile(file, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new FailedRun(`${file} ${args.join(' ')}: ${stderr || stdout || error.message}`, stdout));
      else resolve({ stdout, ms: performance.now() - began });
    });
  });
}

/** What a benchmark does on its lab. Everything runs inside the lab's network. */
export interface Bench {
  lab(...args: readonly string[]): Promise<Ran>;
  onNode(node: string, command: string): Promise<string>;
  /** Seconds of a command, by the node's own clock. */
  timed(node: string, command: string): Promise<number>;
  drover(folder: string, ...args: readonly string[]): Promise<Ran>;
  ssh(...args: readonly string[]): Promise<Ran>;
  start(...command: readonly string[]): ChildProcessByStdio<null, Readable, null>;
  /** For another program in the lab's network: its variables, and the words before it. */
  readonly env: NodeJS.ProcessEnv;
  readonly inside: readonly [string, string];
}

interface LabOptions {
  readonly name: string;
  readonly accel: string | undefined;
  /** Leave the lab as it is at the end. */
  readonly keep: boolean | undefined;
}

/** Starts a lab and removes it when `use` has ended. */
export async function withLab<T>({ name, accel, keep }: LabOptions, use: (bench: Bench) => Promise<T>): Promise<T> {
  await build();
  const env = { ...process.env, DROVER_LAB: name, DROVER_LAB_INVENTORY: join(runDir(name), 'drover.yml') };
  const inside: Bench['inside'] = ['nsenter', `--net=/run/netns/${name}`];
  const lab: Bench['lab'] = (...args) => run([process.execPath, LAB, ...args], { env });
  const onNode: Bench['onNode'] = async (node, command) => (await lab('ssh', node, command)).stdout;
  const timed: Bench['timed'] = async (node, command) => {
    const script = `set -e; s=$EPOCHREALTIME; { ${command}; } >/dev/null; echo; echo $s $EPOCHREALTIME`;
    const stdout = await onNode(node, `bash -c ${JSON.stringify(script).replaceAll('$', '\\$')}`);
    const [from = 0, to = 0] = (stdout.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
    return to - from;
  };
  const words = (folder: string, args: readonly string[]): readonly string[] => [
    ...inside,
    process.execPath,
    join(root, 'dist', 'drover.js'),
    ...args,
    '-C',
    folder,
  ];
  const drover: Bench['drover'] = (folder, ...args) => run(words(folder, args), { env });
  const ssh: Bench['ssh'] = (...args) =>
    run([...inside, 'ssh', '-F', join(runDir(name), 'ssh_config'), ...args], { env });
  const start: Bench['start'] = (...command) =>
    spawn(inside[0], [inside[1], ...command], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await lab('up', ...(accel === undefined ? [] : ['--accel', accel]));
    return await use({ lab, onNode, timed, drover, ssh, start, env, inside });
  } finally {
    if (!keep) execFileSync(process.execPath, [LAB, 'destroy', '--netns', name], { stdio: 'ignore' });
  }
}

/** The machine and the versions that the figures were measured with. */
export async function conditions(onNode: Bench['onNode']): Promise<Readonly<Record<string, unknown>>> {
  const facts = await onNode('node1', 'uname -r; zfs version | head -1; docker version --format "{{.Server.Version}}"');
  const [kernel, zfs, docker] = facts.trim().split('\n');
  return {
    at: new Date().toISOString(),
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    kernel,
    zfs,
    docker,
  };
}

export const seconds = (value: number | undefined): string =>
  value === undefined ? '–' : value < 1 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;
