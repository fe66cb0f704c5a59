import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Packages a built program had loaded, told from what it wrote with NODE_DEBUG=esm,module: those inside of the files of
 * the bundle, and those beside it.
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
