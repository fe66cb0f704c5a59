/** `npm test`: the fast tests, then those in the lab where this machine can run it, then one line with the sums. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runDir } from '../../lab/paths.mjs';
import { labSupport } from '../../lab/support.mjs';
import type { Accel } from '../../lab/types.ts';
import { ensureBuilt } from '../prepare.mjs';
import { formatElapsed, progress } from '../progress.mjs';
import { capture, inherit, ReportedError, root, wasInterrupted } from '../run.mjs';
import {
  type Counts,
  countTests,
  type Failure,
  failedSuite,
  failuresIn,
  noTests,
  type Report,
  sumOf,
} from './counts.ts';
import { LABS, type LabFile, labFiles, limitMinutes, moreLabs, runInLanes } from './lanes.ts';
import { prepareFor } from './needs.ts';
import { readTimes, writeTimes } from './times.ts';

const HELP = `Usage: npm test [-- --lab]

Checks types and style, runs the fast tests, then the tests that need a lab, and prints the sums. Without root, or on
another system than Linux, the tests in the lab are skipped.

  --lab       only the tests that need a lab
  -h, --help  this text

DROVER_TEST_MINUTES (default 78): no test file begins that would not end by then.
Exit status: 0 all passed, 1 something failed, 64 wrong usage, 130 interrupted.
`;

/** A line of the summary. */
interface Row {
  readonly name: string;
  readonly counts: Counts;
  readonly note?: string | undefined;
  readonly failures?: readonly Failure[];
}

/** A file that did not begin: the number of its tests is unknown. */
const leftOut: Counts = { passed: 0, failed: 0, skipped: 1 };
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
const labTool = (...args: readonly string[]): Promise<number> =>
  inherit(process.execPath, [join(root, 'lab', 'lab.mjs'), ...args]);
const vitest = (project: string, ...files: readonly string[]): readonly string[] => [
  ...['run', '--config', 'test/vitest.config.ts', '--project', project],
  ...files,
];

/** Resolves to the exit status. */
export async function test(args: readonly string[] = []): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg !== '--lab');
  if (unknown !== undefined) {
    process.stderr.write(`unknown option "${unknown}"; see \`npm test -- --help\`\n`);
    return 64;
  }
  const folder = mkdtempSync(join(tmpdir(), 'drover-test-'));
  try {
    const fast = args.includes('--lab') ? await prepared() : await fastTests(folder);
    const inLab = wasInterrupted() ? [] : await labTests(folder);
    return summary([...fast, ...inLab]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fastTests(folder: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [name, project] of [
    ['types', 'src'],
    ['types of the tests', 'test'],
    ['types of lab and scripts', 'scripts'],
  ] as const)
    rows.push(await check(name, bin('tsc'), ['-p', `${project}/tsconfig.json`]));
  rows.push(await check('lint', bin('biome'), ['check', '--error-on-warnings', '.']));
  // The command line's tests run the bundle.
  rows.push(...(await prepared()));
  rows.push(await runProject('fast', folder));
  return rows;
}

async function prepared(): Promise<readonly Row[]> {
  try {
    await ensureBuilt();
    return [];
  } catch (error) {
    if (!(error instanceof ReportedError)) throw error;
    return [{ name: 'build', counts: failedSuite, note: 'cannot build dist/drover.js' }];
  }
}

async function check(name: string, file: string, args: readonly string[]): Promise<Row> {
  if (wasInterrupted()) return { name, counts: noTests, note: 'not run' };
  const stage = progress.stage(name, { expectedMs: 20_000 });
  const { code, output } = await capture(file, args);
  if (code === 0) {
    stage.done();
    return { name, counts: noTests, note: 'good' };
  }
  stage.fail();
  process.stdout.write(`${output.trimEnd()}\n`);
  // Counted as a failed test, because the last line must not read as a success.
  return { name, counts: failedSuite, note: 'failed' };
}

async function runProject(name: string, folder: string): Promise<Row> {
  const report = join(folder, `${name}.json`);
  const code = await inherit(bin('vitest'), [...vitest(name), ...reporters(report)]);
  return rowOf(name, report, code);
}

const reporters = (report: string): readonly string[] => [
  ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
];

function rowOf(name: string, report: string, code: number): Row {
  const read = readReport(report);
  return { name, ...countTests(read, code), failures: failuresIn(read) };
}

/** undefined where vitest ended before it wrote one. */
function readReport(path: string): Report | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

interface LabRow extends Row {
  /** How long the file took; undefined where it did not run to its end. */
  readonly seconds?: number;
}

/** Runs one file on one lab. Its output is printed at the end, because other files print at the same time. */
async function runInLab({ project, file }: LabFile, lab: string, folder: string): Promise<LabRow> {
  const report = join(folder, `${file.replaceAll('/', '-')}.json`);
  const env = { ...process.env, DROVER_LAB: lab, DROVER_LAB_INVENTORY: join(runDir(lab), 'drover.yml') };
  const args = [bin('vitest'), ...vitest(project, file), ...reporters(report)];
  const began = Date.now();
  const lacking = await prepareFor(file);
  if (lacking !== undefined) return { name: file, counts: failedSuite, note: lacking };
  const { code, output } = await capture('nsenter', [`--net=/run/netns/${lab}`, ...args], { env });
  process.stdout.write(`\n── ${file} on ${lab}\n${output.trimEnd()}\n`);
  const took = Date.now() - began;
  const row = rowOf(file, report, code);
  const note = [formatElapsed(took), row.note].filter(Boolean).join(', ');
  return { ...row, note, ...(code === 0 ? { seconds: Math.round(took / 1000) } : {}) };
}

/** What the nodes of a lab run with. */
const accelOf = (lab: string): Accel => JSON.parse(readFileSync(join(runDir(lab), 'lab.json'), 'utf8')).accel;

/** Resolves to one sentence where the lab did not start, else to undefined. */
async function labUp(lab: string): Promise<string | undefined> {
  return (await labTool('up', '--netns', lab)) === 0 ? undefined : `the lab ${lab} did not start`;
}

async function labTests(folder: string): Promise<readonly Row[]> {
  const support = labSupport();
  if (!support.ok) return skipAll(support.reason, folder);
  const labs: string[] = [LABS[0]];
  const began = Date.now();
  try {
    // The first lab builds what the others are made from.
    let failed = await labUp(LABS[0]);
    if (failed === undefined) {
      labs.push(...moreLabs(accelOf(LABS[0])));
      failed = (await Promise.all(labs.slice(1).map(labUp))).find((each) => each !== undefined);
    }
    if (wasInterrupted()) return [];
    if (failed !== undefined)
      return [{ name: 'lab', counts: failedSuite, note: failed }, ...(await skipAll(failed, folder))];
    const accel = accelOf(LABS[0]);
    const note = `${labs.length} labs (${accel}) up after ${formatElapsed(Date.now() - began)}`;
    return [{ name: 'labs', counts: noTests, note }, ...(await runFiles(accel, labs, folder))];
  } finally {
    for (const lab of labs) await labTool('destroy', '--netns', lab);
  }
}

async function runFiles(accel: Accel, labs: readonly string[], folder: string): Promise<readonly Row[]> {
  const limit = limitMinutes();
  const files = labFiles(accel, readTimes(accel));
  const { results, left } = await runInLanes(
    files,
    labs,
    (file, lab) => runInLab(file, lab, folder),
    () => limit * 60 - process.uptime(),
  );
  writeTimes(accel, Object.fromEntries(results.flatMap(({ name, seconds }) => (seconds ? [[name, seconds]] : []))));
  const note = `not run: it would not have ended after ${limit} minutes (DROVER_TEST_MINUTES)`;
  return [...results, ...left.map(({ file }) => ({ name: file, counts: leftOut, note }))];
}

/** Runs the tests without a lab: they skip themselves, and the summary counts them as skipped. */
async function skipAll(reason: string, folder: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const name of ['contract', 'acceptance']) {
    const report = join(folder, `${name}.json`);
    const env = { ...process.env };
    delete env.DROVER_LAB_INVENTORY;
    const args = [...vitest(name), '--reporter=json', `--outputFile=${report}`];
    const { code } = await capture(bin('vitest'), args, { env });
    const { counts } = countTests(readReport(report), code);
    rows.push({ name, counts, note: `not run: ${reason}` });
  }
  return rows;
}

/** Prints the rows, the failures and the sums; returns the exit status. */
function summary(rows: readonly Row[]): number {
  const width = Math.max(...rows.map(({ name }) => name.length));
  process.stdout.write('\n');
  for (const { name, counts, note } of rows) {
    const { passed, failed, skipped } = counts;
    const figures = passed + failed + skipped === 0 ? '' : `${passed} passed, ${failed} failed, ${skipped} skipped  `;
    process.stdout.write(`  ${name.padEnd(width)}  ${figures}${note ?? ''}\n`);
  }
  for (const { title, reason } of rows.flatMap(({ failures = [] }) => failures)) {
    process.stdout.write(`\n  ✘ ${title}\n${reason.map((line) => `      ${line}\n`).join('')}`);
  }
  const { passed, failed, skipped } = sumOf(rows.map(({ counts }) => counts));
  if (wasInterrupted()) process.stdout.write('  interrupted: the rest was not run\n');
  process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  if (wasInterrupted()) return 130;
  return failed > 0 ? 1 : 0;
}
