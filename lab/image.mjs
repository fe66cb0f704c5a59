/** The base disk of every node: Debian with OpenZFS and Docker, built once, kept under its recipe's hash. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $ } from 'zx';
import { LabError, onInterrupt } from './errors.mjs';
import { withLock } from './lock.mjs';
import { baseDir, baseHash, cacheRoot, DISK_SIZE, LAB_DIR, SUBNET, SUITE } from './paths.mjs';
import { progress } from './progress.mjs';
import { osRelease } from './support.mjs';
import { asRoot } from './tools.mjs';

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

/** Where Debian's packages come from: this machine's own sources on Debian, else mmdebstrap's default. */
export async function mirrorLine() {
  const { ID, VERSION_CODENAME } = osRelease();
  if (ID !== 'debian' || !VERSION_CODENAME) return [];
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const listed = await $({
    quiet: true,
    nothrow: true,
  })`apt-get indextargets --format ${format} ${'Created-By: Packages'}`;
  const row = listed.stdout
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, release, component]) => release === VERSION_CODENAME && component === 'main');
  return row ? [`deb ${row[0]} ${SUITE} main contrib`] : [];
}

/** How this machine's apt reaches its mirror (proxy, clock checks): the build needs the same. */
export async function hostAptOptions() {
  const dump = await $({ quiet: true, nothrow: true })`apt-config dump`;
  return dump.stdout
    .split('\n')
    .filter((line) => /^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date)\b.*"[^"]+"/i.test(line))
    .map((line) => `--aptopt=${line.replace(/;$/, '')}`);
}

const packageList = async () =>
  (await readFile(join(LAB_DIR, 'base', 'packages.txt'), 'utf8'))
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));

/** What mmdebstrap and dpkg print, in words. */
function describe(line) {
  const unpacking = /^(?:Get:\d+ \S+ \S+ \S+ (\S+)|Unpacking (\S+)|Setting up (\S+))/.exec(line);
  if (/dkms|Building module/i.test(line)) return 'compiling the ZFS module';
  if (unpacking) return line.replace(/ \.\.\.$/, '').slice(0, 60);
  return /^I: /.test(line) ? line.slice(3) : undefined;
}

/** In its user namespace the hook is somebody whom a home folder need not let in: then its text goes along. */
async function customizeHook(isRoot) {
  const script = join(LAB_DIR, 'base', 'customize.sh');
  return isRoot ? script : readFile(script, 'utf8');
}

async function buildTree(tmp, stage) {
  const env = {
    ...process.env,
    LAB_PUBKEY: (await readFile(join(tmp, 'id_ed25519.pub'), 'utf8')).trim(),
    LAB_SUBNET: SUBNET,
  };
  const isRoot = process.getuid() === 0;
  const lean = ['man', 'locale', 'doc'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  // A mount namespace of its own: whatever ends the build, no mount is left in the tree. Without root mmdebstrap makes
  // one itself, with a user namespace, whose owners only a tar file carries out of it.
  const program = isRoot
    ? ['unshare', '--mount', '--propagation', 'private', 'mmdebstrap', '--mode=root']
    : ['mmdebstrap', '--mode=unshare'];
  const target = isRoot ? ['--format=directory', SUITE, join(tmp, 'root')] : ['--format=tar', SUITE, join(tmp, TREE)];
  const work = $({
    env,
    quiet: true,
    detached: true,
  })`${program} --variant=minbase \
    --components=main,contrib --include=${(await packageList()).join(',')} ${await hostAptOptions()} \
    --aptopt=${'Acquire::Languages "none"'} --aptopt=${'APT::Install-Recommends "false"'} ${lean} \
    --customize-hook=${await customizeHook(isRoot)} --verbose ${target} ${await mirrorLine()}`;
  const forget = onInterrupt(() => work.kill('SIGTERM').catch(() => {}));
  for (const stream of [work.stdout, work.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      const text = describe(line);
      if (text) stage.update(text);
    });
  }
  try {
    const out = await work;
    await writeFile(join(tmp, 'build.log'), out.stderr);
  } catch (error) {
    const log = join(cacheRoot(), 'last-build.log');
    await writeFile(log, `${error.stdout ?? ''}\n${error.stderr ?? error.message}`);
    throw new LabError(`The node image could not be built; the whole output is in ${log}.`, { cause: error });
  } finally {
    forget();
  }
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
        await buildTree(tmp, stage);
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
