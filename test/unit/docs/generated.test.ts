import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environment } from '../../../scripts/docs/environment.ts';
import { floorsOf } from '../../../scripts/docs/floors.ts';
import { generatedParts, replaceParts } from '../../../scripts/docs/generate.ts';
import { pageOf, root } from './pages.ts';

describe('generated parts of the documentation', () => {
  for (const [path, parts] of Object.entries(generatedParts(root))) {
    it(`of ${path} are current (npm run docs writes them)`, () => {
      const { text } = pageOf(path);
      expect(replaceParts(text, parts)).toBe(text);
    });
  }

  it('say what every key of the files means', () => {
    const rows = Object.values(generatedParts(root)['docs/files.md'] ?? {}).flatMap((part) => part.split('\n'));
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter((row) => /\| (?:\*\*Required\.\*\*)? ?\|$/.test(row))).toEqual([]);
  });

  it('have their places: a page without one is an error', () => {
    expect(() => replaceParts('# A page\n', { keys: 'x' })).toThrow('no place for the generated part "keys"');
  });

  it('name every environment variable that the sources read', () => {
    const read = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path))
      .flatMap((path) => [
        ...readFileSync(join(root, 'src', path), 'utf8').matchAll(/\benv(?:ironment)?\.([A-Z][A-Z0-9_]+)\b/g),
      ])
      .map(([, name = '']) => name);
    expect(read.length).toBeGreaterThan(20);
    expect(read.filter((name) => !(name in environment))).toEqual([]);
  });

  it('stand on floors: a folder is above everything that it imports', () => {
    const graph = new Map([
      ['tui', new Set(['view', 'model'])],
      ['view', new Set(['model'])],
      ['model', new Set<string>()],
      ['plan', new Set(['model'])],
    ]);
    expect(floorsOf(graph)).toEqual([['tui'], ['plan', 'view'], ['model']]);
    const circle = new Map([
      ['a', new Set(['b'])],
      ['b', new Set(['a'])],
    ]);
    expect(() => floorsOf(circle)).toThrow('folders import each other: a -> b -> a');
  });
});
