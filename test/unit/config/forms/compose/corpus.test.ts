import { readdirSync, readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findCorpus, judge } from '../../../../../scripts/compose-corpus.ts';
import { composeKeys } from '../../../../../src/config/forms/compose/keys.ts';
import { configOf, load } from '../../loading.ts';

const folder = fileURLToPath(new URL('../../../../cases/compose', import.meta.url));
const rules = `${folder}/rules`;

/** What drover does not do yet; a file may be refused for nothing else. */
const pending = [/^this file uses /];

describe('Compose files as people publish them', async () => {
  const files = (await findCorpus(folder)).filter(({ path }) => !path.startsWith(rules));
  it('are many', () => expect(files.length).toBeGreaterThan(40));
  it.each(files.map((file) => [relative(folder, file.path), file] as const))('%s is read', async (_name, file) => {
    const { problems } = await judge(file);
    expect(problems.map(({ message }) => message).filter((text) => !pending.some((known) => known.test(text)))).toEqual(
      [],
    );
  });
});

describe('Compose files, rule by rule', () => {
  const names = readdirSync(rules).filter((name) => name.endsWith('.yml'));
  it.each(names)('%s gives its model (vitest -u writes it)', async (name) => {
    const { applications, notes = [] } = configOf(load(readFileSync(`${rules}/${name}`, 'utf8')));
    const model = { applications, notes: notes.map(({ path, message }) => `${path}: ${message}`) };
    await expect(`${JSON.stringify(model, null, 1)}\n`).toMatchFileSnapshot(`${rules}/${basename(name, '.yml')}.json`);
  });

  it('use every setting, and every key of a service that is noted', () => {
    const text = names.map((name) => readFileSync(`${rules}/${name}`, 'utf8')).join('');
    const wanted = Object.entries(composeKeys.service).flatMap(([key, rule]) =>
      rule === 'runs' || (typeof rule === 'object' && 'noted' in rule) ? [key] : [],
    );
    expect(wanted.filter((key) => !new RegExp(`[ {]${key}:`).test(text))).toEqual([]);
  });
});
