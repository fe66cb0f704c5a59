/**
 * The tests that need a lab, on two labs at once: each file is one run of vitest, and whichever lab is free takes the
 * next file. Emulated nodes mostly wait for one another, so a second lab uses what a single one leaves idle.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from '../progress.mjs';
import { root, wasInterrupted } from './run.mjs';

const LABS = ['drover-test', 'drover-test-2'];
/** Nodes with their disks in the page cache; below it the second lab would only make the first one slow. */
const SECOND_LAB_MB = 6_000;

/**
 * Minutes that a file takes on two emulated labs with two processors, and their order: what matters most comes first,
 * because a slow machine may not get to the end. What is not listed comes before all. Of two that matter alike the
 * longer one comes first, so that no lane is left with it alone.
 */
const MINUTES = {
  'real-node': 27,
  'real-dead-man': 13,
  'real-docker': 9,
  'real-acts': 7,
  killed: 22,
  boot: 19,
  'mongodb-tutorial': 12,
  'elk-tutorial': 12,
  tui: 11,
  guided: 12,
  'moving-under-load': 11,
  'apply-twice': 8,
  'dead-man': 13,
  'mysql-tutorial': 8,
  'postgres-tutorial': 7,
  'web-redis-tutorial': 6,
};
const ORDER = Object.keys(MINUTES);
const nameOf = (file) => ORDER.find((name) => file.endsWith(`/${name}.test.ts`) || file === `${name}.test.ts`);
/** What is not listed is thought to be short. */
const minutesOf = ({ file }) => MINUTES[nameOf(file)] ?? 5;

/** Minutes after the start of `npm test` at which the last file should have ended. */
export const limitMinutes = (env = process.env) => Number(env.DROVER_TEST_MINUTES || 78);

/** `[{project, file}]`: contract before acceptance, because what the nodes cannot do makes every scenario fail. */
export function labFiles(folder = join(root, 'test')) {
  const rank = (file) => ORDER.indexOf(nameOf(file));
  const filesOf = (project, pattern) =>
    readdirSync(join(folder, project))
      .filter((file) => pattern.test(file))
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
      .map((file) => ({ project, file: `${project}/${file}` }));
  return [...filesOf('contract', /^real.*\.test\.ts$/), ...filesOf('acceptance', /\.test\.ts$/)];
}

/** Which labs this machine has room for; the first one always. */
export function chooseLabs(meminfo = readFileSync('/proc/meminfo', 'utf8')) {
  const freeMb = Number(/MemAvailable:\s+(\d+)/.exec(meminfo)?.[1] ?? 0) / 1024;
  return freeMb < SECOND_LAB_MB ? LABS.slice(0, 1) : LABS;
}

/**
 * Hands the files out to the lanes: each takes the first that will have ended when `minutesLeft()` are over. Resolves to
 * what `runFile(file, lane)` said, in the order in which they ended, and the files that did not begin.
 */
export async function runInLanes(files, lanes, runFile, minutesLeft = () => Number.POSITIVE_INFINITY) {
  const waiting = [...files];
  const results = [];
  const take = () => {
    const at = wasInterrupted() ? -1 : waiting.findIndex((file) => minutesOf(file) <= minutesLeft());
    return at < 0 ? undefined : waiting.splice(at, 1)[0];
  };
  const work = async (lane) => {
    for (let next = take(); next !== undefined; next = take()) {
      progress.note(`▸ ${next.file} begins (lab ${lane}); ${waiting.length} more wait`);
      results.push(await runFile(next, lane));
    }
  };
  await Promise.all(lanes.map(work));
  return { results, left: waiting };
}
