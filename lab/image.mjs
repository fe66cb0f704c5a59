/** The base disk of every node: Debian with OpenZFS and Docker, built once, kept under its recipe's hash. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError, onInterrupt } from './errors.mjs';
import { withLock } from './lock.mjs';
import { baseDir, baseHash, cacheRoot, DISK_SIZE } from './paths.mjs';
import { progress } from './progress.mjs';
import { asRoot } from './tools.mjs';
import { buildTree, packagesIn } from './tree.mjs';

const BUILD_MS = 340_000;
const TMP_PREFIX = 'tmp-';
const TREE = 'tree.tar';

/** Paths of a finished base; undefined when it has yet to be built. A lab keeps to the one it was made from. */
export function cachedBase(hash = baseHash()) {
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

/** Kernel, initrd and disk from the tree, which goes away. In one shell, since without root it runs as another. */
async function makeDisk(tmp) {
  const isRoot = process.getuid() === 0;
  // Device nodes cannot be made without root, and a node finds its own.
  const unpack = isRoot
    ? ''
    : `mkdir root && tar --extract --file=${TREE} --directory=root --numeric-owner --preserve-permissions --exclude='./dev/*' && rm ${TREE}`;
  const script = `set -e
cd "$1"
${unpack}
cp "$(ls -v root/boot/vmlinuz-* | tail -n 1)" vmlinuz
cp "$(ls -v root/boot/initrd.img-* | tail -n 1)" initrd.img
chmod a+r vmlinuz initrd.img
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

/** The base, built when it is missing. Two callers at once: the second waits and finds it there. */
export async function ensureBase() {
  const ready = cachedBase();
  if (ready) return ready;
  const onWait = () => progress.note('  another lab command is building the image; waiting for it …');
  return withLock(
    join(cacheRoot(), 'build.lock'),
    async () => {
      const built = cachedBase();
      if (built) return built;
      await sweep();
      const tmp = join(cacheRoot(), `${TMP_PREFIX}${process.pid}`);
      await mkdir(tmp, { mode: 0o755 });
      const forget = onInterrupt(() => removeTree(tmp));
      const stage = progress.stage('building the node image (Debian, OpenZFS, Docker)', { expectedMs: BUILD_MS });
      try {
        await $({ quiet: true })`ssh-keygen -q -t ed25519 -N ${''} -C drover-lab -f ${join(tmp, 'id_ed25519')}`;
        const isRoot = process.getuid() === 0;
        const log = await buildTree({
          what: 'node',
          packages: await packagesIn('base/packages.txt'),
          scripts: ['base/machine.sh', 'base/customize.sh'],
          env: { LAB_USERS: 'drover', LAB_PUBKEY: (await readFile(join(tmp, 'id_ed25519.pub'), 'utf8')).trim() },
          to: join(tmp, isRoot ? 'root' : TREE),
          onLine: (line) => {
            const text = describe(line);
            if (text) stage.update(text);
          },
        });
        await writeFile(join(tmp, 'build.log'), log);
        stage.update('making the disk');
        await makeDisk(tmp);
        await writeFile(join(tmp, 'done'), new Date().toISOString());
        await rm(baseDir(), { recursive: true, force: true });
        await rename(tmp, baseDir());
        stage.done();
      } catch (error) {
        stage.fail();
        await removeTree(tmp);
        throw error;
      } finally {
        forget();
      }
      return cachedBase();
    },
    { onWait },
  );
}
