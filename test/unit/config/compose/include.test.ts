import { describe, expect, it } from 'vitest';
import { modelOf, readModel } from './model.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
describe('include', () => {
  it('adds the services and volumes of another file, with paths and variables of its own folder', () => {
    const files = {
      'compose.yaml': 'include: [db/compose.yaml]\nservices: {web: {image: "w:${TAG}", depends_on: [db]}}\n',
      '.env': 'TAG=1\n',
      'db/compose.yaml': [
        'services:',
        '  db: {image: "p:${TAG}-${KIND}", env_file: db.env, environment: [KIND, OTHER], volumes: ["data:/d", "./c:/c"]}',
        'volumes: {data: {driver_opts: {o: bind, device: ./data}}}',
        'secrets: {s: {file: ./s.txt}}',
      ].join('\n'),
      'db/.env': 'TAG=2\nKIND=small\n',
    };
    expect(modelOf(files)).toEqual({
      services: {
        web: { image: 'w:1', depends_on: ['db'] },
        db: {
          image: 'p:1-small',
          env_file: 'db/db.env',
          environment: { KIND: 'small', OTHER: null },
          volumes: ['data:/d', './db/c:/c'],
        },
      },
      volumes: { data: { driver_opts: { o: 'bind', device: './db/data' } } },
      secrets: { s: { file: 'db/s.txt' } },
    });
  });

  it('has a long form, with files that are merged, a folder and env files', () => {
    const files = {
      'app/compose.yaml': [
        'include:',
        '  - path: [../db/compose.yaml, db-override.yaml]',
        '    project_directory: ..',
        '    env_file: [../a.env, ../b.env]',
      ].join('\n'),
      'db/compose.yaml': 'services: {db: {image: "p:${TAG}", env_file: db.env}}',
      'app/db-override.yaml': 'services: {db: {user: "${USER_NAME}"}}',
      'a.env': 'TAG=1\nUSER_NAME=a\n',
      'b.env': 'TAG=2\n',
    };
    expect(modelOf(files).services).toEqual({ db: { image: 'p:2', user: 'a', env_file: '../db.env' } });
  });

  it('can be merged with an override file, and extended', () => {
    const files = {
      'compose.yaml': 'include: [db.yaml]\nservices: {second: {extends: db, user: x}}\n',
      'db.yaml': 'services: {db: {image: p}}',
      'compose.override.yaml': 'services: {db: {image: q}}',
    };
    expect(modelOf(files, { isFound: true }).services).toEqual({
      second: { image: 'p', user: 'x' },
      db: { image: 'q' },
    });
  });

  it('can be changed by the file that includes it', () => {
    const files = {
      'compose.yaml': [
        'include: [db/db.yaml]',
        'services:',
        '  db: {shm_size: 1g, environment: {A: own}, ports: ["1:1"], command: [c], volumes: ["./own:/d"]}',
        'volumes: {v: {name: own}}',
      ].join('\n'),
      'db/db.yaml':
        'services: {db: {image: p, environment: [A=a, B=b], ports: ["2:2"], command: [x], volumes: ["./d:/d"]}}\nvolumes: {v: }',
    };
    expect(modelOf(files)).toEqual({
      services: {
        db: {
          image: 'p',
          shm_size: '1g',
          environment: { A: 'own', B: 'b' },
          ports: ['2:2', '1:1'],
          command: ['c'],
          volumes: ['./own:/d'],
        },
      },
      volumes: { v: { name: 'own' } },
    });
  });

  it('goes through several files, and takes the same file twice', () => {
    const files = {
      'compose.yaml': 'include: [a/a.yaml, b.yaml]\n',
      'a/a.yaml': 'include: [../c.yaml]\nservices: {a: {image: a}}',
      'b.yaml': 'include: [c.yaml]\nservices: {b: {image: b}}',
      'c.yaml': 'services: {c: {image: c}}\nnetworks: {n: }',
    };
    expect(modelOf(files)).toEqual({
      services: { a: { image: 'a' }, b: { image: 'b' }, c: { image: 'c' } },
      networks: { n: null },
    });
  });

  it.each([
    [
      'a volume that two included files have',
      {
        'compose.yaml': 'include: [a.yaml, b.yaml]\n',
        'a.yaml': 'volumes:\n  v: {name: a}\n',
        'b.yaml': 'volumes:\n  v: {name: b}\n',
      },
      ['a.yaml:2:3 volumes/v: the volume "v" is also in the file "b.yaml", which is included'],
    ],
    [
      'a circle',
      { 'compose.yaml': 'include: [a.yaml]\n', 'a.yaml': 'include:\n  - compose.yaml\n' },
      ['a.yaml:2:5 include/0: "include" goes in a circle: "compose.yaml" includes "a.yaml" includes "compose.yaml"'],
    ],
    [
      'a file that is not there',
      { 'compose.yaml': 'include:\n  - x/a.yaml\n' },
      ['compose.yaml:2:5 include/0: there is no file "x/a.yaml"'],
    ],
    [
      'a file on another machine',
      { 'compose.yaml': 'include:\n  - https://example.com/a.git\n  - git@example.com:a.git\n' },
      [
        'compose.yaml:2:5 include/0: a file on another machine cannot be included',
        'compose.yaml:3:5 include/1: a file on another machine cannot be included',
      ],
    ],
    [
      'an env file that is not there',
      {
        'compose.yaml': 'include: [{path: a.yaml, env_file: no.env}]\n',
        'a.yaml': 'services: {a: {image: "${I:-i}"}}',
      },
      ['no.env:undefined:undefined : the file does not exist'],
    ],
    [
      'no list',
      { 'compose.yaml': 'include: a.yaml\n' },
      ['compose.yaml:1:10 include: "include" must be a list of files, not the text "a.yaml"'],
    ],
    [
      'an unknown key',
      { 'compose.yaml': 'include: [{pathh: a.yaml}]\n' },
      ['compose.yaml:1:11 include/0: "path" is missing', 'compose.yaml:1:12 include/0/pathh: unknown key "pathh"'],
    ],
  ])('refuses %s', (_what, files, problems) => {
    expect(readModel(files).problems).toEqual(problems);
  });

  it('stops at files that include each other too deep, and at too many', () => {
    const deep = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`f${n}.yaml`, `include: [f${n + 1}.yaml]\n`] as const),
    );
    expect(readModel({ ...deep, 'f40.yaml': 'services: {a: {image: x}}' }).problems).toEqual([
      'f20.yaml:1:11 include/0: files include each other more than 20 deep',
    ]);
    const names = Array.from({ length: 150 }, (_, n) => `f${n}.yaml`);
    const many = Object.fromEntries(names.map((name) => [name, 'services: {}\n']));
    const { problems } = readModel({ 'compose.yaml': `include: [${names.join(', ')}]\n`, ...many });
    expect(problems[0]).toContain('more than 100 Compose files belong together');
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the texts of Compose variables
