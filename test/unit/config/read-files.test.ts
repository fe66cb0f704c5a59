import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findConfigFiles, readConfig } from '../../../src/config/read-files.ts';
import { configFileBytes } from '../../../src/model/limits.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, content: string | Buffer) => writeFile(join(folder, name), content);
const app = 'version: 1\napplications: {a: {image: x}}\n';
const paths = () => ({ application: join(folder, 'application.yml'), deployment: join(folder, 'deployment.yml') });

describe('finding the files', () => {
  it('takes both extensions, and drover.yml only where there is one', async () => {
    await write('application.yaml', app);
    await write('deployment.yml', '');
    expect(await findConfigFiles(folder)).toEqual({
      ok: true,
      paths: { application: join(folder, 'application.yaml'), deployment: join(folder, 'deployment.yml') },
    });
    await write('drover.yml', '');
    expect(await findConfigFiles(folder)).toMatchObject({ paths: { drover: [join(folder, 'drover.yml')] } });
  });

  it('says what is absent and what is there twice', async () => {
    await write('application.yaml', app);
    await write('application.yml', app);
    const found = await findConfigFiles(folder);
    expect(found).toMatchObject({
      ok: false,
      problems: [
        { message: expect.stringContaining('there are both') },
        { message: expect.stringContaining('there is no deployment.yml') },
      ],
    });
    expect(await findConfigFiles(join(folder, 'nowhere'))).toMatchObject({
      ok: false,
      problems: [{ message: 'there is no such folder' }],
    });
  });
});

describe('reading the files', () => {
  it('loads what is there', async () => {
    await write('application.yml', app);
    await write('deployment.yml', 'version: 1\nnodes: {n1: [a]}\n');
    expect(await readConfig(paths())).toMatchObject({ ok: true, config: { deployment: { n1: ['a'] } } });
  });

  it('reports a missing file, a folder, bytes that are no text, and a file that is too large', async () => {
    const messages = async () => {
      const result = await readConfig(paths());
      return result.ok ? [] : result.problems.map(({ message }) => message);
    };
    await write('application.yml', Buffer.from([0xff, 0xfe, 0x41]));
    expect(await messages()).toEqual([
      'the file is not UTF-8 text',
      'the file does not exist; nothing is removed because of it',
    ]);
    await write('application.yml', app);
    await mkdir(paths().deployment);
    expect((await messages())[0]).toContain('it is a folder');
    await rm(paths().deployment, { recursive: true });
    await write('deployment.yml', Buffer.alloc(configFileBytes + 1, 0x20));
    expect((await messages())[0]).toContain('the file is larger than 10 MiB');
  });

  it('throws only the abort', async () => {
    await expect(readConfig(paths(), AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
});
