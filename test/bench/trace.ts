/**
 * What a move asks of the nodes, on a lab: every session and every request to Docker with its time, how many of them run one
 * after the other while new connections wait, and the seconds of each step. Needs root; makes the lab trace and removes it.
 *
 *   node scripts/ts.mjs test/bench/trace.ts [--megabytes 64] [--moves 2] [--program dist/drover.js] [--lab NAME] [--accel um] [--keep]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bench, root, withLab } from './on-lab.ts';
import { APPLICATION, deploymentOn } from './writer.ts';

/** A line of trace-hook.mjs. */
interface Line {
  readonly at: number;
  readonly kind: 'session' | 'docker' | 'script' | 'used' | 'closed';
  readonly id: number;
  readonly host?: string;
  readonly what: string;
}

/** An event of `drover apply --json`. */
interface Event {
  readonly type: string;
  readonly step: string;
  readonly at: number;
}

interface Trace {
  readonly events: readonly Event[];
  readonly lines: readonly Line[];
}

/** Runs the program with the hook. */
function traced(bench: Bench, program: string, folder: string, ...args: readonly string[]): Promise<Trace> {
  const file = join(folder, 'trace');
  rmSync(file, { force: true });
  const hook = join(root, 'test', 'bench', 'trace-hook.mjs');
  const [enter, ...inside] = bench.inside;
  const words = [...inside, process.execPath, '--import', hook, program, ...args, '-C', folder];
  const env = { ...bench.env, DROVER_BENCH_TRACE: file };
  return new Promise((done, reject) => {
    let text = '';
    const child = spawn(enter, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${args.join(' ')}: exit ${code}: ${text.slice(-2000)}`));
      const parse = <T>(lines: string): T[] =>
        lines.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
      done({ events: parse(text), lines: parse(readFileSync(file, 'utf8')) });
    });
  });
}

interface Call extends Line {
  readonly end: number;
  readonly script: string | undefined;
}

/** Sessions and requests with their ends. */
function callsOf(lines: readonly Line[]): readonly Call[] {
  const ends = new Map(lines.flatMap(({ kind, id, at }) => (kind === 'closed' ? [[id, at] as const] : [])));
  const scripts = new Map(lines.flatMap(({ kind, id, what }) => (kind === 'script' ? [[id, what] as const] : [])));
  const used = new Map(lines.flatMap((line) => (line.kind === 'used' ? [[line.id, line] as const] : [])));
  return lines
    .filter(({ kind }) => kind === 'session' || kind === 'docker')
    .map((line) => {
      // What was opened ahead counts from its use on.
      const { at, what } = used.get(line.id) ?? line;
      return { ...line, at, what, end: ends.get(line.id) ?? at, script: scripts.get(line.id) };
    })
    .toSorted((a, b) => a.at - b.at);
}

/** The length of the longest chain of calls in which each began after the end of the one before it. */
function depthOf(calls: readonly Call[]): number {
  let [depth, until] = [0, Number.NEGATIVE_INFINITY];
  for (const call of calls.toSorted((a, b) => a.end - b.end)) {
    if (call.at < until) continue;
    depth += 1;
    until = call.end;
  }
  return depth;
}

interface StepTime {
  readonly from: number;
  readonly to: number;
}

function stepTimes(events: readonly Event[]): readonly (readonly [string, StepTime])[] {
  const begun = new Map<string, number>();
  return events.flatMap(({ type, step, at }) => {
    if (type === 'step-started') begun.set(step, at);
    const from = begun.get(step);
    return type === 'step-finished' && from !== undefined ? [[step, { from, to: at }] as const] : [];
  });
}

function report({ events, lines }: Trace, isLong: boolean | undefined): void {
  const calls = callsOf(lines);
  const steps = stepTimes(events);
  const began = calls[0]?.at ?? 0;
  const of = (kind: Line['kind'], some: readonly Call[]): number => some.filter((call) => call.kind === kind).length;
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const held = steps.find(([id]) => id.startsWith('hold-ports'))?.[1].from ?? Number.NaN;
  const checked = steps.findLast(([id]) => id.startsWith('check-container'))?.[1].to ?? Number.NaN;
  const loaded = Math.max(...steps.flatMap(([id, { to }]) => (id.startsWith('replace-network') ? [to] : [])));
  say(
    `all: ${of('session', calls)} sessions, ${of('docker', calls)} requests to Docker, ${seconds((events.at(-1)?.at ?? began) - began)}`,
  );
  const window = calls.filter(({ at }) => at >= held && at < loaded);
  say(
    `new connections wait (to the end of the last table): ${of('session', window)} sessions, ${of('docker', window)} requests`,
  );
  const down = calls.filter(({ at }) => at >= held && at < checked);
  say(
    `  of them up to the check: ${of('session', down)} sessions, ${of('docker', down)} requests, ${depthOf(down)} one after the other, ${seconds(checked - held)}`,
  );
  for (const [id, { from, to }] of steps) {
    const own = calls.filter(({ at }) => at >= from && at < to);
    say(
      `  ${seconds(from - began)} ${id}: ${seconds(to - from)}, ${of('session', own)} sessions, ${of('docker', own)} requests`,
    );
  }
  if (!isLong) return;
  for (const { at, end, kind, host, what, script } of calls) {
    say(
      `${seconds(at - began)} +${seconds(end - at)} ${kind} ${host ?? ''} ${what} ${script === undefined ? '' : `[${script.slice(12, 3000)}]`}`,
    );
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

const options = {
  megabytes: { type: 'string', default: '64' },
  moves: { type: 'string', default: '2' },
  program: { type: 'string', default: join(root, 'dist', 'drover.js') },
  lab: { type: 'string', default: 'trace' },
  accel: { type: 'string' },
  keep: { type: 'boolean' },
  long: { type: 'boolean' },
} as const;
const { values } = parseArgs({ options });
const folder = mkdtempSync(join(tmpdir(), 'drover-trace-'));
try {
  writeFileSync(join(folder, 'application.yml'), APPLICATION);
  writeFileSync(join(folder, 'deployment.yml'), deploymentOn('node1'));
  await withLab({ name: values.lab, accel: values.accel, keep: values.keep }, async (bench) => {
    const program = resolve(values.program);
    await traced(bench, program, folder, 'apply', '--json');
    const fill = `cd /var/lib/drover/volumes/writer-*/data && head -c ${values.megabytes}M /dev/urandom >ballast && sync`;
    await bench.onNode('node1', fill);
    for (let move = 0; move < Number(values.moves); move += 1) {
      writeFileSync(join(folder, 'deployment.yml'), deploymentOn(move % 2 === 0 ? 'node2' : 'node1'));
      process.stdout.write(`move ${move + 1}\n`);
      report(await traced(bench, program, folder, 'apply', '--json'), values.long);
    }
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
