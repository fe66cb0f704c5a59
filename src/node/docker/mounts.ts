import { createHash } from 'node:crypto';
import type { ContainerMount, ContainerSpec } from '../../model/cluster.ts';
import type { AppName, VolumeId } from '../../model/config.ts';
import { type NodeBind, type NodeMounts, nodeMountpoints, propagations } from '../../model/container/mounts.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { containerName, gateDirectory, labels } from '../../model/names.ts';
import { at, entriesAt, listAt, parseJson, textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { isPlaced, placedFiles } from './binds.ts';

/** JSON `{mountpoint: volume id}`, because Docker knows only directories. */
export const volumesLabel = 'drover.volumes';

type Json = Readonly<Record<string, unknown>>;

/** What a container mounts. A bind through Mounts, unlike one through Binds, fails where the directory is missing. */
export function mountsBody(
  spec: ContainerSpec,
  directories: Readonly<Record<VolumeId, string>>,
  imageVolumes: readonly string[],
): readonly Json[] {
  const placed = placedFiles(spec);
  const taken = new Set([
    ...spec.mounts.map(({ mountpoint }) => mountpoint),
    ...nodeMountpoints(spec),
    ...placed.keys(),
  ]);
  return [
    ...spec.mounts.map((mount) => ({
      Type: 'bind',
      Source: directoryOf(spec, mount, directories),
      Target: mount.mountpoint,
      ...defined({ ReadOnly: mount.readOnly }),
    })),
    ...(spec.binds ?? []).map(bindBody),
    ...[...placed].map(([mountpoint, source]) => bindBody({ source, mountpoint, readOnly: true })),
    ...imageVolumes
      .filter((path) => !taken.has(path))
      .map((path) => ({
        Type: 'volume',
        Source: imageVolumeName(spec.application, path),
        Target: path,
        VolumeOptions: { Labels: { [labels.managed]: 'true', [labels.application]: spec.application } },
      })),
    ...(spec.after === undefined ? [] : [gate]),
  ];
}

const bindBody = ({ source, mountpoint, readOnly, propagation }: NodeBind): Json => ({
  Type: 'bind',
  Source: source,
  Target: mountpoint,
  ...defined({ ReadOnly: readOnly }),
  ...(propagation === undefined ? {} : { BindOptions: { Propagation: propagation } }),
});

/** Name of the Docker volume for an image's own volume at this path. */
const imageVolumeName = (app: AppName, path: string): string =>
  `${containerName(app)}-${createHash('md5').update(path, 'utf8').digest('hex').slice(0, 8)}`;

/** Docker cannot start the container without this directory, which is missing after a boot until the boot-gate makes it. */
const gate = { Type: 'bind', Source: gateDirectory, Target: gateDirectory, ReadOnly: true } as const;

/**
 * Runs the request, and again after creating the gate directory where Docker has missed it. Docker answers, so it has
 * finished starting containers at boot, and the gate may open even if the node's boot-gate has not opened it yet.
 */
export async function throughGate<T>(
  connection: NodeConnection,
  act: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof AppError) || !error.message.includes(gateDirectory)) throw error;
    await connection.run(['mkdir', '-p', '-m', '0755', gateDirectory], { signal });
    return act();
  }
}

/** The directory to bind. Throws `docker-failed` for a volume without a directory. */
export function directoryOf(
  spec: ContainerSpec,
  mount: ContainerMount,
  directories: Readonly<Record<VolumeId, string>>,
): string {
  const directory = Object.hasOwn(directories, mount.volume) ? directories[mount.volume] : undefined;
  if (directory !== undefined) return directory;
  throw new AppError(
    'docker-failed',
    `cannot create "${containerName(spec.application)}": there is no directory for volume "${mount.volume}"`,
  );
}

export const isGate = (mount: unknown): boolean =>
  textAt(mount, 'Source') === gateDirectory && textAt(mount, 'Destination') === gateDirectory;

/**
 * The binds of volumes, with the ids of the label. Docker's volumes for the image's VOLUME lines are left out.
 */
export function readMounts(inspected: unknown): ContainerMount[] {
  // The label has the order of the configuration; Docker keeps none.
  const order = new Map(entriesAt(volumesIn(inspected)).map(([mountpoint], index) => [mountpoint, index]));
  const position = (mount: ContainerMount): number => order.get(mount.mountpoint) ?? Number.MAX_SAFE_INTEGER;
  return readBinds(inspected)
    .flatMap(({ volume, mountpoint, readOnly }) =>
      volume === undefined ? [] : [{ volume, mountpoint, ...(readOnly ? { readOnly } : {}) }],
    )
    .toSorted((a, b) => position(a) - position(b));
}

/** Binds that the label does not have, and folders in memory. */
export function readNodeMounts(inspected: unknown): NodeMounts {
  const binds = readBinds(inspected).flatMap(({ volume, source, mountpoint, readOnly, propagation }) =>
    volume === undefined
      ? [{ source, mountpoint, ...(readOnly ? { readOnly } : {}), ...defined({ propagation }) }]
      : [],
  );
  const tmpfs = entriesAt(inspected, 'HostConfig', 'Tmpfs').map(([path, options]) => [path, String(options)] as const);
  return {
    ...(binds.length === 0 ? {} : { binds }),
    ...(tmpfs.length === 0 ? {} : { tmpfs: Object.fromEntries(tmpfs) }),
  };
}

export const readDirectories = (inspected: unknown): Readonly<Record<VolumeId, string>> =>
  Object.fromEntries(
    readBinds(inspected).flatMap(({ volume, source }) => (volume === undefined ? [] : [[volume, source]])),
  );

const volumesIn = (inspected: unknown): unknown =>
  parseJson(textAt(inspected, 'Config', 'Labels', volumesLabel) ?? '{}');

interface ReadBind extends Pick<NodeBind, 'source' | 'mountpoint' | 'propagation'> {
  /** Absent: a bind of the node. */
  readonly volume: VolumeId | undefined;
  readonly readOnly: boolean;
}

function readBinds(inspected: unknown): ReadBind[] {
  const label = volumesIn(inspected);
  // As it was asked for: what Docker reports itself depends on where its own files are.
  const asked = new Map(
    listAt(inspected, 'HostConfig', 'Mounts').map(
      (mount) => [textAt(mount, 'Target'), textAt(mount, 'BindOptions', 'Propagation')] as const,
    ),
  );
  return listAt(inspected, 'Mounts')
    .filter((mount) => textAt(mount, 'Type') === 'bind' && !isGate(mount) && !isPlaced(textAt(mount, 'Source') ?? ''))
    .map((mount) => {
      const mountpoint = textAt(mount, 'Destination') ?? '';
      const propagation = propagations.find((word) => word === asked.get(mountpoint));
      return {
        volume: textAt(label, mountpoint),
        mountpoint,
        source: textAt(mount, 'Source') ?? '',
        readOnly: at(mount, 'RW') === false,
        ...defined({ propagation }),
      };
    });
}
