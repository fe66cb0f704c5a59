/**
 * The base disk of every node: Debian with OpenZFS and Docker, built once and kept under its recipe's hash. Nodes in QEMU
 * need Debian's kernel and OpenZFS's module on it; compiling the module takes most of the time.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { progress, type Stage } from '../scripts/progress.mjs';
import { LabError, onInterrupt } from './errors.mjs';
import { withLock } from './lock.ts';
import { baseHash, cacheRoot, DISK_SIZE, imageKindOf } from './paths.mjs';
import { asRoot, isRoot } from './tools.ts';
import { buildTree, packagesIn } from './tree.ts';
import type { Accel, Base, Lab } from './types.ts';

type ImageKind = 'qemu' | 'um';

const KINDS = {
  qemu: {
    lists: ['base/packages.txt', 'base/kernel-packages.txt'],
    scripts: ['base/machine.sh', 'base/kernel.sh', 'base/customize.sh', 'base/zfs-module.sh'],
    rootDisk: '/dev/vda',
    buildMs: 340_000,
  },
  um: {
    lists: ['base/packages.txt'],
    scripts: ['base/machine.sh', 'base/customize.sh'],
    rootDisk: '/dev/ubda',
    buildMs: 90_000,
  },
};
const TMP_PREFIX = 'tmp-';
const TREE = 'tree.tar';

/** A finished base; undefined where it is not built yet. A lab keeps the one it was made from. */
export function cachedBase(hash: string): Base | undefined {
  const dir = join(cacheRoot(), hash);
  if (!existsSync(join(dir, 'done'))) return undefined;
  return {
    dir,
    hash,
    disk: join(dir, 'base.raw'),
    kernel: join(dir, 'vmlinuz'),
    initrd: join(dir, 'initrd.img'),
    key: join(dir, 'id_ed25519'),
  };
}

/** What a line of mmdebstrap or dpkg means; undefined for a line that means nothing to the user. */
function describe(line: string): string | undefined {
  const unpacking = /^(?:Get:\d+ \S+ \S+ \S+ (\S+)|Unpacking (\S+)|Setting up (\S+))/.exec(line);
  if (/dkms|Building module/i.test(line)) return 'compiling the ZFS module';
  if (unpacking) return line.replace(/ \.\.\.$/, '').slice(0, 60);
  return /^I: /.test(line) ? line.slice(3) : undefined;
}

const KEEP_KERNEL = `cp "$(ls -v root/boot/vmlinuz-* | tail -n 1)" vmlinuz
cp "$(ls -v root/boot/initrd.img-* | tail -n 1)" initrd.img
chmod a+r vmlinuz initrd.img`;

/** Makes kernel, initrd and disk from the tree and removes the tree. In one shell: without root it runs in a user namespace. */
async function makeDisk(tmp: string, kind: ImageKind): Promise<void> {
  // Device nodes cannot be made without root; a node makes its own.
  const unpack = isRoot()
    ? ''
    : `mkdir root && tar --extract --file=${TREE} --directory=root --numeric-owner --preserve-permissions --exclude='./dev/*' && rm ${TREE}`;
  const script = `set -e
cd "$1"
${unpack}
${kind === 'qemu' ? KEEP_KERNEL : ''}
mke2fs -q -t ext4 -m 0 -L node -d root base.raw "$2"
rm -rf --one-file-system root`;
  await $({ quiet: true })`${asRoot()} sh -c ${script} sh ${tmp} ${DISK_SIZE}`;
}

/** Removes a tree whose owners may be ids of a user namespace. */
async function removeTree(path: string) {
  await $({ quiet: true, nothrow: true })`${asRoot()} rm -rf --one-file-system ${path}`;
}

async function sweep() {
  await mkdir(cacheRoot(), { recursive: true });
  for (const name of await readdir(cacheRoot())) {
    if (name.startsWith(TMP_PREFIX)) await removeTree(join(cacheRoot(), name));
  }
}

/** The base that a lab was made from: its disks need it. Throws LabError where it is not in the cache any more. */
export function baseOf(lab: Lab): Base {
  const base = cachedBase(lab.base);
  if (!base)
    throw new LabError(
      `The node image of the lab "${lab.name}" is no longer in the cache; \`npm run lab -- destroy\` and then \`up\` make it again.`,
    );
  return base;
}

/** The base for this accelerator, built where it is missing. A second caller waits for the first. Throws LabError. */
export async function ensureBase(accel: Accel): Promise<Base> {
  const kind = imageKindOf(accel);
  const hash = baseHash(kind);
  const onWait = () => progress.note('  another lab command is building the image; waiting for it …');
  const build = async (): Promise<Base> => cachedBase(hash) ?? (await buildBase(kind, hash));
  return cachedBase(hash) ?? (await withLock(join(cacheRoot(), 'build.lock'), build, { onWait }));
}

/** Builds under another name and renames at the end, so that an interrupted build leaves no half base. */
async function buildBase(kind: ImageKind, hash: string): Promise<Base> {
  await sweep();
  const tmp = join(cacheRoot(), `${TMP_PREFIX}${process.pid}`);
  await mkdir(tmp, { mode: 0o755 });
  const forget = onInterrupt(() => removeTree(tmp));
  const stage = progress.stage('building the node image (Debian, OpenZFS, Docker)', {
    expectedMs: KINDS[kind].buildMs,
  });
  try {
    await fillBase(tmp, kind, stage);
    await rm(join(cacheRoot(), hash), { recursive: true, force: true });
    await rename(tmp, join(cacheRoot(), hash));
    stage.done();
  } catch (error) {
    stage.fail();
    await removeTree(tmp);
    throw error;
  } finally {
    forget();
  }
  const base = cachedBase(hash);
  if (base === undefined) throw new LabError('The node image was built, but is not in the cache.');
  return base;
}

async function fillBase(tmp: string, kind: ImageKind, stage: Stage): Promise<void> {
  await $({ quiet: true })`ssh-keygen -q -t ed25519 -N ${''} -C drover-lab -f ${join(tmp, 'id_ed25519')}`;
  const log = await buildTree({
    what: 'node',
    packages: (await Promise.all(KINDS[kind].lists.map(packagesIn))).flat(),
    scripts: KINDS[kind].scripts,
    env: {
      LAB_USERS: 'drover',
      LAB_PUBKEY: (await readFile(join(tmp, 'id_ed25519.pub'), 'utf8')).trim(),
      LAB_ROOT_DISK: KINDS[kind].rootDisk,
    },
    to: join(tmp, isRoot() ? 'root' : TREE),
    onLine: (line) => {
      const text = describe(line);
      if (text) stage.update(text);
    },
  });
  await writeFile(join(tmp, 'build.log'), log);
  stage.update('making the disk');
  await makeDisk(tmp, kind);
  await writeFile(join(tmp, 'done'), new Date().toISOString());
}
