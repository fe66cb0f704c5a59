#!/usr/bin/env node
/** The lab's command: real machines with OpenZFS and Docker on this one. `npm run lab -- VERB`. */
import { parseArgs } from 'node:util';
import { installInterruptHandler, isInterrupted, LabError, UsageError } from './errors.mjs';
import { OVERVIEW, VERBS } from './help.mjs';
import { progress } from './progress.mjs';

const ALWAYS = { help: { type: 'boolean', short: 'h' }, netns: { type: 'string' } };

/** `ssh NODE COMMAND…`: what follows the node belongs to the node, options and all. */
function splitRemote(verb, args) {
  if (verb !== 'ssh') return [args, []];
  const takesValue = (word) => word === '--netns';
  let at = 0;
  while (at < args.length && args[at].startsWith('-')) at += takesValue(args[at]) ? 2 : 1;
  return [args.slice(0, at + 1), args.slice(at + 1)];
}

function parse(verb, args) {
  const [own, remote] = splitRemote(verb, args);
  try {
    const parsed = parseArgs({ args: own, options: { ...ALWAYS, ...VERBS[verb].options }, allowPositionals: true });
    const words = [...parsed.positionals, ...remote];
    const most = VERBS[verb].words ?? 0;
    if (words.length > most)
      throw new UsageError(`"${words[most]}" is one word too many; see \`npm run lab -- ${verb} --help\`.`);
    return { values: parsed.values, words };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${error.message.split('\n')[0].replace(/\.?$/, '')}; see \`npm run lab -- ${verb} --help\`.`);
  }
}

async function main([verb, ...args]) {
  if (verb === undefined) {
    process.stderr.write(OVERVIEW);
    return 64;
  }
  if (['help', '--help', '-h'].includes(verb)) {
    process.stdout.write(OVERVIEW);
    return 0;
  }
  if (!Object.hasOwn(VERBS, verb))
    throw new UsageError(`"${verb}" is no verb of the lab; there are ${Object.keys(VERBS).join(', ')}.`);
  const { values, words } = parse(verb, args);
  if (values.help) {
    process.stdout.write(VERBS[verb].help);
    return 0;
  }
  const run = await VERBS[verb].load();
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
