import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Nothing in a lab takes as long: a test that is still running hangs. */
const hangsMs = 1_800_000;

/** fast: seconds, no lab. contract: the same suites on real nodes. acceptance: whole program in the lab.
 * nightly: what takes too long for every change; each file makes the machines it needs. */
export default defineConfig({
  test: {
    root,
    // As many as there are processors: many a test waits for a child process or a clock.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'fast',
          root,
          // Only what hangs takes as long, also on a busy machine.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          globalSetup: ['support/bring-packages.ts'],
          include: [
            'unit/**/*.test.{ts,tsx}',
            'property/**/*.test.ts',
            'walk/**/*.test.ts',
            'pty/**/*.test.ts',
            'contract/memory.test.ts',
            'contract/etcd.test.ts',
            '*.test.ts',
          ],
        },
      },
      {
        test: {
          name: 'contract',
          root,
          include: ['contract/real*.test.ts'],
          testTimeout: hangsMs,
          hookTimeout: hangsMs,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'acceptance',
          root,
          include: ['acceptance/**/*.test.ts'],
          testTimeout: hangsMs,
          hookTimeout: hangsMs,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'nightly',
          root,
          include: ['nightly/**/*.test.ts'],
          testTimeout: 3_600_000,
          hookTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
