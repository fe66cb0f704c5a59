import type { Argument, Command, Option } from 'commander';
import { exitCode } from '../../src/cli/exit-code.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { World } from '../../src/cli/world.ts';
import { environment } from './environment.ts';
import type { Parts } from './generate.ts';
import { code, sentence, table } from './table.ts';

const exitCodes: Readonly<Record<keyof typeof exitCode, string>> = {
  done: 'Done, or nothing to do.',
  failed: 'Something failed; the message says what.',
  changesPending: 'There is something to do. Only from `plan --detailed-exitcode` and `node add --check`.',
  lockHeld: 'Another drover holds the lock of a node. Try again later.',
  blocked: 'Something was left undone because it is not safe, or needs an answer from you.',
  usage: 'The command line is wrong.',
  filesWrong: 'A file is wrong; every problem is printed with its place.',
  cancelled: 'Cancelled by Ctrl-C, by a signal, or because the program that read the output has ended.',
};

/** The command line as commander knows it. Nothing of the world is used to describe it; `print` gets the help. */
export function describedProgram(print: (text: string) => void = () => {}): Command {
  const terminal = { out: print, err: print, columns: () => 120, moving: false, colour: false };
  // Only these are read before a verb runs.
  return createProgram({ version: '', terminal, env: {} } as unknown as World, () => {});
}

/** Every verb, option, exit status and environment variable. */
export function commandsParts(): Parts {
  let printed = '';
  const program = describedProgram((text) => {
    printed += text;
  });
  /** The lines below "Examples" in the help of a command. */
  const examplesOf = (verb: Command): readonly string[] => {
    printed = '';
    verb.outputHelp();
    return [...printed.matchAll(/^ {2}(drover .+)$/gm)].map(([, line = '']) => line);
  };
  const verbs = program.commands.flatMap((verb) =>
    verb.commands.length > 0
      ? verb.commands.map((each) => ({ verb: each, under: `${verb.name()} ` }))
      : [{ verb, under: '' }],
  );
  return {
    overview: table(
      ['command', 'what it does'],
      verbs.map(({ verb, under }) => [
        `[${code(under + verb.name())}](#${anchorOf(under + verb.name())})`,
        sentence(verb.description()),
      ]),
    ),
    verbs: verbs.map(({ verb, under }) => verbText(verb, under, examplesOf(verb))).join('\n'),
    'common options': optionTable(visible(program).filter(({ long }) => long !== '--version' && !isScreen(long))),
    'screen options': optionTable(visible(program).filter(({ long }) => isScreen(long))),
    'exit status': table(
      ['status', 'meaning'],
      Object.entries(exitCodes).map(([name, meaning]) => [
        code(String(exitCode[name as keyof typeof exitCode])),
        meaning,
      ]),
    ),
    environment: table(
      ['variable', 'meaning'],
      Object.entries(environment).map(([name, meaning]) => [code(name), meaning]),
    ),
  };
}

/** Options of `drover` that are for the screen: `demo` has the same ones. */
const screenNames = ['--plain', '--confirm', '--read-only', '--theme', '--ascii', '--mouse', '--no-mouse'];
const isScreen = (long: string | null | undefined): boolean => screenNames.includes(long ?? '');

const visible = (command: Command): readonly Option[] => command.options.filter(({ hidden }) => !hidden);

function verbText(verb: Command, under: string, examples: readonly string[]): string {
  const name = `${under}${verb.name()}`;
  const own = visible(verb).filter(({ long }) => !isScreen(long));
  const hasScreen = own.length < visible(verb).length;
  const words = [name, ...verb.registeredArguments.map(argumentText)].join(' ');
  return [
    `### \`${name}\`\n`,
    `${sentence(verb.description())}\n`,
    `    drover ${words}${own.length + (hasScreen ? 1 : 0) > 0 ? ' [options]' : ''}\n`,
    ...(verb.registeredArguments.length > 0
      ? [
          table(
            ['argument', 'meaning'],
            verb.registeredArguments.map((each) => [code(argumentText(each)), sentence(each.description)]),
          ),
        ]
      : []),
    ...(own.length > 0 ? [optionTable(own)] : []),
    ...(hasScreen ? ['It also has the [options of the screen](#options-of-the-screen).\n'] : []),
    ...(examples.length > 0 ? [`\`\`\`sh\n${examples.map((each) => `${each}\n`).join('')}\`\`\`\n`] : []),
  ].join('\n');
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionTable(options: readonly Option[]): string {
  return table(
    ['option', 'meaning'],
    options.map(({ flags, description }) => [code(flags), sentence(description)]),
  );
}

/** GitHub's anchor of a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
