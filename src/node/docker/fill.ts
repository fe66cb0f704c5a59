import type { ContainerSpec } from '../../model/cluster.ts';
import type { VolumeId } from '../../model/config.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { type DockerApi, statusOf } from './api.ts';
import { directoryOf, fillLabel } from './spec.ts';

/** For each empty directory: an empty `DIR.filling` beside it, and its number on stdout. */
const prepare = `set -eu
i=0
for dir in "$@"; do
  test -d "$dir" || { echo "there is no directory $dir" >&2; exit 1; }
  if [ -z "$(ls -A -- "$dir")" ]; then
    rm -rf --one-file-system -- "$dir.filling"
    mkdir -m 755 -- "$dir.filling"
    echo "$i"
  fi
  i=$((i + 1))
done`;

/** rename(2) onto an empty directory: there is never a volume that is filled by half. */
const finish = `set -eu
for dir in "$@"; do mv -T -- "$dir.filling" "$dir"; done`;

/**
 * Gives each mount whose directory is empty the image's content, ownership and mode at its mountpoint. Docker does that
 * for its own volumes only, when a container is created: so a volume of Docker's is laid over a directory beside, in a
 * container that never starts; both are removed again. Directories with any content stay as they are.
 */
export async function fillNewVolumes(
  connection: NodeConnection,
  api: DockerApi,
  spec: ContainerSpec,
  directories: Readonly<Record<VolumeId, string>>,
  signal: AbortSignal,
): Promise<void> {
  if (spec.mounts.length === 0) return;
  const places = spec.mounts.map((mount) => ({ ...mount, directory: directoryOf(spec, mount, directories) }));
  const { stdout } = await connection.script(
    prepare,
    places.map((place) => place.directory),
    { signal },
  );
  const empty = stdout.split('\n').flatMap((line) => (line === '' ? [] : (places[Number(line)] ?? [])));
  if (empty.length === 0) return;
  for (const [index, place] of empty.entries()) {
    const name = `drover.fill.${spec.application}.${index}`;
    await fill(api, { name, spec, directory: `${place.directory}.filling`, mountpoint: place.mountpoint }, signal);
  }
  await connection.script(
    finish,
    empty.map((place) => place.directory),
    { signal },
  );
}

interface Filling {
  /** Of the helper container and of its volume; an application's container is never called so. */
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly directory: string;
  readonly mountpoint: string;
}

async function fill(
  api: DockerApi,
  { name, spec, directory, mountpoint }: Filling,
  signal: AbortSignal,
): Promise<void> {
  const what = `fill the volume at "${mountpoint}" of "${spec.application}"`;
  const Labels = { [fillLabel]: spec.application };
  // Of a run that was cut off.
  await sweep(api, what, name, signal);
  try {
    await api.json(
      {
        what,
        method: 'POST',
        path: '/volumes/create',
        body: { Name: name, Driver: 'local', DriverOpts: { type: 'none', o: 'bind', device: directory }, Labels },
      },
      signal,
    );
    await api.json(
      {
        what,
        method: 'POST',
        path: '/containers/create',
        query: { name },
        body: {
          Image: spec.image,
          // It is never started; but Docker creates nothing without a command.
          Cmd: ['drover'],
          Labels,
          NetworkDisabled: true,
          HostConfig: { Mounts: [{ Type: 'volume', Source: name, Target: mountpoint }] },
        },
      },
      signal,
    );
  } finally {
    // Also after a cancellation, else the directory would stay in use.
    await sweep(api, what, name, AbortSignal.timeout(30_000));
  }
}

async function sweep(api: DockerApi, what: string, name: string, signal: AbortSignal): Promise<void> {
  const remove = (path: string, query = {}): Promise<unknown> =>
    api.json({ what, method: 'DELETE', path, query }, signal).catch((error: unknown) => {
      if (statusOf(error) !== 404) throw error;
    });
  await remove(`/containers/${name}`, { force: true, v: true });
  await remove(`/volumes/${name}`);
}
