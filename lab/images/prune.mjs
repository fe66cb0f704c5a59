// Takes out of a tree what its programs do well without. A recipe that uses this file says so in `uses`.
import { run } from './tools.mjs';

/** Removes what the shell patterns (relative to the tree) match; a pattern that matches nothing is a mistake in the recipe. */
export async function prune(root, patterns) {
  const script =
    'cd "$1" && shift && for one in $*; do [ -e "$one" ] || { echo "no $one in the tree" >&2; exit 1; }; rm -r "$one"; done';
  await run('sh', ['-ec', script, 'sh', root, ...patterns]);
}
