import { addBusybox, debianTree } from '../debian.ts';
import { prune } from '../prune.ts';
import type { Recipe } from '../recipe.ts';
import { PASSWD, tree } from '../tools.ts';

const recipe: Recipe = {
  ref: 'drover/nginx:1.26',
  set: 'compose',
  uses: ['debian.ts', 'prune.ts'],
  standsFor: ['nginx'],
  // As in the official image: SIGQUIT lets it finish the requests that it has.
  changes: ['CMD ["nginx", "-g", "daemon off;"]', 'EXPOSE 80', 'STOPSIGNAL SIGQUIT', 'ENV PATH=/usr/sbin:/usr/bin'],
  async build({ root }) {
    await debianTree(root, ['nginx', 'busybox-static']);
    await prune(root, ['usr/lib/*/gconv', 'usr/share/perl5']);
    await addBusybox(root);
    await tree(root, { dirs: { '/tmp': 0o1777, '/var/log/nginx': 0o755, '/var/lib/nginx': 0o755 }, files: PASSWD });
  },
};

export default recipe;
