/** The disk of a plain Debian machine, and the packages its mirror serves; built once, kept under the recipe's hash. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError, onInterrupt } from '../errors.mjs';
import { ensureBase, hostAptOptions, mirrorLine } from '../image.mjs';
import { withLock } from '../lock.mjs';
import { cacheRoot, hashOf, LAB_DIR, SUBNET, SUITE } from '../paths.mjs';
import { progress } from '../progress.mjs';
import { makeMirror } from './mirror.mjs';

const DISK_SIZE = '8G';
const PLAIN_DIR = join(LAB_DIR, 'plain');
const FORMAT = 1;

/** In the form `startMachine` takes a base. */
const pathsIn = (dir, base) => ({
  dir,
  disk: join(dir, 'base.raw'),
  kernel: join(dir, 'vmlinuz'),
  initrd: join(dir, 'initrd.img'),
  mirror: join(dir, 'mirror'),
  key: base.key,
});

const namesIn = async (file) =>
  (await readFile(join(PLAIN_DIR, file), 'utf8')).split('\n').filter((line) => line && !line.startsWith('#'));

async function buildTree(tmp, base) {
  const env = {
    ...process.env,
    LAB_PUBKEY: (await readFile(`${base.key}.pub`, 'utf8')).trim(),
    LAB_SUBNET: SUBNET,
    LAB_MIRROR: join(tmp, 'packages'),
    LAB_PACKAGES: (await namesIn('mirror.txt')).join(' '),
  };
  const lean = ['man', 'locale', 'doc'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  const work = $({ env, quiet: true, detached: true })`unshare --mount --propagation private mmdebstrap --mode=root \
    --variant=minbase --components=main,contrib --include=${(await namesIn('packages.txt')).join(',')} \
    ${await hostAptOptions()} --aptopt=${'Acquire::Languages "none"'} --aptopt=${'APT::Install-Recommends "false"'} \
    ${lean} --customize-hook=${join(PLAIN_DIR, 'customize.sh')} --format=directory ${SUITE} ${join(tmp, 'root')} \
    ${await mirrorLine()}`;
  const forget = onInterrupt(() => work.kill('SIGTERM').catch(() => {}));
  try {
    await work;
  } catch (error) {
    const log = join(cacheRoot(), 'last-plain-build.log');
    await writeFile(log, `${error.stdout ?? ''}\n${error.stderr ?? error.message}`);
    throw new LabError(`The plain image could not be built; the whole output is in ${log}.`, { cause: error });
  } finally {
    forget();
  }
}

/** Returns the version of its kernel. */
async function makeDisk(tmp) {
  const root = join(tmp, 'root');
  const boot = await readdir(join(root, 'boot'));
  for (const [prefix, name] of [
    ['vmlinuz-', 'vmlinuz'],
    ['initrd.img-', 'initrd.img'],
  ]) {
    const newest = boot.filter((each) => each.startsWith(prefix)).sort();
    await $({ quiet: true })`cp ${join(root, 'boot', newest.at(-1))} ${join(tmp, name)}`;
  }
  const [kernel] = (await readdir(join(root, 'usr', 'lib', 'modules'))).sort().reverse();
  await $({ quiet: true })`mke2fs -q -t ext4 -m 0 -L plain -d ${root} ${join(tmp, 'base.raw')} ${DISK_SIZE}`;
  await $({ quiet: true })`rm -rf --one-file-system ${root}`;
  return kernel;
}

/** The plain image with its mirror, built when it is missing. */
export async function ensurePlain() {
  const base = await ensureBase();
  const dir = join(base.dir, 'plain', hashOf({ paths: [PLAIN_DIR], values: [FORMAT] }));
  if (existsSync(join(dir, 'done'))) return pathsIn(dir, base);
  return withLock(join(cacheRoot(), 'plain.lock'), async () => {
    if (existsSync(join(dir, 'done'))) return pathsIn(dir, base);
    const tmp = `${dir}.new`;
    await $({ quiet: true })`rm -rf --one-file-system ${join(base.dir, 'plain')}`;
    await mkdir(tmp, { recursive: true });
    const stage = progress.stage('building the plain image and its mirror', { expectedMs: 180_000 });
    try {
      await buildTree(tmp, base);
      stage.update('making the disk');
      const kernel = await makeDisk(tmp);
      stage.update('making the mirror');
      await makeMirror({ packages: join(tmp, 'packages'), to: join(tmp, 'mirror'), base, kernel });
      await rm(join(tmp, 'packages'), { recursive: true });
      await writeFile(join(tmp, 'done'), new Date().toISOString());
      await rename(tmp, dir);
      stage.done();
    } catch (error) {
      stage.fail();
      throw error;
    }
    return pathsIn(dir, base);
  });
}
