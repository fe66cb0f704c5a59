import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import busybox from '../busybox/recipe.mjs';

/** A page of our own, as the one of Flocker's quickstart was: no registry has it, so every lab makes it. */
export default {
  ref: 'drover/counter:1',
  set: 'web-redis',
  uses: ['busybox/recipe.mjs'],
  changes: ['CMD ["httpd", "-f", "-p", "80", "-h", "/www"]', 'EXPOSE 80', 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
  async build({ dir, root, temp }) {
    await busybox.build({ root, temp });
    await mkdir(join(root, 'www/cgi-bin'), { recursive: true });
    await copyFile(join(dir, 'index.cgi'), join(root, 'www/cgi-bin/index.cgi'));
    await chmod(join(root, 'www/cgi-bin/index.cgi'), 0o755);
  },
};
