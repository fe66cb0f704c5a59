import type { Command } from 'commander';
import type { DeploymentName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { isDeploymentName } from '../model/untrusted.ts';
import type { Invocation } from './invocation.ts';
import { printed } from './style.ts';

/** What commander makes of `--take-over NAME`. */
export interface TakeOverFlag {
  readonly takeOver?: DeploymentName;
}

export const addTakeOverOption = (verb: Command): Command =>
  verb.option('--take-over <name>', 'take over what the files describe from this deployment');

/** A plan may be looked at without a question. */
export function takingOver(invocation: Invocation, { takeOver }: TakeOverFlag): Invocation {
  if (takeOver === undefined) return invocation;
  checkName(takeOver);
  return { ...invocation, takesOver: takeOver };
}

/** Asks for the name of the other deployment first: its own files must not be applied any more. Throws `usage`. */
export async function confirmTakeOver(invocation: Invocation, flags: TakeOverFlag): Promise<Invocation> {
  const { takeOver: name } = flags;
  if (name === undefined) return invocation;
  const { world, options } = invocation;
  const question = printed`What these files describe will no longer belong to the deployment "${name}".
An apply of its own files will leave it alone. Type ${name} to confirm: `;
  checkName(name);
  const isSure = options.yes || (!options.json && (await world.terminal.ask?.(question))?.trim() === name);
  if (isSure) return takingOver(invocation, flags);
  throw new AppError('usage', `cannot take over from "${name}": it was not confirmed`, {
    hint: `type ${name} at the question, or add --yes`,
  });
}

function checkName(name: DeploymentName): void {
  if (isDeploymentName(name)) return;
  throw new AppError('usage', `cannot take over from ${JSON.stringify(name)}: it is not the name of a deployment`, {
    hint: '`drover plan` names the deployment that has an application',
  });
}
