/** What is known about a lab between two commands: one small file in its run folder. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from './errors.mjs';
import { withLock } from './lock.mjs';
import { checkLabName, runDir, stateRoot } from './paths.mjs';
import { progress } from './progress.mjs';

const FILE = 'lab.json';
const HINT = 'start one with `npm run lab -- up`';

/** The lab's name: `--netns`, else DROVER_LAB, else "default". */
export const labName = (values) => checkLabName(values.netns ?? (process.env.DROVER_LAB || 'default'));

export async function readLab(name) {
  try {
    return JSON.parse(await readFile(join(runDir(name), FILE), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw new LabError(
      `The lab's record ${join(runDir(name), FILE)} cannot be read; \`npm run lab -- destroy\` clears it.`,
      { cause: error },
    );
  }
}

export async function requireLab(name) {
  const lab = await readLab(name);
  if (!lab) throw new LabError(`There is no lab called "${name}"; ${HINT}.`);
  return lab;
}

export async function writeLab(lab) {
  const dir = runDir(lab.name);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const tmp = join(dir, `${FILE}.new`);
  await writeFile(tmp, `${JSON.stringify(lab, null, 2)}\n`);
  await rename(tmp, join(dir, FILE));
}

export async function allLabs() {
  if (!existsSync(stateRoot())) return [];
  const entries = await readdir(stateRoot(), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

const lockFile = (name) => join(stateRoot(), `${name}.lock`);

/** The lock of a lab that is no more; to be called by who holds it. */
export const dropLock = (name) => rm(lockFile(name), { force: true });

/** One command at a time for each lab; the next one waits. */
export const withLab = (name, work) =>
  withLock(lockFile(name), work, {
    onWait: () => progress.note(`  another command works on the lab "${name}"; waiting for it …`),
  });
