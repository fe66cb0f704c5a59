import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { composeKeys, type KeyRule, type KeyRules } from '../../../../../src/config/forms/compose/keys.ts';
import { settingKeys } from '../../../../../src/model/container-fields.ts';
import { containerOptions } from '../../../../../src/model/container-options.ts';
import { complaints, configOf, load } from '../../loading.ts';

/** The names of the keys in the schema of the Compose Specification (June 2026), by the mapping they stand in. */
const schema: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../../../../cases/compose-keys.json', import.meta.url), 'utf8'),
);
const table: Readonly<Record<string, KeyRules>> = composeKeys;

describe('the table of Compose keys', () => {
  it('has every mapping and every key of the specification, and no other', () => {
    expect(Object.keys(table)).toEqual(Object.keys(schema));
    for (const [section, keys] of Object.entries(schema))
      expect([section, ...Object.keys(table[section] ?? {}).toSorted()]).toEqual([section, ...keys.split(' ')]);
  });

  it('says of every key without an effect why, and of every refused one what to do', () => {
    const words = (rule: KeyRule): readonly string[] =>
      typeof rule === 'string' ? [] : 'noted' in rule ? [rule.noted] : [rule.refused, rule.hint];
    const texts = Object.values(table).flatMap((rules) => Object.values(rules).flatMap(words));
    expect(texts.filter((text) => text.length < 5)).toEqual([]);
  });

  it('runs exactly the settings of containers', () => {
    const runs = Object.entries(composeKeys.service).flatMap(([key, rule]) => (rule === 'runs' ? [key] : []));
    expect(runs.toSorted()).toEqual([...settingKeys('compose'), ...containerOptions.map(({ key }) => key)].toSorted());
  });
});

describe('the keys of a Compose file', () => {
  const service = (fields: string) => load(`services: {a: {image: x, ${fields}}}`);

  it('with no effect are noted', () => {
    const { notes } = configOf(load('version: "3"\nservices: {a: {image: x, attach: false, build: .}}'));
    expect(notes?.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'version: the key "version" has no effect: the Compose Specification has no versions',
      'services/a/attach: the key "attach" has no effect: it is for "docker compose up"',
      'services/a/build: the key "build" has no effect: the image is built elsewhere, and drover runs "image"',
    ]);
  });

  it('that Compose has are never taken for misspelt ones', () => {
    const result = service('volumes_from: [b], image_: y');
    expect(result.ok ? [] : result.problems.map(({ hint }) => hint)).toEqual([
      'name the volume in "volumes" of both services, and place both on one node',
      'did you mean "image"?',
    ]);
    expect(complaints(service('ports: [{target: 80, published: 80, app_protocol: http}]')).join()).not.toContain(
      'mean',
    );
  });

  it('may be extensions everywhere', () => {
    expect(
      complaints(service('x-a: 1, ports: [{target: 80, published: 80, x-b: 1}], volumes: [{target: /a, x-c: 1}]')),
    ).toEqual([]);
  });
});
