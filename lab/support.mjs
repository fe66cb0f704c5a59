// @ts-check
/**
 * Can this machine run the lab? `npm start` asks before the packages are installed, so this file uses Node.js's own
 * modules alone. It starts no program and answers at once.
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { baseHash, cacheRoot } from './paths.mjs';

const VAGRANT = 'use the Vagrant way instead: `vagrant up`';

/**
 * Program -> Debian package that brings it.
 * @type {Record<string, string>}
 */
export const TOOLS = {
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  tar: 'tar',
  setpriv: 'util-linux',
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  flock: 'util-linux',
  nsenter: 'util-linux',
};

/**
 * The same for nodes that run in QEMU: with KVM, or emulated.
 * @type {Record<string, string>}
 */
export const QEMU_TOOLS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
};

/**
 * What builds the kernel of User-Mode Linux; a path is a file that has to be there.
 * @type {Record<string, string>}
 */
export const KERNEL_TOOLS = {
  gcc: 'gcc',
  ld: 'binutils',
  make: 'make',
  bc: 'bc',
  flex: 'flex',
  bison: 'bison',
  perl: 'perl',
  xz: 'xz-utils',
  'dpkg-deb': 'dpkg',
  '/usr/include/stdio.h': 'libc6-dev',
};

/**
 * The same for a lab without root: QEMU does the work of bridges, taps and namespaces.
 * @type {Record<string, string>}
 */
export const ROOTLESS_TOOLS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  mmdebstrap: 'mmdebstrap',
  newuidmap: 'uidmap',
  mke2fs: 'e2fsprogs',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  flock: 'util-linux',
  unshare: 'util-linux',
};

/** Packages without a program that the lab needs as well. */
export const EXTRA_PACKAGES = ['debian-archive-keyring'];

/**
 * The path of a program, or of a file that is named by its path; undefined where it is not installed.
 * @param {string} name
 */
export function findProgram(name, env = process.env) {
  if (name.startsWith('/')) return existsSync(name) ? name : undefined;
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

export function missingTools(env = process.env, tools = TOOLS) {
  return Object.keys(tools).filter((tool) => findProgram(tool, env) === undefined);
}

/**
 * The values of /etc/os-release.
 * @returns {Record<string, string>}
 */
export function osRelease() {
  try {
    const pairs = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
    return Object.fromEntries([...pairs].map(([, key = '', value = '']) => [key, value]));
  } catch {
    return {};
  }
}

/** Debian, or a distribution made from it: it has apt-get and Debian's package names. */
export function isDebianFamily(release = osRelease()) {
  return [release.ID, ...(release.ID_LIKE ?? '').split(' ')].includes('debian');
}

/**
 * @typedef {{ ok: true, reason?: undefined } | { ok: false, reason: string }} Support
 */

/** @param {string} reason @returns {Support} */
const no = (reason) => ({ ok: false, reason: `${reason}; ${VAGRANT}.` });

/** @param {string} platform @param {string} arch */
function wrongMachine(platform, arch) {
  if (platform !== 'linux') return no(`The lab runs on Linux only, and this is ${platform}`);
  if (arch !== 'x64') return no(`The lab's nodes are x86-64 machines, and this processor is ${arch}`);
  return undefined;
}

/**
 * The lab as root; `reason` is one sentence and names the other way.
 * @param {{ platform?: string, arch?: string, uid?: number | undefined }} machine
 * @returns {Support}
 */
export function labSupport({ platform = process.platform, arch = process.arch, uid = process.getuid?.() } = {}) {
  const wrong = wrongMachine(platform, arch);
  if (wrong) return wrong;
  if (uid !== 0) return no('The lab makes bridges and taps, which only root may do (try `sudo`)');
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return no('The lab needs /dev/net/tun, which this machine does not have');
  }
  const missing = missingTools();
  if (missing.length > 0 && !isDebianFamily()) {
    return no(`The lab needs ${missing.join(', ')}, which it can install on Debian only`);
  }
  return { ok: true };
}

/** @param {string} path @param {string} fallback */
const readOr = (path, fallback) => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return fallback;
  }
};

/**
 * Why this kernel gives users no namespaces of their own, or undefined.
 * @param {(path: string, fallback: string) => string} read
 */
function noNamespaces(read) {
  if (read('/proc/sys/user/max_user_namespaces', '0') === '0')
    return 'this kernel allows no user namespaces (sysctl user.max_user_namespaces)';
  if (read('/proc/sys/kernel/unprivileged_userns_clone', '1') === '0')
    return 'user namespaces are for root only here (`sudo sysctl kernel.unprivileged_userns_clone=1` allows them)';
  return undefined;
}

/**
 * Whether /etc/subuid or /etc/subgid has a range for the user that is large enough for a Debian tree.
 * @param {string} text @param {{ user: string, uid: number | undefined }} who
 */
const hasRange = (text, { user, uid }) =>
  text.split('\n').some((line) => {
    const [who, , count] = line.split(':');
    return (who === user || who === String(uid)) && Number(count) >= 65_536;
  });

/** Whether an image that a lab without root may use was built before. */
const hasImage = () =>
  /** @type {const} */ (['um', 'qemu']).some((kind) => existsSync(join(cacheRoot(), baseHash(kind), 'done')));

/**
 * The lab without root: a switch and a gateway of its own instead of bridge and taps. User namespaces are needed only to
 * build the image, so not where `imageIsThere`.
 * @param {{
 *   platform?: string, arch?: string, uid?: number | undefined, user?: string, env?: NodeJS.ProcessEnv,
 *   imageIsThere?: boolean, read?: (path: string, fallback: string) => string,
 * }} machine
 * @returns {Support}
 */
export function rootlessSupport({
  platform = process.platform,
  arch = process.arch,
  uid = process.getuid?.(),
  user = userInfo().username,
  env = process.env,
  imageIsThere = hasImage(),
  read = readOr,
} = {}) {
  const wrong = wrongMachine(platform, arch);
  if (wrong) return wrong;
  const builds = !imageIsThere && uid !== 0;
  const needed = Object.entries(ROOTLESS_TOOLS).filter(
    ([tool]) => builds || !['mmdebstrap', 'newuidmap', 'unshare'].includes(tool),
  );
  const missing = missingTools(env, Object.fromEntries(needed));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => ROOTLESS_TOOLS[tool]))];
    return no(
      `Without root the lab installs nothing, and ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing (\`sudo apt install ${packages.join(' ')}\`)`,
    );
  }
  if (!builds) return { ok: true };
  const closed = noNamespaces(read);
  if (closed) return no(`Without root the lab builds its image in a user namespace, and ${closed}`);
  const bare = ['/etc/subuid', '/etc/subgid'].find((file) => !hasRange(read(file, ''), { user, uid }));
  if (bare) {
    return no(
      `Without root the lab builds its image under 65536 user ids of its own, and ${bare} has none for ${user} (\`sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}\`)`,
    );
  }
  return { ok: true };
}

/**
 * The lab that this user can have: root gets bridge and taps, any other user `rootless: true`.
 * @returns {Support & { rootless?: boolean }}
 */
export const supportHere = () =>
  process.getuid?.() === 0 || process.platform !== 'linux' ? labSupport() : { ...rootlessSupport(), rootless: true };

const OLDEST_QEMU = { major: 7, minor: 2 };

/**
 * A sentence where this QEMU does not have `-netdev stream` (new in 7.2), else undefined.
 * @param {string} version
 */
export function oldQemu(version) {
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(version) ?? [];
  const oldest = OLDEST_QEMU;
  if (Number(major) > oldest.major || (Number(major) === oldest.major && Number(minor) >= oldest.minor))
    return undefined;
  return `Without root the lab joins its nodes with QEMU's \`-netdev stream\`, which came with QEMU 7.2, and this is ${major ? `${major}.${minor}` : version}; ${VAGRANT}, or run the lab as root.`;
}
