import type { ContainerSpec } from '../../model/cluster.ts';
import type { AppName } from '../../model/config.ts';
import type { ContainerFile } from '../../model/container/file.ts';
import { unpackTree } from '../../model/container/file-tree.ts';
import { AppError } from '../../model/errors.ts';
import { listAt, textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { archiveOf } from './files.ts';

/** PATH… -- PATH…: creates folders for the second ones where there is nothing, prints the first ones that are missing. */
const prepare = `set -eu
while [ "$1" != -- ]; do [ -e "$1" ] || printf '%s\\n' "$1"; shift; done
shift
for path in "$@"; do [ -e "$path" ] || mkdir -p -- "$path"; done`;

/** Files and folders of the node that the container needs, and that are not created. */
export const neededPaths = ({ binds = [] }: ContainerSpec): readonly string[] =>
  binds.flatMap(({ source, createsSource }) => (createsSource === true ? [] : [source]));

/**
 * Throws `docker-failed` if the node does not have a file or folder that the container binds. Creates the folders that
 * the file wants to be created.
 */
export async function prepareSources(
  connection: NodeConnection,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<void> {
  if (spec.binds === undefined) return;
  const paths = neededPaths(spec);
  const created = spec.binds.flatMap(({ source, createsSource }) => (createsSource === true ? [source] : []));
  const { stdout } = await connection.script(prepare, [...paths, '--', ...created], { signal });
  const missing = paths.find((path) => stdout.split('\n').includes(path));
  if (missing !== undefined) throw missingSource(spec, missing, connection.node);
}

/**
 * The files and folders that go with applications, each application with a folder of its own, which only root can enter.
 * They outlive a reboot, as the container does, and go with it.
 */
const filesRoot = '/var/lib/drover/files';

/** True for what drover itself has put on the node for a container. */
export const isPlaced = (source: string): boolean => source.startsWith(`${filesRoot}/`);

/** The binds of the files that go with an application: their paths on the node, by their targets. */
export const placedFiles = ({ application, files = [] }: ContainerSpec): ReadonlyMap<string, string> =>
  new Map(
    files.flatMap(({ kind, target }, index) =>
      kind === 'file' ? [[target, `${filesRoot}/${application}/${index}`] as const] : [],
    ),
  );

/** FOLDER: an empty folder in place of the one from an earlier container, for the archive in its input. */
const unpack = 'set -eu; umask 022; rm -rf --one-file-system -- "$1"; mkdir -p -m 700 -- "$1"; tar -x -C "$1" -f -';

/** Puts the files of an application on the node, in the order of its specification. */
export async function placeFiles(
  connection: NodeConnection,
  { application }: ContainerSpec,
  files: readonly ContainerFile[],
  signal: AbortSignal,
): Promise<void> {
  const entries = files.flatMap(({ kind, content }, index) =>
    kind !== 'file'
      ? []
      : unpackTree(content.bytes()).files.map(({ path, mode, bytes }) => ({
          path: path === '' ? `${index}` : `${index}/${path}`,
          uid: 0,
          gid: 0,
          mode,
          bytes,
        })),
  );
  if (entries.length === 0) return;
  await connection.run(['sh', '-c', unpack, 'sh', `${filesRoot}/${application}`], {
    input: archiveOf(entries),
    signal,
  });
}

/** Removes them with the inspected container; if it has none, nothing is asked of the node. */
export async function removePlaced(
  connection: NodeConnection,
  application: AppName,
  inspected: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (!listAt(inspected, 'Mounts').some((mount) => isPlaced(textAt(mount, 'Source') ?? ''))) return;
  await connection.run(['rm', '-rf', '--one-file-system', '--', `${filesRoot}/${application}`], { signal });
}

/** The error for a path that is bound and that the node does not have. */
export function missingSource({ application }: ContainerSpec, path: string, node: string): AppError {
  return new AppError('docker-failed', `cannot start "${application}" on "${node}": the node does not have ${path}`, {
    hint: 'create it on that node, where it has to be the same as on the others: drover does not move it',
    details: { node },
  });
}
