/**
 * The saved state of a node: booted, provisioned, images imported. Made once for each node number, kept
 * beside the base image under a hash of everything that went into it; every later start is a copy of it.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError, onInterrupt } from './errors.mjs';
import { buildImages, importImages, recipesHash } from './images.mjs';
import { withLock } from './lock.mjs';
import { awaitNode, onNode, writeAccess } from './nodes.mjs';
import { LAB_DIR, cacheRoot, hashOf, nodeDir } from './paths.mjs';
import { progress } from './progress.mjs';
import { createDisks, killMachine, machineFacts, quitMachine, saveMachines, startMachine } from './qemu.mjs';

export const CLEAN = 'drover-clean';
const KEPT_STATES = 3;
const FILES = ['root.qcow2', 'pool.qcow2', 'hostkey', 'hostkey.pub', 'hostname', 'provision.log'];
const PROVISION = join(LAB_DIR, 'provision.sh');
const POOL_DISK = '/dev/disk/by-id/virtio-pool';
const BOOT_MS = { kvm: 12_000, tcg: 90_000 };
const BOOT_LIMIT_MS = 420_000;

export function stateHash(lab) {
  return hashOf({ paths: [PROVISION], values: [machineFacts(lab), lab.images ? recipesHash() : 'none'] });
}

const stateDir = (lab, base) => join(base.dir, 'states', stateHash(lab));
const savedNode = (lab, base, index) => join(stateDir(lab, base), `node${index}`);
const missingNodes = (lab, base) =>
  Array.from({ length: lab.nodes }, (_, at) => at + 1).filter((index) => !existsSync(savedNode(lab, base, index)));

const copyNode = (from, to) => $({ quiet: true })`cp --reflink=auto --sparse=auto ${FILES.map((file) => join(from, file))} ${to}/`;

/** An empty run folder for a node, whatever was there before. */
export async function freshNodeDir(lab, index) {
  await killMachine(lab, index);
  await rm(nodeDir(lab.name, index), { recursive: true, force: true });
  await mkdir(nodeDir(lab.name, index), { recursive: true, mode: 0o700 });
}

async function provision(lab, index) {
  const script = await readFile(PROVISION);
  const out = await onNode(lab, index, `bash -s -- --pool ${POOL_DISK}`, { input: script, nothrow: true });
  await writeFile(join(nodeDir(lab.name, index), 'provision.log'), out.stdout + out.stderr);
  if (out.exitCode !== 0) {
    const why = out.stdout.split('\n').find((line) => line.startsWith('cannot')) ?? out.stderr.trim().split('\n').at(-1);
    throw new LabError(`node${index} could not be set up: ${why}`);
  }
}

/** Boots the nodes that have no saved state yet, sets them up and saves them. */
async function makeStates(lab, base, indexes) {
  const images = lab.images ? await buildImages() : [];
  const each = (work) => Promise.all(indexes.map(work));
  const forget = onInterrupt(() => each((index) => killMachine(lab, index)));
  const names = indexes.map((index) => `node${index}`).join(' and ');
  let stage = progress.stage(`booting ${names} for the first time (${lab.accel})`, { expectedMs: BOOT_MS[lab.accel] });
  try {
    await each(async (index) => {
      await freshNodeDir(lab, index);
      await createDisks(lab, index, base);
    });
    // Those with a saved state need their host key in place as well: known_hosts names every node.
    await Promise.all(Array.from({ length: lab.nodes }, (_, at) => at + 1).filter((index) => !indexes.includes(index)).map(async (index) => {
      await freshNodeDir(lab, index);
      await copyNode(savedNode(lab, base, index), nodeDir(lab.name, index));
    }));
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
    await each((index) => onNode(lab, index, 'timeout 60 systemctl is-system-running --wait >/dev/null; zpool sync; sync', { nothrow: true }));
    await saveMachines(lab, indexes, CLEAN, { resume: false });
    await each((index) => quitMachine(lab, index));
    await each((index) => keepState(lab, base, index));
    stage.done();
  } catch (error) {
    stage.fail();
    await each((index) => killMachine(lab, index));
    throw error;
  } finally {
    forget();
  }
  await pruneStates(lab, base);
}

async function keepState(lab, base, index) {
  const to = savedNode(lab, base, index);
  const tmp = `${to}.new`;
  await rm(tmp, { recursive: true, force: true });
  await mkdir(tmp, { recursive: true, mode: 0o700 });
  await copyNode(nodeDir(lab.name, index), tmp);
  await rename(tmp, to);
}

/** Old recipes' states are large; the newest few are kept. */
async function pruneStates(lab, base) {
  const root = join(base.dir, 'states');
  const dated = await Promise.all((await readdir(root)).map(async (name) => ({ path: join(root, name), at: (await stat(join(root, name))).mtimeMs })));
  const old = dated.sort((a, b) => b.at - a.at).slice(KEPT_STATES).filter(({ path }) => path !== stateDir(lab, base));
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
}

/** Saved states for every node of the lab, made where missing. */
export async function ensureStates(lab, base) {
  if (missingNodes(lab, base).length === 0) return;
  const onWait = () => progress.note('  another lab is making the saved state; waiting for it …');
  await withLock(join(cacheRoot(), 'states.lock'), async () => {
    const missing = missingNodes(lab, base);
    if (missing.length > 0) await makeStates(lab, base, missing);
  }, { onWait });
}

/** Fresh run folders from the saved states, machines started in them, clocks set. */
export async function restoreClean(lab, base) {
  const indexes = Array.from({ length: lab.nodes }, (_, at) => at + 1);
  const stage = progress.stage(`restoring ${lab.nodes} nodes (${lab.accel})`, { expectedMs: 6000 });
  try {
    await Promise.all(indexes.map(async (index) => {
      await freshNodeDir(lab, index);
      await copyNode(savedNode(lab, base, index), nodeDir(lab.name, index));
    }));
    await writeAccess(lab, base);
    await Promise.all(indexes.map((index) => startMachine(lab, index, base, { snapshot: CLEAN })));
    await Promise.all(indexes.map((index) => awaitNode(lab, index, 60_000)));
    stage.done();
  } catch (error) {
    stage.fail();
    throw error;
  }
}

/** A state that cannot be restored (another processor, a damaged file) is thrown away. */
export const forgetStates = (lab, base) => rm(stateDir(lab, base), { recursive: true, force: true });
