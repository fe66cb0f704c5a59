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
 * What matters most comes first, because a slow machine may not get to the end; what is not listed comes before all.
 * Of two that matter alike the longer one comes first, so that no lane is left with it alone.
 */
const ORDER = [
  'real-node',
  'real-docker',
  'real-dead-man',
  'real-acts',
  'killed',
  'mongodb-tutorial',
  'tui',
  'guided',
  'boot',
  'elk-tutorial',
  'moving-under-load',
  'apply-twice',
  'web-redis-tutorial',
  'postgres-tutorial',
  'mysql-tutorial',
  'dead-man',
];

/** Minutes after the start of `npm test` at which no further file begins; the longest one takes a quarter of an hour. */
export const startLimitMinutes = (env = process.env) => Number(env.DROVER_TEST_MINUTES || 60);

/** `[{project, file}]`: contract before acceptance, because what the nodes cannot do makes every scenario fail. */
export function labFiles(folder = join(root, 'test')) {
  const rank = (file) => ORDER.findIndex((name) => file.includes(`/${name}`) || file.startsWith(name));
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
 * Hands the files out to the lanes while `mayBegin()`; resolves to what `runFile(file, lane)` said, in the order in which
 * they ended, and the files that did not begin.
 */
export async function runInLanes(files, lanes, runFile, mayBegin = () => true) {
  const waiting = [...files];
  const results = [];
  const work = async (lane) => {
    while (waiting.length > 0 && mayBegin() && !wasInterrupted()) {
      const next = waiting.shift();
      progress.note(`▸ ${next.file} begins (lab ${lane}); ${waiting.length} more wait`);
      results.push(await runFile(next, lane));
    }
  };
  await Promise.all(lanes.map(work));
  return { results, left: waiting };
}
