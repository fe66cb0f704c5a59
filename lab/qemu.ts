/** One node's machine in QEMU, with KVM or emulated. The same names as in um/machine.mjs; machine.mjs chooses. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { findProcess, isGoneWithin, startProcess } from './background.mjs';
import { LabError } from './errors.mjs';
import { netdevWords, netPrefix } from './network.mjs';
import { machineName, machinePidFile, macOf, nodeDir, POOL_SIZE } from './paths.mjs';
import { withQmp } from './qmp.mjs';

const START_LIMIT_MS = 15_000;
const END_LIMIT_MS = 10_000;
export const KERNEL_LINE =
  'root=/dev/vda rw console=ttyS0 quiet loglevel=3 mitigations=off net.ifnames=0 no5lvl panic=5 systemd.show_status=0';

export const POOL_DISK = '/dev/disk/by-id/virtio-pool';
export const CONSOLE_UNIT = 'serial-getty@ttyS0.service';
/** QEMU keeps a machine's memory in its disk. */
export const canSleep = true;
/** The disks, with the moments that are saved in them. */
const DISKS = ['root.qcow2', 'pool.qcow2'];

/** What, when changed, makes a saved state unusable. */
export const machineFacts = (lab) => [
  lab.qemu,
  lab.accel,
  lab.smp,
  lab.memory,
  KERNEL_LINE,
  POOL_SIZE,
  2,
  // A tap takes over checksums and segments, a stream does not: the node's driver has agreed to one or the other.
  ...(lab.rootless ? ['stream'] : []),
];

/** The process id of a node's machine, or undefined when it is off. */
export const pidOf = (lab, index) => findProcess(machinePidFile(lab, index), machineName(lab, index));

/** Through /proc, because a socket's path may have 107 characters and a home folder knows nothing of that. */
const socketPath = (lab, index, name) => `/proc/${pidOf(lab, index)}/cwd/${name}`;
const qmpPath = (lab, index) => socketPath(lab, index, 'qmp.sock');
/** The node's serial line; one at a time may be at it. */
export const consolePath = (lab, index) => socketPath(lab, index, 'console.sock');

/** The process whose memory is the machine's. */
export const memoryPid = pidOf;

/** As QEMU names it: 'running', 'paused'; 'unknown' where QEMU does not answer. */
export const stateOf = (lab, index) =>
  withMachine(lab, index, (qmp) => qmp.execute('query-status')).then(
    ({ status }) => status,
    () => 'unknown',
  );

const withMachine = (lab, index, use) => {
  if (pidOf(lab, index) === undefined) {
    throw new LabError(`node${index} is off; switch it on with \`npm run lab -- up\` first.`);
  }
  return withQmp(qmpPath(lab, index), use);
};

export async function createDisks(lab, index, base) {
  const dir = nodeDir(lab.name, index);
  await $({ quiet: true })`qemu-img create -q -f qcow2 -F raw -b ${base.disk} ${join(dir, 'root.qcow2')}`;
  await $({ quiet: true })`qemu-img create -q -f qcow2 ${join(dir, 'pool.qcow2')} ${POOL_SIZE}`;
  await $({ quiet: true })`ssh-keygen -q -t ed25519 -N ${''} -C ${`node${index}`} -f ${join(dir, 'hostkey')}`;
  await writeFile(join(dir, 'hostname'), `node${index}\n`);
}

function machineArgs(lab, index, base, snapshot) {
  const kvm = lab.accel === 'kvm';
  // The backing file is named here, not in the overlay, so that a cache may be moved.
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
    // Nobody need listen; what is said is in the log in any case, also that of earlier starts.
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

/** Starts a node's machine, from its saved state when `snapshot` names one, and waits until QEMU answers. */
export async function startMachine(lab, index, base, { snapshot } = {}) {
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

const isGone = (lab, index) => isGoneWithin(machinePidFile(lab, index), machineName(lab, index), END_LIMIT_MS);

/** Power loss: nothing is written back, nobody is told. */
export async function killMachine(lab, index) {
  const pid = pidOf(lab, index);
  if (pid !== undefined) {
    process.kill(pid, 'SIGKILL');
    await isGone(lab, index);
  }
  await rm(machinePidFile(lab, index), { force: true });
  return pid;
}

/** Ends QEMU in order, its disks flushed; the node itself is not asked. */
export async function quitMachine(lab, index) {
  if (pidOf(lab, index) === undefined) return;
  await withMachine(lab, index, (qmp) => qmp.execute('quit')).catch(() => {});
  if (!(await isGone(lab, index))) await killMachine(lab, index);
  await rm(machinePidFile(lab, index), { force: true });
}

const everyNode = (indexes, each) => Promise.all(indexes.map(each));

/** Saves all machines at one moment: everyone is stopped before anyone is saved. */
export async function saveMachines(lab, indexes, tag, { resume = true } = {}) {
  const onEach = (use) => everyNode(indexes, (index) => withMachine(lab, index, use));
  await onEach((qmp) => qmp.execute('stop'));
  try {
    await onEach((qmp) => qmp.monitor(`savevm ${tag}`));
  } finally {
    if (resume) await onEach((qmp) => qmp.execute('cont'));
  }
}

/** Names of the states saved in a node's disk. */
export async function savedTags(lab, index) {
  const out = await $({
    quiet: true,
    nothrow: true,
  })`qemu-img info -U --output=json ${join(nodeDir(lab.name, index), 'root.qcow2')}`;
  if (out.exitCode !== 0) return [];
  return (JSON.parse(out.stdout).snapshots ?? []).map((snapshot) => snapshot.name);
}

const copyDisks = (from, to) =>
  $({ quiet: true })`cp --reflink=auto --sparse=auto ${DISKS.map((disk) => join(from, disk))} ${to}/`;

/** The saved moments are in the disks, so all of them are copied. */
export const keepDisks = (lab, index, _tag, to) => copyDisks(nodeDir(lab.name, index), to);
export const takeDisks = (lab, index, _tag, from) => copyDisks(from, nodeDir(lab.name, index));
