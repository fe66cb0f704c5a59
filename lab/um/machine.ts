/**
 * One node's machine as a User-Mode Linux process. The same names as in qemu.mjs; machine.mjs chooses.
 * A moment that is saved is a copy of the disks: there is no way to keep the memory, so going back to it is a boot.
 */
import { existsSync, readFileSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { findProcess, isGoneWithin, startProcess } from '../background.mjs';
import { LabError } from '../errors.mjs';
import { netPrefix, umWire } from '../network.mjs';
import { onNode } from '../nodes.mjs';
import { machineName, machinePidFile, nodeDir, POOL_SIZE } from '../paths.mjs';
import { kernelOf } from './kernel.mjs';

const KEEPER = fileURLToPath(new URL('keeper.mjs', import.meta.url));
const START_LIMIT_MS = 15_000;
const END_LIMIT_MS = 10_000;
const SHUTDOWN_LIMIT_MS = 120_000;
/** Disks that a moment consists of: what differs from the image, and the pool. */
const DISKS = ['root.cow', 'pool.raw'];
/** Name, host key and the kernel's list of modules: a tar file that the node reads from its third disk. */
const IDENTITY = 'identity.tar';
const KERNEL_LINE = [
  'root=/dev/ubda',
  'rw',
  'net.ifnames=0',
  'quiet',
  'loglevel=3',
  'panic=5',
  'systemd.show_status=0',
];

export const POOL_DISK = '/dev/ubdb';
/** The systemd unit that logs in at the console, which is not a serial line here. */
export const CONSOLE_UNIT = 'console-getty.service';
/** Nothing keeps the memory of a machine that is off. */
export const canSleep = false;

/** What, when changed, makes a saved state unusable. */
export const machineFacts = (lab) => ['um', lab.kernel, KERNEL_LINE, POOL_SIZE, 1];

const savedDir = (lab, index, tag) => join(nodeDir(lab.name, index), 'saved', tag);

/** The process id of the machine's keeper, which leads its process group; undefined when the machine is off. */
export const pidOf = (lab, index) => findProcess(machinePidFile(lab, index), machineName(lab, index));

/** The kernel's own process: the keeper's child. */
function kernelPid(lab, index) {
  const pid = pidOf(lab, index);
  if (pid === undefined) return undefined;
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]) || undefined;
  } catch {
    return undefined;
  }
}

/** The process whose memory is the machine's. */
export const memoryPid = kernelPid;

/** Through /proc, because a socket's path may have 107 characters and a home folder knows nothing of that. */
export const consolePath = (lab, index) => `/proc/${pidOf(lab, index)}/cwd/console.sock`;

/** 'running', or 'paused' where the process was stopped by a signal. */
export async function stateOf(lab, index) {
  const stat = await readFile(`/proc/${kernelPid(lab, index)}/stat`, 'utf8').catch(() => '');
  return /\) T /.test(stat) ? 'paused' : 'running';
}

/** Copies without the holes, over what was there. */
const copy = (files, to) => $({ quiet: true })`cp --sparse=always --reflink=auto --remove-destination ${files} ${to}/`;
/** The same file under a second name where that is possible: for files that no process writes to any more. */
const link = (files, to) =>
  $({ quiet: true, nothrow: true })`cp --link --force ${files} ${to}/`.then((done) =>
    done.exitCode === 0 ? done : copy(files, to),
  );

async function writeIdentity(lab, index) {
  const dir = nodeDir(lab.name, index);
  const { modules } = await kernelOf(lab.kernel);
  const own = ['hostkey', 'hostname'];
  await $({
    quiet: true,
  })`tar --create --owner=0 --group=0 --numeric-owner --file ${join(dir, IDENTITY)} --directory ${dir} ${own} --directory ${join(modules, '..')} modules`;
}

export async function createDisks(lab, index) {
  const dir = nodeDir(lab.name, index);
  await writeFile(join(dir, 'pool.raw'), '');
  await truncate(join(dir, 'pool.raw'), bytesOf(POOL_SIZE));
  await $({ quiet: true })`ssh-keygen -q -t ed25519 -N ${''} -C ${`node${index}`} -f ${join(dir, 'hostkey')}`;
  await writeFile(join(dir, 'hostname'), `node${index}\n`);
}

/** "4G" -> bytes */
const bytesOf = (size) => Number.parseInt(size, 10) * 1024 ** 3;

/** A folder for the machine's memory: in memory itself, or every page that changes would go to a disk. */
async function memoryFolder() {
  for (const folder of ['/dev/shm', process.env.XDG_RUNTIME_DIR]) {
    if (
      folder &&
      (await access(folder, constants.W_OK).then(
        () => true,
        () => false,
      ))
    )
      return folder;
  }
  return tmpdir();
}

async function machineWords(lab, index, base) {
  const { program } = await kernelOf(lab.kernel);
  const { word, before } = await umWire(lab, index);
  return [
    ...before,
    program,
    `umid=${machineName(lab, index)}`,
    'uml_dir=./',
    `mem=${lab.memory}M`,
    'seccomp=auto',
    `ubda=root.cow,${base.disk}`,
    'ubdb=pool.raw',
    `ubdcr=${IDENTITY}`,
    word,
    // Everything that the machine says, and a login, are on the keeper's ends of these.
    'con0=fd:0,fd:1',
    'con=null',
    'ssl=null',
    ...KERNEL_LINE,
  ];
}

/** Starts a node's machine, from a saved moment when `snapshot` names one, and waits until its console is there. */
export async function startMachine(lab, index, base, { snapshot } = {}) {
  const dir = nodeDir(lab.name, index);
  if ((await kernelOf(lab.kernel)) === undefined) {
    throw new LabError(
      `The kernel of the lab "${lab.name}" is no longer in the cache; \`npm run lab -- destroy\` and then \`up\` make it again.`,
    );
  }
  if (snapshot !== undefined)
    await copy(
      DISKS.map((disk) => join(savedDir(lab, index, snapshot), disk)),
      dir,
    );
  await writeIdentity(lab, index);
  await rm(join(dir, machineName(lab, index)), { recursive: true, force: true });
  await rm(join(dir, 'console.sock'), { force: true });
  const words = [
    ...netPrefix(lab),
    'env',
    `TMPDIR=${await memoryFolder()}`,
    process.execPath,
    KEEPER,
    machineName(lab, index),
    ...(await machineWords(lab, index, base)),
  ];
  const why = await startProcess(words, {
    cwd: dir,
    log: join(dir, 'machine.log'),
    pidFile: machinePidFile(lab, index),
    limitMs: START_LIMIT_MS,
    answers: () => existsSync(join(dir, 'console.sock')) && kernelPid(lab, index) !== undefined,
  });
  if (why === undefined) return;
  await killMachine(lab, index);
  throw new LabError(`The machine of node${index} did not start: ${why}`);
}

const isGone = (lab, index, limitMs) => isGoneWithin(machinePidFile(lab, index), machineName(lab, index), limitMs);

/** Power loss: the node is not asked, and writes nothing back. */
export async function killMachine(lab, index) {
  const pid = pidOf(lab, index);
  if (pid !== undefined) {
    process.kill(-pid, 'SIGKILL');
    await isGone(lab, index, END_LIMIT_MS);
  }
  await rm(machinePidFile(lab, index), { force: true });
  return pid;
}

/** Ends the machine; the node is not asked. What it has written is on its disks, which are files of this machine. */
export const quitMachine = killMachine;

/** Switches the node off in order. */
async function shutDown(lab, index) {
  await onNode(lab, index, 'systemctl poweroff', { nothrow: true, limit: 20_000 });
  await isGone(lab, index, SHUTDOWN_LIMIT_MS);
  await killMachine(lab, index);
}

/** Stops or continues the machine as a whole. */
const signal = (lab, index, name) => process.kill(-pidOf(lab, index), name);

async function copyLive(lab, index, tag) {
  const to = savedDir(lab, index, tag);
  await mkdir(to, { recursive: true });
  await copy(
    DISKS.map((disk) => join(nodeDir(lab.name, index), disk)),
    to,
  );
}

async function moveAway(lab, index, tag) {
  const to = savedDir(lab, index, tag);
  await mkdir(to, { recursive: true });
  for (const disk of DISKS) await rename(join(nodeDir(lab.name, index), disk), join(to, disk));
}

/**
 * Saves all machines at one moment. Without `resume` they are switched off in order before. With it they are stopped
 * while their disks are copied, after they have written what they had: as after a power cut, the file systems are whole.
 */
export async function saveMachines(lab, indexes, tag, { resume = true } = {}) {
  const each = (work) => Promise.all(indexes.map(work));
  if (!resume) {
    await each((index) => shutDown(lab, index));
    await each((index) => moveAway(lab, index, tag));
    return;
  }
  await each((index) => onNode(lab, index, 'zpool sync; sync', { nothrow: true, limit: 60_000 }));
  for (const index of indexes) signal(lab, index, 'SIGSTOP');
  try {
    await each((index) => copyLive(lab, index, tag));
  } finally {
    for (const index of indexes) signal(lab, index, 'SIGCONT');
  }
}

/** Names of the moments saved for a node. */
export const savedTags = (lab, index) => readdir(join(nodeDir(lab.name, index), 'saved')).catch(() => []);

/** Puts the disks of a saved moment into a folder of their own, and takes them from there again. */
export const keepDisks = (lab, index, tag, to) =>
  link(
    DISKS.map((disk) => join(savedDir(lab, index, tag), disk)),
    to,
  );
export async function takeDisks(lab, index, tag, from) {
  const to = savedDir(lab, index, tag);
  await mkdir(to, { recursive: true });
  await link(
    DISKS.map((disk) => join(from, disk)),
    to,
  );
}
