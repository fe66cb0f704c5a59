/** How the nodes are run: by KVM, by User-Mode Linux or by emulation, the first of them that works here. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError, UsageError } from './errors.mjs';
import { cacheRoot } from './paths.mjs';
import { progress } from './progress.mjs';
import { ensureKernelTools, ensureQemu } from './tools.mjs';
import { cachedKernel, ensureKernel, recentFailure } from './um/kernel.mjs';

/** Name -> in words, as `lab status` says it. */
export const ACCELS = { kvm: 'with KVM', um: 'with User-Mode Linux', tcg: 'emulated' };
const KVM_DEVICE = '/dev/kvm';
const KVM_LIMIT_S = 8;
/** How much slower than emulation a working KVM may start: it is faster, but the machine may be busy just then. */
const KVM_SLACK_MS = 1000;
/** `mov al,0x10; out 0xf4,al; hlt; jmp $-1`: writes to QEMU's exit device, which ends QEMU with status (0x10 << 1) | 1. */
const BOOT_CODE = Buffer.from('b010e6f4f4ebfd', 'hex');
const EXIT_STATUS = 33;

/** Milliseconds until a machine with this accelerator has run its boot sector; undefined where it did not. */
async function timeOfBoot(accel, disk) {
  const began = Date.now();
  const machine = ['-machine', `accel=${accel}`, '-m', '64', '-display', 'none', '-nodefaults', '-no-reboot'];
  const parts = ['-drive', `file=${disk},format=raw,if=ide`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x01'];
  const { exitCode } = await $({
    quiet: true,
    nothrow: true,
  })`timeout -s KILL ${KVM_LIMIT_S} qemu-system-x86_64 ${machine} ${parts}`;
  return exitCode === EXIT_STATUS ? Date.now() - began : undefined;
}

/**
 * Why KVM does not work here, or undefined where it does. /dev/kvm can be there and hang, or be many times slower than
 * emulation (seen in virtual machines without real nesting), so a boot sector is really run, both ways.
 */
async function tryKvm() {
  const dir = await mkdtemp(join(tmpdir(), 'drover-kvm-'));
  try {
    const disk = join(dir, 'boot.img');
    const sector = Buffer.alloc(512);
    BOOT_CODE.copy(sector);
    sector.writeUInt16BE(0x55aa, 510);
    await writeFile(disk, sector);
    const emulated = await timeOfBoot('tcg', disk);
    const kvm = await timeOfBoot('kvm', disk);
    if (kvm === undefined) return `${KVM_DEVICE} is there, and a machine does not run with it`;
    if (kvm <= (emulated ?? KVM_SLACK_MS) + KVM_SLACK_MS) return undefined;
    return `${KVM_DEVICE} is there, and slower than emulation (${kvm} ms against ${emulated} ms for a boot sector)`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** As tryKvm; the answer is kept until the machine is rebooted or QEMU changes. */
async function whyNotKvm() {
  if (!existsSync(KVM_DEVICE)) return `${KVM_DEVICE} is not here`;
  const qemu = await qemuVersion();
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const file = join(cacheRoot(), 'kvm.json');
  const known = await readFile(file, 'utf8')
    .then(JSON.parse)
    .catch(() => ({}));
  if (known.bootId === bootId && known.qemu === qemu) return known.why;
  const stage = progress.stage('trying hardware virtualisation (KVM)');
  const why = await tryKvm();
  stage.done(why ?? 'KVM works');
  await mkdir(cacheRoot(), { recursive: true });
  await writeFile(file, JSON.stringify({ bootId, qemu, why }));
  return why;
}

export const qemuVersion = async () =>
  (await $({ quiet: true })`qemu-system-x86_64 --version`).stdout.split('\n')[0].trim();

const smpOf = (accel) => (accel === 'kvm' || (accel === 'tcg' && cpus().length >= 4) ? 2 : 1);

/** `{accel, why, smp}` and the version of QEMU or the id of the kernel, as the lab's record keeps them. */
const withQemu = async (accel, why) => ({ accel, why, smp: smpOf(accel), qemu: await qemuVersion() });
const withKernel = ({ id }, why) => ({ accel: 'um', why, smp: smpOf('um'), kernel: id });

async function kernelFor({ rebuild, rootless, whileBuilding, isAsked = false }) {
  const ready = rebuild ? undefined : await cachedKernel();
  if (ready !== undefined) return ready;
  const failure = rebuild || isAsked ? undefined : await recentFailure();
  if (failure !== undefined)
    throw new LabError(`its kernel could not be built: ${failure}; \`npm run lab -- up --rebuild\` tries again`);
  await ensureKernelTools({ rootless });
  whileBuilding();
  return ensureKernel({ rebuild });
}

/** What was asked for by name, or LabError with the reason why it cannot be had. */
async function asAsked(accel, asked, options) {
  const why = `asked for by ${asked}`;
  if (accel === 'um') return withKernel(await kernelFor({ ...options, isAsked: true }), why);
  await ensureQemu(options);
  const fault = accel === 'kvm' ? await whyNotKvm() : undefined;
  if (fault !== undefined) throw new LabError(`KVM does not work on this machine: ${fault}.`);
  return withQemu(accel, why);
}

/**
 * Chooses the accelerator: the one that `--accel` (`wanted`) or DROVER_LAB_ACCEL names, else the first of KVM, User-Mode
 * Linux and emulation that works. `rebuild` builds the kernel again; `whileBuilding` is called when the kernel is about to
 * be built, which takes minutes. Resolves to `{accel, why, smp, qemu | kernel}`.
 */
export async function chooseAccel({ wanted, rebuild = false, rootless = false, whileBuilding = () => {} } = {}) {
  const asked = wanted === undefined ? 'DROVER_LAB_ACCEL' : '--accel';
  const name = wanted ?? (process.env.DROVER_LAB_ACCEL || undefined);
  if (name !== undefined && !Object.hasOwn(ACCELS, name))
    throw new UsageError(`${asked} must be one of ${Object.keys(ACCELS).join(', ')}, not "${name}".`);
  const options = { rebuild, rootless, whileBuilding };
  if (name !== undefined) return asAsked(name, asked, options);
  if (existsSync(KVM_DEVICE)) await ensureQemu(options);
  const noKvm = await whyNotKvm();
  if (noKvm === undefined) return withQemu('kvm', 'it works on this machine');
  try {
    return withKernel(await kernelFor(options), `no KVM: ${noKvm}`);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    const why = `no KVM: ${noKvm}; no User-Mode Linux: ${error.message}`;
    progress.note(`  the nodes will be emulated, which is much slower: ${why}`);
    await ensureQemu(options);
    return withQemu('tcg', why);
  }
}

/** The same for machines that only QEMU can run: KVM where it works, else emulation. */
export async function chooseQemuAccel() {
  const name = process.env.DROVER_LAB_ACCEL;
  await ensureQemu();
  if (name === 'kvm' || name === 'tcg') return asAsked(name, 'DROVER_LAB_ACCEL', {});
  const noKvm = await whyNotKvm();
  return noKvm === undefined ? withQemu('kvm', 'it works on this machine') : withQemu('tcg', `no KVM: ${noKvm}`);
}
