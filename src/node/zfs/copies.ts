import type { VolumeStore, VolumeSwap } from '../../engine/volume-store.ts';
import { AppError } from '../../model/errors.ts';
import { properties } from '../../model/names.ts';
import type { CommandResult } from '../command.ts';
import { type Fence, tooLate } from '../fence.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { checkSwapScript, cloneScript, detailsScript, swapScript } from './copy-scripts.ts';
import { parseDetails } from './details.ts';
import { checkDataset, checkName, checkProperty } from './names.ts';
import { exits } from './scripts.ts';

/** What users do with snapshots: list them, clone them, go back to one. Below `root` only. */
export type ZfsCopies = Pick<VolumeStore, 'details' | 'clone' | 'checkSwap' | 'swap'>;

/** The part of a store that is about the content of snapshots. `noRoot` makes the error for a missing root. */
export function createZfsCopies(
  connection: NodeConnection,
  root: string,
  fence: Fence,
  noRoot: () => AppError,
): ZfsCopies {
  const { node } = connection;
  const within = (dataset: string): string => checkDataset(dataset, root);
  const script = (text: string, args: readonly string[], signal: AbortSignal) =>
    connection.script(text, args, { signal, okCodes: [0, exits.conflict, exits.noRoot, exits.late] });
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
        hint: 'install OpenZFS 2.2 or newer on the node, or clone the snapshot and copy the files by hand',
        details: { node, said: result.stdout.trim() },
      });
    },
    async swap(swaps, signal) {
      const args = swaps.flatMap(({ seen, target, retiredAs }) => {
        checkProperty(properties.volume, retiredAs);
        return [within(seen.dataset), within(target), retiredAs, seen.id, String(seen.epoch), seen.deployment ?? ''];
      });
      const result = await script(swapScript, [fence.token, root, ...args], signal);
      if (result.code === exits.late) throw tooLate(`swap ${listSeen(swaps)}`, node);
      if (result.code === exits.noRoot) throw noRoot();
      if (result.code === exits.conflict) throw swapConflict(node, result);
    },
  };
}

const listSeen = (swaps: readonly VolumeSwap[]): string =>
  `dataset${swaps.length === 1 ? '' : 's'} ${swaps.map(({ seen }) => `"${seen.dataset}"`).join(', ')}`;

/** The first line names the dataset; what was found there follows. */
function swapConflict(node: string, { stdout }: CommandResult): AppError {
  const [dataset = '', ...found] = stdout.trim().split('\n');
  const facts = found.join(', ').replaceAll('\t', ' ');
  return new AppError('volume-conflict', `cannot swap dataset "${dataset}" on "${node}": ${facts}`, {
    details: { node, dataset },
  });
}
