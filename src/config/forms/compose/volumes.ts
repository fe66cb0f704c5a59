import type { VolumeId, VolumeMount } from '../../../model/config.ts';
import {
  complain,
  entriesOf,
  type Place,
  type Placed,
  readFields,
  readItems,
  readName,
  readText,
  required,
} from '../../fields.ts';
import { parseMountpoint } from '../../values.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { accept, checkVolumeId, idOfVolume, placed } from '../read-parts.ts';
import { checkKeys } from './check-keys.ts';
import { type ComposeArea, type ReadService, readKey, type VolumeNames } from './service.ts';

const hint = 'write "/data" or "name:/data": a volume that moves with its application';
const bindHint = 'paths of the host are not supported, since they do not move: use a volume such as "data:/data"';

/** What a service keeps. */
export const volumesArea: ComposeArea = {
  read: (service, draft) => {
    const read = (place: Place) => readVolumes(place, service.name, service.file.volumes);
    return { ...draft, volumes: readKey(service, 'volumes', read) ?? [] };
  },
  finish: (services) => {
    checkNamedVolumes(services);
    return services;
  },
};

/** Compose's volumes; each is a volume of its own, with the identity that `names` gives it, if any. */
function readVolumes(place: Place, app: string, names: VolumeNames): Placed<VolumeMount>[] {
  const items = readItems(place, '"volumes"', 'a list', hint) ?? [];
  return items.flatMap((item, index) => {
    const parts = item.node.kind === 'map' ? longVolume(item) : shortVolume(item);
    if (parts === undefined) return [];
    const mountpoint = accept(parts.place, parseMountpoint(parts.target));
    if (mountpoint === undefined) return [];
    const given = parts.name === undefined ? undefined : names.get(parts.name);
    return placed({ id: given ?? idOfVolume(app, mountpoint, index === 0), mountpoint }, item);
  });
}

/** The top-level `volumes`: an entry may have a `name`, which is the identity of its data, as `dataset_id` is. */
export function readTopVolumes(place: Place | undefined): VolumeNames {
  const names = new Map<string, VolumeId>();
  if (place === undefined || isNothing(place)) return names;
  for (const [key, volume] of readFields(place, '"volumes"')?.entries ?? []) {
    if (isNothing(volume)) continue;
    const fields = readFields(volume, `the volume ${quote(key)}`);
    checkKeys(volume, 'volume');
    const entry = fields?.entries.get('name');
    const text = entry === undefined ? undefined : readName(entry, '"name"');
    const id = entry === undefined || text === undefined ? undefined : checkVolumeId(entry, text, '"name"');
    if (id !== undefined) names.set(key, id);
  }
  return names;
}

const isNothing = ({ node }: Place): boolean => node.kind === 'scalar' && node.type === 'null';

interface VolumeParts {
  readonly name?: string;
  readonly target: string;
  readonly place: Place;
}

function shortVolume(place: Place): VolumeParts | undefined {
  const text = readText(place, 'a volume', hint);
  if (text === undefined) return undefined;
  const [first = '', second, mode, ...rest] = text.split(':');
  if (second === undefined) return { target: first, place };
  if (isHostPath(first)) return complain(place, `the volume ${quote(text)} binds a path of the host`, bindHint);
  if (!isVolumeName(first)) return complain(place, `the volume name ${quote(first)} is malformed`, hint);
  if (rest.length > 0 || (mode !== undefined && mode !== 'rw')) {
    return complain(place, `the volume ${quote(text)} has options, which are not supported`, hint);
  }
  return { name: first, target: second, place };
}

function longVolume(place: Place): VolumeParts | undefined {
  const fields = readFields(place, 'a volume', hint);
  if (fields === undefined) return undefined;
  const type = fields.entries.get('type');
  const kind = type === undefined ? 'volume' : readText(type, '"type"');
  if (type !== undefined && kind !== 'volume') {
    return complain(type, '"type" must be volume', kind === 'bind' ? bindHint : hint);
  }
  checkKeys(place, 'service.volumes');
  const entry = required(fields, 'target');
  const target = entry === undefined ? undefined : readText(entry, '"target"');
  const source = fields.entries.get('source');
  const name = source === undefined ? undefined : readText(source, '"source"');
  if (source !== undefined && name !== undefined && !isVolumeName(name)) {
    return complain(source, `the volume name ${quote(name)} is malformed`, isHostPath(name) ? bindHint : hint);
  }
  if (entry === undefined || target === undefined) return undefined;
  return { ...(name === undefined ? {} : { name }), target, place: entry };
}

const isHostPath = (text: string): boolean => /^[/.~\\]/.test(text) || /^[A-Za-z]$/.test(text);
const isVolumeName = (text: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text);

/** In Compose a name used twice is one volume; here a volume has one writer, so the second use is refused. */
function checkNamedVolumes(services: readonly ReadService[]): void {
  const users = new Map<string, string>();
  for (const { service } of services) {
    const volumes = service.entries.get('volumes');
    if (volumes?.node.kind !== 'list') continue;
    for (const item of readItems(volumes, '"volumes"') ?? []) {
      const name = volumeName(item);
      const user = name === undefined ? undefined : users.get(name);
      if (name !== undefined && user === undefined) users.set(name, item.path);
      if (name === undefined || user === undefined) continue;
      complain(
        item,
        `the volume ${quote(name)} is used already at ${user}`,
        'give each its own volume: one cannot be shared',
      );
    }
  }
}

function volumeName(place: Place): string | undefined {
  const { node } = place;
  const source = node.kind === 'map' ? entriesOf(place).get('source')?.node : node;
  if (source?.kind !== 'scalar' || source.type !== 'text') return undefined;
  const name = node.kind === 'map' ? source.value : source.value.includes(':') ? source.value.split(':')[0] : undefined;
  return name !== undefined && !isHostPath(name) && isVolumeName(name) ? name : undefined;
}
