import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type MadeWorld, makeWorld, n1 } from './made-world.ts';

let made: MadeWorld;

/** A folder with Compose files, and a deployment file. */
beforeEach(async () => {
  made = await makeWorld();
  await rm(join(made.folder, 'application.yml'));
  await made.write('deployment.yml', `version: 1\nnodes: {${n1}: [web]}\n`);
  await made.write(
    'compose.yaml',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Compose
    'services:\n  web: {image: "nginx:${TAG:-1}"}\n  extra: {image: x, profiles: [more]}\n',
  );
  await made.write('over.yaml', 'services:\n  web:\n    restart: always\n  db: {image: y}\n');
});

const at = (name: string): string => join(made.folder, name);

const validated = async (...args: readonly string[]) => {
  const { code, out, err } = await made.drover('validate', '--json', ...args);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
};

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
describe('Compose files on the command line', () => {
  it('are found by their names, with the override file', async () => {
    expect(await validated()).toMatchObject({ files: { application: at('compose.yaml') }, applications: ['web'] });
    await made.write('compose.override.yaml', 'services: {more: {image: x}}\n');
    expect(await validated()).toMatchObject({ applications: ['more', 'web'] });
  });

  it('are merged in their order, with env files and profiles', async () => {
    expect(await validated('-a', 'compose.yaml', '-a', 'over.yaml', '--profile', 'more')).toMatchObject({
      files: { application: at('compose.yaml'), compose: { overrides: [at('over.yaml')], profiles: ['more'] } },
      applications: ['db', 'extra', 'web'],
    });
    await made.write('a.env', 'TAG=2\nKEY=a\n');
    await made.write('b.env', 'TAG=3\n');
    const { revision } = await validated('--env-file', 'a.env', '--env-file', 'b.env');
    await made.write('.env', 'TAG=3\n');
    expect(await validated()).toMatchObject({ revision });
  });

  it('have the problems and fixes of each file', async () => {
    await made.write('over.yaml', 'services:\n  web:\n    restart: alway\n');
    const named = ['-a', 'compose.yaml', '-a', 'over.yaml'];
    expect((await made.drover('validate', ...named)).err).toContain('over.yaml:3:14 services/web/restart');
    const { code, out } = await made.drover('validate', '--fix', ...named);
    expect([code, out]).toEqual([0, expect.stringContaining('✔ both files are good')]);
    expect(await made.read('over.yaml')).toBe('services:\n  web:\n    restart: always\n');
  });

  it('name the command that writes deployment.yml where there is none', async () => {
    await rm(join(made.folder, 'deployment.yml'));
    const { code, err } = await made.drover('plan');
    expect([code, err]).toEqual([65, expect.stringContaining('`drover init` writes a first one')]);
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
