/**
 * Runs the tests that need a lab on several labs at the same time: each file is one run of vitest, and the lab that is free
 * takes the next file. Nodes mostly wait for each other, so another lab uses what a single one leaves idle.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Accel } from '../../lab/types.ts';
import { progress } from '../progress.mjs';
import { root, wasInterrupted } from '../run.mjs';
import type { Times } from './times.ts';

const FIRST_LAB = process.env.DROVER_TEST_LAB || 'drover-test';
/** The names of the labs. The first one is always used; the others are made from its saved nodes. */
export const LABS: readonly [string, string, string] = [FIRST_LAB, `${FIRST_LAB}-2`, `${FIRST_LAB}-3`];
/** Two nodes with their disks in the page cache. With less memory, another lab would only slow the first one down. */
const LAB_MB = 3_000;
/** More labs would not make two processors faster: emulated nodes keep them busy. */
const MOST_LABS: Readonly<Record<Accel, number>> = { kvm: 3, um: 3, tcg: 2 };
/** For a file without a measured time. */
const GUESSED_SECONDS: Readonly<Record<Accel, number>> = { kvm: 300, um: 300, tcg: 900 };

export interface LabFile {
  readonly project: 'contract' | 'acceptance';
  /** Below test/. */
  readonly file: string;
  /** How long it takes, measured or guessed. */
  readonly seconds: number;
}

/** Minutes after the start of `npm test` by which the last file should have ended. */
export const limitMinutes = (env = process.env): number => Number(env.DROVER_TEST_MINUTES || 78);

/**
 * All test files that need a lab. Contract before acceptance, because a node that fails its contract fails every scenario.
 * Then files without a time, then the longest first, so that no lane is left with a long one at the end.
 */
export function labFiles(accel: Accel, times: Times, folder = join(root, 'test')): readonly LabFile[] {
  const filesOf = (project: LabFile['project'], pattern: RegExp): readonly LabFile[] =>
    readdirSync(join(folder, project))
      .filter((name) => pattern.test(name))
      .map((name) => `${project}/${name}`)
      .sort((a, b) => (times[b] ?? Infinity) - (times[a] ?? Infinity) || (a < b ? -1 : 1))
      .map((file) => ({ project, file, seconds: times[file] ?? GUESSED_SECONDS[accel] }));
  return [...filesOf('contract', /^real.*\.test\.ts$/), ...filesOf('acceptance', /\.test\.ts$/)];
}

/** The labs in addition to the first one that this machine has memory for. */
export function moreLabs(accel: Accel, meminfo = readFileSync('/proc/meminfo', 'utf8')): readonly string[] {
  const freeMb = Number(/MemAvailable:\s+(\d+)/.exec(meminfo)?.[1] ?? 0) / 1024;
  return LABS.slice(1, Math.min(MOST_LABS[accel], 1 + Math.floor(freeMb / LAB_MB)));
}

/**
 * Gives the files to the lanes: each takes the first file that can end before `secondsLeft()` have passed. Resolves to the
 * results of `runFile`, in the order in which they ended, and to the files that did not begin.
 */
export async function runInLanes<F extends { readonly file: string; readonly seconds: number }, R>(
  files: readonly F[],
  lanes: readonly string[],
  runFile: (file: F, lane: string) => Promise<R>,
  secondsLeft: () => number = () => Infinity,
): Promise<{ readonly results: readonly R[]; readonly left: readonly F[] }> {
  const waiting = [...files];
  const results: R[] = [];
  const take = (): F | undefined => {
    const at = wasInterrupted() ? -1 : waiting.findIndex(({ seconds }) => seconds <= secondsLeft());
    return at < 0 ? undefined : waiting.splice(at, 1)[0];
  };
  const work = async (lane: string): Promise<void> => {
    for (let next = take(); next !== undefined; next = take()) {
      progress.note(`▸ ${next.file} begins (lab ${lane}); ${waiting.length} more wait`);
      results.push(await runFile(next, lane));
    }
  };
  await Promise.all(lanes.map(work));
  return { results, left: waiting };
}
