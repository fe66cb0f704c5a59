import type { ContainerSpec } from '../../model/cluster.ts';
import type { VolumeId } from '../../model/config.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { type DockerApi, statusOf } from './api.ts';
import { directoryOf } from './mounts.ts';
import { fillLabel } from './spec.ts';

/** Creates an empty `DIR.filling` next to each empty directory, and prints the directory's number. */
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

/** rename(2) onto the empty directory, so that a volume is never half filled. */
const finish = `set -eu
for dir in "$@"; do mv -T -- "$dir.filling" "$dir"; done`;

/**
 * Gives each mount with an empty directory the image's content, owner and mode at its mountpoint. Docker does that only
 * for its own volumes, when it creates a container. So a Docker volume is bound to the directory `DIR.filling` and
 * mounted into a container that never starts; then both are removed. Directories with any content are left alone.
 */
export async function fillNewVolumes(
  connection: NodeConnection,
  api: DockerApi,
  spec: ContainerSpec,
  directories: Readonly<Record<VolumeId, string>>,
  signal: AbortSignal,
): Promise<void> {
  const all = spec.mounts
    .filter(({ noCopy }) => noCopy === undefined)
    .map((mount) => ({ ...mount, directory: directoryOf(spec, mount, directories) }));
  // Mounted at several places, a volume gets what the image has at the first one, as in Docker.
  const places = [...new Map(all.toReversed().map((place) => [place.directory, place])).values()];
  if (places.length === 0) return;
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
  /** Name of the helper container and its volume; no application's container has such a name. */
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
  // Left over from an interrupted run.
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
          // It never starts, but Docker requires a command.
          Cmd: ['drover'],
          Labels,
          NetworkDisabled: true,
          HostConfig: { Mounts: [{ Type: 'volume', Source: name, Target: mountpoint }] },
        },
      },
      signal,
    );
  } finally {
    // Without the caller's signal: after a cancellation too, the directory must not stay in use.
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
