import type { ContainerSpec } from '../../model/cluster.ts';
import { AppError } from '../../model/errors.ts';
import type { NodeConnection } from '../ssh/connection.ts';

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

/** The error for a path that is bound and that the node does not have. */
export function missingSource({ application }: ContainerSpec, path: string, node: string): AppError {
  return new AppError('docker-failed', `cannot start "${application}" on "${node}": the node does not have ${path}`, {
    hint: 'create it on that node, where it has to be the same as on the others: drover does not move it',
    details: { node },
  });
}
