/**
 * The saved state of a node: booted, provisioned, images imported. Made once for each node number, kept
 * beside the base image under a hash of everything that went into it; every later start is a copy of it.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { $ } from 'zx';
import { ACCELS } from './accel.mjs';
import { consoleLogin } from './console.mjs';
import { LabError, onInterrupt } from './errors.mjs';
import { buildImages, imageFacts, importImages } from './images.mjs';
import { withLock } from './lock.mjs';
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
} from './machine.mjs';
import { awaitNode, indexesOf, onNode, writeAccess } from './nodes.mjs';
import { cacheRoot, hashOf, LAB_DIR, nodeDir } from './paths.mjs';
import { progress } from './progress.mjs';

export const CLEAN = 'drover-clean';
const KEPT_STATES = 3;
/** What a saved node is, beside its disks. */
const FILES = ['hostkey', 'hostkey.pub', 'hostname', 'provision.log'];
const PROVISION = join(LAB_DIR, 'provision.sh');
const BOOT_MS = { kvm: 12_000, um: 15_000, tcg: 90_000 };
/** Until all that starts at boot has started, and all that was written is on the disks. */
const SETTLE = 'timeout 60 systemctl is-system-running --wait >/dev/null; zpool sync; sync';
const BOOT_LIMIT_MS = 900_000;
const RESTORE_LIMIT_MS = 180_000;

/** The lab's images and the folder of its saved state, which is named by all that goes into it. */
async function plan(lab, base) {
  const images = lab.images ? await buildImages() : [];
  const hash = hashOf({
    paths: [PROVISION],
    values: [machineFacts(lab), consoleLogin(consoleUnit(lab)), imageFacts(images)],
  });
  return { images, dir: join(base.dir, 'states', hash) };
}

const savedNode = (dir, index) => join(dir, `node${index}`);
const missingNodes = (lab, dir) => indexesOf(lab).filter((index) => !existsSync(savedNode(dir, index)));

const copyFiles = (from, to) => $({ quiet: true })`cp ${FILES.map((file) => join(from, file))} ${to}/`;

/** An empty run folder for a node, whatever was there before. */
export async function freshNodeDir(lab, index) {
  await killMachine(lab, index);
  await rm(nodeDir(lab.name, index), { recursive: true, force: true });
  await mkdir(nodeDir(lab.name, index), { recursive: true, mode: 0o700 });
}

async function provision(lab, index) {
  const script = await readFile(PROVISION);
  const out = await onNode(lab, index, `bash -s -- --pool ${poolDisk(lab)}`, { input: script, nothrow: true });
  await writeFile(join(nodeDir(lab.name, index), 'provision.log'), out.stdout + out.stderr);
  if (out.exitCode !== 0) {
    const why =
      out.stdout.split('\n').find((line) => line.startsWith('cannot')) ?? out.stderr.trim().split('\n').at(-1);
    throw new LabError(`node${index} could not be set up: ${why}`);
  }
  await onNode(lab, index, consoleLogin(consoleUnit(lab)));
}

/** How many first boots at once: an emulated processor keeps a real one busy, and two boots on one take twice as long. */
const bootsAtOnce = (lab) => Math.max(1, Math.floor((cpus().length / lab.smp) * (lab.accel === 'tcg' ? 1 : 2)));

/** `[1,2,3,4,5]`, 2 -> `[[1,2],[3,4],[5]]` */
export const inBatches = (items, size) =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));

/** Boots these nodes, which have no saved state yet, sets them up and saves them. */
async function makeStates(lab, base, { images, dir }, indexes) {
  const each = (work) => Promise.all(indexes.map(work));
  const forget = onInterrupt(() => each((index) => killMachine(lab, index)));
  const names = indexes.map((index) => `node${index}`).join(' and ');
  let stage = progress.stage(`booting ${names} for the first time, ${ACCELS[lab.accel]}`, {
    expectedMs: BOOT_MS[lab.accel],
  });
  try {
    await each(async (index) => {
      await freshNodeDir(lab, index);
      await createDisks(lab, index, base);
    });
    await writeAccess(lab, base);
    await each((index) => startMachine(lab, index, base));
    await each((index) => awaitNode(lab, index, BOOT_LIMIT_MS));
    stage.done();
    stage = progress.stage('setting the nodes up (provision.sh)', { expectedMs: 30_000 });
    await each((index) => provision(lab, index));
    stage.done();
    if (images.length > 0) {
      stage = progress.stage('importing the container images', { expectedMs: 60_000 });
      await each((index) => importImages(lab, index, images, (ref) => stage.update(`${ref} on node${index}`)));
      stage.done();
    }
    stage = progress.stage('saving the state');
    await each((index) => onNode(lab, index, SETTLE, { nothrow: true }));
    await saveMachines(lab, indexes, CLEAN, { resume: false });
    await each((index) => quitMachine(lab, index));
    await each((index) => keepState(lab, dir, index));
    stage.done();
  } catch (error) {
    stage.fail();
    await each((index) => killMachine(lab, index));
    throw error;
  } finally {
    forget();
  }
  await pruneStates(dir);
}

async function keepState(lab, dir, index) {
  const to = savedNode(dir, index);
  const tmp = `${to}.new`;
  await rm(tmp, { recursive: true, force: true });
  await mkdir(tmp, { recursive: true, mode: 0o700 });
  await copyFiles(nodeDir(lab.name, index), tmp);
  await keepDisks(lab, index, CLEAN, tmp);
  await rename(tmp, to);
}

/** Old recipes' states are large; the newest few are kept. */
async function pruneStates(dir) {
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

/** The folder of saved states for every node of the lab, made where missing. */
export async function ensureStates(lab, base) {
  const planned = await plan(lab, base);
  if (missingNodes(lab, planned.dir).length === 0) return planned.dir;
  const onWait = () => progress.note('  another lab is making a saved state; waiting for it …');
  await withLock(
    join(cacheRoot(), 'states.lock'),
    async () => {
      const missing = missingNodes(lab, planned.dir);
      // What a batch made is kept, whatever happens to the next one.
      for (const batch of inBatches(missing, bootsAtOnce(lab))) await makeStates(lab, base, planned, batch);
    },
    { onWait },
  );
  return planned.dir;
}

/** Fresh run folders from the saved states, machines started in them, clocks set. */
export async function restoreClean(lab, base, dir) {
  const indexes = indexesOf(lab);
  const stage = progress.stage(
    `${canSleep(lab) ? 'restoring' : 'booting'} ${indexes.map((index) => `node${index}`).join(' and ')}, ${ACCELS[lab.accel]}`,
    {
      expectedMs: 6000,
    },
  );
  try {
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
    stage.done();
  } catch (error) {
    stage.fail();
    throw error;
  }
}

/** A state that cannot be restored (another processor, a damaged file) is thrown away. */
export const forgetStates = (dir) => rm(dir, { recursive: true, force: true });
