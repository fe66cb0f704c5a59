import { describe, expect, it } from 'vitest';
import { createFileReport, printProblems } from '../../../src/config/problems.ts';
import { secretStarts, withoutSecret } from '../../../src/model/secrets.ts';
import { diffLines } from '../../../src/view/diff.ts';
import { redact } from '../../../src/view/redact.ts';

const shown = (text: string): string => {
  const lines = text.split('\n');
  const starts = secretStarts(lines);
  return lines.map((line, i) => withoutSecret(line, starts[i])).join('\n');
};

/** A file in some form, with S3CRET wherever a value must not be shown. */
const forms: Readonly<Record<string, string>> = {
  'a map of the native form':
    'version: 1\napplications:\n  db:\n    image: postgres\n    environment:\n      PASSWORD: S3CRET\n      plain: "S3CRET"\n    ports: []\n',
  'a list of Fig': 'web:\n  image: nginx\n  environment:\n    - KEY=S3CRET\n    - lower=S3CRET\n    - S3CRET\n',
  'a list that is indented as its key': 'services:\n  web:\n    environment:\n    - KEY=S3CRET\n    image: nginx\n',
  'a map of Compose': 'services:\n  web:\n    environment:\n      A: S3CRET\n      b-c: S3CRET\n',
  'a flow map': 'services: {web: {image: nginx, environment: {A: S3CRET, B: "S3CRET"}}}\n',
  'a flow map over lines': 'web:\n  environment: {\n  A: S3CRET,\n"B": "S3CRET"\n  }\n  image: nginx\n',
  JSON: '{\n  "web": {\n    "environment": {\n      "A": "S3CRET",\n      "B": "S3CRET"\n    },\n    "image": "nginx"\n  }\n}\n',
  'a block scalar':
    'web:\n  environment:\n    KEY: |\n      S3CRET\n      -----S3CRET\n    B: >-\n      S3CRET\n  image: x\n',
  'a scalar in quotes over lines': 'web:\n  environment:\n    KEY: "S3CRET\n      S3CRET"\n  image: x\n',
  'a quote that is never closed': 'web:\n  environment:\n    KEY: "S3CRET\n    B: S3CRET\n',
  'a misspelled key': 'web:\n  enviroment:\n    lower: S3CRET\n',
  'a key written in capitals at a wrong place': 'web:\n  image: x\nPOSTGRES_PASSWORD: S3CRET\nDB_URL: S3CRET\n',
  'keys that look like passwords': 'web:\n  password: S3CRET\n  apiKey: S3CRET\n  db_token: S3CRET\n',
  'secrets and contents': 'secrets:\n  one:\n    content: S3CRET\nconfigs:\n  two:\n    content: |\n      S3CRET\n',
  'arguments of a build': 'web:\n  build:\n    args:\n      a: S3CRET\n      - b=S3CRET\n',
  'an alias': 'x-env: &env\n  lower: S3CRET\nweb:\n  environment: *env\n',
  'a merge': 'x-env: &env\n  lower: S3CRET\nweb:\n  environment:\n    <<: *env\n    a: S3CRET\n',
  'an explicit key': 'web:\n  ? environment\n  : a: S3CRET\n    b: S3CRET\n',
  'a URL and words of a command':
    'web:\n  command: run --url redis://me:S3CRET@db --password=S3CRET\n  x: [env, A=S3CRET]\n',
  'tabs in place of spaces': 'web:\n\tenvironment:\n\t\tA: S3CRET\n',
};

describe('what may be a secret', () => {
  it.each(Object.entries(forms))('is left out of %s', (_name, text) => {
    expect(shown(text)).not.toContain('S3CRET');
    expect(shown(text).split('\n').length).toBe(text.split('\n').length);
  });

  it('leaves everything else as it is', () => {
    const text =
      'version: 1\napplications:\n  db:\n    image: "postgres:16"\n    ports: [{internal: 80, external: 80}]\n';
    expect(shown(text)).toBe(text);
    expect(shown('web:\n  environment:\n    A: x\n  image: nginx\n')).toBe(
      'web:\n  environment:\n    A: (hidden)\n  image: nginx\n',
    );
  });

  it.each(Object.entries(forms))('is in no frame of a problem in %s, at any place', (_name, text) => {
    for (let offset = 0; offset <= text.length; offset += 1) {
      const { report, problems } = createFileReport('application.yml', text);
      report({ offset, path: '', message: 'is wrong' });
      const found = problems();
      expect(printProblems(found)).not.toContain('S3CRET');
      expect(JSON.stringify(found)).not.toContain('S3CRET');
    }
  });

  it('is in no message about its value, and in no fix that is shown', () => {
    const text = 'web:\n  environment:\n    PIN: 5123\n';
    const { report, problems } = createFileReport('application.yml', text);
    const offset = text.indexOf('5123');
    const node = { kind: 'scalar', type: 'integer', offset, source: '5123', value: 5123 } as never;
    report({
      offset,
      path: 'web/environment/PIN',
      message: 'the value must be a string, not the number 5123',
      hint: { hint: 'put it in quotes', edit: { node, value: '5123', style: 'quoted' } },
    });
    const found = problems();
    expect(printProblems(found)).not.toContain('5123');
    expect(found[0]?.fix).toMatchObject({ was: '5123', replacement: '"5123"' });
    expect(JSON.stringify(redact(found))).not.toContain('5123');
  });

  it('is in no difference of two files', () => {
    const lines = diffLines('web:\n  environment:\n    PIN: 5123\n', 'web:\n  environment:\n    PIN: "5123"\n');
    expect(lines.map(({ text }) => text)).toEqual(['    3 -     PIN: (hidden)', '    3 +     PIN: (hidden)']);
  });
});

describe('a long file', () => {
  it('shows no values around its mistakes, and is not searched', () => {
    const text = `web:\n  image: nginx\n  environment:\n    lower: S3CRET\n${'# x\n'.repeat(100_000)}`;
    const { report, problems } = createFileReport('application.yml', text);
    report({ offset: text.indexOf('lower'), path: '', message: 'is wrong' });
    const printed = printProblems(problems());
    expect(printed).toContain('lower: (hidden)');
    expect(printed).not.toContain('S3CRET');
  });

  it('takes time in proportion to it', () => {
    const began = process.cpuUsage();
    for (const piece of ['- ', 'a: ', '://', 'a', ' ', '"', '{', 'pass=', 'token: ', ': ', '\n- &a ', 'environment:\n'])
      secretStarts(piece.repeat(100_000).slice(0, 300_000).split('\n'));
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1e6).toBeLessThan(60);
  });
});
