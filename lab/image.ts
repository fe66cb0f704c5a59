/**
 * The base disk of every node: Debian with OpenZFS and Docker, built once, kept under its recipe's hash. Nodes that run in
 * QEMU need Debian's kernel and OpenZFS's module on it; compiling that is most of the work.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError, onInterrupt } from './errors.mjs';
import { withLock } from './lock.mjs';
import { baseHash, cacheRoot, DISK_SIZE, imageKindOf } from './paths.mjs';
import { progress } from './progress.mjs';
import { asRoot } from './tools.mjs';
import { buildTree, packagesIn } from './tree.mjs';

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

/** Paths of a finished base; undefined when it has yet to be built. A lab keeps to the one it was made from. */
export function cachedBase(hash) {
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

/** What mmdebstrap and dpkg print, in words. */
function describe(line) {
  const unpacking = /^(?:Get:\d+ \S+ \S+ \S+ (\S+)|Unpacking (\S+)|Setting up (\S+))/.exec(line);
  if (/dkms|Building module/i.test(line)) return 'compiling the ZFS module';
  if (unpacking) return line.replace(/ \.\.\.$/, '').slice(0, 60);
  return /^I: /.test(line) ? line.slice(3) : undefined;
}

const KEEP_KERNEL = `cp "$(ls -v root/boot/vmlinuz-* | tail -n 1)" vmlinuz
cp "$(ls -v root/boot/initrd.img-* | tail -n 1)" initrd.img
chmod a+r vmlinuz initrd.img`;

/** Kernel, initrd and disk from the tree, which goes away. In one shell, since without root it runs as another. */
async function makeDisk(tmp, kind) {
  const isRoot = process.getuid() === 0;
  // Device nodes cannot be made without root, and a node finds its own.
  const unpack = isRoot
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
async function removeTree(path) {
  await $({ quiet: true, nothrow: true })`${asRoot()} rm -rf --one-file-system ${path}`;
}

async function sweep() {
  await mkdir(cacheRoot(), { recursive: true });
  for (const name of await readdir(cacheRoot())) {
    if (name.startsWith(TMP_PREFIX)) await removeTree(join(cacheRoot(), name));
  }
}

/** The base a lab was made from; without it its disks are of no use. */
export function baseOf(lab) {
  const base = cachedBase(lab.base);
  if (!base)
    throw new LabError(
      `The node image of the lab "${lab.name}" is no longer in the cache; \`npm run lab -- destroy\` and then \`up\` make it anew.`,
    );
  return base;
}

/** The base for this accelerator, built when it is missing. Two callers at once: the second waits and finds it there. */
export async function ensureBase(accel) {
  const kind = imageKindOf(accel);
  const hash = baseHash(kind);
  const ready = cachedBase(hash);
  if (ready) return ready;
  const onWait = () => progress.note('  another lab command is building the image; waiting for it …');
  return withLock(
    join(cacheRoot(), 'build.lock'),
    async () => {
      const built = cachedBase(hash);
      if (built) return built;
      await sweep();
      const tmp = join(cacheRoot(), `${TMP_PREFIX}${process.pid}`);
      await mkdir(tmp, { mode: 0o755 });
      const forget = onInterrupt(() => removeTree(tmp));
      const stage = progress.stage('building the node image (Debian, OpenZFS, Docker)', {
        expectedMs: KINDS[kind].buildMs,
      });
      try {
        await $({ quiet: true })`ssh-keygen -q -t ed25519 -N ${''} -C drover-lab -f ${join(tmp, 'id_ed25519')}`;
        const isRoot = process.getuid() === 0;
        const log = await buildTree({
          what: 'node',
          packages: (await Promise.all(KINDS[kind].lists.map(packagesIn))).flat(),
          scripts: KINDS[kind].scripts,
          env: {
            LAB_USERS: 'drover',
            LAB_PUBKEY: (await readFile(join(tmp, 'id_ed25519.pub'), 'utf8')).trim(),
            LAB_ROOT_DISK: KINDS[kind].rootDisk,
          },
          to: join(tmp, isRoot ? 'root' : TREE),
          onLine: (line) => {
            const text = describe(line);
            if (text) stage.update(text);
          },
        });
        await writeFile(join(tmp, 'build.log'), log);
        stage.update('making the disk');
        await makeDisk(tmp, kind);
        await writeFile(join(tmp, 'done'), new Date().toISOString());
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
      return cachedBase(hash);
    },
    { onWait },
  );
}
