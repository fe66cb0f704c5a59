/** `npm test`: the fast tests, then the lab's where this machine can run it, then one line with the sums. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runDir } from '../paths.mjs';
import { formatElapsed, progress } from '../progress.mjs';
import { labSupport } from '../support.mjs';
import { countTests, failedSuite, failuresIn, noTests, sumOf } from './counts.mjs';
import { FIRST_LAB, labFiles, limitMinutes, moreLabs, runInLanes } from './lanes.mjs';
import { ensureBuilt, ensurePackages } from './prepare.mjs';
import { hand, keep, root, wasInterrupted } from './run.mjs';
import { prepareFor } from './tutorials.mjs';

/** A file that did not begin: how many tests it has is not known. */
const leftOut = { passed: 0, failed: 0, skipped: 1 };
const IN_LAB = ['contract', 'acceptance'];
const bin = (name) => join(root, 'node_modules', '.bin', name);
const labTool = (...args) => hand(process.execPath, [join(root, 'lab', 'lab.mjs'), ...args]);
const vitest = (project, ...files) => ['run', '--config', 'test/vitest.config.ts', '--project', project, ...files];

/** `--lab` leaves out what needs no lab. */
export async function test(args = []) {
  const isLabAlone = args.includes('--lab');
  const unknown = args.find((arg) => arg !== '--lab');
  if (unknown !== undefined) {
    process.stderr.write(`"${unknown}" is not an option of the tests; there is --lab, for those in the lab alone.\n`);
    return 64;
  }
  await ensurePackages();
  const folder = mkdtempSync(join(tmpdir(), 'drover-test-'));
  const rows = [];
  try {
    if (isLabAlone) {
      rows.push(...(await prepared()), ...(await labTests(folder)));
      return summary(rows);
    }
    rows.push(await check('types', bin('tsc'), ['-p', 'src/tsconfig.json']));
    rows.push(await check('types of the tests', bin('tsc'), ['-p', 'test/tsconfig.json']));
    rows.push(await check('lint', bin('biome'), ['check', '--error-on-warnings', '.']));
    // The command line's tests run the bundle.
    rows.push(...(await prepared()));
    rows.push(await runProject('fast', folder));
    if (!wasInterrupted()) rows.push(...(await labTests(folder)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return summary(rows);
}

async function prepared() {
  try {
    await ensureBuilt();
    return [];
  } catch (error) {
    if (!error.told) throw error;
    return [{ name: 'build', counts: failedSuite, note: 'dist/drover.js cannot be built' }];
  }
}

async function check(name, file, args) {
  if (wasInterrupted()) return { name, counts: noTests, note: 'not run' };
  const stage = progress.stage(name, { expectedMs: 20_000 });
  const { code, output } = await keep(file, args);
  if (code === 0) {
    stage.done();
    return { name, counts: noTests, note: 'good' };
  }
  stage.fail();
  process.stdout.write(`${output.trimEnd()}\n`);
  // Not a test, but the last line must not read as if all were well.
  return { name, counts: failedSuite, note: 'failed' };
}

async function runProject(name, folder) {
  const report = join(folder, `${name}.json`);
  const code = await hand(bin('vitest'), [...vitest(name), ...reporters(report)]);
  return rowOf(name, report, code);
}

const reporters = (report) => ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];

function rowOf(name, report, code) {
  const read = readReport(report);
  return { name, ...countTests(read, code), failures: failuresIn(read) };
}

/** One file on one lab; what it prints is shown when it has ended, because another one prints at the same time. */
async function runInLab({ project, file }, lab, folder) {
  const report = join(folder, `${file.replaceAll('/', '-')}.json`);
  const env = { ...process.env, DROVER_LAB: lab, DROVER_LAB_INVENTORY: join(runDir(lab), 'drover.yml') };
  const args = [bin('vitest'), ...vitest(project, file), ...reporters(report)];
  const began = Date.now();
  const lacking = await prepareFor(file);
  if (lacking !== undefined) return { name: file, counts: failedSuite, note: lacking };
  const { code, output } = await keep('nsenter', [`--net=/run/netns/${lab}`, ...args], { env });
  process.stdout.write(`\n── ${file} on ${lab}\n${output.trimEnd()}\n`);
  const row = rowOf(file, report, code);
  return { ...row, note: [formatElapsed(Date.now() - began), row.note].filter(Boolean).join(', ') };
}

/** What the nodes of a lab run with. */
const accelOf = (lab) => JSON.parse(readFileSync(join(runDir(lab), 'lab.json'), 'utf8')).accel;

/** Undefined where vitest ended before it wrote one. */
function readReport(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** Undefined, or one sentence where the lab is not up. */
async function labUp(lab) {
  return (await labTool('up', '--netns', lab)) === 0 ? undefined : `the lab ${lab} did not start`;
}

async function labTests(folder) {
  const support = labSupport();
  if (!support.ok) return skipAll(support.reason, folder);
  const labs = [FIRST_LAB];
  const began = Date.now();
  try {
    // The first one builds what all are made of, and is enough where there is no room for another.
    let failed = await labUp(FIRST_LAB);
    if (failed === undefined) {
      labs.push(...moreLabs(accelOf(FIRST_LAB)));
      failed = (await Promise.all(labs.slice(1).map(labUp))).find((each) => each !== undefined);
    }
    if (wasInterrupted()) return [];
    if (failed !== undefined)
      return [{ name: 'lab', counts: failedSuite, note: failed }, ...(await skipAll(failed, folder))];
    const note = `${labs.length} labs (${accelOf(FIRST_LAB)}) up after ${formatElapsed(Date.now() - began)}`;
    const made = { name: 'labs', counts: noTests, note };
    const limit = limitMinutes();
    const minutesLeft = () => limit - process.uptime() / 60;
    const ran = await runInLanes(labFiles(), labs, (file, lab) => runInLab(file, lab, folder), minutesLeft);
    const reason = `not run: it would not have ended after ${limit} minutes (DROVER_TEST_MINUTES)`;
    return [made, ...ran.results, ...ran.left.map(({ file }) => ({ name: file, counts: leftOut, note: reason }))];
  } finally {
    for (const lab of labs) await labTool('destroy', '--netns', lab);
  }
}

/** Tests that need what is not here skip themselves; they are counted, so that nobody takes silence for success. */
async function skipAll(reason, folder) {
  const rows = [];
  for (const name of IN_LAB) {
    const report = join(folder, `${name}.json`);
    const env = { ...process.env };
    delete env.DROVER_LAB_INVENTORY;
    const args = [...vitest(name), '--reporter=json', `--outputFile=${report}`];
    const { code } = await keep(bin('vitest'), args, { env });
    const { counts } = countTests(readReport(report), code);
    rows.push({ name, counts, note: `not run: ${reason}` });
  }
  return rows;
}

function summary(rows) {
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
