import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './on-lab.ts';

/** Bundles a TypeScript file of this folder with the sources it imports; `use` gets the bundle's URL until it has ended. */
export async function withBundle(entry, use) {
  const { build } = await import('esbuild');
  // Inside of the project, so that packages are found.
  const made = join(root, 'dist', `.bench-${basename(entry, '.ts')}-${process.pid}.mjs`);
  try {
    await build({
      entryPoints: [join(root, 'test', 'bench', entry)],
      outfile: made,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
    });
    return await use(pathToFileURL(made).href);
  } finally {
    rmSync(made, { force: true });
  }
}
