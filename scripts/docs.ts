/**
 * Writes the generated parts of the documentation: the references in docs/ and the picture of the floors in
 * src/README.md. `--check` writes nothing and ends with 1 if a page is out of date.
 *
 *   npm run docs -- [--check]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedParts, replaceParts } from './docs/generate.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isCheck = process.argv.includes('--check');

const stale = Object.entries(generatedParts(root)).flatMap(([page, parts]) => {
  const before = readFileSync(join(root, page), 'utf8');
  const after = replaceParts(before, parts);
  return after === before ? [] : [{ page, after }];
});
for (const { page, after } of stale) {
  if (!isCheck) writeFileSync(join(root, page), after);
  process.stdout.write(isCheck ? `${page} is out of date: run \`npm run docs\`\n` : `wrote ${page}\n`);
}
if (stale.length === 0) process.stdout.write('the generated parts are up to date\n');
else if (isCheck) process.exitCode = 1;
