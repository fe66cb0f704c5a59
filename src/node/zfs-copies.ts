import type { VolumeStore } from '../engine/node-client.ts';
import { AppError } from '../model/errors.ts';
import { properties } from '../model/names.ts';
import type { CommandResult } from './command.ts';
import type { NodeConnection } from './ssh-connection.ts';
import { checkSwapScript, cloneScript, detailsScript, swapScript } from './zfs-copy-scripts.ts';
import { parseDetails } from './zfs-details.ts';
import { checkDataset, checkName, checkProperty } from './zfs-names.ts';
import { exits } from './zfs-scripts.ts';

/** What a person does with snapshots: look at them, clone them, go on from one. Below `root` only. */
export type ZfsCopies = Pick<VolumeStore, 'details' | 'clone' | 'checkSwap' | 'swap'>;

/** The part of a store that deals with snapshots' content; `noRoot` is thrown where the root is missing. */
export function createZfsCopies(connection: NodeConnection, root: string, noRoot: () => AppError): ZfsCopies {
  const { node } = connection;
  const within = (dataset: string): string => checkDataset(dataset, root);
  const script = (text: string, args: readonly string[], signal: AbortSignal) =>
    connection.script(text, args, { signal, okCodes: [0, exits.conflict, exits.noRoot] });
  return {
    async details(signal) {
      const result = await script(detailsScript, [root, '\x1e'], signal);
      if (result.code === exits.noRoot) throw noRoot();
      const [list = '', own = '', holds = ''] = result.stdout.split('\x1e\n');
      return parseDetails(root, list, own, holds);
    },
    async clone(dataset, snapshot, target, signal) {
      await script(cloneScript, [`${within(dataset)}@${checkName(snapshot)}`, within(target)], signal);
    },
    async checkSwap(signal) {
      const result = await script(checkSwapScript, [root.split('/')[0] ?? root], signal);
      if (result.code === 0) return;
      throw new AppError('command-failed', `cannot swap datasets on "${node}": its zfs cannot set properties at once`, {
        hint: 'install OpenZFS 2.2 or newer on the node, or clone the snapshot and copy what is needed by hand',
        details: { node, said: result.stdout.trim() },
      });
    },
    async swap(swaps, signal) {
      const args = swaps.flatMap(({ dataset, target, retiredAs }) => {
        checkProperty(properties.volume, retiredAs);
        return [within(dataset), within(target), retiredAs];
      });
      const result = await script(swapScript, [root, ...args], signal);
      if (result.code === exits.noRoot) throw noRoot();
      if (result.code === exits.conflict) throw notAsSaid(node, result);
    },
  };
}

/** The first line names the dataset; what was found there follows. */
function notAsSaid(node: string, { stdout }: CommandResult): AppError {
  const [dataset = '', ...found] = stdout.trim().split('\n');
  const facts = found.join(', ').replaceAll('\t', ' ');
  return new AppError('volume-conflict', `cannot swap dataset "${dataset}" on "${node}": ${facts}`, {
    details: { node, dataset },
  });
}
