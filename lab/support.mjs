/**
 * Can this machine run the lab? Used by the start command and by the tests, so it needs nothing but
 * Node's own modules, starts nothing, and answers at once.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const VAGRANT = 'use the Vagrant way instead: `vagrant up`';

/** Program -> Debian package that brings it. */
export const TOOLS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  flock: 'util-linux',
  nsenter: 'util-linux',
};

/** Debian and its children need these as well; they hold no program of their own. */
export const EXTRA_PACKAGES = ['debian-archive-keyring'];

export function findProgram(name, env = process.env) {
  const folders = `${env.PATH ?? ''}${delimiter}/usr/local/sbin${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export function missingTools(env = process.env) {
  return Object.keys(TOOLS).filter((tool) => findProgram(tool, env) === undefined);
}

export function osRelease() {
  try {
    const pairs = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
    return Object.fromEntries([...pairs].map(([, key, value]) => [key, value]));
  } catch {
    return {};
  }
}

/** Debian itself, or something made from it: it has apt-get and Debian's package names. */
export function isDebianFamily(release = osRelease()) {
  return [release.ID, ...(release.ID_LIKE ?? '').split(' ')].includes('debian');
}

/** `{ok: true}` or `{ok: false, reason}`; the reason is one sentence and names the other way. */
export function labSupport({ platform = process.platform, arch = process.arch, uid = process.getuid?.() } = {}) {
  const no = (reason) => ({ ok: false, reason: `${reason}; ${VAGRANT}.` });
  if (platform !== 'linux') return no(`The lab runs on Linux only, and this is ${platform}`);
  if (arch !== 'x64') return no(`The lab's nodes are x86-64 machines, and this processor is ${arch}`);
  if (uid !== 0) return no('The lab makes bridges and taps, which only root may do (try `sudo`)');
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return no('The lab needs /dev/net/tun, and it is not here');
  }
  const missing = missingTools();
  if (missing.length > 0 && !isDebianFamily()) {
    return no(`The lab needs ${missing.join(', ')}, which it can install by itself on Debian only`);
  }
  return { ok: true };
}
