/** A node's machine in QEMU, with KVM or emulated (see MachineKind). */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { findProcess, isGoneWithin, startProcess } from './background.ts';
import { LabError } from './errors.mjs';
import { netdevWords, netPrefix } from './network.ts';
import { machineName, machinePidFile, macOf, nodeDir, POOL_SIZE } from './paths.mjs';
import { type Qmp, withQmp } from './qmp.ts';
import type { Base, Lab, SaveOptions, StartOptions } from './types.ts';

const START_LIMIT_MS = 15_000;
const END_LIMIT_MS = 10_000;
export const KERNEL_LINE =
  'root=/dev/vda rw console=ttyS0 quiet loglevel=3 mitigations=off net.ifnames=0 no5lvl panic=5 systemd.show_status=0';

export const POOL_DISK = '/dev/disk/by-id/virtio-pool';
export const CONSOLE_UNIT = 'serial-getty@ttyS0.service';
/** QEMU saves a machine's memory in its disk. */
export const canSleep = true;
/** The disks, with the saved states inside them. */
const DISKS = ['root.qcow2', 'pool.qcow2'];

export const machineFacts = (lab: Lab): readonly unknown[] => [
  lab.qemu,
  lab.accel,
  lab.smp,
  lab.memory,
  KERNEL_LINE,
  POOL_SIZE,
  2,
  // A tap takes over checksums and segmentation, a stream does not; the driver of a saved node expects one of the two.
  ...(lab.rootless ? ['stream'] : []),
];

export const pidOf = (lab: Lab, index: number) => findProcess(machinePidFile(lab, index), machineName(lab, index));

/** Through /proc, because a socket's path may have 107 characters, and a home folder may have a longer one. */
const socketPath = (lab: Lab, index: number, name: string): string => `/proc/${pidOf(lab, index)}/cwd/${name}`;
const qmpPath = (lab: Lab, index: number) => socketPath(lab, index, 'qmp.sock');
export const consolePath = (lab: Lab, index: number): string => socketPath(lab, index, 'console.sock');

export const memoryPid = pidOf;

/** QEMU's word for it; 'unknown' where QEMU does not answer. */
export async function stateOf(lab: Lab, index: number): Promise<string> {
  try {
    const answer = await withMachine(lab, index, (qmp) => qmp.execute('query-status'));
    return (answer as { status: string }).status;
  } catch {
    return 'unknown';
  }
}

async function withMachine<T>(lab: Lab, index: number, use: (qmp: Qmp) => Promise<T>): Promise<T> {
  if (pidOf(lab, index) === undefined) {
    throw new LabError(`node${index} is off; \`npm run lab -- up\` starts it.`);
  }
  return withQmp(qmpPath(lab, index), use);
}

export async function createDisks(lab: Lab, index: number, base: Base): Promise<void> {
  const dir = nodeDir(lab.name, index);
  await $({ quiet: true })`qemu-img create -q -f qcow2 -F raw -b ${base.disk} ${join(dir, 'root.qcow2')}`;
  await $({ quiet: true })`qemu-img create -q -f qcow2 ${join(dir, 'pool.qcow2')} ${POOL_SIZE}`;
  await $({ quiet: true })`ssh-keygen -q -t ed25519 -N ${''} -C ${`node${index}`} -f ${join(dir, 'hostkey')}`;
  await writeFile(join(dir, 'hostname'), `node${index}\n`);
}

function machineArgs(lab: Lab, index: number, base: Base, snapshot: string | undefined): readonly string[] {
  const kvm = lab.accel === 'kvm';
  // The backing file is named here and not in the overlay, so that the cache can be moved.
  const rootDisk = `file=root.qcow2,format=qcow2,if=none,id=root,discard=unmap,backing.driver=raw,backing.file.driver=file,backing.file.filename=${base.disk}`;
  return [
    '-name',
    machineName(lab, index),
    '-accel',
    kvm ? 'kvm' : 'tcg,thread=multi',
    '-cpu',
    kvm ? 'host' : 'max',
    '-smp',
    String(lab.smp),
    '-m',
    String(lab.memory),
    '-display',
    'none',
    '-nodefaults',
    '-serial',
    'chardev:console',
    '-chardev',
    // QEMU logs the console also while no client is connected, and keeps the log of earlier starts.
    'socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log,logappend=on',
    '-kernel',
    base.kernel,
    '-initrd',
    base.initrd,
    '-append',
    KERNEL_LINE,
    '-drive',
    rootDisk,
    '-device',
    'virtio-blk-pci,drive=root',
    '-drive',
    'file=pool.qcow2,format=qcow2,if=none,id=pool,discard=unmap',
    '-device',
    'virtio-blk-pci,drive=pool,serial=pool',
    ...netdevWords(lab, index),
    '-device',
    `virtio-net-pci,netdev=lan,mac=${macOf(index)},romfile=`,
    '-device',
    'virtio-rng-pci',
    '-fw_cfg',
    'name=opt/drover/hostkey,file=hostkey',
    '-fw_cfg',
    'name=opt/drover/hostname,file=hostname',
    '-qmp',
    'unix:qmp.sock,server=on,wait=off',
    ...(snapshot ? ['-loadvm', snapshot] : []),
  ];
}

/** Resolves when QEMU answers; the node itself may still boot. */
export async function startMachine(
  lab: Lab,
  index: number,
  base: Base,
  { snapshot }: StartOptions = {},
): Promise<void> {
  const dir = nodeDir(lab.name, index);
  for (const name of ['qmp.sock', 'console.sock']) await rm(join(dir, name), { force: true });
  const words = [...netPrefix(lab), 'qemu-system-x86_64', ...machineArgs(lab, index, base, snapshot)];
  const why = await startProcess(words, {
    cwd: dir,
    log: join(dir, 'machine.log'),
    pidFile: machinePidFile(lab, index),
    limitMs: START_LIMIT_MS,
    answers: async () =>
      existsSync(join(dir, 'qmp.sock')) &&
      pidOf(lab, index) !== undefined &&
      (await withMachine(lab, index, (qmp) => qmp.execute('query-status'))) !== undefined,
  });
  if (why === undefined) return;
  await killMachine(lab, index);
  throw new LabError(`The machine of node${index} did not start: ${why}`);
}

const isGone = (lab: Lab, index: number) =>
  isGoneWithin(machinePidFile(lab, index), machineName(lab, index), END_LIMIT_MS);

/** Nothing is written back. */
export async function killMachine(lab: Lab, index: number): Promise<number | undefined> {
  const pid = pidOf(lab, index);
  if (pid !== undefined) {
    process.kill(pid, 'SIGKILL');
    await isGone(lab, index);
  }
  await rm(machinePidFile(lab, index), { force: true });
  return pid;
}

export async function quitMachine(lab: Lab, index: number): Promise<void> {
  if (pidOf(lab, index) === undefined) return;
  await withMachine(lab, index, (qmp) => qmp.execute('quit')).catch(() => {});
  if (!(await isGone(lab, index))) await killMachine(lab, index);
  await rm(machinePidFile(lab, index), { force: true });
}

/** All machines stop before the first one is saved. */
export async function saveMachines(
  lab: Lab,
  indexes: readonly number[],
  tag: string,
  { resume = true }: SaveOptions = {},
): Promise<void> {
  const onEach = (use: (qmp: Qmp) => Promise<unknown>): Promise<unknown> =>
    Promise.all(indexes.map((index) => withMachine(lab, index, use)));
  await onEach((qmp) => qmp.execute('stop'));
  try {
    await onEach((qmp) => qmp.monitor(`savevm ${tag}`));
  } finally {
    if (resume) await onEach((qmp) => qmp.execute('cont'));
  }
}

export async function savedTags(lab: Lab, index: number): Promise<string[]> {
  const out = await $({
    quiet: true,
    nothrow: true,
  })`qemu-img info -U --output=json ${join(nodeDir(lab.name, index), 'root.qcow2')}`;
  if (out.exitCode !== 0) return [];
  const { snapshots = [] }: { snapshots?: { name: string }[] } = JSON.parse(out.stdout);
  return snapshots.map(({ name }) => name);
}

const copyDisks = (from: string, to: string) =>
  $({ quiet: true })`cp --reflink=auto --sparse=auto ${DISKS.map((disk) => join(from, disk))} ${to}/`;

/** The saved states are in the disks, so all of them are copied. */
export const keepDisks = (lab: Lab, index: number, _tag: string, to: string) => copyDisks(nodeDir(lab.name, index), to);
export const takeDisks = (lab: Lab, index: number, _tag: string, from: string) =>
  copyDisks(from, nodeDir(lab.name, index));
