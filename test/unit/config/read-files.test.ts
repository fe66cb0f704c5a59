import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findConfigFiles } from '../../../src/config/find-files.ts';
import { readConfig } from '../../../src/config/read-files.ts';
import { configFileBytes } from '../../../src/model/limits.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, content: string | Buffer) => writeFile(join(folder, name), content);
const app = 'version: 1\napplications: {a: {image: x}}\n';
const paths = () => ({ application: join(folder, 'application.yml'), deployment: join(folder, 'deployment.yml') });

describe('finding the files', () => {
  const find = (options?: Parameters<typeof findConfigFiles>[1]) => findConfigFiles(folder, options);
  const messages = async () => (await find()).problems.map(({ message }) => message);

  it('takes both extensions, and drover.yml only where there is one', async () => {
    await write('application.yaml', app);
    await write('deployment.yml', '');
    const found = { application: join(folder, 'application.yaml'), deployment: join(folder, 'deployment.yml') };
    expect(await find()).toEqual({ ...found, problems: [] });
    await write('drover.yml', '');
    expect(await find()).toEqual({ ...found, inventory: join(folder, 'drover.yml'), problems: [] });
  });

  it('says what is absent and what is there twice', async () => {
    await write('application.yaml', app);
    await write('application.yml', app);
    expect(await messages()).toEqual([
      expect.stringContaining('there are both'),
      expect.stringContaining('there is no deployment.yml'),
    ]);
    expect(await findConfigFiles(join(folder, 'nowhere'))).toMatchObject({
      problems: [{ message: 'there is no such folder' }],
    });
  });

  it('offers to write a deployment file where there is an application file', async () => {
    expect((await find()).problems).toMatchObject([
      { hint: 'create it, or a compose.yaml; or name another folder with -C' },
      { hint: 'create it, or name another folder with -C' },
    ]);
    await write('compose.yaml', '');
    expect((await find()).problems).toMatchObject([
      { hint: 'it says which node runs what: `drover init` writes a first one' },
    ]);
  });

  it('takes the first Compose file of the usual names, where there is no application.yml', async () => {
    await write('docker-compose.yml', '');
    const foundOf = async () => {
      const { application, compose } = await find();
      return [application?.slice(folder.length + 1), compose];
    };
    expect(await foundOf()).toEqual(['docker-compose.yml', { isFound: true, unused: [] }]);
    await write('docker-compose.yaml', '');
    await write('compose.yml', '');
    const unused = ['docker-compose.yaml', 'docker-compose.yml'];
    expect(await foundOf()).toEqual(['compose.yml', { isFound: true, unused }]);
    await write('compose.yaml', '');
    expect(await foundOf()).toEqual(['compose.yaml', { isFound: true, unused: ['compose.yml', ...unused] }]);
    await write('application.yml', app);
    expect(await foundOf()).toEqual(['application.yml', undefined]);
  });

  it('takes the files of COMPOSE_FILE, from the environment, else from env files', async () => {
    await write('compose.yaml', '');
    await write('.env', 'COMPOSE_FILE=a.yaml:/x/b.yaml\n');
    await write('other.env', 'COMPOSE_FILE=c.yaml;d.yaml\nCOMPOSE_PATH_SEPARATOR=;\n');
    const at = (name: string) => join(folder, name);
    expect(await find()).toMatchObject({ application: at('a.yaml'), compose: { overrides: ['/x/b.yaml'] } });
    expect(await find({ envFiles: [at('other.env')] })).toMatchObject({
      application: at('c.yaml'),
      compose: { overrides: [at('d.yaml')] },
    });
    expect(await find({ environment: { COMPOSE_FILE: 'e.yaml' } })).toMatchObject({
      application: at('e.yaml'),
      compose: { overrides: [] },
    });
  });
});

describe('several Compose files', () => {
  const read = (options: Parameters<typeof readConfig>[2] = {}) =>
    readConfig(
      { application: join(folder, 'compose.yaml'), deployment: join(folder, 'deployment.yml') },
      undefined,
      options,
    );

  it('are read in as many rounds as they name others, and all that was read is watched', async () => {
    await write('deployment.yml', 'version: 1\nnodes: {n1: [a, b]}\n');
    await write('compose.yaml', 'include: [b.yaml]\nservices: {a: {extends: {file: base.yaml, service: a}}}\n');
    await write('b.yaml', 'services: {b: {image: "b:${TAG}", env_file: b.env}}\n');
    await write('b.env', 'B=1\n');
    await write('base.yaml', 'services: {a: {image: a}}\n');
    await write('compose.override.yml', 'services: {a: {image: "a:2"}}\n');
    await write('.env', 'TAG=3\n');
    const result = await read({ isFound: true });
    expect(result).toMatchObject({
      ok: true,
      config: { applications: { a: { image: { tag: '2' } }, b: { image: { tag: '3' }, environment: { B: '1' } } } },
    });
    const names = ['b.yaml', 'base.yaml', '.env', 'b.env', 'compose.override.yml', 'compose.override.yaml'];
    expect(result.sources).toEqual(expect.arrayContaining(names.map((name) => join(folder, name))));
    expect(await read({ overrides: [join(folder, 'none.yaml')] })).toMatchObject({
      ok: false,
      problems: [{ file: join(folder, 'none.yaml'), message: expect.stringContaining('there is no file') }],
    });
  });

  it('keep the place of each value, and its fix', async () => {
    await write('deployment.yml', 'version: 1\nnodes: {n1: [a]}\n');
    await write('compose.yaml', 'services:\n  a:\n    image: x\n    restart: always\n');
    await write('over.yaml', '# more\nservices:\n  a:\n    restart: alway\n');
    expect(await read({ overrides: [join(folder, 'over.yaml')] })).toMatchObject({
      ok: false,
      problems: [{ file: join(folder, 'over.yaml'), line: 4, column: 14, fix: { line: 4, replacement: 'always' } }],
    });
  });

  it('notes files of the usual names that are not used', async () => {
    await write('deployment.yml', 'version: 1\nnodes: {n1: [a]}\n');
    await write('compose.yaml', 'services: {a: {image: x}}\n');
    expect(await read({ isFound: true, unused: ['compose.yml'] })).toMatchObject({
      config: { notes: [{ message: '"compose.yml" is not read: this file goes before it' }] },
    });
  });

  it('take the name of the deployment from COMPOSE_PROJECT_NAME, and give it to variables', async () => {
    await write('deployment.yml', 'version: 1\nnodes: {n1: [a]}\n');
    await write('compose.yaml', 'name: mine\nservices: {a: {image: x, environment: ["N=${COMPOSE_PROJECT_NAME}"]}}\n');
    const nameOf = async (options = {}) => {
      const result = await read(options);
      return result.ok ? [result.config.name, result.config.applications.a?.environment.N] : result.problems;
    };
    expect(await nameOf()).toEqual(['mine', 'mine']);
    expect(await nameOf({ environment: { COMPOSE_PROJECT_NAME: 'other' } })).toEqual(['other', 'other']);
    await write('.env', 'COMPOSE_PROJECT_NAME=third\n');
    expect(await nameOf()).toEqual(['third', 'third']);
    expect(await nameOf({ environment: { COMPOSE_PROJECT_NAME: 'No name' } })).toMatchObject([
      { message: expect.stringContaining('COMPOSE_PROJECT_NAME') },
    ]);
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
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
