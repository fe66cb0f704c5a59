import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import busybox from '../busybox/recipe.ts';
import type { Recipe } from '../recipe.ts';

/** A page made for the tutorial. No registry has it, so every lab builds it. */
const recipe: Recipe = {
  ref: 'drover/counter:1',
  set: 'web-redis',
  uses: ['busybox/recipe.ts'],
  changes: ['CMD ["httpd", "-f", "-p", "80", "-h", "/www"]', 'EXPOSE 80', 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
  async build(place) {
    const { dir, root } = place;
    await busybox.build(place);
    await mkdir(join(root, 'www/cgi-bin'), { recursive: true });
    await copyFile(join(dir, 'index.cgi'), join(root, 'www/cgi-bin/index.cgi'));
    await chmod(join(root, 'www/cgi-bin/index.cgi'), 0o755);
  },
};

export default recipe;
