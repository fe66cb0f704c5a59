import { join } from 'node:path';
import type { Recipe } from '../recipe.ts';
import { goBuild, PASSWD, tree } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/mongodb:1.24',
  standsFor: ['mongo'],
  changes: ['CMD ["/mongodb"]', 'EXPOSE 27017', 'VOLUME /data/db'],
  async build({ dir, root, cache }) {
    await tree(root, { dirs: { '/tmp': 0o1777, '/data/db': 0o755 }, files: PASSWD });
    // Without the PostgreSQL backend it is a sixth smaller.
    await goBuild({ dir, out: join(root, 'mongodb'), tags: 'ferretdb_no_postgresql', cache });
  },
};

export default recipe;
