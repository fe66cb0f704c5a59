import { describe, expect, it } from 'vitest';
import { matchesPage, readConsoleBlocks } from '../../acceptance/console-blocks.ts';

describe('pages that are tests', () => {
  it('finds the commands and what they print, only in console blocks', () => {
    const page = 'text\n```sh\n$ not this\n```\n```console\n$ a b\none\ntwo\n$ c\n```\n$ nor this\n';
    expect(readConsoleBlocks(page)).toEqual([
      { line: 6, command: 'a b', expected: ['one', 'two'] },
      { line: 9, command: 'c', expected: [] },
    ]);
  });

  it.each([
    ['one\ntwo\n', ['one', 'two'], true],
    ['one\n', ['one', 'two'], false],
    ['one\ntwo\nthree\n', ['…', 'three'], true],
    ['one\ntwo\nthree\n', ['…', 'two'], false],
    ['converged in 3 s\n', ['converged…'], true],
    ['not converged\n', ['converged…'], false],
    ['', [], true],
    ['surprise\n', [], false],
    ['a.b\n', ['a.b'], true],
    ['axb\n', ['a.b'], false],
  ])('%j against %j is %s', (output, expected, same) => {
    expect(matchesPage(output, expected)).toBe(same);
  });
});
