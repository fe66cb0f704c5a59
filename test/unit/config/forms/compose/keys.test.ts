import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { composeKeys, type KeyRule, type KeyRules } from '../../../../../src/config/forms/compose/keys.ts';
import { printProblems } from '../../../../../src/config/problems.ts';
import { settingKeys } from '../../../../../src/model/container/fields.ts';
import { containerOptions } from '../../../../../src/model/container/options.ts';
import { appOf, complaints, configOf, load } from '../../loading.ts';

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
    const result = service('models: [b], image_: y');
    expect(result.ok ? [] : result.problems.map(({ hint }) => hint)).toEqual([
      'run the model server as a service with its own "image"',
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

describe('many problems', () => {
  const services = Array.from(
    { length: 150 },
    (_, n) => `  s${n}: {image: x, attach: false, models: [a], provider: {type: y}}`,
  );
  const result = load(`services:\n${services.join('\n')}\n`);
  const problems = result.ok ? [] : result.problems;

  it('of few kinds are few, after one sentence that sums them up', () => {
    expect(problems.map(({ message, also }) => [message, also?.length])).toEqual([
      ['this file uses 1 key that drover ignores and 2 that it cannot run: "models", "provider"', undefined],
      ['the key "models" is not supported: drover runs no models', 149],
      ['the key "provider" is not supported: drover runs containers only', 149],
    ]);
    const printed = printProblems(problems);
    expect(printed).toContain('also at 3:33 services/s1/models, 4:33 services/s2/models');
    expect(printed).toContain('and 145 more');
    expect(printed.split('\n').length).toBeLessThan(25);
  });

  it('of one kind need no sum', () => {
    expect(complaints(load('services: {a: {image: x, provider: {type: y}}}'))).toHaveLength(1);
  });

  it('with an edit each keep it', () => {
    const two = load('services: {a: {imagee: x}, b: {imagee: x}, c: {imagee: x}}');
    expect(two.ok ? [] : two.problems.filter(({ fix }) => fix !== undefined)).toHaveLength(3);
  });
});

describe('settings of a Compose service', () => {
  const service = (fields: string, rest = '') => load(`services: {a: {image: x, ${fields}}${rest}}`);
  const app = (fields: string) => appOf(service(fields));

  it.each([
    [
      'deploy: {resources: {limits: {memory: 64M, cpus: "0.5", pids: 7}}}',
      { memoryLimitBytes: 67_108_864, options: { cpus: 500_000_000, pids_limit: 7 } },
    ],
    [
      'deploy: {resources: {reservations: {memory: 1g, devices: [{capabilities: [gpu]}]}}}',
      { options: { mem_reservation: 1_073_741_824, gpus: [{ Count: -1, Capabilities: [['gpu']] }] } },
    ],
    ['cpus: 0.5, deploy: {resources: {limits: {cpus: 0.50}}}', { options: { cpus: 500_000_000 } }],
    [
      'deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}',
      { restartPolicy: { name: 'on-failure', maximumRetryCount: 3 } },
    ],
    ['deploy: {restart_policy: {}}', { restartPolicy: { name: 'always' } }],
    [
      'restart: always, deploy: {restart_policy: {condition: none}}',
      { restartPolicy: { name: 'never' }, staysDown: true },
    ],
    ['network_mode: host', { options: { network_mode: 'host' } }],
    ['network_mode: none', { options: { network_mode: 'none' } }],
    ['entrypoint: ""', { entrypoint: [] }],
    ['entrypoint: [""]', { entrypoint: [] }],
    ['command: []', { command: [] }],
    ['memswap_limit: -1', { options: { memswap_limit: -1 } }],
    ['mem_swappiness: 0', { options: { mem_swappiness: 0 } }],
    ['dns: 1.1.1.1', { options: { dns: ['1.1.1.1'] } }],
    ['tty: "yes", scale: 1', { options: { tty: true } }],
    ['pull_policy: never', { pullPolicy: 'never' }],
    ['pull_policy: always', { pullPolicy: 'always' }],
    ['environment: {A: true, B: 1.50}', { environment: { A: 'true', B: '1.50' } }],
  ])('reads %s', (fields, wanted) => expect(app(fields)).toMatchObject(wanted));

  it.each([
    'network_mode: bridge',
    'pull_policy: daily',
    'deploy: {mode: global}',
    'cpu_count: 2',
    'isolation: default',
  ])('notes %s', (fields) => {
    expect(configOf(service(fields)).notes).toHaveLength(1);
    expect(app(fields).options).toBeUndefined();
  });

  it.each([
    ['deploy: {replicas: 3}', '3 containers of one service are not supported'],
    ['scale: 1, deploy: {replicas: 2}', '"scale" and "replicas" differ'],
    ['mem_limit: 1g, deploy: {resources: {limits: {memory: 2g}}}', 'it differs from "mem_limit"'],
    ['cpus: 1, deploy: {resources: {limits: {cpus: 2}}}', 'it differs from "cpus"'],
    ['gpus: all, deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}', 'ask for devices'],
    ['network_mode: host, ports: ["80:80"]', '"network_mode" and "ports" exclude each other'],
    ['network_mode: "service:b"', 'ties it to another container'],
    ['pid: "container:b"', 'ties it to another container'],
    ['network_mode: other', '"network_mode" must be "none" or "host"'],
    ['labels: {drover.managed: "true"}', 'labels that begin with "drover." are reserved'],
    ['labels: ["com.docker.compose.project=x"]', 'are reserved'],
    ['command: [], entrypoint: []', 'nothing would run'],
    ['cpus: 1, cpu_quota: 50000', 'exclude each other'],
    ['memswap_limit: 1g', 'needs "mem_limit"'],
    ['mem_limit: 2g, memswap_limit: 1g', 'is less than'],
    ['shm_size: lots', 'is not a size'],
    ['oom_score_adj: 2000', 'must be from -1000 to 1000'],
    ['privileged: perhaps', 'must be true or false'],
    ['ulimits: {nofile: {soft: 1}}', '"hard" is missing'],
    ['security_opt: ["seccomp:./none.json"]', 'the seccomp profile "none.json" does not exist'],
    ['extra_hosts: [a]', 'is not of the form name=address'],
    ['restart: sometimes', 'is not a restart policy'],
    ['pull_policy: sometimes', 'is not a pull policy'],
    ['pull_policy: build', 'drover builds no images'],
  ])('refuses %s', (fields, message) => {
    expect(complaints(service(fields)).join('\n')).toContain(message);
  });

  it('that is scaled to nothing is a known name without a container', () => {
    const result = service('scale: 0', ', b: {image: y, depends_on: [a]}');
    expect(Object.keys(configOf(result).applications)).toEqual(['b']);
  });
});
