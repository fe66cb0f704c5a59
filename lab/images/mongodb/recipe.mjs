import { join } from 'node:path';
import { goBuild, PASSWD, tree } from '../tools.mjs';

export default {
  ref: 'drover/mongodb:1.24',
  // Official images (repository names) it can be run in place of where no registry answers.
  standsFor: ['mongo'],
  changes: ['CMD ["/mongodb"]', 'EXPOSE 27017', 'VOLUME /data/db'],
  async build({ dir, root, cache }) {
    await tree(root, { dirs: { '/tmp': 0o1777, '/data/db': 0o755 }, files: PASSWD });
    // Without the PostgreSQL backend it is a sixth smaller.
    await goBuild({ dir, out: join(root, 'mongodb'), tags: 'ferretdb_no_postgresql', cache });
  },
};
