/** A lab of its own for a benchmark, and ways to work on it. Needs root. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runDir } from '../../lab/paths.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const LAB = join(root, 'lab', 'lab.mjs');

/** Runs a program; resolves to what it wrote and how long it took in ms. Rejects with its errors where it fails. */
export function run(words, { env = process.env, cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const [file, ...args] = words;
    const began = performance.now();
    execFile(file, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${words.join(' ')}: ${stderr || stdout || error.message}`));
      else resolve({ stdout, ms: performance.now() - began });
    });
  });
}

/**
 * Brings a lab up, and removes it when `use` has ended. `use` gets: `lab(…)`, `onNode(name, command)`,
 * `timed(name, command)` in seconds as the node's own clock has it, `drover(folder, …)`, `ssh(…)` and `start(program, …)`,
 * all of them inside of the lab's network; `env` and `inside` are what puts another program there.
 */
export async function withLab({ name, accel, keep }, use) {
  execFileSync(process.execPath, [join(root, 'lab', 'build.mjs')], { stdio: 'ignore' });
  const env = { ...process.env, DROVER_LAB: name, DROVER_LAB_INVENTORY: join(runDir(name), 'drover.yml') };
  const inside = ['nsenter', `--net=/run/netns/${name}`];
  const lab = (...args) => run([process.execPath, LAB, ...args], { env });
  const onNode = async (node, command) => (await lab('ssh', node, command)).stdout;
  const timed = async (node, command) => {
    const script = `set -e; s=$EPOCHREALTIME; { ${command}; } >/dev/null; echo; echo $s $EPOCHREALTIME`;
    const stdout = await onNode(node, `bash -c ${JSON.stringify(script).replaceAll('$', '\\$')}`);
    const [from, to] = stdout.trim().split('\n').at(-1).split(' ').map(Number);
    return to - from;
  };
  const words = (folder, args) => [...inside, process.execPath, join(root, 'dist', 'drover.js'), ...args, '-C', folder];
  const drover = (folder, ...args) => run(words(folder, args), { env });
  const ssh = (...args) => run([...inside, 'ssh', '-F', join(runDir(name), 'ssh_config'), ...args], { env });
  const start = (...args) =>
    spawn(inside[0], [...inside.slice(1), ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await lab('up', ...(accel === undefined ? [] : ['--accel', accel]));
    return await use({ lab, onNode, timed, drover, ssh, start, env, inside });
  } finally {
    if (!keep) execFileSync(process.execPath, [LAB, 'destroy', '--netns', name], { stdio: 'ignore' });
  }
}

/** On what the figures were measured. */
export async function conditions(onNode) {
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

export const seconds = (value) =>
  value === undefined ? '–' : value < 1 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;

export { table } from './results.ts';
