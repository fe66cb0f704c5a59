/** The disk of a plain Debian machine and the packages of its mirror, built once and kept under the recipe's hash. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { progress } from '../../scripts/progress.mjs';
import { ensureBase } from '../image.ts';
import { withLock } from '../lock.ts';
import { cacheRoot, hashOf, LAB_DIR } from '../paths.mjs';
import { buildTree, packagesIn } from '../tree.ts';
import type { Base } from '../types.ts';
import { makeMirror } from './mirror.ts';

const DISK_SIZE = '8G';
const PLAIN_DIR = join(LAB_DIR, 'plain');
const FORMAT = 1;

/** A base for `startMachine`, with the folder of the mirror. */
export interface PlainBase extends Base {
  readonly mirror: string;
}

const pathsIn = (dir: string, base: Base): PlainBase => ({
  dir,
  hash: 'plain',
  disk: join(dir, 'base.raw'),
  kernel: join(dir, 'vmlinuz'),
  initrd: join(dir, 'initrd.img'),
  mirror: join(dir, 'mirror'),
  key: base.key,
});

/** Resolves to the version of its kernel. */
async function makeDisk(tmp: string): Promise<string> {
  const root = join(tmp, 'root');
  const boot = await readdir(join(root, 'boot'));
  for (const [prefix, name] of [
    ['vmlinuz-', 'vmlinuz'],
    ['initrd.img-', 'initrd.img'],
  ] as const) {
    const newest = boot.filter((each) => each.startsWith(prefix)).sort();
    await $({ quiet: true })`cp ${join(root, 'boot', newest.at(-1) ?? '')} ${join(tmp, name)}`;
  }
  const [kernel = ''] = (await readdir(join(root, 'usr', 'lib', 'modules'))).sort().reverse();
  await $({ quiet: true })`mke2fs -q -t ext4 -m 0 -L plain -d ${root} ${join(tmp, 'base.raw')} ${DISK_SIZE}`;
  await $({ quiet: true })`rm -rf --one-file-system ${root}`;
  return kernel;
}

/** The plain image with its mirror, built where it is missing. Throws LabError. */
export async function ensurePlain(): Promise<PlainBase> {
  const base = await ensureBase('tcg');
  const dir = join(base.dir, 'plain', hashOf({ paths: [PLAIN_DIR], values: [FORMAT] }));
  if (existsSync(join(dir, 'done'))) return pathsIn(dir, base);
  return withLock(join(cacheRoot(), 'plain.lock'), async () => {
    if (existsSync(join(dir, 'done'))) return pathsIn(dir, base);
    const tmp = `${dir}.new`;
    await $({ quiet: true })`rm -rf --one-file-system ${join(base.dir, 'plain')}`;
    await mkdir(tmp, { recursive: true });
    const stage = progress.stage('building the plain image and its mirror', { expectedMs: 180_000 });
    try {
      await buildTree({
        what: 'plain',
        packages: await packagesIn('plain/packages.txt'),
        scripts: ['base/machine.sh', 'base/kernel.sh', 'plain/customize.sh'],
        env: {
          LAB_USERS: 'drover guest',
          LAB_ROOT_DISK: '/dev/vda',
          LAB_PUBKEY: (await readFile(`${base.key}.pub`, 'utf8')).trim(),
          LAB_MIRROR: join(tmp, 'packages'),
          LAB_PACKAGES: (await packagesIn('plain/mirror.txt')).join(' '),
        },
        to: join(tmp, 'root'),
      });
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
