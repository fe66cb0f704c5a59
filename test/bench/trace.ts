/**
 * What a move asks of the nodes, on a lab: every session and every request to Docker with its time, how many stand one
 * after the other while new connections wait, and the seconds of each step. Needs root; makes the lab trace and removes it.
 *
 *   node test/bench/trace.mjs [--megabytes 64] [--moves 2] [--program dist/drover.js] [--lab NAME] [--accel um] [--keep]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root, withLab } from './on-lab.ts';
import { APPLICATION, deploymentOn } from './writer.ts';

/** Runs the program with the hook; resolves to its events and to the lines of the trace. */
function traced(bench, program, folder, ...args) {
  const file = join(folder, 'trace');
  rmSync(file, { force: true });
  const hook = join(root, 'test', 'bench', 'trace-hook.mjs');
  const words = [...bench.inside, process.execPath, '--import', hook, program, ...args, '-C', folder];
  const env = { ...bench.env, DROVER_BENCH_TRACE: file };
  return new Promise((done, reject) => {
    let text = '';
    const child = spawn(words[0], words.slice(1), { env, stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${args.join(' ')}: exit ${code}: ${text}`));
      const parse = (lines) => lines.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
      done({ events: parse(text), lines: parse(readFileSync(file, 'utf8')) });
    });
  });
}

/** Sessions and requests with their ends. */
function callsOf(lines) {
  const ends = new Map(lines.flatMap(({ kind, id, at }) => (kind === 'closed' ? [[id, at]] : [])));
  const scripts = new Map(lines.flatMap(({ kind, id, what }) => (kind === 'script' ? [[id, what]] : [])));
  return lines
    .filter(({ kind }) => kind === 'session' || kind === 'docker')
    .map((line) => ({ ...line, end: ends.get(line.id) ?? line.at, script: scripts.get(line.id) }));
}

/** The longest chain of calls of which each began when the one before it had ended. */
function depthOf(calls) {
  let [depth, until] = [0, Number.NEGATIVE_INFINITY];
  for (const call of calls.toSorted((a, b) => a.end - b.end)) {
    if (call.at < until) continue;
    depth += 1;
    until = call.end;
  }
  return depth;
}

function report({ events, lines }, isLong) {
  const calls = callsOf(lines);
  const steps = new Map();
  for (const { type, step, at } of events) {
    if (type === 'step-started') steps.set(step, { from: at });
    if (type === 'step-finished' && steps.has(step)) steps.get(step).to = at;
  }
  const [first] = calls;
  const of = (kind, some) => some.filter((call) => call.kind === kind).length;
  const say = (text) => process.stdout.write(`${text}\n`);
  const held = [...steps].find(([id]) => id.startsWith('hold-ports'))?.[1].from;
  const checked = [...steps].findLast(([id]) => id.startsWith('check-container'))?.[1].to;
  const loaded = Math.max(...[...steps].flatMap(([id, { to }]) => (id.startsWith('replace-network') ? [to] : [])));
  say(
    `all: ${of('session', calls)} sessions, ${of('docker', calls)} requests to Docker, ${seconds(events.at(-1).at - first.at)}`,
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
      `  ${seconds(from - first.at)} ${id}: ${seconds(to - from)}, ${of('session', own)} sessions, ${of('docker', own)} requests`,
    );
  }
  if (!isLong) return;
  for (const { at, end, kind, host, what, script } of calls) {
    say(
      `${seconds(at - first.at)} +${seconds(end - at)} ${kind} ${host ?? ''} ${what} ${script === undefined ? '' : `[${script.slice(12, 3000)}]`}`,
    );
  }
}

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

const options = {
  megabytes: { type: 'string', default: '64' },
  moves: { type: 'string', default: '2' },
  program: { type: 'string', default: join(root, 'dist', 'drover.js') },
  lab: { type: 'string', default: 'trace' },
  accel: { type: 'string' },
  keep: { type: 'boolean' },
  long: { type: 'boolean' },
};
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
