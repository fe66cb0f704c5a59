import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { commandFailed, printCommand, quote, tailOf } from '../../../src/node/command.ts';
import fc from '../../support/random.ts';

const shells = ['/bin/sh', '/bin/bash'];

test('a shell splits a printed command into the same arguments', () => {
  const argument = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), (argv) => {
      // Lone surrogates cannot be written as UTF-8 at all.
      const clean = argv.map((text) => Buffer.from(text).toString());
      for (const shell of shells) {
        const line = printCommand(['printf', '%s\\0', 'x', ...clean]);
        const output = execFileSync(shell, ['-c', line], { encoding: 'utf8' });
        expect(output.split('\0').slice(0, -1)).toEqual(['x', ...clean]);
      }
    }),
    { numRuns: 40 },
  );
});

test.each(['$(id)', '`id`', '; rm -rf /', "it's", '~', '*', '!!', '-n', 'a\nb', '', '#x', '{a,b}'])(
  'the argument %j survives',
  (text) => {
    expect(execFileSync('/bin/sh', ['-c', `printf %s ${quote(text)}`], { encoding: 'utf8' })).toBe(text);
  },
);

test('an argument with a NUL byte is refused', () => {
  expect(() => quote('a\0b')).toThrow('NUL');
});

test('plain words are printed as they are', () => {
  expect(printCommand(['zfs', 'list', '-Hp', 'drover/volumes/web-1@a', "it's"])).toBe(
    `zfs list -Hp drover/volumes/web-1@a 'it'\\''s'`,
  );
});

test('a failed command names the node, the command and the end of stderr', () => {
  const error = commandFailed('node1', ['zfs', 'destroy', 'a b'], 2, `${'x'.repeat(5000)}\ncannot destroy: busy\n`);
  expect(error.code).toBe('command-failed');
  expect(error.message).toMatch(/^cannot run "zfs destroy 'a b'" on "node1": …x+\ncannot destroy: busy$/);
  expect(error.details).toMatchObject({ node: 'node1', exit: 2 });
  expect(error.retryable).toBe(false);
});

test('a failed command that says nothing gives its exit status', () => {
  expect(commandFailed('node1', ['false'], 1, ' \n').message).toBe('cannot run "false" on "node1": exit status 1');
});

test('the tail is the end of a text', () => {
  expect(tailOf('  short \n')).toBe('short');
  expect(tailOf(`a${'b'.repeat(2000)}`)).toBe(`…${'b'.repeat(2000)}`);
});
