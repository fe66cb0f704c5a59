/**
 * What drover costs: the start of its verbs, the screen's first frame, idle and loaded, and how soon a save has effects.
 * Prints a table with the goals beside it, and keeps the figures in test/bench/figures.json.
 *
 *   npm run bench:tui [-- --quick | --long] [--no-save]
 *
 * --quick takes less than a minute, --long watches the loaded screen for ten minutes. Linux only.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build, root } from '../../scripts/build.ts';
import { withBundle } from './bundle.ts';
import { openOnTerminal, runProgram, slopePerMinute, statistics, timeInTurn, watchUse } from './measure.ts';

const MiB = 2 ** 20;
const here = fileURLToPath(new URL('.', import.meta.url));
const program = join(root, 'dist', 'drover.js');
const tutorial = join(root, 'tutorials', 'mongodb', '3-data-moves');
/** Nodes, containers, events a second. */
const SCALE = '100,2000,10';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, long: { type: 'boolean' }, 'no-save': { type: 'boolean' } },
});
const runs = flags.quick ? 5 : 15;
const idleMs = flags.quick ? 6000 : 30_000;
const loadedMs = flags.quick ? 10_000 : flags.long ? 600_000 : 60_000;

const rows = [];
/** One line of the table; `goal` is an upper bound in the same unit. */
function tell(name, value, unit, { goal, note = '', digits = 0 } = {}) {
  rows.push({
    name,
    value: Number(value.toFixed(3)),
    unit,
    ...(goal === undefined ? {} : { goal, met: value <= goal }),
  });
  const against = goal === undefined ? '' : `goal ${goal} ${unit}  ${value <= goal ? 'met' : 'MISSED'}`;
  process.stdout.write(
    `${name.padEnd(52)} ${`${value.toFixed(digits)} ${unit}`.padStart(14)}  ${against.padEnd(24)} ${note}\n`,
  );
}

async function verbs() {
  const node = (...args) => runProgram(process.execPath, args, { cwd: tutorial });
  const times = await timeInTurn(
    { node: () => node('-e', '0'), help: () => node(program, '--help'), validate: () => node(program, 'validate') },
    runs,
  );
  const spread = ({ min, median }) => `min ${min.toFixed(0)}, median ${median.toFixed(0)} of ${runs}`;
  tell('node -e 0 (for comparison)', times.node.median, 'ms', { note: spread(times.node) });
  tell('drover --help', times.help.median, 'ms', { goal: 150, note: spread(times.help) });
  tell('drover validate', times.validate.median, 'ms', { goal: 150, note: spread(times.validate) });
  tell('ratio drover --help / node -e 0', times.help.median / times.node.median, 'x', {
    digits: 2,
    note: `${times.help.median.toFixed(0)} ms / ${times.node.median.toFixed(0)} ms`,
  });
}

const openDemo = (folder, { args = [], nodeArgs = [], env = {} } = {}) =>
  openOnTerminal(process.execPath, [...nodeArgs, program, 'demo', ...args], {
    cwd: folder,
    env: {
      ...process.env,
      HOME: folder,
      XDG_STATE_HOME: join(folder, 'state'),
      CI: '',
      TERM: 'xterm-256color',
      ...env,
    },
  });

async function firstFrames(folder) {
  const times = [];
  for (let run = 0; run < Math.min(runs, 9); run += 1) {
    const screen = openDemo(folder);
    times.push(await screen.firstFrame());
    await screen.leave('q');
  }
  const { min, median } = statistics(times);
  tell('first frame of drover demo', median, 'ms', {
    goal: 400,
    note: `min ${min.toFixed(0)}, median ${median.toFixed(0)} of ${times.length}`,
  });
}

async function idle(folder) {
  const screen = openDemo(folder);
  await screen.firstFrame();
  await sleep(4000);
  // Away with the review of what is wrong at first: the board has the figures that move.
  screen.write('\u001b');
  await sleep(2000);
  const use = await watchUse(screen, idleMs);
  await screen.leave('q');
  const during = `over ${use.seconds.toFixed(0)} s`;
  tell('idle: CPU of one core', use.cpuPercent, '%', {
    goal: 3,
    digits: 2,
    note: `${during}, 3 nodes, 9 applications`,
  });
  tell('idle: bytes to the terminal', use.bytesPerSecond / 1024, 'KiB/s', { goal: 2, digits: 2, note: during });
  tell('idle: resident', use.residentBytes / MiB, 'MiB', { goal: 150 });
}

async function loaded(folder) {
  const heapFile = join(folder, 'heap.jsonl');
  writeFileSync(heapFile, '');
  const screen = openDemo(folder, {
    args: ['--scale', SCALE],
    nodeArgs: ['--expose-gc', '--import', pathToFileURL(join(here, 'heap-samples.mjs')).href],
    env: { DROVER_BENCH_HEAP: heapFile, DROVER_BENCH_HEAP_MS: String(Math.max(1000, loadedMs / 12)) },
  });
  await screen.firstFrame();
  // Reading all nodes for the first time is a start's affair.
  await sleep(15_000);
  const began = Date.now();
  const use = await watchUse(screen, loadedMs);
  await screen.leave('q');
  const samples = readFileSync(heapFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ at }) => at >= began);
  const note = `over ${use.seconds.toFixed(0)} s; nodes, containers, events/s: ${SCALE}`;
  tell('loaded: CPU of one core', use.cpuPercent, '%', { goal: 15, digits: 2, note });
  tell('loaded: bytes to the terminal', use.bytesPerSecond / 1024, 'KiB/s', { digits: 2 });
  tell('loaded: resident', use.residentBytes / MiB, 'MiB', { goal: 150 });
  tell('loaded: heap after a collection', (samples.at(-1)?.bytes ?? 0) / MiB, 'MiB', { digits: 1 });
  tell('loaded: heap grows by', slopePerMinute(samples) / MiB, 'MiB/min', {
    goal: 1,
    digits: 2,
    note: `line through ${samples.length} collections`,
  });
}

async function saves(folder) {
  try {
    const times = await withBundle('save.ts', async (url) => {
      const { measureSaves } = await import(url);
      return measureSaves(flags.quick ? 2 : 6);
    });
    const call = statistics(times.map(({ firstCallMs }) => firstCallMs));
    const change = statistics(times.map(({ firstChangeMs }) => firstChangeMs));
    const note = ({ min, runs: n }) => `min ${min.toFixed(0)} of ${n}; of it 300 ms for the save to settle`;
    tell('save to the first call of a node', call.median, 'ms', { note: note(call) });
    tell('save to the first change on a node', change.median, 'ms', { note: note(change) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
});

await build();
const folder = mkdtempSync(join(tmpdir(), 'drover-bench-'));
const began = Date.now();
for (const part of [verbs, firstFrames, idle, loaded, saves]) {
  await part(folder).catch((error) => {
    process.stdout.write(`${part.name}: not measured: ${error.message.split('\n')[0]}\n`);
    process.exitCode = 1;
  });
}
rmSync(folder, { recursive: true, force: true });
if (!flags['no-save'] && process.exitCode === undefined) {
  const text = {
    measuredAt: new Date(began).toISOString(),
    kind: flags.quick ? 'quick' : flags.long ? 'long' : 'usual',
    machine: machine(),
    rows,
  };
  writeFileSync(join(here, 'figures.json'), `${JSON.stringify(text, undefined, 2)}\n`);
}
const missed = rows.filter(({ met }) => met === false);
process.stdout.write(
  missed.length === 0 ? 'every goal is met\n' : `missed: ${missed.map(({ name }) => name).join('; ')}\n`,
);
