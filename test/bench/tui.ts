/**
 * The cost of drover: the start of its commands, the screen's first frame, the screen idle and loaded, and the time from a
 * save to its effects. Prints a table with the goals, and keeps the figures in test/bench/figures.json.
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
import { build } from '../../scripts/build.ts';
import { root } from '../../scripts/run.mjs';
import { withBundle } from './bundle.ts';
import {
  type HeapSample,
  type OnTerminal,
  openOnTerminal,
  runProgram,
  type Statistics,
  slopePerMinute,
  statistics,
  timeInTurn,
  watchUse,
} from './measure.ts';

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

interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: number;
  readonly met?: boolean;
}

const rows: Row[] = [];

interface RowOptions {
  /** An upper bound in the same unit. */
  readonly goal?: number;
  readonly note?: string;
  readonly digits?: number;
}

/** Prints and keeps one line of the table. */
function addRow(name: string, value: number, unit: string, { goal, note = '', digits = 0 }: RowOptions = {}): void {
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

async function commands(): Promise<void> {
  const node = (...args: readonly string[]): Promise<void> => runProgram(process.execPath, args, { cwd: tutorial });
  const times = await timeInTurn(
    { node: () => node('-e', '0'), help: () => node(program, '--help'), validate: () => node(program, 'validate') },
    runs,
  );
  const spread = ({ min, median }: Statistics): string =>
    `min ${min.toFixed(0)}, median ${median.toFixed(0)} of ${runs}`;
  addRow('node -e 0 (for comparison)', times.node.median, 'ms', { note: spread(times.node) });
  addRow('drover --help', times.help.median, 'ms', { goal: 150, note: spread(times.help) });
  addRow('drover validate', times.validate.median, 'ms', { goal: 150, note: spread(times.validate) });
  addRow('ratio drover --help / node -e 0', times.help.median / times.node.median, 'x', {
    digits: 2,
    note: `${times.help.median.toFixed(0)} ms / ${times.node.median.toFixed(0)} ms`,
  });
}

interface DemoOptions {
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const openDemo = (folder: string, { args = [], nodeArgs = [], env = {} }: DemoOptions = {}): OnTerminal =>
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

async function firstFrames(folder: string): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < Math.min(runs, 9); run += 1) {
    const screen = openDemo(folder);
    times.push(await screen.firstFrame());
    await screen.leave('q');
  }
  const { min, median } = statistics(times);
  addRow('first frame of drover demo', median, 'ms', {
    goal: 400,
    note: `min ${min.toFixed(0)}, median ${median.toFixed(0)} of ${times.length}`,
  });
}

async function idle(folder: string): Promise<void> {
  const screen = openDemo(folder);
  await screen.firstFrame();
  await sleep(4000);
  // Closes the list of problems that opens at the start: the figures on the board change, the list does not.
  screen.write('\u001b');
  await sleep(2000);
  const use = await watchUse(screen, idleMs);
  await screen.leave('q');
  const during = `over ${use.seconds.toFixed(0)} s`;
  addRow('idle: CPU of one core', use.cpuPercent, '%', {
    goal: 3,
    digits: 2,
    note: `${during}, 3 nodes, 9 applications`,
  });
  addRow('idle: bytes to the terminal', use.bytesPerSecond / 1024, 'KiB/s', { goal: 2, digits: 2, note: during });
  addRow('idle: resident', use.residentBytes / MiB, 'MiB', { goal: 150 });
}

async function loaded(folder: string): Promise<void> {
  const heapFile = join(folder, 'heap.jsonl');
  writeFileSync(heapFile, '');
  const screen = openDemo(folder, {
    args: ['--scale', SCALE],
    nodeArgs: ['--expose-gc', '--import', pathToFileURL(join(here, 'heap-samples.mjs')).href],
    env: { DROVER_BENCH_HEAP: heapFile, DROVER_BENCH_HEAP_MS: String(Math.max(1000, loadedMs / 12)) },
  });
  await screen.firstFrame();
  // The first reading of all nodes is not measured, nor the first minute: figures and events fill the lists that the
  // screen keeps, and the heap grows until those are full.
  await sleep(flags.quick ? 15_000 : 75_000);
  const began = Date.now();
  const use = await watchUse(screen, loadedMs);
  await screen.leave('q');
  const samples = readFileSync(heapFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): HeapSample => JSON.parse(line))
    .filter(({ at }) => at >= began);
  const note = `over ${use.seconds.toFixed(0)} s; nodes, containers, events/s: ${SCALE}`;
  addRow('loaded: CPU of one core', use.cpuPercent, '%', { goal: 15, digits: 2, note });
  addRow('loaded: bytes to the terminal', use.bytesPerSecond / 1024, 'KiB/s', { digits: 2 });
  addRow('loaded: resident', use.residentBytes / MiB, 'MiB', { goal: 150 });
  addRow('loaded: heap after a collection', (samples.at(-1)?.bytes ?? 0) / MiB, 'MiB', { digits: 1 });
  addRow('loaded: heap grows by', slopePerMinute(samples) / MiB, 'MiB/min', {
    goal: 1,
    digits: 2,
    note: `line through ${samples.length} collections`,
  });
}

async function saves(folder: string): Promise<void> {
  try {
    const times = await withBundle('save.ts', async (url) => {
      const { measureSaves }: typeof import('./save.ts') = await import(url);
      return measureSaves(flags.quick ? 2 : 6);
    });
    const call = statistics(times.map(({ firstCallMs }) => firstCallMs));
    const change = statistics(times.map(({ firstChangeMs }) => firstChangeMs));
    const note = ({ min, runs: n }: Statistics): string =>
      `min ${min.toFixed(0)} of ${n}; of it 300 ms for the save to settle`;
    addRow('save to the first call of a node', call.median, 'ms', { note: note(call) });
    addRow('save to the first change on a node', change.median, 'ms', { note: note(change) });
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
for (const part of [commands, firstFrames, idle, loaded, saves]) {
  await part(folder).catch((error: Error) => {
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
