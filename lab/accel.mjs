/** KVM or emulation? /dev/kvm can be there and yet hang, so a kernel is really booted, with a time limit. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { progress } from './progress.mjs';

const PROBE_LIMIT_S = 8;

/** Our kernel with no disk panics within a second or two and, told not to reboot, ends QEMU. */
async function kvmBoots(kernel) {
  if (!existsSync('/dev/kvm')) return false;
  const args = [
    '-accel',
    'kvm',
    '-cpu',
    'host',
    '-m',
    '256',
    '-display',
    'none',
    '-serial',
    'stdio',
    '-monitor',
    'none',
    '-nodefaults',
    '-no-reboot',
    '-kernel',
    kernel,
    '-append',
    'console=ttyS0 panic=-1',
  ];
  const out = await $({
    quiet: true,
    nothrow: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })`timeout -s KILL ${PROBE_LIMIT_S} qemu-system-x86_64 ${args}`;
  return out.exitCode === 0 && /Kernel panic/.test(out.stdout);
}

/** `{accel, smp, qemu}`; the answer is kept until the machine is rebooted or QEMU changes. */
export async function detectAccel(base) {
  const qemu = (await $({ quiet: true })`qemu-system-x86_64 --version`).stdout.split('\n')[0].trim();
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const file = join(base.dir, 'accel.json');
  const known = await readFile(file, 'utf8')
    .then(JSON.parse)
    .catch(() => ({}));
  let { kvm } = known;
  if (known.bootId !== bootId || known.qemu !== qemu) {
    const stage = progress.stage('trying hardware virtualisation');
    kvm = await kvmBoots(base.kernel);
    stage.done(kvm ? 'KVM works' : 'not here, so the nodes are emulated');
    await writeFile(file, JSON.stringify({ bootId, qemu, kvm }));
  }
  const accel = process.env.DROVER_LAB_ACCEL ?? (kvm ? 'kvm' : 'tcg');
  return { accel, smp: accel === 'kvm' || cpus().length >= 4 ? 2 : 1, qemu };
}
