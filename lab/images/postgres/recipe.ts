import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addBusybox, debianTree } from '../debian.ts';
import { prune } from '../prune.ts';
import type { Recipe } from '../recipe.ts';
import { tree } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/postgres:17',
  set: 'postgres',
  uses: ['debian.ts', 'prune.ts'],
  standsFor: ['postgres'],
  // SIGINT, as in the official image: PostgreSQL ends sessions instead of waiting for them.
  changes: [
    'ENTRYPOINT ["/entry"]',
    'EXPOSE 5432',
    'VOLUME /var/lib/postgresql/data',
    'STOPSIGNAL SIGINT',
    'ENV PATH=/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin',
  ],
  async build({ dir, root }) {
    await debianTree(root, ['postgresql-17', 'tzdata', 'busybox-static']);
    // Just-in-time compiling and the procedural languages are three quarters of the tree, and not needed here.
    await prune(root, ['usr/lib/*/libLLVM*', 'usr/lib/*/libz3*', 'usr/lib/*/*perl*', 'usr/share/perl*']);
    await prune(root, ['usr/lib/postgresql/17/lib/bitcode', 'usr/lib/*/gconv', 'usr/share/i18n', 'usr/bin/*perl*']);
    await addBusybox(root);
    await tree(root, {
      dirs: { '/tmp': 0o1777, '/var/lib/postgresql/data': 0o700, '/run/postgresql': 0o755 },
      links: { '/var/run': '/run' },
      files: {
        '/etc/passwd': 'root:x:0:0:root:/:/bin/sh\npostgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh\n',
        '/etc/group': 'root:x:0:\npostgres:x:999:\n',
      },
    });
    await copyFile(join(dir, 'entry'), join(root, 'entry'));
    await chmod(join(root, 'entry'), 0o755);
  },
};

export default recipe;
