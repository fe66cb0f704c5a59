import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import {
  type ContainerField,
  containerFields,
  type FieldKind,
  type Form,
} from '../../../src/model/container/fields.ts';
import { containerOptions, type OptionKind } from '../../../src/model/container/options.ts';
import { createBody, readContainer } from '../../../src/node/docker/spec.ts';
import { desiredSpec, differences } from '../../../src/plan/container-spec.ts';

const healthcheck = '{test: [CMD, "true"], interval: 1m30s, timeout: 1500000us, retries: 5, start_period: 0.5s}';

/** A value of each kind as each form writes it. */
const written: Readonly<Record<Form, Readonly<Record<FieldKind, string>>>> = {
  native: { bytes: '"64M"', integer: '2', duration: '1500ms', restart: '{name: always}', words: '[a, b]', healthcheck },
  fig: { bytes: '67108864', integer: '2', duration: '1500ms', restart: '', words: '', healthcheck },
  compose: { bytes: '64m', integer: '2', duration: '1500ms', restart: 'always', words: '[a, b]', healthcheck },
};

const fileWith: Readonly<Record<Form, (entry: string) => string>> = {
  native: (entry) => `version: 1\napplications:\n  a: {image: x${entry}}\n`,
  fig: (entry) => `a: {image: x${entry}}\n`,
  compose: (entry) => `services:\n  a: {image: x${entry}}\n`,
};

const none = { environment: {}, command: [], entrypoint: [] };

/** What Docker reports of the container that drover would create for this file. */
function created(form: Form, entry: string, environment: Readonly<Record<string, string>> = {}) {
  const loaded = loadConfig(
    {
      application: { path: 'application.yml', text: fileWith[form](entry) },
      deployment: { path: 'deployment.yml', text: 'version: 1\nnodes: {n1: [a]}\n' },
    },
    { environment },
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const app = loaded.config.applications.a;
  if (app === undefined) throw new Error('the file has no application');
  const spec = desiredSpec(app, '10.0.0.1');
  // As Docker keeps it.
  const body = JSON.parse(JSON.stringify(createBody(spec, {}, [], 'salt')));
  const { HostConfig, ...Config } = body;
  return { spec, body, container: readContainer({ Config, HostConfig }, none) };
}

describe('the table of container fields', () => {
  const rows = containerFields.flatMap((field: ContainerField) =>
    Object.entries(field.keys).map(([form, key]) => [form as Form, key, field] as const),
  );

  it.each(rows)('takes a value from %s form (%s) to Docker and back, and notices a change', (form, key, field) => {
    const { spec, container } = created(form, `, ${key}: ${written[form][field.kind]}`);
    expect(spec).toHaveProperty(field.name);
    expect(container.spec).toEqual(spec);
    expect(differences(spec, container)).toEqual([]);
    const label = field.kind === 'words' ? 'command' : field.label;
    expect(differences(created(form, '').spec, container)).toEqual([`${label} changed`]);
  });
});

/** A value of each kind of option, and what Docker gets. */
const optionOf: Readonly<Record<Exclude<OptionKind, 'word'>, readonly [written: string, body: unknown]>> = {
  text: ['1000', '1000'],
  flag: ['true', true],
  integer: ['"7"', 7],
  bytes: ['64mb', 64 * 1024 * 1024],
  cpus: ['0.25', 250_000_000],
  microseconds: ['50ms', 50_000],
  list: ['[A, b]', ['A', 'b']],
  map: ['{a: 1, b: true, c: }', { a: '1', b: 'true', c: '' }],
  labels: ['[a=1, b]', { a: '1', b: '' }],
  devices: [
    '["/dev/a:/dev/b:r", vendor.com/class=all]',
    {
      Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' }],
      DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['vendor.com/class=all'] }],
    },
  ],
  gpus: ['[{driver: nvidia, device_ids: ["0"]}]', [{ Driver: 'nvidia', DeviceIDs: ['0'], Capabilities: [['gpu']] }]],
  hosts: ['{a: 10.0.0.1, b: ["[::1]", host-gateway]}', ['a:10.0.0.1', 'b:::1', 'b:host-gateway']],
  logging: [
    '{driver: local, options: {max-size: 10m, max-file: 3}}',
    { Type: 'local', Config: { 'max-size': '10m', 'max-file': '3' } },
  ],
  ulimits: [
    '{nofile: {soft: 1024, hard: -1}, nproc: 5}',
    [
      { Name: 'nofile', Soft: 1024, Hard: -1 },
      { Name: 'nproc', Soft: 5, Hard: 5 },
    ],
  ],
  blkio: [
    '{weight: 300, device_read_bps: [{path: /dev/a, rate: 1mb}], device_write_iops: [{path: /dev/a, rate: 30}]}',
    {
      BlkioWeight: 300,
      BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 1_048_576 }],
      BlkioDeviceWriteIOps: [{ Path: '/dev/a', Rate: 30 }],
    },
  ],
  security: [
    '["label:disable", "systempaths=unconfined"]',
    { SecurityOpt: ['label=disable'], MaskedPaths: [], ReadonlyPaths: [] },
  ],
};

describe('the table of container options', () => {
  const rows = (['native', 'compose'] as const).flatMap((form) =>
    containerOptions.map((option) => [form, option.key, option] as const),
  );

  it.each(rows)(
    'takes a value from %s form (%s) to Docker, knows it again, and notices a change',
    (form, key, option) => {
      const { kind, words = [], docker } = option;
      const [entry, value] = kind === 'word' ? [words[0] ?? '', words[0]] : optionOf[kind];
      const needed = key === 'memswap_limit' ? ', mem_limit: 32M' : '';
      const { spec, container, body } = created(
        form,
        `, ${key}: ${entry}${form === 'compose' ? needed.toLowerCase() : needed.replace('32M', '"32M"')}`,
      );
      const [section, at] = docker;
      const place = section === 'HostConfig' ? body.HostConfig : body;
      if (section !== 'query') expect(place).toMatchObject(at === '*' ? Object(value) : { [at]: value });
      expect(container.spec).toEqual(spec);
      expect(differences(spec, container)).toEqual([]);
      const { options: _, ...without } = spec;
      expect(differences(without, container)).toEqual([`"${key}" changed`]);
      const { options: __, ...older } = container.spec;
      expect(differences(spec, { ...container, spec: older })).toEqual([`"${key}" changed`]);
    },
  );

  it('finds nothing to change in a container that an older drover made', () => {
    const { spec, container, body } = created('compose', '');
    expect(JSON.stringify(body)).not.toContain('drover.options');
    expect(differences(spec, container)).toEqual([]);
  });

  it('has only hashes of what comes from variables in its label, and compares them', () => {
    const env = { KEY: 'hunter2' };
    const sealed = created('compose', ', labels: {key: "$KEY"}, user: "0"', env);
    expect(sealed.body.Labels).toMatchObject({ key: 'hunter2' });
    expect(sealed.body.Labels['drover.options']).toContain('"values":{"user":"0"}');
    expect(sealed.body.Labels['drover.options']).not.toContain('hunter2');
    expect(JSON.stringify([sealed.spec, sealed.container])).not.toContain('hunter2');
    expect(differences(sealed.spec, sealed.container)).toEqual([]);
    const other = created('compose', ', labels: {key: "$KEY"}, user: "0"', { KEY: 'hunter3' });
    expect(differences(other.spec, sealed.container)).toEqual(['"labels" changed']);
    // The same value without a variable is the same.
    expect(differences(created('compose', ', labels: {key: hunter2}, user: "0"').spec, sealed.container)).toEqual([]);
  });
});
