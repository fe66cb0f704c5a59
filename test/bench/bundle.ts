import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './on-lab.ts';

/** Bundles a file of this folder with the sources it imports. The bundle exists until `use`, which gets its URL, ends. */
export async function withBundle<T>(entry: string, use: (url: string) => T | Promise<T>): Promise<T> {
  const { build } = await import('esbuild');
  // Inside the project, so that packages are found.
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
