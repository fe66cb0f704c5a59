import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

function runProgram(...words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [file = '', ...args] = words;
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'lab', file), ...args], (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

// A Node.js is started for each, and npm test runs many at once.
describe('the images of a tutorial', () => {
  it('are listed beside those that are always there', async () => {
    const { code, stdout } = await runProgram('lab.mjs', 'images');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\(always there\) {2}drover\/mongodb:1\.24 +in place of mongo$/m);
    expect(stdout).toMatch(/^elk +drover\/elasticsearch:7\.17\.29 {2}in place of elasticsearch$/m);
  });

  it('are told by name where a name is wrong', async () => {
    const { code, stderr } = await runProgram('lab.mjs', 'images', 'elkk');
    expect(code).toBe(64);
    expect(stderr).toMatch(/^lab: "elkk" is no set of images; there are .*\belk\b/);
  });

  it('are in a set, so that a lab without them does not pay for them', async () => {
    const { stdout } = await runProgram('images/build.mjs', '--list');
    const rows = stdout.split('\n');
    const setOf = Object.fromEntries(rows.map((row) => [row.split('\t')[0], row.split('\t')[3]]));
    expect(setOf).toMatchObject({ busybox: '', mongodb: '', writer: '', elasticsearch: 'elk', kibana: 'elk' });
  });

  it('of a set that is not there are not built', async () => {
    const { code, stderr } = await runProgram('images/build.mjs', '--out', '/nonexistent', '--set', 'nope');
    expect([code, stderr]).toEqual([2, 'there is no set "nope"; see --help\n']);
  });
});
