import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

function runProgram(...words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [file = '', ...args] = words;
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, file), ...args], (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

// A Node.js is started for each, and npm test runs many at once.
describe('the images of a tutorial', () => {
  it('are listed with those that every lab has', async () => {
    const { code, stdout } = await runProgram('lab/lab.mjs', 'images');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\(always there\) {2}drover\/mongodb:1\.24 +in place of mongo$/m);
    expect(stdout).toMatch(/^elk +drover\/elasticsearch:7\.17\.29 {2}in place of elasticsearch$/m);
  });

  it('are listed where a name is wrong', async () => {
    const { code, stderr } = await runProgram('lab/lab.mjs', 'images', 'elkk');
    expect(code).toBe(64);
    expect(stderr).toMatch(/^lab: unknown set of images "elkk"; the sets are .*\belk\b/);
  });

  it('are in a set, so that a lab without them does not pay for them', async () => {
    const { stdout } = await runProgram('scripts/ts.mjs', join(root, 'lab/images/build.ts'), '--list');
    const rows = stdout.split('\n');
    const setOf = Object.fromEntries(rows.map((row) => [row.split('\t')[0], row.split('\t')[3]]));
    expect(setOf).toMatchObject({ busybox: '', mongodb: '', writer: '', elasticsearch: 'elk', kibana: 'elk' });
  });

  it('of an unknown set are not built', async () => {
    const { code, stderr } = await runProgram(
      'scripts/ts.mjs',
      join(root, 'lab/images/build.ts'),
      '--out',
      '/nonexistent',
      '--set',
      'nope',
    );
    expect([code, stderr]).toEqual([2, 'unknown set "nope"; see --help\n']);
  });
});
