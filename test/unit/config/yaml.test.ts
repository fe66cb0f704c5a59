import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../src/config/yaml/parse-yaml.ts';
import type { YamlNode } from '../../../src/config/yaml/yaml-node.ts';
import { appOf, complaints, load } from './loading.ts';

const firstMessage = (text: string) => parseYaml(text).problems[0]?.message;

/** The tree as plain values. */
function valueOf(node: YamlNode | undefined): unknown {
  if (node === undefined || node.kind === 'scalar') return node?.value;
  if (node.kind === 'list') return node.items.map(valueOf);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key.source, valueOf(value)]));
}

describe('reading YAML', () => {
  it('resolves merge keys: own keys win, then the first mapping', () => {
    const text =
      'version: 1\nbase: &base {image: x, cpu_shares: 1}\nmore: &more {mem_limit: 5, cpu_shares: 2}\n' +
      'applications:\n  a:\n    <<: [*base, *more]\n    mem_limit: 7\n';
    expect(appOf(load(text))).toMatchObject({ cpuShares: 1, memoryLimitBytes: 7 });
  });

  it('reports a problem reached through aliases once, where it is written', () => {
    const result = load('version: 1\napplications:\n  a: &a {image: x, colour: 1}\n  b: *a\n');
    expect(complaints(result)).toHaveLength(1);
    expect(result).toMatchObject({ problems: [{ line: 3, column: 20 }] });
  });

  it.each([
    ['a: 1\na: 2', 'the key "a" stands twice'],
    ['a:\n\t- b', 'tab characters'],
    ['a: &x [*x]', 'contains itself'],
    ['a: *x', 'has no anchor'],
    ['a: 1\n---\nb: 1', 'more than one YAML document'],
    ['? [a]\n: b', 'a key must be plain text'],
    ['a: !!python/object:os.system x', 'the YAML tag'],
    ['<<: 5', '"<<" must hold a mapping'],
    ['a: "b', 'unexpected end'],
    ['a: \0', 'holds a NUL character'],
    ['[1,'.repeat(200), 'nesting'],
    ['a\n'.repeat(100_001), 'more than 100000 lines'],
  ])('reports %j', (text, message) => {
    expect(firstMessage(text)).toContain(message);
  });

  it.each([
    ['a:\n  p: [\n    1,\n  ]\n  q: x\n', { a: { p: [1], q: 'x' } }],
    ['a:\n  p: {\n  b: c,\nd: e\n}\n  q: "x\ny"\n', { a: { p: { b: 'c', d: 'e' }, q: 'x y' } }],
    ['a:\n  - p: [ # c\n1, # ] \n  2 ]\n    q: [\n]\n', { a: [{ p: [1, 2], q: [] }] }],
    ["a:\n  p: 'x\n\ny'\n  q: [\n\t1,\n\t]\n", { a: { p: 'x\ny', q: [1] } }],
    ['a:\r\n  p: [\r\n  1\r\n  ]\r\n', { a: { p: [1] } }],
  ])('reads brackets and quotes that are closed below their key: %j', (text, value) => {
    expect(valueOf(parseYaml(text).root)).toEqual(value);
    expect(parseYaml(text).problems).toEqual([]);
  });

  it('keeps the places behind such a bracket', () => {
    const text = 'version: 1\napplications:\n  a:\n    image: x\n    ports: [\n    ]\n    colour: 1\n';
    expect(load(text)).toMatchObject({ problems: [{ line: 7, column: 5 }] });
  });

  it.each([
    ['a:\n  p: [1,\n  q: 2\nb: 3\n', 'missed comma', 4],
    ['a:\n  p: [1\n  ]\n  r: [\n  1\n  ]\n  q: [2,\nb,\nc\n', 'deficient indentation', 8],
    ['a:\n  p: [\n  ]\n  q: "x\nb: 3\n', 'deficient indentation', 5],
  ])('reports a bracket that is never closed near its place: %j', (text, message, line) => {
    const [problem] = parseYaml(text).problems;
    expect(problem?.message).toContain(message);
    expect(text.slice(0, problem?.offset).split('\n')).toHaveLength(line);
  });

  it.each([
    'a:\n\u00a0\u00a0b: 1\n',
    'a:\n  b: 1\n  \u00a0\u00a0c: 1\n',
    'a:\n  b:\u00a01\n  c: 2\n',
    'a:\n  - b\n  -\u00a0c: 1\n    d: 2\n',
    'a:\n  b: 1\n  \u3000c: 1\n',
  ])('names a space that is none: %j', (text) => {
    const { root, problems } = parseYaml(text);
    expect(root).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(
      /^a (?:no-break space|character that looks like a space) \(U\+(?:00A0|3000)\)/,
    );
    expect(text[problems[0]?.offset ?? 0]).toMatch(/[\u00a0\u3000]/);
  });

  it('keeps the tags of Compose, and refuses them in other forms', () => {
    const { root, problems } = parseYaml('a: !reset null\nb: !override [1]\nc: {!!merge <<: {d: 1}, e: 2}\n');
    expect(problems).toEqual([]);
    expect(root).toMatchObject({ entries: [{ value: { merge: 'reset' } }, { value: { merge: 'override' } }, {}] });
    expect(valueOf(root)).toMatchObject({ c: { d: 1, e: 2 } });
    expect(complaints(load('version: 1\napplications: {a: {image: !reset x}}\n'))).toEqual([
      ': the YAML tag "!reset" is not supported',
    ]);
  });

  it('stops at aliases that multiply', () => {
    const rows = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let n = 1; n < 9; n += 1)
      rows.push(
        `a${n}: &a${n} [${Array(10)
          .fill(`*a${n - 1}`)
          .join(',')}]`,
      );
    expect(firstMessage(rows.join('\n'))).toContain('aliases expand to more than 100000 values');
  });

  it('understands explicit core tags and a byte order mark', () => {
    expect(appOf(load('\ufeffversion: !!int 1\napplications: {a: {image: !!str x}}')).image.repository).toBe('x');
  });

  it('counts lines the same with every line end', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const result = load(['version: 1', 'applications:', '  a:', '    image: 5'].join(end));
      expect(result).toMatchObject({ problems: [{ line: 4, column: 12 }] });
    }
  });
});
