import type { VolumeMount } from '../../../model/config.ts';
import type { ContainerFile } from '../../../model/container/file.ts';
import type { NodeBind } from '../../../model/container/mounts.ts';
import { defined } from '../../../model/defined.ts';
import type { TmpfsMount } from '../../draft.ts';
import { type Place, type Placed, readItems } from '../../fields.ts';
import { isNothing } from '../../yaml/yaml-node.ts';
import { idOfVolume } from '../read-parts.ts';
import { type BindPart, plainPath, readMount, readTmpfs, type VolumePart, type WrittenMount } from './mount-parts.ts';
import { readRelativeBind } from './relative-binds.ts';
import type { ComposeArea, ComposeService } from './service.ts';
import type { VolumeDefinitions } from './top-volumes.ts';

const hint = 'write "name:/data" for a volume, or "/path/of/the/node:/data"';

/** What a service keeps, and what it sees of its node. */
export const volumesArea: ComposeArea = {
  read: (service, draft) => {
    const mounts = writtenMounts(service).map((mount) => resolve(mount, service.file.volumes));
    const volumes: Placed<VolumeMount>[] = [];
    const binds: Placed<NodeBind>[] = [];
    const tmpfs: Placed<TmpfsMount>[] = [];
    const files: Placed<ContainerFile>[] = [];
    for (const mount of mounts) {
      const { place, mountpoint } = mount;
      if (mount.kind === 'tmpfs') tmpfs.push({ place, value: { mountpoint, options: mount.options } });
      else if (mount.kind === 'bind' && mount.source.startsWith('/')) binds.push({ place, value: bindOf(mount) });
      else if (mount.kind === 'bind') {
        const found = readRelativeBind(service, mount);
        if (found?.kind === 'file') files.push({ place, value: found.value });
        else if (found !== undefined) volumes.push({ place, value: found.value });
      } else volumes.push({ place, value: volumeOf(service, mount) });
    }
    return {
      ...draft,
      volumes,
      ...(binds.length === 0 ? {} : { binds }),
      ...(tmpfs.length === 0 ? {} : { tmpfs }),
      ...(files.length === 0 ? {} : { files }),
    };
  },
};

function writtenMounts({ entries }: ComposeService): readonly WrittenMount[] {
  const [volumes, tmpfs] = [entries.get('volumes'), entries.get('tmpfs')];
  const isEmpty = (place: Place | undefined): boolean => place === undefined || isNothing(place.node);
  const items =
    volumes === undefined || isEmpty(volumes) ? [] : (readItems(volumes, '"volumes"', 'a list', hint) ?? []);
  return [
    ...items.flatMap((item) => readMount(item) ?? []),
    ...(tmpfs === undefined || isEmpty(tmpfs) ? [] : readTmpfs(tmpfs)),
  ];
}

/** The mount that a name stands for, if `driver_opts` make something else of it than a volume. */
function resolve(mount: WrittenMount, definitions: VolumeDefinitions): WrittenMount {
  const { mountpoint, place, readOnly } = mount;
  const definition = mount.kind === 'volume' && mount.name !== undefined ? definitions.get(mount.name) : undefined;
  if (definition === undefined || definition.kind === 'volume') return mount;
  const common = { mountpoint, place, ...defined({ readOnly }) };
  return { ...common, ...definition };
}

function bindOf({ source, mountpoint, readOnly, propagation, createsSource }: BindPart): NodeBind {
  return { source: plainPath(source), mountpoint, ...defined({ readOnly, propagation, createsSource }) };
}

function volumeOf({ name: app, file }: ComposeService, mount: VolumePart): VolumeMount {
  const { name, mountpoint, readOnly, noCopy } = mount;
  const definition = name === undefined ? undefined : file.volumes.get(name);
  const given = definition?.kind === 'volume' ? definition.id : undefined;
  const mustExist = definition?.kind === 'volume' ? definition.isExternal : undefined;
  // The id of a named one also has the name of the deployment, which is known when all files are read.
  const id = given ?? name ?? idOfVolume(app, mountpoint, false);
  const hasFixedId = given === undefined ? undefined : (true as const);
  return {
    id,
    mountpoint,
    ...defined({ name, hasFixedId, readOnly, noCopy, mustExist }),
    ...(definition?.kind === 'volume' ? definition.kept : undefined),
  };
}
