import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { tsCommand } from '../../../scripts/ts.mjs';

const runner = fileURLToPath(new URL('../../../scripts/ts.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'drover-ts-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a TypeScript file with this text. */
function run(text: string, ...args: readonly string[]): Promise<{ code: unknown; out: string; err: string }> {
  const file = join(folder, 'program.ts');
  writeFileSync(file, text);
  const [node, ...words] = tsCommand(file, ...args);
  return new Promise((resolve) => {
    execFile(node, words, (error, out, err) => resolve({ code: error === null ? 0 : error.code, out, err }));
  });
}

describe('scripts/ts.mjs', () => {
  it('runs a file without its types, with its arguments, and with its exit status', async () => {
    const ran = await run(
      'const two: number = 2;\nconsole.log(process.argv.slice(2));\nprocess.exitCode = two;',
      'a',
      'b',
    );
    expect(ran).toMatchObject({ code: 2, out: "[ 'a', 'b' ]\n" });
  });

  it('runs a file again as it is after a change', async () => {
    expect((await run("console.log('one' as string);")).out).toBe('one\n');
    expect((await run("console.log('two' as string);")).out).toBe('two\n');
  });

  it('runs a file that imports it', async () => {
    const ran = await run(
      `import { tsCommand } from ${JSON.stringify(runner)};\nconsole.log(typeof tsCommand as string);`,
    );
    expect(ran).toMatchObject({ code: 0, out: 'function\n' });
  });

  it('shows the line of the TypeScript file in an error', async () => {
    const ran = await run("interface Unused {\n  a: string;\n}\n\nthrow new Error('no');");
    expect(ran).toMatchObject({ code: 1, err: expect.stringMatching(/program\.ts:5:/) });
  });
});
