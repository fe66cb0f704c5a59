/**
 * A node's machine as a User-Mode Linux process (see MachineKind). A saved state is a copy of the disks: the memory cannot
 * be saved, so a restored machine boots.
 */
import { existsSync, readFileSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { tsCommand } from '../../scripts/ts.mjs';
import { findProcess, isGoneWithin, startProcess } from '../background.ts';
import { LabError } from '../errors.mjs';
import { netPrefix, umWire } from '../network.ts';
import { onNode } from '../nodes.ts';
import { machineName, machinePidFile, nodeDir, POOL_SIZE } from '../paths.mjs';
import type { Base, Lab, SaveOptions, StartOptions } from '../types.ts';
import { type Kernel, kernelOf } from './kernel.ts';

const KEEPER = fileURLToPath(new URL('keeper.ts', import.meta.url));
const START_LIMIT_MS = 15_000;
const END_LIMIT_MS = 10_000;
const SHUTDOWN_LIMIT_MS = 120_000;
/** The disks of a saved state: the changes to the image, and the pool. */
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
/** The console is not a serial line here. */
export const CONSOLE_UNIT = 'console-getty.service';
export const canSleep = false;

export const machineFacts = (lab: Lab): readonly unknown[] => ['um', lab.kernel, KERNEL_LINE, POOL_SIZE, 1];

const savedDir = (lab: Lab, index: number, tag: string) => join(nodeDir(lab.name, index), 'saved', tag);

/** The process of the machine's keeper, which leads its process group. */
export const pidOf = (lab: Lab, index: number): number | undefined =>
  findProcess(machinePidFile(lab, index), machineName(lab, index));

/** The kernel's own process: the keeper's child. */
function kernelPid(lab: Lab, index: number): number | undefined {
  const pid = pidOf(lab, index);
  if (pid === undefined) return undefined;
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]) || undefined;
  } catch {
    return undefined;
  }
}

export const memoryPid = kernelPid;

/** Through /proc, because a socket's path may have 107 characters, and a home folder may have a longer one. */
export const consolePath = (lab: Lab, index: number): string => `/proc/${pidOf(lab, index)}/cwd/console.sock`;

/** 'running', or 'paused' where a signal has stopped the process. */
export async function stateOf(lab: Lab, index: number): Promise<string> {
  const stat = await readFile(`/proc/${kernelPid(lab, index)}/stat`, 'utf8').catch(() => '');
  return /\) T /.test(stat) ? 'paused' : 'running';
}

/** Copies files without their holes, over earlier ones. */
const copy = (files: readonly string[], to: string) =>
  $({ quiet: true })`cp --sparse=always --reflink=auto --remove-destination ${files} ${to}/`;
/** Gives files a second name where that is possible, else copies them. Only for files that no process writes to. */
const link = (files: readonly string[], to: string): Promise<unknown> =>
  $({ quiet: true, nothrow: true })`cp --link --force ${files} ${to}/`.then((done) =>
    done.exitCode === 0 ? done : copy(files, to),
  );

async function writeIdentity(lab: Lab, index: number, { modules }: Kernel): Promise<void> {
  const dir = nodeDir(lab.name, index);
  const own = ['hostkey', 'hostname'];
  await $({
    quiet: true,
  })`tar --create --owner=0 --group=0 --numeric-owner --file ${join(dir, IDENTITY)} --directory ${dir} ${own} --directory ${join(modules, '..')} modules`;
}

export async function createDisks(lab: Lab, index: number): Promise<void> {
  const dir = nodeDir(lab.name, index);
  await writeFile(join(dir, 'pool.raw'), '');
  await truncate(join(dir, 'pool.raw'), bytesOf(POOL_SIZE));
  await $({ quiet: true })`ssh-keygen -q -t ed25519 -N ${''} -C ${`node${index}`} -f ${join(dir, 'hostkey')}`;
  await writeFile(join(dir, 'hostname'), `node${index}\n`);
}

/** "4G" -> bytes */
const bytesOf = (size: string): number => Number.parseInt(size, 10) * 1024 ** 3;

/** A folder for the machine's memory. In memory where possible, because elsewhere every changed page goes to a disk. */
async function memoryFolder(): Promise<string> {
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

async function machineWords(lab: Lab, index: number, base: Base, program: string): Promise<readonly string[]> {
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
    // The output of the machine, and a login, are on the keeper's ends of these.
    'con0=fd:0,fd:1',
    'con=null',
    'ssl=null',
    ...KERNEL_LINE,
  ];
}

/** Resolves when the console exists; the node itself still boots. */
export async function startMachine(
  lab: Lab,
  index: number,
  base: Base,
  { snapshot }: StartOptions = {},
): Promise<void> {
  const dir = nodeDir(lab.name, index);
  const kernel = await kernelOf(lab.kernel);
  if (kernel === undefined) {
    throw new LabError(
      `The kernel of the lab "${lab.name}" is no longer in the cache; \`npm run lab -- destroy\` and then \`up\` make it again.`,
    );
  }
  if (snapshot !== undefined)
    await copy(
      DISKS.map((disk) => join(savedDir(lab, index, snapshot), disk)),
      dir,
    );
  await writeIdentity(lab, index, kernel);
  await rm(join(dir, machineName(lab, index)), { recursive: true, force: true });
  await rm(join(dir, 'console.sock'), { force: true });
  const words = [
    ...netPrefix(lab),
    'env',
    `TMPDIR=${await memoryFolder()}`,
    ...tsCommand(KEEPER, machineName(lab, index), ...(await machineWords(lab, index, base, kernel.program))),
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

const isGone = (lab: Lab, index: number, limitMs: number): Promise<boolean> =>
  isGoneWithin(machinePidFile(lab, index), machineName(lab, index), limitMs);

/** The node writes nothing back. */
export async function killMachine(lab: Lab, index: number): Promise<number | undefined> {
  const pid = pidOf(lab, index);
  if (pid !== undefined) {
    process.kill(-pid, 'SIGKILL');
    await isGone(lab, index, END_LIMIT_MS);
  }
  await rm(machinePidFile(lab, index), { force: true });
  return pid;
}

/** Everything the node has written is on its disks, which are files of this machine. */
export const quitMachine = killMachine;

async function shutDown(lab: Lab, index: number): Promise<void> {
  await onNode(lab, index, 'systemctl poweroff', { nothrow: true, limitMs: 20_000 });
  await isGone(lab, index, SHUTDOWN_LIMIT_MS);
  await killMachine(lab, index);
}

/** Stops or continues all processes of the machine. */
function signal(lab: Lab, index: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  const pid = pidOf(lab, index);
  if (pid !== undefined) process.kill(-pid, name);
}

async function copyLive(lab: Lab, index: number, tag: string): Promise<void> {
  const to = savedDir(lab, index, tag);
  await mkdir(to, { recursive: true });
  await copy(
    DISKS.map((disk) => join(nodeDir(lab.name, index), disk)),
    to,
  );
}

async function moveAway(lab: Lab, index: number, tag: string): Promise<void> {
  const to = savedDir(lab, index, tag);
  await mkdir(to, { recursive: true });
  for (const disk of DISKS) await rename(join(nodeDir(lab.name, index), disk), join(to, disk));
}

/**
 * Without `resume` the machines are shut down first. With it they write out their caches and stop while their disks are
 * copied: the copies are as good as disks after a power cut.
 */
export async function saveMachines(
  lab: Lab,
  indexes: readonly number[],
  tag: string,
  { resume = true }: SaveOptions = {},
): Promise<void> {
  const each = (work: (index: number) => Promise<unknown>): Promise<unknown> => Promise.all(indexes.map(work));
  if (!resume) {
    await each((index: number) => shutDown(lab, index));
    await each((index: number) => moveAway(lab, index, tag));
    return;
  }
  await each((index: number) => onNode(lab, index, 'zpool sync; sync', { nothrow: true, limitMs: 60_000 }));
  for (const index of indexes) signal(lab, index, 'SIGSTOP');
  try {
    await each((index: number) => copyLive(lab, index, tag));
  } finally {
    for (const index of indexes) signal(lab, index, 'SIGCONT');
  }
}

export const savedTags = (lab: Lab, index: number): Promise<string[]> =>
  readdir(join(nodeDir(lab.name, index), 'saved')).catch(() => []);

export const keepDisks = (lab: Lab, index: number, tag: string, to: string): Promise<unknown> =>
  link(
    DISKS.map((disk) => join(savedDir(lab, index, tag), disk)),
    to,
  );
export async function takeDisks(lab: Lab, index: number, tag: string, from: string): Promise<void> {
  const to = savedDir(lab, index, tag);
  await mkdir(to, { recursive: true });
  await link(
    DISKS.map((disk) => join(from, disk)),
    to,
  );
}
