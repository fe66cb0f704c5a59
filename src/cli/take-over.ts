import type { Command } from 'commander';
import type { DeploymentName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import type { Invocation } from './invocation.ts';

/** What commander makes of `--take-over NAME`. */
export interface TakeOverFlag {
  readonly takeOver?: DeploymentName;
}

export const addTakeOverOption = (verb: Command): Command =>
  verb.option('--take-over <name>', 'take what the files describe over from this other deployment');

/** A plan may be looked at without a question. */
export const takingOver = (invocation: Invocation, { takeOver }: TakeOverFlag): Invocation =>
  takeOver === undefined ? invocation : { ...invocation, takesOver: takeOver };

/** Asks for the name of the other deployment first: its own files must not be applied any more. Throws `usage`. */
export async function confirmTakeOver(invocation: Invocation, flags: TakeOverFlag): Promise<Invocation> {
  const { takeOver: name } = flags;
  if (name === undefined) return invocation;
  const { world, options } = invocation;
  const question = `What these files describe no longer belongs to the deployment "${name}", and an apply of its own files
will leave it alone. Type ${name} to go on: `;
  const isSure = options.yes || (!options.json && (await world.terminal.ask?.(question))?.trim() === name);
  if (isSure) return takingOver(invocation, flags);
  throw new AppError('usage', `cannot take over from "${name}": nobody confirmed it`, {
    hint: `type ${name} where it is asked for, or give --yes with --take-over ${name}`,
  });
}
