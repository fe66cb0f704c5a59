import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../src/config/yaml/parse-yaml.ts';
import { appOf, complaints, load } from './loading.ts';

const firstMessage = (text: string) => parseYaml(text).problems[0]?.message;

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
