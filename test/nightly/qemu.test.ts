/**
 * The contract and acceptance suites on nodes in QEMU, with Debian's kernel and its own OpenZFS module: a real block layer
 * and real power cuts, which User-Mode Linux does not have. Where KVM works, `npm test` itself runs them so.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseQemuAccel } from '../../lab/accel.ts';
import { labSupport } from './lab-support.ts';
import { project } from './lab-tool.ts';

const hours = 3_600_000;

describe.skipIf(!labSupport.ok)('the lab tests on QEMU', () => {
  it('all pass', { timeout: 6 * hours }, async () => {
    const { accel, why } = await chooseQemuAccel();
    console.log(`nodes in QEMU: ${accel} (${why})`);
    const env = {
      ...process.env,
      DROVER_LAB_ACCEL: accel,
      DROVER_TEST_LAB: 'drover-nightly-qemu',
      DROVER_TEST_MINUTES: '600',
    };
    const code = await new Promise((resolve) => {
      const words = [join(project, 'scripts', 'bootstrap.mjs'), 'test', '--lab'];
      spawn(process.execPath, words, { cwd: project, env, stdio: 'inherit' }).once('close', resolve);
    });
    expect(code).toBe(0);
  });
});
