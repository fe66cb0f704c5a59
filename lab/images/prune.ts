// Removes files that the programs of a tree do not need. A recipe that uses this file names it in `uses`.
import { run } from './tools.ts';

/** Removes what the shell patterns match, relative to the tree. Throws where a pattern matches nothing. */
export async function prune(root: string, patterns: readonly string[]): Promise<void> {
  const script =
    'cd "$1" && shift && for one in $*; do [ -e "$one" ] || { echo "no $one in the tree" >&2; exit 1; }; rm -r "$one"; done';
  await run('sh', ['-ec', script, 'sh', root, ...patterns]);
}
