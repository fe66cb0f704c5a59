import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addBusybox, debianTree } from '../debian.ts';
import { prune } from '../prune.ts';
import type { Recipe } from '../recipe.ts';
import { PASSWD, tree } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/kibana:7.17.29',
  set: 'elk',
  uses: ['debian.ts', 'prune.ts'],
  standsFor: ['kibana'],
  changes: ['CMD ["/usr/local/bin/kibana-docker"]', 'EXPOSE 5601', 'USER 1000:0', 'ENV PATH=/usr/sbin:/usr/bin'],
  async build({ dir, root }) {
    await debianTree(root, ['nginx', 'busybox-static']);
    await prune(root, ['usr/lib/*/gconv', 'usr/share/perl5']);
    await addBusybox(root);
    await tree(root, { dirs: { '/usr/share/kibana/page': 0o755, '/usr/local/bin': 0o755 }, files: PASSWD });
    for (const name of ['index.html', 'page.js', 'style.css'])
      await copyFile(join(dir, name), join(root, 'usr/share/kibana/page', name));
    await copyFile(join(dir, 'nginx.conf'), join(root, 'etc/drover-nginx.conf'));
    await copyFile(join(dir, 'kibana-docker'), join(root, 'usr/local/bin/kibana-docker'));
    await chmod(join(root, 'usr/local/bin/kibana-docker'), 0o755);
  },
};

export default recipe;
