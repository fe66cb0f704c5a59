import { describe, expect, it } from 'vitest';
import { mergedService, modelOf, readModel, serviceA } from './model.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
describe('two Compose files', () => {
  it.each([
    ['mappings are merged', 'x: {b: 1, c: 2}', 'x: {c: 3, d: 4}', { x: { b: 1, c: 3, d: 4 } }],
    ['lists are appended', 'x: [1]', 'x: [2, 1]', { x: [1, 2, 1] }],
    ['other values are replaced', 'image: x:1', 'image: x:2', { image: 'x:2' }],
    ['nothing replaces nothing', 'ports: ["80:80"]\nuser: a', 'ports:\nuser: null', { ports: ['80:80'], user: 'a' }],
    ['nothing is replaced', 'ports:', 'ports: ["80:80"]', { ports: ['80:80'] }],
    ['command', 'command: [echo, a]', 'command: [echo, b]', { command: ['echo', 'b'] }],
    ['command as a text', 'command: [echo, a]', 'command: echo b', { command: 'echo b' }],
    ['command of the image', 'command: [echo, a]', 'command: null', { command: null }],
    ['entrypoint', 'entrypoint: a', 'entrypoint: [b]', { entrypoint: ['b'] }],
    [
      'healthcheck',
      'healthcheck: {test: [CMD, a], retries: 3}',
      'healthcheck: {test: [CMD, b]}',
      { healthcheck: { test: ['CMD', 'b'], retries: 3 } },
    ],
    ['environment, mappings', 'environment: {B: 1, C: 2}', 'environment: {C: 3}', { environment: { B: 1, C: 3 } }],
    ['environment, lists', 'environment: [B=1, C=2]', 'environment: [C=3, D]', { environment: ['B=1', 'C=3', 'D'] }],
    [
      'environment, a list over a mapping',
      'environment: {B: 1, C: 2}',
      'environment: ["C=3=4", D]',
      { environment: { B: 1, C: '3=4', D: null } },
    ],
    [
      'environment, a mapping over a list',
      'environment: [B=1, C]',
      'environment: {C: 3}',
      { environment: { B: '1', C: 3 } },
    ],
    ['labels', 'labels: [b=1, c=2]', 'labels: {c: 3}', { labels: { b: '1', c: 3 } }],
    ['dns, a text and a list', 'dns: 1.1.1.1', 'dns: [8.8.8.8, 1.1.1.1]', { dns: ['1.1.1.1', '8.8.8.8'] }],
    [
      'env files',
      'env_file: a.env',
      'env_file: [{path: a.env, required: false}, b.env]',
      {
        env_file: [{ path: 'a.env', required: false }, 'b.env'],
      },
    ],
    ['ports', 'ports: ["80:80"]', 'ports: ["80:80/tcp", "81:80"]', { ports: ['80:80/tcp', '81:80'] }],
    [
      'ports in both forms',
      'ports: ["127.0.0.1:80:80", 53:53/udp]',
      'ports: [{target: 80, published: "80", host_ip: 127.0.0.1}, {target: 53, published: 53}]',
      {
        ports: [{ target: 80, published: '80', host_ip: '127.0.0.1' }, '53:53/udp', { target: 53, published: 53 }],
      },
    ],
    ['volumes', 'volumes: ["b:/work", "c:/c"]', 'volumes: ["d:/work/:ro"]', { volumes: ['d:/work/:ro', 'c:/c'] }],
    [
      'volumes in both forms',
      'volumes: ["b:/work", "/c"]',
      'volumes: [{type: tmpfs, target: /work}, {type: volume, source: x, target: /c}]',
      {
        volumes: [
          { type: 'tmpfs', target: '/work' },
          { type: 'volume', source: 'x', target: '/c' },
        ],
      },
    ],
    [
      'secrets',
      'secrets: [b, c]',
      'secrets: [{source: d, target: b}, {source: c, mode: 0400}]',
      {
        secrets: [
          { source: 'd', target: 'b' },
          { source: 'c', mode: expect.anything() },
        ],
      },
    ],
    ['configs', 'configs: [b]', 'configs: [{source: c, target: /b}]', { configs: [{ source: 'c', target: '/b' }] }],
    ['devices', 'devices: ["/dev/a:/dev/x"]', 'devices: ["/dev/b:/dev/x:r"]', { devices: ['/dev/b:/dev/x:r'] }],
    ['expose, once each', 'expose: [80, "81"]', 'expose: ["80", 82]', { expose: ['80', '81', 82] }],
    ['capabilities, once each', 'cap_add: [A, B]', 'cap_add: [B, C]', { cap_add: ['A', 'B', 'C'] }],
    ['depends_on, lists', 'depends_on: [b]', 'depends_on: [b, c]', { depends_on: ['b', 'c'] }],
    [
      'depends_on in both forms',
      'depends_on: [b, c]',
      'depends_on: {c: {condition: service_healthy}}',
      { depends_on: { b: null, c: { condition: 'service_healthy' } } },
    ],
    [
      'networks in both forms',
      'networks: [b]',
      'networks: {b: {aliases: [x]}, c: }',
      { networks: { b: { aliases: ['x'] }, c: null } },
    ],
    ['build, a text', 'build: .', 'build: {target: x}', { build: { context: '.', target: 'x' } }],
    [
      'logging of the same driver',
      'logging: {driver: a, options: {x: 1}}',
      'logging: {options: {y: 2}}',
      { logging: { driver: 'a', options: { x: 1, y: 2 } } },
    ],
    [
      'logging of another driver',
      'logging: {driver: a, options: {x: 1}}',
      'logging: {driver: b}',
      { logging: { driver: 'b' } },
    ],
    [
      'ulimits',
      'ulimits: {nofile: 1, nproc: 2}',
      'ulimits: {nofile: {soft: 1, hard: 2}}',
      { ulimits: { nofile: { soft: 1, hard: 2 }, nproc: 2 } },
    ],
    [
      'hosts',
      'extra_hosts: ["h:1.1.1.1"]',
      'extra_hosts: {h: 1.1.1.1, i: 2.2.2.2}',
      {
        extra_hosts: ['h:1.1.1.1', 'h=1.1.1.1', 'i=2.2.2.2'],
      },
    ],
    ['a value that is reset', 'ports: ["80:80"]\nuser: x', 'ports: !reset []\nuser: !reset null', {}],
    [
      'a variable that is reset',
      'environment: {B: 1, C: 2}',
      'environment: {C: !reset null}',
      { environment: { B: 1 } },
    ],
    ['a value that is set instead', 'ports: ["80:80"]', 'ports: !override ["443:443"]', { ports: ['443:443'] }],
    [
      'a mapping that is set instead',
      'environment: {B: 1}',
      'environment: !override {C: 2}',
      { environment: { C: 2 } },
    ],
  ])('are merged: %s', (_what, base, over, wanted) => {
    expect(mergedService(base, over)).toEqual(wanted);
  });

  it('add services, volumes and networks', () => {
    expect(
      modelOf(
        {
          'compose.yaml': 'services: {a: {image: x}}\nvolumes: {v: {labels: [a=1]}}\n',
          'over.yaml':
            'services: {b: {image: y}}\nvolumes: {v: {labels: {b: 2}}, w: }\nnetworks: {n: {internal: true}}\n',
        },
        { overrides: ['over.yaml'] },
      ),
    ).toEqual({
      services: { a: { image: 'x' }, b: { image: 'y' } },
      volumes: { v: { labels: { a: '1', b: 2 } }, w: null },
      networks: { n: { internal: true } },
    });
  });

  it('are merged in the order in which they are named', () => {
    const files = {
      'compose.yaml': serviceA('image: 1'),
      'b.yaml': serviceA('image: 2'),
      'c.yaml': serviceA('image: 3'),
    };
    expect(modelOf(files, { overrides: ['b.yaml', 'c.yaml'] }).services.a).toEqual({ image: 3 });
    expect(modelOf(files, { overrides: ['c.yaml', 'b.yaml'] }).services.a).toEqual({ image: 2 });
  });

  it('take back what a third file resets, and set again what a fourth one sets', () => {
    const files = {
      'compose.yaml': serviceA('ports: ["80:80"]'),
      'b.yaml': serviceA('ports: ["81:81"]'),
      'c.yaml': serviceA('ports: !reset []'),
      'd.yaml': serviceA('ports: ["82:82"]'),
    };
    expect(modelOf(files, { overrides: ['b.yaml', 'c.yaml'] }).services.a).toEqual({});
    expect(modelOf(files, { overrides: ['b.yaml', 'c.yaml', 'd.yaml'] }).services.a).toEqual({ ports: ['82:82'] });
  });

  it('cannot be merged where one has a list and the other a mapping', () => {
    const { problems } = readModel(
      { 'compose.yaml': serviceA('healthcheck: {retries: 1}'), 'over.yaml': serviceA('healthcheck: [a]') },
      { overrides: ['over.yaml'] },
    );
    expect(problems).toEqual([
      'over.yaml:3:18 services/a/healthcheck: it cannot be merged with a mapping in another file: this is a list',
    ]);
  });

  it('is one problem where the second one is not there, and none where it is empty', () => {
    const files = { 'conf/compose.yaml': serviceA('image: x'), 'conf/empty.yaml': '# nothing\n' };
    expect(readModel(files, { overrides: ['none.yaml'] }).problems).toEqual([
      'none.yaml:1:1 : there is no file "none.yaml"',
    ]);
    expect(modelOf(files, { overrides: ['conf/empty.yaml'] }).services.a).toEqual({ image: 'x' });
  });

  it('replaces variables in each file, before the files are merged', () => {
    const over = serviceA('environment:\n  - ${NAME}=b');
    expect(
      modelOf(
        { 'compose.yaml': serviceA('environment: {B: a, "$NAME": c}'), 'over.yaml': over },
        { overrides: ['over.yaml'], environment: { NAME: 'B' } },
      ).services.a,
    ).toEqual({ environment: { B: 'b', $NAME: 'c' } });
  });
});

describe('the override file', () => {
  const files = {
    'd/compose.yaml': serviceA('image: x:1'),
    'd/compose.override.yaml': serviceA('image: x:2'),
    'd/docker-compose.override.yml': serviceA('image: x:3'),
  };

  it('is merged with a file that was found by its name', () => {
    const { value, notes } = readModel(files, { isFound: true });
    expect(value).toEqual({ services: { a: { image: 'x:2' } } });
    expect(notes).toEqual([
      'd/compose.yaml:1:1 : "d/compose.override.yaml" is merged with this file, and not "d/docker-compose.override.yml"',
    ]);
  });

  it('does not count where a file is named', () => {
    expect(modelOf(files)).toEqual({ services: { a: { image: 'x:1' } } });
    expect(modelOf(files, { overrides: [] })).toEqual({ services: { a: { image: 'x:1' } } });
  });

  it('is asked for, so that it is read once it is there', () => {
    expect(readModel({ 'compose.yaml': serviceA('image: x') }, { isFound: true }).asked).toEqual(
      expect.arrayContaining([
        'compose.override.yml',
        'compose.override.yaml',
        'docker-compose.override.yml',
        'docker-compose.override.yaml',
      ]),
    );
  });
});

describe('extensions', () => {
  it('are left out wherever a key is not a name', () => {
    const text = [
      'x-common: &common {restart: always, x-inner: 1}',
      'services:',
      '  a:',
      '    <<: *common',
      '    x-mine: 1',
      '    environment: {x-name: 1}',
      '    labels: {x-label: 1}',
      '    healthcheck: {x-note: 1, retries: 2}',
      '    ports: [{target: 80, x-why: 1}]',
      '    deploy: {resources: {x-y: 1}, labels: {x-z: 1}}',
      '    x-drover: {bind: local}',
      '  x-service: {image: x}',
      'volumes: {x-volume: {x-k: 1}}',
    ].join('\n');
    expect(modelOf({ 'compose.yaml': text })).toEqual({
      services: {
        a: {
          restart: 'always',
          environment: { 'x-name': 1 },
          labels: { 'x-label': 1 },
          healthcheck: { retries: 2 },
          ports: [{ target: 80 }],
          deploy: { resources: {}, labels: { 'x-z': 1 } },
          'x-drover': { bind: 'local' },
        },
        'x-service': { image: 'x' },
      },
      volumes: { 'x-volume': {} },
    });
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
