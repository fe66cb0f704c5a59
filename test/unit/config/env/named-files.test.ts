// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables in files look so
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printProblems } from '../../../../src/config/problems.ts';
import { readConfig } from '../../../../src/config/read-files.ts';
import type { LoadResult } from '../../../../src/model/config.ts';

describe('files that the application file names', () => {
  let folder: string;
  const put = (name: string, text: string | Uint8Array) => writeFile(join(folder, name), text);
  const read = async (service: string, environment: Record<string, string> = {}): Promise<LoadResult> => {
    await put(
      'application.yml',
      `services:\n  web:\n    image: i:1\n    ${service}\n    secrets: [s]\nsecrets: {s: {file: s.txt}}\n`,
    );
    const paths = { application: join(folder, 'application.yml'), deployment: join(folder, 'deployment.yml') };
    return readConfig(paths, undefined, { environment });
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drover-outside-'));
    await put('deployment.yml', 'version: 1\nnodes: {n1: [web]}\n');
    await put('s.txt', 'hunter2');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are read, also where one names another, and listed as sources', async () => {
    await put('.env', 'NAME=my\n');
    await put('my.env', 'A=1\n');
    const result = await read('env_file: ${NAME}.env');
    expect(result).toMatchObject({ ok: true, config: { applications: { web: { environment: { A: '1' } } } } });
    expect(result.sources).toEqual(['.env', 'my.env', 's.txt'].map((name) => join(folder, name)));
  });

  it('may lie outside of the folder and behind links', async () => {
    await mkdir(join(folder, 'in'));
    await put('in/real.txt', 'linked');
    await rm(join(folder, 's.txt'));
    await symlink('in/real.txt', join(folder, 's.txt'));
    const result = await read(`env_file: ../${folder.split('/').at(-1)}/in/../in/real.txt`);
    expect(result).toMatchObject({ ok: true });
    expect(
      Buffer.from((result.ok && result.config.applications.web?.files?.[0]?.content.bytes()) || []).toString(),
    ).toBe('linked');
  });

  it.each<[string, () => Promise<void>, RegExp]>([
    ['a FIFO', async () => void execFileSync('mkfifo', [join(folder, 's.txt')]), /not a regular file/],
    ['a folder', () => mkdir(join(folder, 's.txt')), /not a regular file/],
    ['a device', () => symlink('/dev/zero', join(folder, 's.txt')), /not a regular file/],
    ['a file of the kernel', () => symlink('/proc/kmsg', join(folder, 's.txt')), /not a regular file/],
    [
      'the environment of this process',
      () => symlink('/proc/self/environ', join(folder, 's.txt')),
      /not a regular file/,
    ],
    ['nothing', async () => undefined, /does not exist/],
    ['a link into nothing', () => symlink('none', join(folder, 's.txt')), /does not exist/],
    ['a link to itself', () => symlink('s.txt', join(folder, 's.txt')), /cannot be read/],
    ['more than 500 KiB', () => put('s.txt', 'x'.repeat(500 * 1024 + 1)), /larger than 500 KiB/],
  ])('%s in their place is a problem at its line', async (_name, make, message) => {
    await rm(join(folder, 's.txt'));
    await make();
    const result = await read('environment: {}');
    expect(result).toMatchObject({ ok: false, sources: [join(folder, '.env'), join(folder, 's.txt')] });
    expect(result.ok ? '' : printProblems(result.problems)).toMatch(
      new RegExp(`application\\.yml:6:21 .*${message.source}`),
    );
  });

  it('of exactly the largest size are taken', async () => {
    await put('s.txt', 'x'.repeat(500 * 1024));
    await put('big.env', `A=${'x'.repeat(1024 * 1024 - 2)}`);
    expect(await read('env_file: big.env')).toMatchObject({ ok: true });
    await put('big.env', `A=${'x'.repeat(1024 * 1024 - 1)}`);
    expect(await read('env_file: big.env')).toMatchObject({ ok: false });
  });
});
