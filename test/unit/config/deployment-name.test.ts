import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nameOfFolder } from '../../../src/config/deployment-name.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { readConfig } from '../../../src/config/read-files.ts';

const nodes = 'version: 1\nnodes: {n1: [web]}\n';
const native = (name: string) => `version: 1\n${name}applications: {web: {image: a}}\n`;
const load = (application: string, drover?: string, folder?: string) =>
  loadConfig(
    {
      application: { path: 'application.yml', text: application },
      deployment: { path: 'deployment.yml', text: nodes },
      drover: drover === undefined ? [] : [{ path: 'drover.yml', text: drover }],
    },
    folder === undefined ? {} : { folder },
  );
const named = (...given: Parameters<typeof load>) => {
  const loaded = load(...given);
  return loaded.ok ? { name: loaded.config.name, byFolder: loaded.config.isNamedByFolder === true } : loaded.problems;
};

describe('the name of a deployment', () => {
  it('stands in drover.yml, else in the application file, else it is that of the folder', () => {
    expect(named(native('name: shop\n'), 'name: blog\n', '/home/anna/app')).toEqual({ name: 'blog', byFolder: false });
    expect(named(native('name: shop\n'), undefined, '/home/anna/app')).toEqual({ name: 'shop', byFolder: false });
    expect(named('name: shop\nservices: {web: {image: a}}\n', 'version: 1\n')).toEqual({
      name: 'shop',
      byFolder: false,
    });
    expect(named(native(''), undefined, '/home/anna/My Shop.2')).toEqual({ name: 'myshop2', byFolder: true });
    expect(named('web: {image: a}\n', 'name: fig\n')).toEqual({ name: 'fig', byFolder: false });
  });

  it('of a folder keeps what a name can have, and is never empty', () => {
    expect(
      ['/srv/app', '/srv/app/', 'a_b-C', '/srv/--x', '/', '', 'データ', `/${'x'.repeat(99)}`].map(nameOfFolder),
    ).toEqual(['app', 'app', 'a_b-c', 'x', 'default', 'default', 'default', 'x'.repeat(63)]);
  });

  for (const wrong of ['Shop', '-shop', 'a b', '"a\\"; drop"', 'ä', '""', '7', '[a]', `${'x'.repeat(64)}`]) {
    it(`is refused as ${wrong.slice(0, 20)}, at its place, in either file`, () => {
      expect(named(native(`name: ${wrong}\n`))).toMatchObject([{ file: 'application.yml', line: 2, path: 'name' }]);
      expect(named(native(''), `name: ${wrong}\n`)).toMatchObject([{ file: 'drover.yml', line: 1, path: 'name' }]);
    });
  }

  it('makes another revision', () => {
    const [one, other] = ['name: one\n', 'name: other\n'].map((name) => load(native(name)));
    expect(one?.ok && other?.ok && one.config.revision !== other.config.revision).toBe(true);
  });

  it('is that of the folder the application file lies in', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-name-'));
    try {
      mkdirSync(join(folder, 'shop'));
      const paths = {
        application: join(folder, 'shop', 'application.yml'),
        deployment: join(folder, 'deployment.yml'),
      };
      writeFileSync(paths.application, native(''));
      writeFileSync(paths.deployment, nodes);
      expect(await readConfig(paths)).toMatchObject({ ok: true, config: { name: 'shop', isNamedByFolder: true } });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
