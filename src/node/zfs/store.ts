import type { NewVolume, VolumeStore } from '../../engine/volume-store.ts';
import type { Volume, VolumeRole, ZfsCapabilities } from '../../model/cluster.ts';
import type { AppName, VolumeId } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { datasetLeaf, properties } from '../../model/names.ts';
import type { CommandResult } from '../command.ts';
import { type Fence, tooLate } from '../fence.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { createZfsCopies } from './copies.ts';
import { bareName, checkBase, checkDataset, checkName, checkProperty, checkRoot } from './names.ts';
import { flagsAtBirth, parseCapabilities, parseEstimate, parseToken, parseVolumes, volumeColumns } from './output.ts';
import * as scripts from './scripts.ts';
import { busy, createZfsSwitch, oneLine } from './switch.ts';

const { exits } = scripts;
/** zfs's exit codes where a failure of it is an answer as well. */
const okOrRefused = [0, 1, 255] as const;

/** The root of a store: `<pool>/<datasetRoot>`. */
export interface ZfsPlace {
  readonly pool: string;
  readonly datasetRoot: string;
}

/** A VolumeStore, with more for this folder. */
export interface ZfsStore extends VolumeStore {
  readonly root: string;
  /** What zfs can do: from an observation, else asked once for each connection. */
  capabilities(signal: AbortSignal): Promise<ZfsCapabilities>;
  /** Keeps the result of an observation. */
  keepCapabilities(found: ZfsCapabilities): void;
}

/**
 * OpenZFS over a connection. Changes of ownership are fenced by the lock in `fence`. Names are checked before they leave
 * this process, everything stays below the root, and nothing here destroys a dataset.
 */
export function createZfsStore(connection: NodeConnection, place: ZfsPlace, fence: Fence = { token: '' }): ZfsStore {
  const root = checkRoot(`${place.pool}/${place.datasetRoot}`);
  const { node } = connection;
  const within = (dataset: string): string => checkDataset(dataset, root);
  const script = scriptOf(connection);
  let probed: Promise<ZfsCapabilities> | undefined;
  const capabilities = (signal: AbortSignal): Promise<ZfsCapabilities> => {
    probed ??= script(scripts.capabilitiesScript, [place.pool], signal).then(readCapabilities);
    // After a failure, the next caller asks again.
    probed.catch(() => {
      probed = undefined;
    });
    return probed;
  };

  const datasetName = (volume: VolumeId, app: AppName | undefined): string => `${root}/${datasetLeaf(volume, app)}`;
  const create = async (
    role: VolumeRole,
    volume: VolumeId,
    wanted: NewVolume,
    signal: AbortSignal,
  ): Promise<string> => {
    const { application } = wanted;
    const dataset = within(datasetName(volume, application === '' ? undefined : application));
    const flags = flagsAtBirth(await capabilities(signal));
    const args = [fence.token, root, dataset, ...wordsOfNew(volume, wanted, { flags, role })];
    const result = await script(scripts.createScript, args, signal, [exits.noRoot, exits.conflict, exits.late]);
    if (result.code === exits.noRoot) throw notProvisioned(node, root);
    if (result.code === exits.late) throw tooLate(`create dataset "${dataset}"`, node);
    if (result.code === exits.conflict) throw taken(dataset, node, result);
    return dataset;
  };

  return {
    ...createZfsCopies(connection, root, fence, () => notProvisioned(node, root)),
    ...createZfsSnapshots(connection, root, fence),
    ...createZfsSwitch(connection, root, fence),
    root,
    capabilities,
    keepCapabilities(found) {
      probed = Promise.resolve(found);
    },
    async list(signal) {
      const result = await script(scripts.listScript, [root, volumeColumns, '\x1e'], signal, [exits.noRoot]);
      if (result.code === exits.noRoot) throw notProvisioned(node, root);
      return readVolumes(result.stdout);
    },
    datasetName,
    create: async (volume, wanted, signal) => void (await create('owner', volume, wanted, signal)),
    createIncoming: (volume, wanted, signal) => create('incoming', volume, wanted, signal),
    async directory(dataset, signal) {
      const result = await script(scripts.directoryScript, [within(dataset)], signal, [exits.conflict, exits.gone]);
      if (result.code === 0) return result.stdout;
      const why = result.code === exits.gone ? 'it has no directory "data"' : 'it is not mounted';
      throw new AppError('volume-conflict', `cannot use dataset "${dataset}" on "${node}": ${why}`);
    },
    async setLimit(dataset, limitBytes, signal) {
      await zfs(connection, ['set', `refquota=${limitText(limitBytes)}`, within(dataset)], signal);
    },
    async mount(dataset, signal) {
      await script(scripts.mountScript, [within(dataset)], signal);
    },
    async unmount(dataset, signal) {
      const result = await script(scripts.unmountScript, [within(dataset)], signal, [exits.busy]);
      if (result.code === exits.busy) throw busy(dataset, node, result);
    },
  };
}

/** The other arguments of `createScript`. Throws for a value that no property can have. */
function wordsOfNew(
  volume: VolumeId,
  { name = '', application = '', deployment = '', limitBytes }: NewVolume,
  { flags, role }: { readonly flags: string; readonly role: VolumeRole },
): readonly string[] {
  checkProperty(properties.volume, volume);
  checkProperty(properties.name, name);
  checkProperty(properties.deployment, deployment);
  return [volume, application, limitText(limitBytes), flags, deployment, role, name];
}

type Snapshots = Pick<VolumeStore, 'snapshot' | 'hold' | 'bookmark' | 'estimate' | 'abortReceive' | 'readToken'>;

/** The part of a store that is about snapshots and streams. */
function createZfsSnapshots(connection: NodeConnection, root: string, fence: Fence): Snapshots {
  const { node } = connection;
  const within = (dataset: string): string => checkDataset(dataset, root);
  const copy = (dataset: string, name: string, mark = '@'): string =>
    `${within(dataset)}${mark}${checkName(bareName(name))}`;
  const script = scriptOf(connection);
  return {
    async snapshot(dataset, name, signal) {
      const names = [dataset].flat().map((one) => copy(one, name));
      const result = await script(scripts.snapshotScript, [fence.token, ...names], signal, [exits.late]);
      if (result.code === exits.late) throw tooLate(`take snapshot "${names.join('", "')}"`, node);
    },
    async hold(dataset, snapshot, tag, signal) {
      await script(scripts.holdScript, [checkName(tag), copy(dataset, snapshot)], signal);
    },
    async bookmark(dataset, snapshot, bookmark, signal) {
      await script(scripts.bookmarkScript, [copy(dataset, snapshot), copy(dataset, bookmark, '#')], signal);
    },
    async estimate(dataset, snapshot, base, signal) {
      const name = snapshot === undefined ? '' : checkName(bareName(snapshot));
      const from = base === undefined ? '' : checkBase(base);
      return parseEstimate((await script(scripts.estimateScript, [within(dataset), name, from], signal)).stdout);
    },
    async abortReceive(dataset, signal) {
      await script(scripts.abortReceiveScript, [within(dataset)], signal);
    },
    async readToken(token, signal) {
      const result = await zfs(connection, ['send', '-nvP', '-t', checkToken(token)], signal, okOrRefused);
      const contents = parseToken(result.stdout);
      // Contents and a failure: the token is valid, but its snapshot no longer exists.
      if (result.code !== 0 && contents !== undefined) return undefined;
      if (contents !== undefined) return contents;
      throw new AppError('volume-conflict', `cannot read a resume token on "${node}": ${result.stderr.trim()}`, {
        hint: 'run again: the volume is sent from the beginning',
      });
    },
  };
}

const scriptOf =
  (connection: NodeConnection) =>
  (text: string, args: readonly string[], signal: AbortSignal, ok: readonly number[] = []): Promise<CommandResult> =>
    connection.script(text, args, { signal, okCodes: [0, ...ok] });

/** Runs one zfs command, with the locale and PATH that machine-readable output needs. */
export function zfs(
  connection: NodeConnection,
  args: readonly string[],
  signal: AbortSignal,
  okCodes: readonly number[] = [0],
): Promise<CommandResult> {
  const argv = ['env', 'LC_ALL=C', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'zfs'] as const;
  return connection.run([...argv, ...args], { signal, okCodes });
}

function readVolumes(stdout: string): readonly Volume[] {
  const [datasets = '', copies = ''] = stdout.split('\x1e\n');
  return parseVolumes(datasets, copies);
}

function readCapabilities(result: CommandResult): ZfsCapabilities {
  const [pool = '', system = ''] = result.stdout.split('\x1e\n');
  return parseCapabilities(pool, system);
}

/** Checks a resume token, `version-checksum-length-hex`, since it comes from another node. */
export function checkToken(token: string): string {
  if (/^[0-9a-f]+(-[0-9a-f]+)+$/.test(token)) return token;
  throw new AppError('volume-conflict', 'cannot resume: the token is not a resume token of zfs');
}

function limitText(bytes: number | undefined): string {
  if (bytes === undefined) return 'none';
  if (Number.isSafeInteger(bytes) && bytes > 0) return String(bytes);
  throw new AppError('usage', `cannot limit a volume to ${bytes} bytes: it must be a whole number above 0`);
}

export function notProvisioned(node: string, root: string): AppError {
  return new AppError('command-failed', `cannot use dataset "${root}" on "${node}": it is missing or not provisioned`, {
    hint: `run "drover node add ${node}", which runs host/provision.sh there`,
    details: { node, dataset: root },
  });
}

function taken(dataset: string, node: string, found: CommandResult): AppError {
  const facts = oneLine(found.stdout) || 'it is not a volume of drover';
  return new AppError(
    'volume-conflict',
    `cannot create dataset "${dataset}" on "${node}": it exists already: ${facts}`,
  );
}
