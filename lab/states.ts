/**
 * The saved state of a node: booted, provisioned, with its images. It is made once for each node number and kept next to
 * the base image, under a hash of everything it was made from; every later start copies it.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { $ } from 'zx';
import { progress, withStage } from '../scripts/progress.mjs';
import { ACCELS } from './accel.ts';
import { consoleLogin } from './console.ts';
import { LabError, onInterrupt } from './errors.mjs';
import { buildImages, imageFacts, importImages } from './images.ts';
import { withLock } from './lock.ts';
import {
  canSleep,
  consoleUnit,
  createDisks,
  keepDisks,
  killMachine,
  machineFacts,
  poolDisk,
  quitMachine,
  saveMachines,
  startMachine,
  takeDisks,
} from './machine.ts';
import { awaitNode, indexesOf, onNode, writeAccess } from './nodes.ts';
import { cacheRoot, hashOf, LAB_DIR, nodeDir } from './paths.mjs';
import type { Accel, Base, BuiltImage, Lab } from './types.ts';

export const CLEAN = 'drover-clean';
const KEPT_STATES = 3;
/** The files of a saved node, without its disks. */
const FILES = ['hostkey', 'hostkey.pub', 'hostname', 'provision.log'];
const PROVISION = join(LAB_DIR, '..', 'host', 'provision.sh');
const BOOT_MS: Readonly<Record<Accel, number>> = { kvm: 12_000, um: 15_000, tcg: 90_000 };
/** Waits until everything that starts at boot has started, and everything written is on the disks. */
const SETTLE = 'timeout 60 systemctl is-system-running --wait >/dev/null; zpool sync; sync';
const BOOT_LIMIT_MS = 900_000;
const RESTORE_LIMIT_MS = 180_000;

interface Plan {
  readonly images: readonly BuiltImage[];
  /** The folder of the saved states. Its name is the hash of everything they are made from. */
  readonly dir: string;
}

async function plan(lab: Lab, base: Base): Promise<Plan> {
  const images = lab.images ? await buildImages() : [];
  const hash = hashOf({
    paths: [PROVISION],
    values: [machineFacts(lab), consoleLogin(consoleUnit(lab)), imageFacts(images)],
  });
  return { images, dir: join(base.dir, 'states', hash) };
}

const savedNode = (dir: string, index: number) => join(dir, `node${index}`);
const missingNodes = (lab: Lab, dir: string) => indexesOf(lab).filter((index) => !existsSync(savedNode(dir, index)));

const copyFiles = (from: string, to: string) => $({ quiet: true })`cp ${FILES.map((file) => join(from, file))} ${to}/`;

/** Makes an empty folder for a node, in place of an earlier one. */
async function freshNodeDir(lab: Lab, index: number): Promise<void> {
  await killMachine(lab, index);
  await rm(nodeDir(lab.name, index), { recursive: true, force: true });
  await mkdir(nodeDir(lab.name, index), { recursive: true, mode: 0o700 });
}

/** Throws LabError with the step that failed. */
async function provision(lab: Lab, index: number): Promise<void> {
  const script = await readFile(PROVISION);
  const out = await onNode(lab, index, `bash -s -- --pool ${poolDisk(lab)}`, { input: script, nothrow: true });
  await writeFile(join(nodeDir(lab.name, index), 'provision.log'), out.stdout + out.stderr);
  if (out.exitCode !== 0) {
    const why =
      out.stdout.split('\n').find((line: string) => line.startsWith('cannot')) ?? out.stderr.trim().split('\n').at(-1);
    throw new LabError(`cannot set up node${index}: ${why}`);
  }
  await onNode(lab, index, consoleLogin(consoleUnit(lab)));
}

/** How many nodes boot at the same time: an emulated processor keeps a real one busy, so two on one take twice as long. */
const bootsAtOnce = (lab: Lab): number =>
  Math.max(1, Math.floor((cpus().length / lab.smp) * (lab.accel === 'tcg' ? 1 : 2)));

/** `[1,2,3,4,5]`, 2 -> `[[1,2],[3,4],[5]]` */
export const inBatches = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));

/** Boots nodes that have no saved state yet, sets them up and saves them. */
async function makeStates(lab: Lab, base: Base, { images, dir }: Plan, indexes: readonly number[]): Promise<void> {
  const each = (work: (index: number) => Promise<unknown>): Promise<unknown> => Promise.all(indexes.map(work));
  const forget = onInterrupt(() => each((index) => killMachine(lab, index)));
  const names = indexes.map((index) => `node${index}`).join(' and ');
  try {
    await withStage(`booting ${names} for the first time, ${ACCELS[lab.accel]}`, BOOT_MS[lab.accel], async () => {
      await each(async (index) => {
        await freshNodeDir(lab, index);
        await createDisks(lab, index, base);
      });
      await writeAccess(lab, base);
      await each((index) => startMachine(lab, index, base));
      await each((index) => awaitNode(lab, index, BOOT_LIMIT_MS));
    });
    await withStage('setting the nodes up (provision.sh)', 30_000, () => each((index) => provision(lab, index)));
    if (images.length > 0) {
      await withStage('importing the container images', 60_000, (stage) =>
        each((index) => importImages(lab, index, images, (ref) => stage.update(`${ref} on node${index}`))),
      );
    }
    await withStage('saving the state', undefined, async () => {
      await each((index) => onNode(lab, index, SETTLE, { nothrow: true }));
      await saveMachines(lab, indexes, CLEAN, { resume: false });
      await each((index) => quitMachine(lab, index));
      await each((index) => keepState(lab, dir, index));
    });
  } catch (error) {
    await each((index) => killMachine(lab, index));
    throw error;
  } finally {
    forget();
  }
  await pruneStates(dir);
}

/** Under another name first, so that an interrupted copy is not taken for a saved state. */
async function keepState(lab: Lab, dir: string, index: number): Promise<void> {
  const to = savedNode(dir, index);
  const tmp = `${to}.new`;
  await rm(tmp, { recursive: true, force: true });
  await mkdir(tmp, { recursive: true, mode: 0o700 });
  await copyFiles(nodeDir(lab.name, index), tmp);
  await keepDisks(lab, index, CLEAN, tmp);
  await rename(tmp, to);
}

/** Removes the states of old recipes, which are large; the newest few stay. */
async function pruneStates(dir: string): Promise<void> {
  const root = dirname(dir);
  const dated = await Promise.all(
    (await readdir(root)).map(async (name) => ({ path: join(root, name), at: (await stat(join(root, name))).mtimeMs })),
  );
  const old = dated
    .sort((a, b) => b.at - a.at)
    .slice(KEPT_STATES)
    .filter(({ path }) => path !== dir);
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}

/** The folder of saved states for every node of the lab, made where they are missing. Throws LabError. */
export async function ensureStates(lab: Lab, base: Base): Promise<string> {
  const planned = await plan(lab, base);
  if (missingNodes(lab, planned.dir).length === 0) return planned.dir;
  const onWait = () => progress.note('  waiting for another lab that makes a saved state …');
  await withLock(
    join(cacheRoot(), 'states.lock'),
    async () => {
      const missing = missingNodes(lab, planned.dir);
      // The states of a batch are kept also where the next one fails.
      for (const batch of inBatches(missing, bootsAtOnce(lab))) await makeStates(lab, base, planned, batch);
    },
    { onWait },
  );
  return planned.dir;
}

/** Copies the saved states into fresh folders, starts the machines and sets their clocks. */
export async function restoreClean(lab: Lab, base: Base, dir: string): Promise<void> {
  const indexes = indexesOf(lab);
  const names = indexes.map((index) => `node${index}`).join(' and ');
  await withStage(`${canSleep(lab) ? 'restoring' : 'booting'} ${names}, ${ACCELS[lab.accel]}`, 6000, async () => {
    await Promise.all(
      indexes.map(async (index) => {
        await freshNodeDir(lab, index);
        await copyFiles(savedNode(dir, index), nodeDir(lab.name, index));
        await takeDisks(lab, index, CLEAN, savedNode(dir, index));
      }),
    );
    await writeAccess(lab, base);
    await Promise.all(indexes.map((index) => startMachine(lab, index, base, { snapshot: CLEAN })));
    await Promise.all(indexes.map((index) => awaitNode(lab, index, RESTORE_LIMIT_MS)));
  });
}

/** Removes states that cannot be restored (another processor, a damaged file). */
export const forgetStates = (dir: string): Promise<void> => rm(dir, { recursive: true, force: true });
