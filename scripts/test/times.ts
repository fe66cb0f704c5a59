/**
 * How long each test file took in a lab, measured by `npm test` and kept in the user's cache: they give the order of the
 * next run. A file without a time needs no entry anywhere; it runs first and gets one.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheRoot } from '../../lab/paths.mjs';
import type { Accel } from '../../lab/types.ts';

/** File -> seconds. */
export type Times = Readonly<Record<string, number>>;

const timesFile = (): string => join(dirname(cacheRoot()), 'test-seconds.json');

/** Emulated nodes take several times as long, so each accelerator has times of its own. */
function readAll(): Partial<Record<Accel, Times>> {
  try {
    return JSON.parse(readFileSync(timesFile(), 'utf8'));
  } catch {
    return {};
  }
}

export const readTimes = (accel: Accel): Times => readAll()[accel] ?? {};

/** Adds times of this run to those of earlier runs. */
export function writeTimes(accel: Accel, times: Times): void {
  if (Object.keys(times).length === 0) return;
  const all = readAll();
  mkdirSync(dirname(timesFile()), { recursive: true, mode: 0o700 });
  const next = { ...all, [accel]: { ...all[accel], ...times } };
  writeFileSync(timesFile(), `${JSON.stringify(next, undefined, 2)}\n`);
}
