/**
 * The tests that need a lab, on several labs at once: each file is one run of vitest, and whichever lab is free takes the
 * next file. Nodes mostly wait for one another, so another lab uses what a single one leaves idle.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from '../progress.mjs';
import { root, wasInterrupted } from './run.mjs';

const FIRST = process.env.DROVER_TEST_LAB || 'drover-test';
const LABS = [FIRST, `${FIRST}-2`, `${FIRST}-3`];
/** Two nodes with their disks in the page cache; with less, another lab would only make the first one slow. */
const LAB_MB = 3_000;
/** More of them at once would not make two processors faster. Emulated nodes keep them busy. */
const MOST_LABS = { kvm: 3, um: 3, tcg: 2 };

/**
 * Minutes that a file takes on emulated labs with two processors, and their order: what matters most comes first,
 * because a slow machine may not get to the end. What is not listed comes before all. Of two that matter alike the
 * longer one comes first, so that no lane is left with it alone.
 */
const MINUTES = {
  'real-node': 27,
  'real-dead-man': 13,
  'real-docker': 9,
  'real-acts': 7,
  'crash-moves': 20,
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

/** The lab that is always there: the others are made as it is. */
export const FIRST_LAB = LABS[0];

/** The labs to be had beside the first one, whose nodes run with this accelerator, where this machine has room. */
export function moreLabs(accel, meminfo = readFileSync('/proc/meminfo', 'utf8')) {
  const freeMb = Number(/MemAvailable:\s+(\d+)/.exec(meminfo)?.[1] ?? 0) / 1024;
  return LABS.slice(1, Math.min(MOST_LABS[accel], 1 + Math.floor(freeMb / LAB_MB)));
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
