import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { project } from './lab-tool.ts';

const seeds = Number(process.env.DROVER_TEST_SEEDS ?? 20);
/** Other cases every night. */
const first = Math.floor(Date.now() / 86_400_000) * 1000;

it.each(Array.from({ length: seeds }, (_, index) => first + index))('random tests with seed %i', async (seed) => {
  const vitest = join(project, 'node_modules', '.bin', 'vitest');
  const words = ['run', '--config', 'test/vitest.config.ts', '--project', 'fast', 'property', 'random'];
  const env = { ...process.env, DROVER_TEST_SEED: String(seed) };
  const code = await new Promise((resolve) => {
    spawn(vitest, words, { cwd: project, env, stdio: 'inherit' }).once('close', resolve);
  });
  expect(code, `again: DROVER_TEST_SEED=${seed} npm run test:fast -- property random`).toBe(0);
});
