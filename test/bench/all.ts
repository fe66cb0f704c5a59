/**
 * All benchmarks, one after the other: moves and what finds nothing to do, on a lab (needs root); planning against size;
 * the screen. Options go to those on the lab, `--no-save` to all.
 *
 *   npm run bench [-- --sizes 64,256,1024] [--repeats 3] [--accel um] [--no-save]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const given = process.argv.slice(2);
const all = given.filter((word) => word === '--no-save');
const parts = { 'move.mjs': given, 'plan.mjs': all, 'tui.mjs': all };
for (const [file, args] of Object.entries(parts)) {
  process.stdout.write(`\n${file}\n\n`);
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { status } = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
