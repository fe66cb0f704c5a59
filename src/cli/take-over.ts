import type { Command } from 'commander';
import type { DeploymentName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { isDeploymentName } from '../model/untrusted.ts';
import { confirm } from './confirm.ts';
import type { Invocation } from './invocation.ts';
import { printed } from './style.ts';

/** The option `--take-over NAME`. */
export interface TakeOverFlag {
  readonly takeOver?: DeploymentName;
}

export const addTakeOverOption = (verb: Command): Command =>
  verb.option('--take-over <name>', 'take over what the files describe from this deployment');

/** For `plan`, which needs no confirmation. */
export function takingOver(invocation: Invocation, { takeOver }: TakeOverFlag): Invocation {
  if (takeOver === undefined) return invocation;
  checkName(takeOver);
  return { ...invocation, takesOver: takeOver };
}

/** Asks for the name of the other deployment first: its own files must no longer be applied. Throws `usage`. */
export async function confirmTakeOver(invocation: Invocation, flags: TakeOverFlag): Promise<Invocation> {
  const { takeOver: name } = flags;
  if (name === undefined) return invocation;
  const question = printed`What these files describe will no longer belong to the deployment "${name}".
An apply of its own files will leave it alone. Type ${name} to confirm: `;
  checkName(name);
  const hint = `type ${name} to confirm, or add --yes`;
  await confirm(invocation, { question, word: name, what: `take over from "${name}"`, hint });
  return takingOver(invocation, flags);
}

function checkName(name: DeploymentName): void {
  if (isDeploymentName(name)) return;
  throw new AppError('usage', `cannot take over from ${JSON.stringify(name)}: it is not the name of a deployment`, {
    hint: '`drover plan` names the deployment that has an application',
  });
}
