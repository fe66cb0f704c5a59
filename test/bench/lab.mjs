#!/usr/bin/env node
/**
 * What an accelerator of the lab costs: the same work on a lab of each, one after the other in one run, and the ratio.
 * Needs root; makes the labs bench-um and bench-tcg (or those named: `--accel kvm,um`) and removes them.
 *
 *   npm run bench:lab [-- --accel um,tcg] [--keep]
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runDir } from '../../lab/paths.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const HELP = 'Usage: npm run bench:lab [-- --accel kvm|um|tcg,…] [--keep]\n';
const APPLICATION = 'mongodb-volume-example';

function run(words, { env = process.env, cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const [file, ...args] = words;
    const began = performance.now();
    execFile(file, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${words.join(' ')}: ${stderr || stdout || error.message}`));
      else resolve({ stdout, ms: performance.now() - began });
    });
  });
}

/** What one lab takes for each piece of work, in seconds; undefined where it could not be read. */
async function measure(accel) {
  const name = `bench-${accel}`;
  const env = { ...process.env, DROVER_LAB: name, DROVER_LAB_INVENTORY: join(runDir(name), 'drover.yml') };
  const lab = (...args) => run([process.execPath, join(root, 'lab', 'lab.mjs'), ...args], { env });
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  cpSync(join(root, 'tutorials', 'mongodb', '3-data-moves'), folder, { recursive: true });
  const inside = ['nsenter', `--net=/run/netns/${name}`, process.execPath, join(root, 'dist', 'drover.js')];
  const drover = (...args) => run([...inside, ...args, '-C', folder], { env });
  const onNode = (command) => lab('ssh', 'node1', command);
  /** Timed on the node, so that the login is not part of it. */
  const timed = async (command) => {
    const { stdout } = await onNode(
      `bash -c 's=$EPOCHREALTIME; { ${command}; } >/dev/null 2>&1; echo $s $EPOCHREALTIME'`,
    );
    const [from, to] = stdout.trim().split('\n').at(-1).split(' ').map(Number);
    return to - from;
  };
  try {
    await lab('up', '--accel', accel);
    const figures = {
      'going back to the clean state (`lab reset`)': (await lab('reset')).ms / 1000,
      'one login, `true`': (await onNode('true')).ms / 1000,
      '100 × `/bin/true` on a node': await timed('for i in $(seq 100); do /bin/true; done'),
      '`zfs create`, 10 times': await timed('for i in $(seq 10); do zfs create drover/bench$i; done'),
      '`docker run --rm` of a small image': await timed('docker run --rm --network none drover/busybox:1 true'),
      'first `drover apply`': (await drover('apply')).ms / 1000,
      '`drover status`': (await drover('status')).ms / 1000,
      '`drover apply`, nothing to do': (await drover('apply')).ms / 1000,
    };
    const moved = await drover('move', APPLICATION, 'node2');
    figures['moving the database'] = moved.ms / 1000;
    const down = /(?:down|stopped)\D{0,20}?([\d.]+) s/.exec(moved.stdout)?.[1];
    figures['of which the application is down'] = down === undefined ? undefined : Number(down);
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const seconds = (value) => (value === undefined ? '–' : value < 1 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`);

async function main() {
  const options = { accel: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } };
  const { values } = parseArgs({ options });
  if (values.help) return void process.stdout.write(HELP);
  const accels = (values.accel ?? 'um,tcg').split(',');
  execFileSync(process.execPath, [join(root, 'lab', 'build.mjs')], { stdio: 'ignore' });
  const sides = {};
  for (const accel of accels) {
    process.stderr.write(`measuring ${accel} …\n`);
    try {
      sides[accel] = await measure(accel);
    } finally {
      if (!values.keep)
        execFileSync(process.execPath, [join(root, 'lab', 'lab.mjs'), 'destroy', '--netns', `bench-${accel}`]);
    }
  }
  const [first, second] = accels;
  const rows = Object.keys(sides[first]).map((what) => {
    const each = accels.map((accel) => sides[accel][what]);
    const ratio = second !== undefined && each[0] && each[1] ? (each[1] / each[0]).toFixed(1) : '–';
    return `| ${[what, ...each.map(seconds), ratio].join(' | ')} |`;
  });
  process.stdout.write(
    `| | ${accels.join(' | ')} | ratio |\n|---|${'---|'.repeat(accels.length + 1)}\n${rows.join('\n')}\n`,
  );
}

await main();
