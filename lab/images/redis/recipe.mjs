import { addBusybox, debianTree } from '../debian.mjs';
import { prune } from '../prune.mjs';
import { PASSWD, tree } from '../tools.mjs';

export default {
  ref: 'drover/redis:8',
  set: 'web-redis',
  uses: ['debian.mjs', 'prune.mjs'],
  standsFor: ['redis'],
  // The official image has protected mode off as well, and its data in /data: it is written there when it is stopped.
  changes: [
    'CMD ["redis-server", "--dir", "/data", "--protected-mode", "no", "--bind", "* -::*"]',
    'EXPOSE 6379',
    'VOLUME /data',
    'ENV PATH=/usr/sbin:/usr/bin',
  ],
  async build({ root }) {
    await debianTree(root, ['redis-server', 'busybox-static']);
    // The server itself is called redis-check-rdb there, and redis-server is a link to it.
    await prune(root, ['usr/lib/*/gconv', 'usr/bin/redis-check-aof', 'usr/bin/redis-benchmark', 'usr/share/perl*']);
    await addBusybox(root);
    await tree(root, { dirs: { '/tmp': 0o1777, '/data': 0o755 }, files: PASSWD });
  },
};
