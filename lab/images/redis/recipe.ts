import { addBusybox, debianTree } from '../debian.ts';
import { prune } from '../prune.ts';
import type { Recipe } from '../recipe.ts';
import { PASSWD, tree } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/redis:8',
  set: 'web-redis',
  uses: ['debian.ts', 'prune.ts'],
  standsFor: ['redis'],
  // As in the official image: protected mode is off, and Redis writes its data to /data when it stops.
  changes: [
    'CMD ["redis-server", "--dir", "/data", "--protected-mode", "no", "--bind", "* -::*"]',
    'EXPOSE 6379',
    'VOLUME /data',
    'ENV PATH=/usr/sbin:/usr/bin',
  ],
  async build({ root }) {
    await debianTree(root, ['redis-server', 'busybox-static']);
    // redis-check-rdb stays: Debian's redis-server is a link to it.
    await prune(root, ['usr/lib/*/gconv', 'usr/bin/redis-check-aof', 'usr/bin/redis-benchmark', 'usr/share/perl*']);
    await addBusybox(root);
    await tree(root, { dirs: { '/tmp': 0o1777, '/data': 0o755 }, files: PASSWD });
  },
};

export default recipe;
