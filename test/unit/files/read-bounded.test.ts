import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/read-files.ts';
import { readBounded, readTail } from '../../../src/files/read-bounded.ts';

describe('a file that drover reads', () => {
  let folder = '';
  const at = (name: string): string => join(folder, name);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-files-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is read up to the limit, and refused beyond it without being read', async () => {
    writeFileSync(at('small'), 'abcd');
    expect((await readBounded(at('small'), 4)).toString()).toBe('abcd');
    await expect(readBounded(at('small'), 3)).rejects.toMatchObject({ isTooLarge: true });
    writeFileSync(at('huge'), '');
    truncateSync(at('huge'), 2 * 1024 ** 3);
    await expect(readBounded(at('huge'), 10 * 1024 * 1024)).rejects.toThrow('it is larger than 10 MiB');
  });

  it('is a regular file: a named pipe without a writer, a device and a folder are refused at once', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    await expect(readBounded(at('pipe'), 10)).rejects.toThrow('it is not a regular file');
    await expect(readBounded(folder, 10)).rejects.toThrow('it is a folder');
    await expect(readBounded('/dev/zero', 1024)).rejects.toMatchObject({ isTooLarge: true });
    // Opening such a thing can do something, and reading it takes what is typed.
    await expect(readBounded('/dev/ptmx', 1024)).rejects.toThrow('not a regular file');
    expect((await readBounded('/dev/null', 10)).length).toBe(0);
    await expect(readTail(at('pipe'), 10)).rejects.toThrow('it is not a regular file');
  });

  it('is read from its end where it only grows', async () => {
    writeFileSync(at('log'), 'one\ntwo\nthree\n');
    expect(await readTail(at('log'), 6)).toEqual({ text: 'three\n', isWhole: false });
    expect(await readTail(at('log'), 100)).toEqual({ text: 'one\ntwo\nthree\n', isWhole: true });
  });

  it('of a configuration may not be a pipe, 2 GiB long, deeply nested or an alias bomb', async () => {
    const application = at('application.yml');
    const load = async (): Promise<string> => {
      const read = await readConfig({ application, deployment: at('deployment.yml') });
      return read.ok ? '' : read.problems.map(({ message }) => message).join();
    };
    writeFileSync(at('deployment.yml'), 'version: 1\nnodes: {}\n');
    execFileSync('mkfifo', [application]);
    expect(await load()).toContain('it is not a regular file');
    rmSync(application);
    writeFileSync(application, '');
    truncateSync(application, 2 * 1024 ** 3);
    expect(await load()).toContain('the file is larger than 10 MiB');
    writeFileSync(application, `a: ${'['.repeat(50_000)}`);
    expect(await load()).toMatch(/YAML/);
    const bomb = Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join()}]`);
    writeFileSync(application, `a0: &a0 x\n${bomb.join('\n')}\n`);
    expect(await load()).toContain('aliases expand to more than');
  });
});
