import type { Mark } from '../../engine/run/leftovers.ts';
import type { Frozen, SeenVolume, SeenWhole, VolumeProperties, VolumeStore } from '../../engine/volume-store.ts';
import type { Volume } from '../../model/cluster.ts';
import { printCopyRecord } from '../../model/copy-record.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { properties } from '../../model/names.ts';
import { isZfsNumber } from '../../model/untrusted.ts';
import type { CommandResult } from '../command.ts';
import { type Fence, tooLate } from '../fence.ts';
import { parseJson, textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { pauseScript } from '../standby.ts';
import { asideScript } from './copy-scripts.ts';
import { checkDataset, checkName, checkProperty } from './names.ts';
import { parseVolumes, readMarks, volumeColumns } from './output.ts';
import { exits, setScript } from './scripts.ts';
import { acquireScript, freezeScript, markWord, takeOverScript, tidyScript, tidyWords } from './switch-scripts.ts';

/** Changes of a move. Each is one command that compares the volume with what was seen, and acts, under the node's lock. */
export type ZfsSwitch = Pick<
  VolumeStore,
  'setProperties' | 'confirm' | 'freeze' | 'acquire' | 'takeOver' | 'setAside' | 'tidy'
>;

type Act = (
  text: string,
  before: readonly string[],
  seen: SeenVolume | SeenWhole,
  words: readonly string[],
  signal: AbortSignal,
) => Promise<CommandResult>;

/** Runs a script that compares a volume with what was seen. */
function actOf(connection: NodeConnection, fence: Fence): Act {
  const { node } = connection;
  return async (text, before, seen, words, signal) => {
    const args = [fence.token, ...before, ...expectations(seen), '--', ...words];
    const okCodes = [0, exits.conflict, exits.late, exits.busy, exits.gone];
    const result = await connection.script(text, args, { signal, okCodes });
    if (result.code === exits.late) throw tooLate(`change dataset "${seen.dataset}"`, node);
    if (result.code === exits.conflict) throw changed(seen, node, result);
    return result;
  };
}

type EndStreams = (seen: SeenVolume, signal: AbortSignal) => Promise<void>;

/** For a standby that becomes the owner: a stream that ends later would replace what its application has. */
function endStreamsOf(connection: NodeConnection, root: string, fence: Fence): EndStreams {
  return async ({ dataset }, signal) => {
    const leaf = checkDataset(dataset, root)
      .replace(/^.*\//, '')
      .replace(/-e\d+$/, '');
    const { code } = await connection.script(pauseScript, [fence.token, leaf], { signal, okCodes: [0, exits.late] });
    if (code === exits.late) throw tooLate(`change dataset "${dataset}"`, connection.node);
  };
}

/** The part of a store that is about ownership. */
export function createZfsSwitch(connection: NodeConnection, root: string, fence: Fence): ZfsSwitch {
  const { node } = connection;
  const act = actOf(connection, fence);
  const endStreams = endStreamsOf(connection, root, fence);
  return {
    ...createZfsTakeOver(connection, root, fence, act),
    async setProperties(seen, next, signal) {
      const isCopy = seen.role === 'replica' || seen.role === 'incoming';
      if (next.role === 'owner' && isCopy) await endStreams(seen, signal);
      await act(setScript, [checkDataset(seen.dataset, root)], seen, assignments(next), signal);
    },
    async confirm(seen, signal) {
      await act(setScript, [checkDataset(seen.dataset, root)], seen, [], signal);
    },
    async freeze(seen, tag, signal) {
      const dataset = checkDataset(seen.dataset, root);
      const before = [dataset, checkName(tag), `${volumeColumns},mountpoint,overlay`];
      const result = await act(freezeScript, before, seen, assignments({ role: 'frozen' }), signal);
      if (result.code === exits.busy) throw busy(dataset, node, result);
      return readFrozen(seen, node, result);
    },
    async acquire(seen, next, signal) {
      const dataset = checkDataset(seen.dataset, root);
      if (seen.role === 'replica') await endStreams(seen, signal);
      const result = await act(acquireScript, [dataset], seen, assignments({ ...next, role: 'owner' }), signal);
      const [state, directory = ''] = result.stdout.split('\n');
      if (result.code === 0) return { directory, isEmpty: state !== 'filled' };
      throw new AppError('volume-conflict', `cannot use dataset "${dataset}" on "${node}": it has no directory "data"`);
    },
    async tidy(seen, leftovers, tag, signal) {
      const dataset = checkDataset(seen.dataset, root);
      const base = markWord(leftovers.base);
      const stays: string[] = [];
      for (const [index, words] of tidyWords(leftovers).entries()) {
        const mark = index === 0 && leftovers.isMarked ? 'mark' : '';
        const result = await act(tidyScript, [dataset, checkName(tag), base, mark], seen, words, signal);
        if (result.code === exits.gone) throw noBase(dataset, node, leftovers.base);
        stays.push(...readStays(node, result).slice(0, words.length));
      }
      return stays;
    },
  };
}

/** What follows the loss of an owner: taking copies over, and setting a former owner's aside. */
function createZfsTakeOver(
  connection: NodeConnection,
  root: string,
  fence: Fence,
  act: Act,
): Pick<VolumeStore, 'takeOver' | 'setAside'> {
  const { node } = connection;
  return {
    async takeOver(takes, { owner, deployment }, signal) {
      if (takes.length === 0) return;
      checkProperty(properties.owner, owner);
      checkProperty(properties.deployment, deployment);
      for (const { seen } of takes) await endStreamsOf(connection, root, fence)(seen, signal);
      const words = takes.flatMap(({ seen, epoch, snapshot }) => [
        checkDataset(seen.dataset, root),
        checkName(snapshot),
        ...[seen.id, seen.role, seen.owner ?? '', String(seen.epoch), seen.deployment ?? '', String(epoch)],
      ]);
      const okCodes = [0, exits.conflict, exits.late];
      const args = [fence.token, owner, deployment, ...words];
      const result = await connection.script(takeOverScript, args, { signal, okCodes });
      const [first] = takes;
      if (first === undefined || result.code === 0) return;
      if (result.code === exits.late) throw tooLate(`take over dataset "${first.seen.dataset}"`, node);
      const [dataset = '', ...facts] = result.stdout.split('\n');
      const { seen } = takes.find((one) => one.seen.dataset === dataset) ?? first;
      throw changed(seen, node, { ...result, stdout: facts.join('\n') });
    },
    async setAside(seen, { dataset, retiredAs, next }, signal) {
      const from = checkDataset(seen.dataset, root);
      checkProperty(properties.volume, retiredAs);
      const copy = next === undefined ? ['', ''] : [checkDataset(next.dataset, root), checkName(next.snapshot)];
      const words = next === undefined ? [] : assignments({ ...next.properties, role: 'replica' });
      const before = [from, checkDataset(dataset, root), retiredAs, ...copy];
      const result = await act(asideScript, before, seen, words, signal);
      if (result.code === exits.busy) throw busy(from, node, result);
    },
  };
}

const readStays = (node: string, { stdout }: CommandResult): readonly string[] =>
  stdout
    .split('\n')
    .map((line) => line.split('\t'))
    .flatMap(([full = '', why]) => (why === undefined ? [] : [`"${full}" on "${node}": ${why}`]));

function noBase(dataset: string, node: string, { name, guid }: Mark): AppError {
  const message = `cannot tidy up dataset "${dataset}" on "${node}": it has no snapshot @${name} with guid ${guid}`;
  return new AppError('volume-conflict', message, { details: { node, dataset } });
}

function readFrozen(seen: Volume, node: string, { stdout }: CommandResult): Frozen {
  const { dataset } = seen;
  const same = { role: 'frozen', mounted: false, writtenBytes: 0 } as const;
  if (stdout.startsWith('{')) {
    const said = textAt(parseJson(stdout), 'return') ?? '';
    const [, final, bytes, rows = ''] = /^frozen (\S+) (\d+) \S+\n(.*)$/s.exec(said) ?? [];
    const { copies, ...rest } = seen;
    // A record counts up to the snapshot that it names.
    const record = seen.snapshots.some(({ name }) => name === final) ? defined({ copies }) : {};
    return { copy: { ...rest, ...same, ...readMarks(dataset, rows), ...record }, finalBytes: sizeOf(bytes) };
  }
  const [facts = '', copies = '', taken = ''] = stdout.split('\x1e\n');
  const found = parseVolumes(facts, `${copies}${taken}`).find((one) => one.dataset === dataset);
  if (found === undefined) {
    throw new AppError(
      'volume-conflict',
      `cannot freeze dataset "${dataset}" on "${node}": it is not a volume of drover`,
    );
  }
  // The facts are from before the change.
  return { copy: { ...found, ...same }, finalBytes: sizeOf(taken.trim().split('\t')[3]) };
}

function sizeOf(text = '0'): number {
  const bytes = Number(text);
  return Number.isSafeInteger(bytes) ? bytes : Number.MAX_SAFE_INTEGER;
}

/** The expected ownership and newest snapshot of a volume. A missing owner is compared too: it must still be missing. */
function expectations(seen: SeenVolume | SeenWhole): readonly string[] {
  const { id, role, owner = '', epoch, deployment = '' } = seen;
  const own = pairs({ volume: id, role, owner, epoch, deployment }).map(([name, value]) => checkProperty(name, value));
  if (!('guid' in seen)) return own;
  if (isZfsNumber(seen.guid)) return [...own, `guid=${seen.guid}`];
  throw new AppError('volume-conflict', `cannot compare "${seen.dataset}" with a snapshot: its guid is not a number`);
}

/** The properties to set. A change of role also sets `readonly`: only an owner is writable. */
function assignments(next: VolumeProperties): readonly string[] {
  const readonly = next.role === undefined ? [] : [`readonly=${next.role === 'owner' ? 'off' : 'on'}`];
  return [...pairs(next).map(([name, value]) => checkProperty(name, value)), ...readonly];
}

/** The set properties as NAME and VALUE. */
export function pairs(values: VolumeProperties): readonly (readonly [string, string])[] {
  const all = [
    [properties.volume, values.volume],
    [properties.name, values.name],
    [properties.role, values.role],
    [properties.owner, values.owner],
    [properties.epoch, values.epoch?.toString()],
    [properties.application, values.application],
    [properties.deployment, values.deployment],
    [properties.copies, values.record && printCopyRecord(values.record)],
  ] as const;
  return all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

function changed(seen: SeenVolume | SeenWhole, node: string, found: CommandResult): AppError {
  const { dataset, role, owner = 'none', epoch, deployment = 'none' } = seen;
  const wanted = pairs({ role, owner, epoch, deployment }).map(([name, value]) => `${name} ${value}`);
  const content = 'guid' in seen ? [`nothing after the snapshot with guid ${seen.guid}`] : [];
  const facts = oneLine(found.stdout.replace(/\tlocal$/gm, ''));
  const message = `cannot change dataset "${dataset}" on "${node}": expected ${[...wanted, ...content].join(', ')}, found ${facts}`;
  return new AppError('volume-conflict', message, { details: { node, dataset } });
}

/** The error for a volume that is in use, with the processes that the script has printed. */
export function busy(dataset: string, node: string, found: CommandResult): AppError {
  const holders = found.stdout
    .split('\n')
    .map((line) => line.split('\t'))
    .filter((row) => row.length === 3)
    .map(([pid, command, what]) => `${command} (pid ${pid}: ${what})`);
  const who = holders.length === 0 ? found.stderr.trim() || 'it is in use' : `used by ${holders.join(', ')}`;
  return new AppError('volume-busy', `cannot unmount dataset "${dataset}" on "${node}": ${who}`, {
    hint: 'end the programs that use the volume',
    retryable: true,
    details: { node, dataset, holders: holders.join(', ') },
  });
}

/** Rows of a node's output as one line of a message. */
export const oneLine = (text: string): string => text.trim().replaceAll('\t', ' ').replaceAll('\n', ', ');
