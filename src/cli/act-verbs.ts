import type { Command } from 'commander';
import { type Act, type ActName, actNames, actOf } from '../model/acts.ts';
import { actOn } from './act-on.ts';
import { exec } from './commands/exec.ts';
import { type FailoverOptions, failover } from './commands/failover.ts';
import { reclaim } from './commands/reclaim.ts';
import { reseed } from './commands/reseed.ts';
import { clone, rollback } from './commands/rollback.ts';
import { volumes } from './commands/volumes.ts';
import type { ExitCode } from './exit-code.ts';
import type { Invocation } from './invocation.ts';

/** Passes the invocation to a verb, and the verb's exit code to the program. */
export type Run = (work: (invocation: Invocation) => Promise<ExitCode>) => Promise<void>;

/** Adds a verb to the program; its help ends with the examples. */
export type MakeVerb = (name: string, about: string, examples: readonly string[]) => Command;

/** Adds one verb for each row of the table of acts. */
export function addActs(verb: MakeVerb, run: Run): void {
  for (const name of actNames) {
    const { verb: word, about, words, option, options = [], examples }: Act = actOf(name);
    const command = verb(word, about, examples);
    for (const [argument, meaning] of words) command.argument(argument, meaning);
    if (option !== undefined) command.requiredOption(...option);
    for (const each of options) command.option(...each);
    command.action(() => run((invocation) => works[name](invocation, command.args, command.opts())));
  }
}

type Work = (
  invocation: Invocation,
  words: readonly string[],
  options: Readonly<Record<string, string>> & FailoverOptions,
) => Promise<ExitCode>;

const works: Readonly<Record<ActName, Work>> = {
  restart: onContainer('restart'),
  stop: onContainer('stop'),
  start: onContainer('start'),
  exec: (invocation, [app = '', ...command]) => exec(invocation, app, command),
  snapshot: (invocation, [app = '', name]) =>
    actOn(invocation, app, async ({ acts }, found, signal) => {
      const snapshots = await acts.snapshot(found, name, signal);
      const lines = snapshots.map((one) => `✔ ${one.dataset}@${one.snapshot} on ${one.node}`);
      return { text: lines, data: { snapshots } };
    }),
  zfs: (invocation, [word]) => volumes(invocation, word),
  rollBack: (invocation, [app = '', snapshot = '']) => rollback(invocation, app, snapshot),
  reclaim: (invocation, [app = ''], { on = '' }) => reclaim(invocation, app, on),
  failOver: (invocation, [app], options) => failover(invocation, app, options),
  reseed: (invocation, [app = '', node = '']) => reseed(invocation, app, node),
  cloneSnapshot: (invocation, [app = '', snapshot = '']) => clone(invocation, app, snapshot),
};

function onContainer(name: 'restart' | 'stop' | 'start'): Work {
  return (invocation, [word = '']) =>
    actOn(invocation, word, async ({ acts }, app, signal) => {
      await acts[name](app, signal);
      return { text: `✔ "${app}" ${actOf(name).done?.replace('APP', app)}` };
    });
}
