import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isName, printCommand, printRemote } from '../../../src/model/command-line.ts';
import fc from '../../support/random.ts';

const print = 'for word in "$@"; do printf "%s\\0" "$word"; done';
const wordsOf = (line: string): readonly string[] =>
  execFileSync('sh', ['-c', `show() { ${print}; }; show ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
/** Like ssh: its words are joined, and a shell splits them again. */
const remotely = (line: string): readonly string[] => wordsOf(wordsOf(line).join(' '));

const word = fc.string({ unit: fc.constantFrom(...'abc$`"\'\\;&|<>(){}*?[]~#!% \n\té') });

describe('a printed command', () => {
  it('is the same words to a shell, here and behind ssh', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (argv) => {
        expect(wordsOf(printCommand(argv))).toEqual(argv);
        expect(remotely(printRemote(argv))).toEqual(argv);
      }),
      { numRuns: 40 },
    );
  });

  it('stays readable where nothing needs quotes', () => {
    expect(printRemote(['zfs', 'list', '-r', 'drover/volumes'])).toBe('zfs list -r drover/volumes');
  });
});

describe('a name from a node', () => {
  it.each(['drover/volumes/db-1a2b', 'sanoid.timer', 'tank/x@drover-e1-2', 'db_1', '10.0.0.2', 'fd00:1::2'])(
    '%j',
    (name) => expect(isName(name)).toBe(true),
  );
  it.each([
    '',
    '-rf',
    'a b',
    'a;b',
    '$(x)',
    '`x`',
    "a'b",
    'a\nb',
    '../x',
    'a/../b',
    'a%b',
    'a,b',
    'a\u202eb',
    '~',
    '*',
    'a'.repeat(256),
  ])('not %j', (name) => expect(isName(name)).toBe(false));
});
