/**
 * Runs all benchmarks, one after the other: moves and an apply with nothing to do, on a lab (needs root); planning against
 * size; the screen. The options are for those on the lab, `--no-save` and `--quick` for all. `--quick` takes a few minutes,
 * shows that everything works, and keeps nothing.
 *
 *   npm run bench [-- --quick] [--sizes 64,256,1024] [--repeats 3] [--accel um] [--no-save]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tsCommand } from '../../scripts/ts.mjs';

const isQuick = process.argv.includes('--quick');
const given = [...process.argv.slice(2), ...(isQuick ? ['--no-save'] : [])];
const all = given.includes('--no-save') ? ['--no-save'] : [];
const parts = {
  'move.ts': given,
  'plan.ts': [...all, ...(isQuick ? ['--sizes', '10,100'] : [])],
  'tui.ts': [...all, ...(isQuick ? ['--quick'] : [])],
};
for (const [file, args] of Object.entries(parts)) {
  process.stdout.write(`\n${file}\n\n`);
  const [node, ...words] = tsCommand(fileURLToPath(new URL(file, import.meta.url)), ...args);
  const { status } = spawnSync(node, words, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
