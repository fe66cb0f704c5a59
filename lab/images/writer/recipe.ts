import { join } from 'node:path';
import type { Recipe } from '../recipe.ts';
import { goBuild, PASSWD, tree } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/writer:1',
  changes: ['CMD ["/writer"]', 'EXPOSE 8000 8001 8002/udp', 'VOLUME /data'],
  async build({ dir, root, cache }) {
    await tree(root, { dirs: { '/tmp': 0o1777, '/data': 0o755 }, files: PASSWD });
    await goBuild({ dir, out: join(root, 'writer'), cache });
  },
};

export default recipe;
