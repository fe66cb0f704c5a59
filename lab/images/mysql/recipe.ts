import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addBusybox, debianTree } from '../debian.ts';
import { prune } from '../prune.ts';
import type { Recipe } from '../recipe.ts';
import { tree } from '../tools.ts';

const recipe: Recipe = {
  // MariaDB, not MySQL: it has the protocol and the SQL that the tutorial uses.
  ref: 'drover/mysql:11.8',
  set: 'mysql',
  uses: ['debian.ts', 'prune.ts'],
  standsFor: ['mysql'],
  changes: ['ENTRYPOINT ["/entry"]', 'EXPOSE 3306', 'VOLUME /var/lib/mysql', 'ENV PATH=/usr/sbin:/usr/bin'],
  async build({ dir, root }) {
    await debianTree(root, ['mariadb-server-core', 'mariadb-client-core', 'tzdata', 'busybox-static']);
    await prune(root, ['usr/lib/*/gconv', 'usr/bin/mariadb-upgrade', 'usr/bin/mariadb-check', 'usr/bin/innochecksum']);
    await addBusybox(root);
    await tree(root, {
      dirs: { '/tmp': 0o1777, '/var/lib/mysql': 0o755, '/run/mysqld': 0o755 },
      files: {
        '/etc/passwd': 'root:x:0:0:root:/:/bin/sh\nmysql:x:999:999:mysql:/var/lib/mysql:/bin/sh\n',
        '/etc/group': 'root:x:0:\nmysql:x:999:\n',
      },
    });
    await copyFile(join(dir, 'entry'), join(root, 'entry'));
    await chmod(join(root, 'entry'), 0o755);
  },
};

export default recipe;
