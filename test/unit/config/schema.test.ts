import { readFileSync } from 'node:fs';
import { CORE_SCHEMA, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { schemaFiles } from '../../../scripts/schema/shapes.ts';
import { isValid } from '../../support/json-schema.ts';

const folder = '../../../src/config/schema/';
const readSchema = (name: string) => JSON.parse(readFileSync(new URL(folder + name, import.meta.url), 'utf8'));
const yaml = (text: string): unknown => load(text, { schema: CORE_SCHEMA });
const accepts = (name: string, text: string) => isValid(readSchema(name), yaml(text));

interface Case {
  readonly id: string;
  readonly expect: string;
  readonly application_yaml: string;
  readonly deployment_yaml: string;
}
const cases: Case[] = ['config.json', 'config-beyond.json'].flatMap(
  (file) => JSON.parse(readFileSync(new URL(`../../cases/${file}`, import.meta.url), 'utf8')).cases,
);

describe('the JSON Schemas', () => {
  for (const [name, text] of Object.entries(schemaFiles())) {
    it(`${name} is what the shapes give (vitest -u writes it)`, async () => {
      await expect(text).toMatchFileSnapshot(folder + name);
      expect(readSchema(name).$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    });
  }

  const good = cases.filter((given) => given.expect === 'ok');
  it('are tried on all cases that load', () => expect(good.length).toBeGreaterThan(30));
  for (const given of good) {
    it(`accept ${given.id}`, () => {
      expect(accepts('application.schema.json', given.application_yaml)).toBe(true);
      expect(accepts('deployment.schema.json', given.deployment_yaml)).toBe(true);
    });
  }

  const wrongApplications = [
    'native-version-two',
    'native-fig-key-volumes',
    'native-unknown-key-command',
    'native-image-number',
    'native-port-no-external',
    'native-link-extra-keys',
    'native-environment-value-bool',
    'native-volume-size-integer',
    'native-mem-limit-string',
    'native-restart-always-with-count',
    'port-zero',
    'env-name-with-equals',
    'fig-build-and-unsupported',
    'fig-two-volumes',
    'fig-port-udp',
  ];
  for (const id of wrongApplications) {
    it(`refuse ${id}`, () => {
      const given = cases.find((candidate) => candidate.id === id);
      expect(given).toBeDefined();
      expect(accepts('application.schema.json', given?.application_yaml ?? '')).toBe(false);
    });
  }

  it('refuse deployments without nodes, with a bare name, and with numbers', () => {
    expect(accepts('deployment.schema.json', 'version: 1')).toBe(false);
    expect(accepts('deployment.schema.json', 'version: 1\nnodes: {a: web}')).toBe(false);
    expect(accepts('deployment.schema.json', 'version: 1\nnodes: {a: [1]}')).toBe(false);
  });

  it('accept Compose with extension keys and refuse what is not supported', () => {
    const web = 'services:\n  web:\n    image: a\n    restart: on-failure:3\n    ports: ["8080:80/udp"]\n';
    expect(accepts('application.schema.json', web)).toBe(true);
    expect(accepts('application.schema.json', `x-a: 1\n${web}    x-b: {}\n`)).toBe(true);
    expect(accepts('application.schema.json', `${web}    networks: {a: {aliases: [b]}}\n    expose: ["3000"]\n`)).toBe(
      true,
    );
    expect(accepts('application.schema.json', `${web}    volumes: ["/here:/there:ro"]\n    tmpfs: /run\n`)).toBe(true);
    expect(accepts('application.schema.json', `${web}    volumes_from: [a]\n`)).toBe(true);
    expect(accepts('application.schema.json', `${web}    models: [a]\n`)).toBe(false);
    expect(accepts('application.schema.json', `${web}    imagee: a\n`)).toBe(false);
    expect(accepts('application.schema.json', `${web}    deploy: {resources: {limits: {cpu: 1}}}\n`)).toBe(false);
    const settings =
      'user: "1"\n    tty: true\n    deploy: {resources: {limits: {cpus: "1"}}}\n    ulimits: {nofile: 5}';
    expect(accepts('application.schema.json', `${web}    ${settings}\n`)).toBe(true);
  });

  it('accept drover.yml in both spellings and refuse unknown keys and bare numbers', () => {
    const all = 'nodes: {n1: {host: 10.0.0.1, identity_file: ~/.ssh/id}}\ntimeouts: {connect: 5s}\ndatasetRoot: a/b\n';
    expect(accepts('drover.schema.json', all)).toBe(true);
    expect(accepts('drover.schema.json', 'switch: {max_rounds: 3, below: "4M"}')).toBe(true);
    expect(accepts('drover.schema.json', 'timeouts: {connect: 5}')).toBe(false);
    expect(accepts('drover.schema.json', 'nodes: {n1: {hots: a}}')).toBe(false);
  });

  it('accept settings of the screen and refuse unknown keys, themes and words for truth values', () => {
    expect(
      accepts('settings.schema.json', 'theme: mono\nread-only: true\nkeys: {move: m, logs: [l, f5], pane-1: 1}'),
    ).toBe(true);
    expect(accepts('settings.schema.json', 'keys:\n')).toBe(true);
    expect(accepts('settings.schema.json', 'colors: true')).toBe(false);
    expect(accepts('settings.schema.json', 'theme: drak')).toBe(false);
    expect(accepts('settings.schema.json', 'mouse: yes')).toBe(false);
    expect(accepts('settings.schema.json', 'keys: {move: true}')).toBe(false);
  });

  it('describe what editors show', () => {
    expect(JSON.stringify(readSchema('application.schema.json'))).toContain(
      'A volume that moves with the application.',
    );
  });
});
