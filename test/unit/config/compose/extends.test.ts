import { describe, expect, it } from 'vitest';
import { complaints, load } from '../loading.ts';
import { modelOf, readModel } from './model.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
const servicesOf = (files: Record<string, string>, options = {}) => modelOf(files, options).services;

describe('extends', () => {
  it('takes over another service of the file, and merges as files are merged', () => {
    const text = [
      'services:',
      '  common: {image: busybox, environment: {TZ: utc, PORT: 80}, command: [a], volumes: ["c:/data:rw"]}',
      '  cli:',
      '    extends: {service: common}',
      '    environment: [PORT=8080]',
      '    command: [b]',
      '    volumes: ["d:/data:ro"]',
      '  short: {extends: cli, image: x}',
      '  reset: {extends: common, environment: !reset {}, volumes: !override ["e:/e"]}',
    ].join('\n');
    const common = { image: 'busybox', environment: { TZ: 'utc', PORT: 80 }, command: ['a'], volumes: ['c:/data:rw'] };
    const cli = { ...common, environment: { TZ: 'utc', PORT: '8080' }, command: ['b'], volumes: ['d:/data:ro'] };
    expect(servicesOf({ 'compose.yaml': text })).toEqual({
      common,
      cli,
      short: { ...cli, image: 'x' },
      reset: { image: 'busybox', command: ['a'], volumes: ['e:/e'] },
    });
  });

  it('takes over a service of another file, with the paths of that file', () => {
    const files = {
      'app/compose.yaml': 'services: {a: {extends: {file: ../lib/common.yaml, service: web}, ports: ["1:1"]}}',
      'lib/common.yaml': [
        'services:',
        '  base: {user: root, env_file: [base.env, {path: ./more.env}]}',
        '  web:',
        '    extends: base',
        '    image: ${IMAGE}',
        '    volumes: ["./conf:/conf:ro", "../x:/x", "named:/n", "/abs:/abs", {type: bind, source: ./y, target: /y}]',
      ].join('\n'),
    };
    expect(servicesOf(files, { environment: { IMAGE: 'i:1' } })).toEqual({
      a: {
        user: 'root',
        env_file: ['../lib/base.env', { path: '../lib/more.env' }],
        image: 'i:1',
        volumes: [
          '../lib/conf:/conf:ro',
          '../x:/x',
          'named:/n',
          '/abs:/abs',
          { type: 'bind', source: '../lib/y', target: '/y' },
        ],
        ports: ['1:1'],
      },
    });
  });

  it('goes through several files, each with its own folder', () => {
    const files = {
      'compose.yaml': 'services: {a: {extends: {file: x/one.yaml, service: b}}}',
      'x/one.yaml': 'services: {b: {extends: {file: y/two.yaml, service: c}, env_file: one.env}}',
      'x/y/two.yaml': 'services: {c: {image: i, env_file: [two.env], volumes: [".:/here"]}}',
    };
    expect(servicesOf(files)).toEqual({
      a: { image: 'i', env_file: ['x/y/two.env', 'x/one.env'], volumes: ['./x/y:/here'] },
    });
  });

  it('may name its own file, and a service of an earlier file', () => {
    expect(
      servicesOf({ 'compose.yaml': 'services: {a: {image: i}, b: {extends: {file: compose.yaml, service: a}}}' }).b,
    ).toEqual({ image: 'i' });
    expect(
      servicesOf(
        { 'compose.yaml': 'services: {a: {image: i}}', 'over.yaml': 'services: {b: {extends: a, user: x}}' },
        { overrides: ['over.yaml'] },
      ).b,
    ).toEqual({ image: 'i', user: 'x' });
  });

  it.each([
    [
      'a circle',
      { 'compose.yaml': 'services:\n  a: {extends: b}\n  b: {extends: a}\n' },
      ['compose.yaml:2:16 services/a/extends: "extends" goes in a circle: "a" extends "b" extends "a"'],
    ],
    [
      'a circle through files',
      {
        'compose.yaml': 'services:\n  a: {extends: {file: o.yaml, service: b}}\n',
        'o.yaml': 'services:\n  b: {extends: {file: compose.yaml, service: a}}\n',
      },
      ['compose.yaml:2:16 services/a/extends: "extends" goes in a circle: "a" extends "b" extends "a"'],
    ],
    [
      'a service that is not there',
      { 'compose.yaml': 'services:\n  a: {extends: {service: webb}}\n  web: {}\n' },
      ['compose.yaml:2:26 services/a/extends/service: "extends" names the unknown service "webb"'],
    ],
    [
      'a service that is not in the other file',
      { 'compose.yaml': 'services:\n  a: {extends: {file: o.yaml, service: b}}\n', 'o.yaml': 'services: {c: {}}' },
      ['compose.yaml:2:40 services/a/extends/service: "extends" names the unknown service "b" of "o.yaml"'],
    ],
    [
      'a file that is not there',
      { 'compose.yaml': 'services:\n  a: {extends: {file: o.yaml, service: b}}\n' },
      ['compose.yaml:2:23 services/a/extends/file: there is no file "o.yaml"'],
    ],
    [
      'no service',
      { 'compose.yaml': 'services:\n  a: {extends: {file: o.yaml}}\n' },
      ['compose.yaml:2:7 services/a/extends: "service" is missing'],
    ],
  ])('refuses %s', (_what, files, problems) => {
    expect(readModel(files).problems).toEqual(problems);
  });

  it('is one problem where it fails: nothing is said about the missing image', () => {
    const text = 'services:\n  a: {extends: {file: "https://example.com/x.yaml", service: b}}\n';
    expect(complaints(load(text))).toEqual(['services/a/extends/file: a file on another machine cannot be used']);
    expect(complaints(load('services: {a: {extends: b}, b: {extends: a}}'))).toHaveLength(1);
  });

  it('reports a value in the file that it is from', () => {
    const { problems } = readModel({
      'compose.yaml': 'services:\n  a: {extends: {file: o.yaml, service: b}}\n',
      'o.yaml': 'services:\n  b:\n    image: "${NONE?say it}"\n',
    });
    expect(problems).toEqual(['o.yaml:3:12 services/b/image: a variable it needs is not set: NONE: say it']);
  });

  it('stops where services extend each other too deep, or grow too large', () => {
    const chain = Array.from({ length: 500 }, (_, n) => `  s${n}: {extends: s${n + 1}}`).join('\n');
    expect(readModel({ 'compose.yaml': `services:\n${chain}\n  s500: {image: x}` }).problems[0]).toContain(
      'services extend each other more than 100 deep',
    );
    const list = `[${Array.from({ length: 30_000 }, (_, n) => n).join(',')}]`;
    const rows = Array.from({ length: 90 }, (_, n) => `  s${n}: {extends: s${n + 1}, x: [1]}`).join('\n');
    expect(readModel({ 'compose.yaml': `services:\n  s90: {x: ${list}}\n${rows}` }).problems).toEqual([
      expect.stringContaining('files are merged to more than 2000000 values'),
    ]);
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
