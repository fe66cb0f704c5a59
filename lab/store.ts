/** The record of a lab between two commands: one small file in its folder. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { progress } from '../scripts/progress.mjs';
import { LabError } from './errors.mjs';
import { withLock } from './lock.ts';
import { checkLabName, runDir, stateRoot } from './paths.mjs';
import type { Lab, Values } from './types.ts';

const FILE = 'lab.json';
const HINT = 'start one with `npm run lab -- up`';

/** The lab's name: `--netns`, else DROVER_LAB, else "default". */
export const labName = (values: Values): string => checkLabName(values.netns ?? (process.env.DROVER_LAB || 'default'));

/** undefined where there is no such lab. Throws LabError where its record is damaged. */
export async function readLab(name: string): Promise<Lab | undefined> {
  try {
    return JSON.parse(await readFile(join(runDir(name), FILE), 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new LabError(
      `cannot read the lab's record ${join(runDir(name), FILE)}; \`npm run lab -- destroy\` removes the lab.`,
      { cause: error },
    );
  }
}

/** Throws LabError where there is no such lab. */
export async function requireLab(name: string): Promise<Lab> {
  const lab = await readLab(name);
  if (!lab) throw new LabError(`There is no lab called "${name}"; ${HINT}.`);
  return lab;
}

export async function writeLab(lab: Lab): Promise<void> {
  const dir = runDir(lab.name);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const tmp = join(dir, `${FILE}.new`);
  await writeFile(tmp, `${JSON.stringify(lab, null, 2)}\n`);
  await rename(tmp, join(dir, FILE));
}

/** Names of all labs of this user. */
export async function allLabs(): Promise<readonly string[]> {
  if (!existsSync(stateRoot())) return [];
  const entries = await readdir(stateRoot(), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

const lockFile = (name: string) => join(stateRoot(), `${name}.lock`);

/** Removes the lock of a lab that was destroyed. The caller holds it. */
export const dropLock = (name: string): Promise<void> => rm(lockFile(name), { force: true });

/** Runs one command at a time for each lab; the next one waits. */
export const withLab = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  withLock(lockFile(name), work, {
    onWait: () => progress.note(`  waiting for another command on the lab "${name}" …`),
  });
