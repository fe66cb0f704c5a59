import { AppError } from '../../model/errors.ts';
import type { Environment } from '../command.ts';
import { isOurAddress } from './output.ts';
import { findVagrant, vagrantInventory } from './vagrant.ts';

/** What the command line asks for. */
export interface MachinesWanted {
  readonly folder: string;
  /** True: missing machines are an error. False: at most a note. */
  readonly required: boolean;
  /** Nodes that no file describes; `any`: the caller looks for nodes. */
  readonly undescribed: () => Promise<readonly string[] | 'any'>;
  readonly onNote: (text: string) => void;
}

/** What this process knows of its environment. */
export interface Surroundings {
  readonly env: Environment;
  readonly stateFolder: string;
  /** drover's own folder, which has a Vagrantfile. */
  readonly packageFolder: string;
}

/**
 * The path of a drover.yml for the machines of the Vagrantfile at or above the folder. With `required`, `VAGRANT_CWD`
 * and drover's own Vagrantfile count too. Without it, Vagrant is asked only where it has created machines and one of
 * them may be a node that no file describes, because asking takes seconds and runs the Vagrantfile. Throws `usage` and
 * `connection-failed` with `required`.
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
  if (nodes !== 'any' && !nodes.some(mayBe)) return undefined;
  try {
    return await vagrantInventory(found, context);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    onNote(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`);
    return undefined;
  }
}
