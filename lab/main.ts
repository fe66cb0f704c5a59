/** The program behind lab.mjs: finds the command, parses its options and runs it. */
import { parseArgs } from 'node:util';
import { progress } from '../scripts/progress.mjs';
import { installInterruptHandler, isInterrupted, LabError, UsageError } from './errors.mjs';
import { COMMANDS, type Command, OVERVIEW } from './help.ts';
import type { Values } from './types.ts';

const ALWAYS = { help: { type: 'boolean', short: 'h' }, netns: { type: 'string' } } as const;
/** Another name of a command, from an earlier version. */
const EARLIER_NAMES: Readonly<Record<string, string>> = { mend: 'fix' };

/** `ssh NODE COMMAND…`: the words after the node are the node's, options among them. */
function splitRemote(name: string, args: readonly string[]): readonly [readonly string[], readonly string[]] {
  if (name !== 'ssh') return [args, []];
  let at = 0;
  while (args[at]?.startsWith('-')) at += args[at] === '--netns' ? 2 : 1;
  return [args.slice(0, at + 1), args.slice(at + 1)];
}

function parse(name: string, command: Command, args: readonly string[]): { values: Values; words: readonly string[] } {
  const [own, remote] = splitRemote(name, args);
  try {
    const options = { ...ALWAYS, ...command.options };
    const parsed = parseArgs({ args: [...own], options, allowPositionals: true });
    const words = [...parsed.positionals, ...remote];
    const most = command.words ?? 0;
    if (words.length > most)
      throw new UsageError(`unexpected argument "${words[most]}"; see \`npm run lab -- ${name} --help\`.`);
    return { values: parsed.values as Values, words };
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error;
    const [first = ''] = error.message.split('\n');
    throw new UsageError(`${first.replace(/\.?$/, '')}; see \`npm run lab -- ${name} --help\`.`);
  }
}

async function main([given, ...args]: readonly string[]): Promise<number> {
  if (given === undefined) {
    process.stderr.write(OVERVIEW);
    return 64;
  }
  if (['help', '--help', '-h'].includes(given)) {
    process.stdout.write(OVERVIEW);
    return 0;
  }
  const name = EARLIER_NAMES[given] ?? given;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined)
    throw new UsageError(`unknown command "${given}"; the commands are ${Object.keys(COMMANDS).join(', ')}.`);
  const { values, words } = parse(name, command, args);
  if (values.help) {
    process.stdout.write(command.help);
    return 0;
  }
  const run = await command.load();
  return (await run(values, words)) ?? 0;
}

installInterruptHandler();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!isInterrupted()) {
    if (!(error instanceof LabError)) throw error;
    process.stderr.write(`lab: ${error.message}\n`);
    progress.failure(error.message);
    process.exitCode = error.code;
  }
}
