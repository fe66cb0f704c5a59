import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe } from '../recipe.ts';
import { PASSWD, run, tree, unpackDebianPackage } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/busybox:1',
  changes: ['CMD ["/bin/sh"]', 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
  async build({ root, temp }) {
    const deb = join(temp, 'deb');
    await unpackDebianPackage('busybox-static', deb, temp);
    const from = ['usr/bin/busybox', 'bin/busybox'].map((path) => join(deb, path)).find(existsSync);
    if (!from) throw new Error('the package busybox-static has no busybox where Debian puts it');

    const busybox = join(root, 'bin/busybox');
    await mkdir(join(root, 'bin'));
    await copyFile(from, busybox);
    await chmod(busybox, 0o755);
    const applets = (await run(busybox, ['--list-full'])).split('\n').filter((path) => path && path !== 'bin/busybox');
    await tree(root, {
      dirs: { '/tmp': 0o1777, '/data': 0o755, '/root': 0o700 },
      files: PASSWD,
      links: Object.fromEntries(applets.map((path) => [path, '/bin/busybox'])),
    });
  },
};

export default recipe;
