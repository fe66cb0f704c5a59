import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The packages that a built program has loaded, from its output with NODE_DEBUG=esm,module: those inside the files of the
 * bundle and those next to it.
 */
export function loadedPackages(root: string, debugOutput: string): readonly string[] {
  // The build writes it: file name to names of packages.
  const inside = JSON.parse(readFileSync(join(root, 'dist', '.drover-packages.json'), 'utf8')) as Record<
    string,
    readonly string[]
  >;
  const files = new Set(
    [...debugOutput.matchAll(/file:\/\/\S*?\/dist\/(?:drover-chunks\/)?([\w.-]+\.js)/g)].map(([, name = '']) => name),
  );
  const beside = [...debugOutput.matchAll(/\/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)/g)].map(([, name = '']) => name);
  return [...new Set([...[...files].flatMap((file) => inside[file] ?? []), ...beside])].sort();
}
