import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** fast: seconds, no lab. contract: the same suites on real nodes. acceptance: whole program in the lab.
 * nightly: what takes too long for every change; each file makes the machines it needs. */
export default defineConfig({
  test: {
    root,
    projects: [
      {
        test: {
          name: 'fast',
          root,
          globalSetup: ['support/bring-sshd.ts'],
          include: [
            'unit/**/*.test.{ts,tsx}',
            'property/**/*.test.ts',
            'walk/**/*.test.ts',
            'pty/**/*.test.ts',
            'contract/memory.test.ts',
            '*.test.ts',
          ],
        },
      },
      {
        test: {
          name: 'contract',
          root,
          include: ['contract/real*.test.ts'],
          testTimeout: 400_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'acceptance',
          root,
          include: ['acceptance/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 900_000,
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
