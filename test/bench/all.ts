/**
 * Runs all benchmarks, one after the other: moves and an apply with nothing to do, on a lab (needs root); planning against
 * size; the screen. The options are for those on the lab, `--no-save` for all.
 *
 *   npm run bench [-- --sizes 64,256,1024] [--repeats 3] [--accel um] [--no-save]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tsCommand } from '../../scripts/ts.mjs';

const given = process.argv.slice(2);
const all = given.filter((word) => word === '--no-save');
const parts = { 'move.ts': given, 'plan.ts': all, 'tui.ts': all };
for (const [file, args] of Object.entries(parts)) {
  process.stdout.write(`\n${file}\n\n`);
  const [node, ...words] = tsCommand(fileURLToPath(new URL(file, import.meta.url)), ...args);
  const { status } = spawnSync(node, words, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
