import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addBusybox, debianTree } from '../debian.ts';
import { prune } from '../prune.ts';
import type { Recipe } from '../recipe.ts';
import { PASSWD, tree } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/logstash:7.17.29',
  set: 'elk',
  uses: ['debian.ts', 'prune.ts'],
  standsFor: ['logstash'],
  changes: ['ENTRYPOINT ["/usr/local/bin/start.sh"]', 'EXPOSE 5000', 'USER 1000:0', 'ENV PATH=/usr/sbin:/usr/bin'],
  async build({ dir, root }) {
    await debianTree(root, ['rsyslog', 'rsyslog-elasticsearch', 'busybox-static']);
    await prune(root, ['usr/lib/*/gconv']);
    await addBusybox(root);
    await tree(root, { dirs: { '/var/spool/rsyslog': 0o775, '/usr/local/bin': 0o755 }, files: PASSWD });
    await copyFile(join(dir, 'rsyslog.conf'), join(root, 'etc/drover-rsyslog.conf'));
    await copyFile(join(dir, 'start.sh'), join(root, 'usr/local/bin/start.sh'));
    await chmod(join(root, 'usr/local/bin/start.sh'), 0o755);
  },
};

export default recipe;
