import { describe, expect, it } from 'vitest';
import { defaultVolumeId } from '../../../../src/model/names.ts';
import { appOf, complaints, load, nativeWith } from '../loading.ts';

describe('the native form', () => {
  it('takes several volumes, each identified by application and mountpoint', () => {
    const app = appOf(
      nativeWith('volume: {mountpoint: /data/}, volumes: [{mountpoint: /logs/../log, maximum_size: 1.5G}]'),
    );
    expect(app.volumes).toEqual([
      { id: defaultVolumeId('a'), mountpoint: '/data' },
      { id: defaultVolumeId('a:/log'), mountpoint: '/log', maximumSizeBytes: 1_610_612_736 },
    ]);
  });

  it('takes command and entrypoint as lists, udp ports and unless-stopped', () => {
    const app = appOf(
      nativeWith(
        'command: [sh, -c, "a b"], entrypoint: ["/init"], restart_policy: {name: unless-stopped}, ' +
          'ports: [{internal: 53, external: 5353, protocol: udp}, {internal: 53, external: 5353}]',
      ),
    );
    expect(app.command).toEqual(['sh', '-c', 'a b']);
    expect(app.entrypoint).toEqual(['/init']);
    expect(app.restartPolicy).toEqual({ name: 'unless-stopped' });
    expect(app.ports.map(({ protocol }) => protocol)).toEqual(['tcp', 'udp']);
  });

  it('distinguishes the policy never from no policy', () => {
    const said = appOf(nativeWith('restart_policy: {name: never}'));
    const unsaid = appOf(nativeWith('cpu_shares: 2'));
    expect([said.restartPolicy, unsaid.restartPolicy]).toEqual([{ name: 'never' }, { name: 'never' }]);
    expect([said.staysDown, unsaid.staysDown]).toEqual([true, undefined]);
    expect(appOf(nativeWith('restart_policy: {name: always}')).staysDown).toBeUndefined();
  });

  it('sorts ports by external port', () => {
    const app = appOf(nativeWith('ports: [{internal: 1, external: 900}, {internal: 2, external: 80}]'));
    expect(app.ports.map(({ external }) => external)).toEqual([80, 900]);
  });

  it('reads an application called "image" or "build" as an application', () => {
    expect(complaints(load('version: 1\napplications: {image: {image: a}, build: {image: b}}'))).toEqual([]);
  });

  it('reads a Fig service called "applications" or "services" as a service', () => {
    expect(complaints(load('applications: {image: a}\nservices: {image: b}'))).toEqual([]);
  });

  it.each([
    ['512M', 536_870_912],
    ['2G', 2_147_483_648],
  ])('takes mem_limit "%s"', (text, wanted) => {
    expect(appOf(nativeWith(`mem_limit: "${text}"`)).memoryLimitBytes).toBe(wanted);
  });

  it.each([
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['1.5m', 90_000],
  ])('takes stop_grace_period %s', (text, wanted) => {
    expect(appOf(nativeWith(`stop_grace_period: ${text}`)).stopGraceMs).toBe(wanted);
  });

  it.each([
    ['stop_grace_period: 30', '"stop_grace_period" must be'],
    ['stop_grace_period: 30 s', '"stop_grace_period": "30 s" is not a duration'],
    ['stop_grace_period: 1m30', '"stop_grace_period": "1m30" is not a duration'],
    ['stop_grace_period: 23h90m', 'is not between 1ms and 24h'],
    ['stop_timeout: 30', 'unknown key "stop_timeout"'],
    ['mem_limit: "512m"', 'mem_limit" must be an integer'],
    ['mem_limit: "512"', 'mem_limit" must be an integer'],
    ['mem_limit: null', 'mem_limit" must be an integer'],
    ['mem_limit: 0', 'must be positive'],
    ['cpu_shares: null', '"cpu_shares" must be an integer'],
    ['cpu_shares: -1', '"cpu_shares" must be from 0'],
    ['volume: [/data]', '"volume" must be a mapping, not a list'],
    ['volume: null', '"volume" must be a mapping, not nothing'],
    ['volume: {}', '"mountpoint" is missing'],
    ['volume: {mountpoint: data}', 'is not absolute'],
    ['volume: {mountpoint: /}', 'cannot be mounted at "/"'],
    ['volume: {mountpoint: /a/..}', 'cannot be mounted at "/"'],
    ['volume: {mountpoint: "/h:/c"}', 'has a colon'],
    ['volume: {mountpoint: /d, size: 3}', 'unknown key "size"'],
    ['volume: {mountpoint: /d, maximum_size: "0"}', 'not greater than zero'],
    ['volume: {mountpoint: /d, maximum_size: 100MB}', 'is not a size'],
    ['volume: {mountpoint: /d, maximum_size: "100 M"}', 'is not a size'],
    ['volume: {mountpoint: /d, maximum_size: ".5G"}', 'is not a size'],
    ['volume: {mountpoint: /d, maximum_size: "-10M"}', 'is not a size'],
    ['volume: {mountpoint: /d, dataset_id: ""}', '"dataset_id" must not be empty'],
    ['volume: {mountpoint: /d}, volumes: [{mountpoint: /d/}]', 'the mountpoint "/d" is used already'],
    [
      'volumes: [{mountpoint: /d, dataset_id: i}, {mountpoint: /e, dataset_id: i}]',
      'the dataset id "i" is used already',
    ],
    ['command: []', '"command" must not be empty'],
    ['command: [1]', 'a word of "command" must be a string'],
    ['entrypoint: run', '"entrypoint" must be a list of strings'],
    ['ports: [{internal: 80, external: 80, protocol: sctp}]', 'must be one of tcp, udp'],
    ['ports: [{internal: 80, external: 80, host: 1}]', 'unknown key "host"'],
    ['ports: [{internal: "80", external: 80}]', '"internal" must be an integer'],
    ['ports: [{internal: 1.5, external: 80}]', '"internal" must be an integer'],
    ['ports: [{internal: 80, external: 65536}]', '"external" must be from 1 to 65535'],
    ['ports: [{internal: 1, external: 80}, {internal: 2, external: 80}]', 'already at applications/a/ports/0/external'],
    ['links: [{local_port: 1, remote_port: 2, alias: a.b}]', 'must hold only letters'],
    ['links: [{local_port: 1, remote_port: 2, alias: ""}]', 'must hold only letters'],
    [
      'links: [{local_port: 1, remote_port: 2, alias: a-b}, {local_port: 1, remote_port: 3, alias: A_B}]',
      'A_B_PORT_1_TCP',
    ],
    ['environment: {A: 1}', 'must be a string, not a number'],
    ['environment: {"": a}', 'must not be empty'],
    ['environment: {A: "\\0"}', 'holds a NUL'],
    ['restart_policy: {name: sometimes}', 'must be one of never, always, unless-stopped, on-failure'],
    ['restart_policy: {name: never, foo: 1}', 'unknown key "foo"'],
    ['restart_policy: {name: on-failure, maximum_retry_count: true}', 'must be an integer'],
    ['restart: always', 'unknown key "restart"'],
  ])('refuses %s', (fields, message) => {
    expect(complaints(nativeWith(fields)).join('\n')).toContain(message);
  });

  it.each([
    'environment: {A: "1", __proto__: x}',
    'environment: null',
    'restart_policy: {name: on-failure, maximum_retry_count: null}',
    'volumes: []',
    'volume: {mountpoint: /d, dataset_id: any text at all}',
    'cpu_shares: 512',
  ])('accepts %s', (fields) => {
    expect(complaints(nativeWith(fields))).toEqual([]);
  });

  it('keeps a variable named __proto__ as a variable', () => {
    const { environment } = appOf(nativeWith('environment: {__proto__: x}'));
    expect(Object.entries(environment)).toEqual([['__proto__', 'x']]);
  });

  it.each(['-a', '.a', 'a b', 'ä', '_a', 'a/b', `a${'b'.repeat(100)}`])('refuses the application name %s', (name) => {
    expect(complaints(load(`version: 1\napplications: {"${name}": {image: x}}`)).join()).toContain(
      'the application name',
    );
  });

  it('asks for quotes around an application name that YAML reads as a number', () => {
    expect(complaints(load('version: 1\napplications: {7: {image: x}}'))[0]).toContain('must be a string');
  });

  it.each([
    ['x', 'x', 'latest', undefined],
    ['localhost/x:1', 'localhost/x', '1', undefined],
    ['r.example:5000/a/b:v1', 'r.example:5000/a/b', 'v1', undefined],
    [`x@sha256:${'a'.repeat(64)}`, 'x', 'latest', `sha256:${'a'.repeat(64)}`],
    [`r:5000/x:2@sha256:${'0'.repeat(64)}`, 'r:5000/x', '2', `sha256:${'0'.repeat(64)}`],
  ])('reads the image %s', (text, repository, tag, digest) => {
    const app = appOf(load(`version: 1\napplications: {a: {image: "${text}"}}`));
    expect(app.image).toEqual({ repository, tag, ...(digest === undefined ? {} : { digest }) });
  });

  it.each(['', ':1', 'x:', 'X', 'a b', 'x@sha256:12', 'x:y:z', 'x//y', '/x', 'x:-1', 'x@'])(
    'refuses the image "%s"',
    (text) => {
      expect(complaints(load(`version: 1\napplications: {a: {image: "${text}"}}`)).join()).toContain('the image name');
    },
  );
});
