import { AppError } from '../../model/errors.ts';
import type { Environment } from '../command.ts';
import { isOurAddress } from './output.ts';
import { findVagrant, vagrantInventory } from './vagrant.ts';

/** What is looked for, as the command line asks. */
export interface MachinesWanted {
  readonly folder: string;
  /** What is missing is a failure; otherwise it is a note at most. */
  readonly required: boolean;
  /** Nodes that nothing describes. */
  readonly undescribed: () => Promise<readonly string[]>;
  readonly onNote: (text: string) => void;
}

/** Where this process is. */
export interface Surroundings {
  readonly env: Environment;
  readonly stateFolder: string;
  /** drover's own folder, which has a Vagrantfile. */
  readonly packageFolder: string;
}

/**
 * A drover.yml for the machines of the Vagrantfile at or above the folder; `required` also looks at `VAGRANT_CWD` and at
 * drover's own. Otherwise Vagrant is asked only where it has made machines there and one of them may be a node that
 * nothing describes, because to ask it takes seconds and runs the Vagrantfile. Throws `usage` and `connection-failed`
 * where it is required.
 */
export async function findVagrantMachines(
  { folder, required, undescribed, onNote }: MachinesWanted,
  { env, stateFolder, packageFolder }: Surroundings,
): Promise<string | undefined> {
  const context = { env, stateFolder, onNote };
  if (required) {
    const places = [folder, ...(env.VAGRANT_CWD ? [env.VAGRANT_CWD] : []), packageFolder];
    const all = await Promise.all(places.map((place) => findVagrant(place, env)));
    const found = all.find((each) => each !== undefined && each.machines.length > 0) ?? all.find(Boolean);
    if (found !== undefined) return vagrantInventory(found, context);
    throw new AppError('usage', `cannot find Vagrant machines: there is no Vagrantfile at or above "${folder}"`, {
      hint: 'use -C DIR, or set VAGRANT_CWD to the folder that has it',
    });
  }
  const found = await findVagrant(folder, env);
  if (found === undefined || found.machines.length === 0) return undefined;
  const nodes = await undescribed();
  const mayBe = (node: string): boolean => isOurAddress(node) || found.machines.some(({ name }) => name === node);
  if (!nodes.some(mayBe)) return undefined;
  try {
    return await vagrantInventory(found, context);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    onNote(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`);
    return undefined;
  }
}
