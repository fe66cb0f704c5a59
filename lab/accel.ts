/** How the nodes run: with KVM, in User-Mode Linux or emulated, the first of them that works on this machine. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { progress } from '../scripts/progress.mjs';
import { LabError, UsageError } from './errors.mjs';
import { cacheRoot } from './paths.mjs';
import { ensureKernelTools, ensureQemu } from './tools.ts';
import type { Accel, ChosenAccel } from './types.ts';
import { cachedKernel, ensureKernel, type Kernel, recentFailure } from './um/kernel.ts';

/** Name -> in words, as `lab status` prints it. */
export const ACCELS: Readonly<Record<Accel, string>> = { kvm: 'with KVM', um: 'with User-Mode Linux', tcg: 'emulated' };
const KVM_DEVICE = '/dev/kvm';
const KVM_LIMIT_S = 8;
/** A working KVM may start this much slower than emulation, because the machine may be busy at that moment. */
const KVM_SLACK_MS = 1000;
/** `mov al,0x10; out 0xf4,al; hlt; jmp $-1`: writes to QEMU's exit device, so QEMU exits with status (0x10 << 1) | 1. */
const BOOT_CODE = Buffer.from('b010e6f4f4ebfd', 'hex');
const EXIT_STATUS = 33;

/** Milliseconds that a machine with this accelerator needs to run a boot sector; undefined where it does not. */
async function timeOfBoot(accel: Accel, disk: string) {
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
 * Why KVM does not work on this machine, or undefined where it does. /dev/kvm can exist and hang, or be many times slower
 * than emulation (seen in virtual machines without real nesting), so a boot sector is run both ways.
 */
async function tryKvm(): Promise<string | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'drover-kvm-'));
  try {
    const disk = join(dir, 'boot.img');
    const sector = Buffer.alloc(512);
    BOOT_CODE.copy(sector);
    sector.writeUInt16BE(0x55aa, 510);
    await writeFile(disk, sector);
    const emulated = await timeOfBoot('tcg', disk);
    const kvm = await timeOfBoot('kvm', disk);
    if (kvm === undefined) return `${KVM_DEVICE} exists, but no machine runs with it`;
    if (kvm <= (emulated ?? KVM_SLACK_MS) + KVM_SLACK_MS) return undefined;
    return `${KVM_DEVICE} exists, but is slower than emulation (${kvm} ms against ${emulated} ms for a boot sector)`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** As tryKvm; the answer is kept until the machine reboots or QEMU changes. */
async function whyNotKvm(): Promise<string | undefined> {
  if (!existsSync(KVM_DEVICE)) return `this machine has no ${KVM_DEVICE}`;
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

export const qemuVersion = async (): Promise<string> =>
  ((await $({ quiet: true })`qemu-system-x86_64 --version`).stdout.split('\n')[0] ?? '').trim();

const smpOf = (accel: Accel) => (accel === 'kvm' || (accel === 'tcg' && cpus().length >= 4) ? 2 : 1);

const withQemu = async (accel: Accel, why: string): Promise<ChosenAccel> => ({
  accel,
  why,
  smp: smpOf(accel),
  qemu: await qemuVersion(),
});
const withKernel = ({ id }: Kernel, why: string): ChosenAccel => ({ accel: 'um', why, smp: smpOf('um'), kernel: id });

interface Options {
  /** Build the kernel of User-Mode Linux again. */
  readonly rebuild?: boolean | undefined;
  readonly rootless?: boolean;
  /** Called when the kernel is about to be built, which takes minutes. */
  readonly whileBuilding?: () => void;
}

/** The kernel of User-Mode Linux. `isAsked`: try again although the last build failed. Throws LabError. */
async function kernelFor(
  { rebuild = false, rootless = false, whileBuilding = () => {} }: Options,
  isAsked: boolean,
): Promise<Kernel> {
  const ready = rebuild ? undefined : await cachedKernel();
  if (ready !== undefined) return ready;
  const failure = rebuild || isAsked ? undefined : await recentFailure();
  if (failure !== undefined)
    throw new LabError(`cannot build its kernel: ${failure}; \`npm run lab -- up --rebuild\` tries again`);
  await ensureKernelTools({ rootless });
  whileBuilding();
  return ensureKernel({ rebuild });
}

/** The accelerator that the user asked for by name. Throws LabError with the reason why it does not work. */
async function asAsked(accel: Accel, asked: string, options: Options): Promise<ChosenAccel> {
  const why = `asked for by ${asked}`;
  if (accel === 'um') return withKernel(await kernelFor(options, true), why);
  await ensureQemu(options);
  const fault = accel === 'kvm' ? await whyNotKvm() : undefined;
  if (fault !== undefined) throw new LabError(`KVM does not work: ${fault}.`);
  return withQemu(accel, why);
}

/** Throws UsageError where the name is not one of an accelerator; `asked` is where the user gave it. */
export function readAccel(name: string, asked: string): Accel {
  if (Object.hasOwn(ACCELS, name)) return name as Accel;
  throw new UsageError(`${asked} must be one of ${Object.keys(ACCELS).join(', ')}, not "${name}".`);
}

/**
 * Chooses the accelerator: the one that `--accel` (`wanted`) or DROVER_LAB_ACCEL names, else the first of KVM, User-Mode
 * Linux and emulation that works. Throws LabError.
 */
export async function chooseAccel(wanted: string | undefined, options: Options): Promise<ChosenAccel> {
  const asked = wanted === undefined ? 'DROVER_LAB_ACCEL' : '--accel';
  const given = wanted ?? (process.env.DROVER_LAB_ACCEL || undefined);
  const name = given === undefined ? undefined : readAccel(given, asked);
  if (name !== undefined) return asAsked(name, asked, options);
  if (existsSync(KVM_DEVICE)) await ensureQemu(options);
  const noKvm = await whyNotKvm();
  if (noKvm === undefined) return withQemu('kvm', 'it works on this machine');
  try {
    return withKernel(await kernelFor(options, false), `no KVM: ${noKvm}`);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    const why = `no KVM: ${noKvm}; no User-Mode Linux: ${error.message}`;
    progress.note(`  the nodes will be emulated, which is much slower: ${why}`);
    await ensureQemu(options);
    return withQemu('tcg', why);
  }
}

/** The same for machines that only QEMU can run: KVM where it works, else emulation. Throws LabError. */
export async function chooseQemuAccel(): Promise<ChosenAccel> {
  const name = process.env.DROVER_LAB_ACCEL;
  await ensureQemu();
  if (name === 'kvm' || name === 'tcg') return asAsked(name, 'DROVER_LAB_ACCEL', {});
  const noKvm = await whyNotKvm();
  return noKvm === undefined ? withQemu('kvm', 'it works on this machine') : withQemu('tcg', `no KVM: ${noKvm}`);
}
