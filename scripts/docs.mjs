#!/usr/bin/env node
/**
 * Writes the generated parts of the documentation: the references in docs/ and the picture of the floors in
 * src/README.md. `--check` writes nothing and ends with 1 if a page is out of date.
 *
 *   node scripts/docs.mjs [--check]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The generator is TypeScript, and so are the sources it reads: esbuild makes one module of them. */
async function loadGenerator() {
  // Below the project, so that the bundle finds the packages.
  const folder = mkdtempSync(join(root, 'node_modules', '.drover-docs-'));
  try {
    const outfile = join(folder, 'generate.mjs');
    await build({
      entryPoints: [join(root, 'scripts', 'docs', 'generate.ts')],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      jsx: 'automatic',
      logLevel: 'warning',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { generatedParts, replaceParts } = await loadGenerator();
let stale = 0;
for (const [page, parts] of Object.entries(generatedParts(root))) {
  const path = join(root, page);
  const before = readFileSync(path, 'utf8');
  const after = replaceParts(before, parts);
  if (after === before) continue;
  stale += 1;
  if (process.argv.includes('--check')) process.stdout.write(`${page} is out of date: run \`npm run docs\`\n`);
  else {
    writeFileSync(path, after);
    process.stdout.write(`wrote ${page}\n`);
  }
}
if (stale === 0) process.stdout.write('the generated parts are up to date\n');
else if (process.argv.includes('--check')) process.exitCode = 1;
