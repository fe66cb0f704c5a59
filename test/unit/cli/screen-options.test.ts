import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addScreenOptions, type ScreenFlags, screenFlagsOf } from '../../../src/cli/screen-options.ts';

/** What `drover demo` is given by such a command line. */
function flagsOf(...args: readonly string[]): ScreenFlags | undefined {
  let flags: ScreenFlags | undefined;
  const program = addScreenOptions(new Command().option('--json'));
  addScreenOptions(program.command('demo'))
    .option('--fast')
    .action((_given, command: Command) => {
      flags = screenFlagsOf(command);
    });
  program.parse([...args], { from: 'user' });
  return flags;
}

describe("the screen's options of a verb", () => {
  it('are those after the verb, although the program has them too', () => {
    expect(flagsOf('demo', '--theme', 'dark', '--no-mouse', '--scale', '3,9,1')).toEqual({
      theme: 'dark',
      mouse: false,
      scale: '3,9,1',
    });
  });

  it('are those before the verb as well, and nothing else', () => {
    expect(flagsOf('--ascii', '--json', 'demo', '--read-only', '--fast')).toEqual({ ascii: true, readOnly: true });
    expect(flagsOf('demo')).toEqual({});
  });
});
