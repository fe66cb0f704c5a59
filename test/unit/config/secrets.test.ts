// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables in files look so
import { describe, expect, it } from 'vitest';
import { createNamedFiles, type Reading } from '../../../src/config/env/named-files.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { printProblems } from '../../../src/config/problems.ts';
import type { Application, LoadResult } from '../../../src/model/config.ts';

const bytes = (text: string): Reading => ({ kind: 'bytes', bytes: Buffer.from(text) });

interface Around {
  readonly files?: Readonly<Record<string, string | Reading>>;
  readonly environment?: Readonly<Record<string, string>>;
}

function load(application: string, { files = {}, environment = {} }: Around = {}): LoadResult {
  const known = new Map(
    Object.entries(files).flatMap(([path, reading]) =>
      ['env', 'secret', 'config'].map(
        (kind) => [`${kind} conf/${path}`, typeof reading === 'string' ? bytes(reading) : reading] as const,
      ),
    ),
  );
  return loadConfig(
    {
      application: { path: 'conf/application.yml', text: application },
      deployment: { path: 'conf/deployment.yml', text: 'version: 1\nnodes: {n1: []}\n' },
    },
    { environment, namedFiles: createNamedFiles(known), home: '/home/me' },
  );
}

function app(application: string, around: Around = {}): Application {
  const result = load(application, around);
  if (!result.ok) throw new Error(printProblems(result.problems));
  const [found] = Object.values(result.config.applications);
  if (found === undefined) throw new Error('no application');
  return found;
}

function problems(application: string, around: Around = {}): string {
  const result = load(application, around);
  return result.ok ? '' : printProblems(result.problems);
}

const shown = ({ files = [] }: Application) =>
  files.map(({ content, mode, ...rest }) => ({
    ...rest,
    mode: mode.toString(8),
    content: Buffer.from(content.bytes()).toString(),
  }));

const compose = (service: string, rest = ''): string => `services:\n  web:\n    image: i:1\n    ${service}\n${rest}`;
const native = (own: string, rest = ''): string =>
  `version: 1\napplications:\n  web:\n    image: i:1\n    ${own}\n${rest}`;
const fig = (own: string, rest = ''): string => `web:\n  image: i:1\n  ${own}\n${rest}`;

describe('variables in a Compose file', () => {
  it('come from the environment, else from .env next to the file', () => {
    const around = { files: { '.env': 'A=dot\nB=dot' }, environment: { A: 'env' } };
    expect(app(compose('environment: {X: "$A", Y: "${B}", Z: "${C:-c}"}'), around).environment).toEqual({
      X: 'env',
      Y: 'dot',
      Z: 'c',
    });
  });

  it('stand for text, numbers and truth values, in values and never in keys', () => {
    const text = compose(
      'ports: ["${P}:80", {target: "${T}", published: "${P2}"}]\n    mem_limit: ${M}\n    cpu_shares: ${S}\n    ' +
        'environment: {"$K": "${B}"}\n    command: ["run", "--x=${B}"]',
    );
    const environment = { P: '8080', T: '81', P2: '8081', M: '1048576', S: '5', B: 'true' };
    expect(app(text, { environment })).toMatchObject({
      ports: [
        { internal: 80, external: 8080 },
        { internal: 81, external: 8081 },
      ],
      memoryLimitBytes: 1_048_576,
      cpuShares: 5,
      environment: { $K: 'true' },
      command: ['run', '--x=true'],
      hidesCommand: true,
    });
  });

  it('are the empty text with a note where they are not set', () => {
    const result = load(compose('environment: {A: "${NONE}", B: "${NONE}", C: "pa$word"}'));
    expect(result).toMatchObject({
      ok: true,
      config: {
        applications: { web: { environment: { A: '', B: '', C: 'pa' } } },
        notes: [
          { file: 'conf/application.yml', line: 4, column: 22, message: expect.stringContaining('"NONE"') },
          { line: 4, column: 50 },
        ],
      },
      sources: ['conf/.env'],
    });
    expect(JSON.stringify(result.ok && result.config.notes)).not.toContain('"word');
  });

  it('stop the file where they are required or malformed', () => {
    expect(problems(compose('environment: {A: "${DB:?give me one}"}'))).toMatch(
      /application\.yml:4:22 .*not set: DB: give me one/,
    );
    expect(problems(compose('command: "awk ${1}"'))).toMatch(/application\.yml:4:14 .*"\$"[\s\S]*write "\$\$"/);
  });

  it.each([
    ['image: "${V}"', 'Hunter2/IMAGE'],
    ['ports: ["${V}"]', 'hunter2'],
    ['ports: ["${V}:80"]', '70123'],
    ['ports: [{target: "${V}", published: 5}]', '0x1BADCAFE'],
    ['ports: [{target: 80, published: 8080, protocol: "${V}"}]', 'hunter2'],
    ['mem_limit: ${V}', 'hunter2'],
    ['cpu_shares: ${V}', '99999999'],
    ['cpu_shares: ${V}', '-77.5'],
    ['restart: ${V}', 'hunter2'],
    ['volumes: ["${V}"]', 'hunter2/data'],
    ['volumes: ["${V}:/x"]', 'hunter2/data'],
    ['volumes: ["data:/x:${V}"]', 'hunter2'],
    ['links: ["${V}"]', 'hunter2'],
    ['depends_on: ["${V}"]', 'hunter2'],
    ['command: ${V}', '"hunter2'],
    ['environment: "${V}"', 'hunter2'],
    ['environment: ["${V}"]', '=hunter2'],
    ['env_file: ${V}', 'hunter2.env'],
    ['secrets: ["${V}"]', 'hunter2'],
    ['secrets: [{source: s, mode: "${V}"}]', 'hunter2'],
    ['secrets: [{source: s, uid: "${V}"}]', '777777777777'],
    ['secrets: [{source: s, target: "${V}"}]', '../hunter2'],
  ])('%s says nothing of its value', (line, value) => {
    const text = compose(line, 'secrets: {s: {environment: V}}\n');
    const said = problems(text.replace('image: i:1\n    image', 'image'), { environment: { V: value } });
    expect(said).toContain('${V}');
    const parts = value.match(/[a-z]+\d*|\d{2,}/gi) ?? [];
    const outside = said.replaceAll(/^ {2}.*$/gm, '').replaceAll('data', '');
    for (const part of parts.filter((one) => one !== 'data' && one !== 'env')) expect(outside).not.toContain(part);
  });

  it('that are not set are named where the file is wrong without them', () => {
    const said = problems('services: {web: {image: "acme/web:${TAG}"}}\n');
    expect(said).toContain('services/web/image: the variable "TAG" is not set, and there is no value without it');
  });

  it('are left alone in the native and in the Fig form', () => {
    const around = { environment: { A: 'x' } };
    expect(app(native('environment: {B: "${A} $$"}'), around).environment).toEqual({ B: '${A} $$' });
    expect(app(fig('environment: {B: "${A} $$"}'), around).environment).toEqual({ B: '${A} $$' });
    expect(load(native('environment: {B: "${A}"}'), around)).not.toHaveProperty('sources');
  });
});

describe('an env file', () => {
  const files = { 'a.env': 'A=1\nB=1\nC=${OUT}', 'sub/b.env': 'B=2\nD="$OWN"', 'raw.env': 'R="$OUT"' };
  const environment = { OUT: 'out' };

  it.each([
    ['one', 'env_file: a.env', { A: '1', B: '1', C: 'out' }],
    ['a list, a later one first', 'env_file: [./a.env, {path: sub/b.env}]', { A: '1', B: '2', C: 'out', D: '' }],
    ['one that need not exist', 'env_file: [{path: none.env, required: false}, a.env]', { A: '1', B: '1', C: 'out' }],
    ['a raw one', 'env_file: [{path: raw.env, format: raw}]', { R: '"$OUT"' }],
    ['under the environment', 'env_file: a.env\n    environment: {B: "3"}', { A: '1', B: '3', C: 'out' }],
  ])('%s', (_name, line, wanted) => {
    expect(app(compose(line), { files, environment }).environment).toEqual(wanted);
    expect(app(native(line), { files, environment }).environment).toEqual(wanted);
  });

  it('is read in the Fig form as well', () => {
    const text = fig('env_file: [a.env]\n  environment: ["B=9"]');
    expect(app(text, { files, environment }).environment).toEqual({ A: '1', B: '9', C: 'out' });
  });

  it('knows what the environment of the application says', () => {
    const text = compose('env_file: sub/b.env\n    environment: {OWN: mine}');
    expect(app(text, { files }).environment).toEqual({ OWN: 'mine', B: '2', D: 'mine' });
  });

  it('is a problem at its line where it is missing, wrong or no text', () => {
    expect(problems(compose('env_file: none.env'))).toMatch(/application\.yml:4:15 .*no env file "conf\/none\.env"/);
    const wrong = { files: { 'a.env': 'OK=1\nA B=hunter2\nC=hunter3' } };
    const said = problems(native('env_file: a.env'), wrong);
    expect(said).toMatch(/^conf\/a\.env:2:1: /m);
    expect(said).not.toContain('hunter');
    const binary: Reading = { kind: 'bytes', bytes: Buffer.from([0xff, 0xfe, 0x00]) };
    expect(problems(native('env_file: a.env'), { files: { 'a.env': binary } })).toContain('UTF-8');
    const fifo: Reading = { kind: 'unreadable', why: 'it is not a regular file' };
    expect(problems(native('env_file: a.env'), { files: { 'a.env': fifo } })).toContain('not a regular file');
  });
});

describe('a name without a value', () => {
  it('takes its value from the environment in a Compose file, and is left out where there is none', () => {
    const around = { files: { '.env': 'B=dot', 'e.env': 'C=file\nA=file' }, environment: { A: 'env' } };
    const wanted = { A: 'env', B: 'dot', E: '' };
    expect(app(compose('env_file: e.env\n    environment: [A, B, C, "E="]'), around).environment).toEqual(wanted);
    expect(app(compose('env_file: e.env\n    environment: {A: , B: , C: null, E: ""}'), around).environment).toEqual(
      wanted,
    );
  });

  it('is the empty text in the Fig form, as ever', () => {
    expect(app(fig('environment: [A]'), { environment: { A: 'x' } }).environment).toEqual({ A: '' });
  });
});

describe('secrets and configs', () => {
  const top =
    'secrets:\n  pw: {file: ./pw.txt}\n  tok: {environment: TOKEN}\n' +
    'configs:\n  conf: {file: sub/c.conf}\n  inline: {content: "a\\nb"}\n  var: {environment: TOKEN}\n';
  const around = { files: { 'pw.txt': 'hunter2\n', 'sub/c.conf': 'x=1' }, environment: { TOKEN: 't' } };
  const wanted = [
    { kind: 'secret', name: 'pw', target: '/run/secrets/pw', uid: 0, gid: 0, mode: '444', content: 'hunter2\n' },
    { kind: 'secret', name: 'tok', target: '/run/secrets/other', uid: 103, gid: 104, mode: '440', content: 't' },
    { kind: 'config', name: 'conf', target: '/conf', uid: 0, gid: 0, mode: '444', content: 'x=1' },
    { kind: 'config', name: 'inline', target: '/etc/x/y.conf', uid: 0, gid: 0, mode: '444', content: 'a\nb' },
  ];
  const uses = (indent: string): string =>
    `secrets: [pw, {source: tok, target: other, uid: "103", gid: 104, mode: 0440}]\n${indent}` +
    'configs: [conf, {source: inline, target: /etc/x/../x/y.conf}]'.replace('/../x', '');

  it.each([
    ['Compose', compose(uses('    '), top)],
    ['native', native(uses('    '), top)],
    ['Fig', fig(uses('  '), top)],
  ])('are files of the application in the %s form', (_form, text) => {
    expect(shown(app(text, around))).toEqual(wanted);
  });

  it.each([
    ['0400', '400'],
    ['0o440', '440'],
    ['"0444"', '444'],
    ['"440"', '440'],
  ])('mode %s', (mode, octal) => {
    expect(shown(app(compose(`secrets: [{source: pw, mode: ${mode}}]`, top), around))[0]?.mode).toBe(octal);
  });

  it.each([
    ['secrets: [no]', 'there is no secret "no"'],
    ['secrets: [pv]', 'did you mean|write "pw"|"pw"'],
    ['secrets: {pw: }', 'must be a list'],
    ['secrets: [{source: pw, mode: 440}]', 'octal'],
    ['secrets: [{source: pw, mode: 01777}]', 'octal'],
    ['secrets: [{source: pw, uid: root}]', '"uid" must be a number'],
    ['secrets: [{target: x}]', '"source" is missing'],
    ['secrets: [{source: pw, tarqet: x}]', 'tarqet'],
    ['secrets: [{source: pw, target: ../../etc/passwd}]', '\\.\\.'],
    ['secrets: [{source: pw, target: /proc/self/x}]', '/proc'],
    ['secrets: [{source: pw, target: /etc/hosts}]', '/etc/hosts'],
    ['secrets: [{source: pw, target: /run/drover/gate/x}]', '/run/drover'],
    ['secrets: [pw, {source: tok, target: pw}]', 'used already'],
    ['secrets: [pw, {source: tok, target: pw/x}]', 'used already'],
    ['secrets: [{source: pw, target: /data/pw}]\n    volumes: ["/data"]', 'lies in the volume at /data'],
  ])('%s is refused', (line, message) => {
    expect(problems(compose(line, top), around)).toMatch(new RegExp(message));
  });

  it.each([
    ['{file: none.txt}', '"conf/none.txt" does not exist'],
    ['{file: pw.txt, environment: TOKEN}', 'exclude each other'],
    ['{}', 'has no "file"'],
    ['{external: true}', 'external'],
    ['{environment: NOT_SET}', 'not set'],
    ['{content: hunter2}', '"content"'],
    ['{driver: x}', 'driver'],
    ['just-text', 'must be a mapping'],
  ])('a secret that is %s is refused', (definition, message) => {
    expect(problems(compose('secrets: [s]', `secrets:\n  s: ${definition}\n`), around)).toContain(message);
  });

  it('that nothing uses are not read', () => {
    const result = load(compose('environment: {}', 'secrets:\n  s: {file: none.txt}\n'));
    expect(result).toMatchObject({ ok: true });
    expect(result.sources).toEqual(['conf/.env']);
  });

  it('are held within limits', () => {
    const text = compose('secrets: [s]', 'secrets: {s: {environment: BIG}}\n');
    expect(problems(text, { environment: { BIG: 'x'.repeat(500 * 1024 + 1) } })).toContain('larger than 500 KiB');
    expect(app(text, { environment: { BIG: 'x'.repeat(500 * 1024) } }).files).toHaveLength(1);
    const many = Array.from({ length: 101 }, () => 's').join(', ');
    expect(problems(compose(`secrets: [${many}]`, 'secrets: {s: {environment: A}}\n'))).toContain('more than 100');
  });

  it('may be what an application is called', () => {
    const result = load('secrets:\n  image: i:1\nconfigs:\n  image: i:2\n');
    expect(result).toMatchObject({ ok: true, config: { applications: { secrets: {}, configs: {} } } });
  });

  it('show their contents nowhere, and a change of one is another revision', () => {
    const text = native('secrets: [pw]', 'secrets: {pw: {file: pw.txt}}\n');
    const [one, same, other] = ['hunter2', 'hunter2', 'hunter3'].map((pw) => load(text, { files: { 'pw.txt': pw } }));
    expect(JSON.stringify(one)).not.toContain('hunter');
    expect(String(one?.ok && one.config.applications.web?.files?.[0]?.content)).toBe('(hidden)');
    const revision = (result: LoadResult | undefined) => result?.ok && result.config.revision;
    expect(revision(one)).toBe(revision(same));
    expect(revision(one)).not.toBe(revision(other));
  });
});
