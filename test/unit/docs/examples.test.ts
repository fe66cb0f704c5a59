import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CORE_SCHEMA, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/read-files.ts';
import { readSettings } from '../../../src/config/settings-file.ts';
import { isValid } from '../../support/json-schema.ts';
import { type Block, blocksOf, pageOf, root, userPages } from './pages.ts';

/** Which file a block shows, by its first line; pieces of a file have no such line. */
const fileOf = ({ text }: Block): string | undefined =>
  /^# ((?:application|compose|deployment|drover|config)(?:-\w+)?\.ya?ml)\b/.exec(text)?.[1];

const files = userPages
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'yaml')
  .map((block) => ({ ...block, file: fileOf(block) }));

const schemaOf = (file: string): string => {
  if (file.startsWith('compose')) return 'application';
  return file.split(/[-.]/)[0] ?? '';
};

function accepts(file: string, text: string): boolean {
  const path = join(root, 'src', 'config', 'schema', `${schemaOf(file)}.schema.json`);
  return isValid(JSON.parse(readFileSync(path, 'utf8')), load(text, { schema: CORE_SCHEMA }));
}

/** Reads the pair of files that a page shows, as drover does; files that they name are made with a line each. */
async function problemsOf(path: string): Promise<readonly string[]> {
  const shown = files.filter(({ page, file }) => page === path && file !== undefined);
  const text = (stem: string): string => shown.find(({ file }) => file?.startsWith(stem))?.text ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'drover-page-'));
  try {
    const paths = { application: join(folder, 'application.yml'), deployment: join(folder, 'deployment.yml') };
    writeFileSync(paths.application, text('application'));
    writeFileSync(paths.deployment, text('deployment'));
    for (const [, name = ''] of text('application').matchAll(/\b(?:env_file|file): \.?\/?([\w.]+)/g)) {
      writeFileSync(join(folder, name), 'NAME=value\n');
    }
    const result = await readConfig({ ...paths, drover: [] }, undefined, { environment: {} });
    return result.ok ? [] : result.problems.map(({ message }) => message);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('files that the pages show', () => {
  it('are what the schemas accept', () => {
    const named = files.flatMap(({ page, file, text }) =>
      file === undefined || file === 'config.yml' ? [] : [{ page, file, text }],
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(({ file, text }) => !accepts(file, text)).map(({ page, file }) => `${page}: ${file}`)).toEqual(
      [],
    );
  });

  it('are settings without a mistake', () => {
    const settings = files.filter(({ file }) => file === 'config.yml');
    expect(settings.length).toBeGreaterThan(0);
    expect(settings.flatMap(({ text }) => readSettings(text, 'config.yml').problems)).toEqual([]);
  });

  for (const page of ['README.md', 'docs/start.md']) {
    it(`are a pair that drover takes: ${page}`, async () => {
      expect(pageOf(page).text).toContain('# deployment.yml');
      expect(await problemsOf(page)).toEqual([]);
    });
  }
});
