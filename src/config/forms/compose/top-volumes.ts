import type { VolumeId } from '../../../model/config.ts';
import { defined } from '../../../model/defined.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  type Place,
  readFields,
  readName,
  readText,
  refuseOthers,
  typed,
} from '../../fields.ts';
import { isNothing, quote } from '../../yaml/yaml-node.ts';
import { keptKeys, readKept } from '../kept-snapshots.ts';
import { checkVolumeId } from '../read-parts.ts';
import { checkKeys } from './check-keys.ts';

/** What an entry of the top-level `volumes` stands for. */
export type VolumeDefinition =
  | {
      readonly kind: 'volume';
      readonly id?: VolumeId;
      readonly isExternal?: true;
      readonly kept?: ReturnType<typeof readKept>;
    }
  /** `driver_opts` of a bind, or of a folder in memory: no volume at all. */
  | { readonly kind: 'bind'; readonly source: string; readonly readOnly?: true }
  | { readonly kind: 'tmpfs'; readonly options: string };

/** The top-level `volumes` by their keys. An entry's `name` is the identity of its data, as `dataset_id` is. */
export type VolumeDefinitions = ReadonlyMap<string, VolumeDefinition>;

export function readTopVolumes(place: Place | undefined): VolumeDefinitions {
  const definitions = new Map<string, VolumeDefinition>();
  if (place === undefined || isNothing(place.node)) return definitions;
  for (const [key, volume] of readFields(place, '"volumes"')?.entries ?? []) {
    const definition = isNothing(volume.node) ? { kind: 'volume' as const } : readDefinition(key, volume);
    if (definition !== undefined) definitions.set(key, definition);
  }
  return definitions;
}

function readDefinition(key: string, place: Place): VolumeDefinition | undefined {
  const entries = readFields(place, `the volume ${quote(key)}`)?.entries;
  if (entries === undefined) return undefined;
  checkKeys(place, 'volume');
  const driver = entries.get('driver');
  const options = entries.get('driver_opts');
  const external = entries.get('external');
  const isExternal = external !== undefined && readExternal(external);
  const name = readGivenName(entries, external);
  if (driver !== undefined && !isLocal(driver)) {
    return complain(driver, 'only the driver "local" is known', 'remove "driver": drover keeps volumes in ZFS');
  }
  const other = options === undefined || isNothing(options.node) ? undefined : readDriverOptions(options);
  if (other === 'reported') return undefined;
  if (other !== undefined) return other;
  const id = name ?? (isExternal ? key : undefined);
  return {
    kind: 'volume',
    ...(id === undefined ? {} : { id }),
    ...(isExternal ? { isExternal } : {}),
    ...defined({ kept: readOwn(entries.get('x-drover')) }),
  };
}

/** The `name` of the entry, or that of the `external` of early files. */
function readGivenName(entries: ReadonlyMap<string, Place>, external: Place | undefined): VolumeId | undefined {
  const entry = entries.get('name') ?? (external === undefined ? undefined : entriesOf(external).get('name'));
  const text = entry === undefined ? undefined : readName(entry, '"name"');
  return entry === undefined || text === undefined ? undefined : checkVolumeId(entry, text, '"name"');
}

/** `x-drover: {snapshots: …, quiesce: …}` of the entry. */
function readOwn(place: Place | undefined): ReturnType<typeof readKept> | undefined {
  if (place === undefined || isNothing(place.node)) return undefined;
  const fields = readFields(place, '"x-drover"');
  if (fields === undefined) return undefined;
  refuseOthers(fields, keptKeys);
  return readKept(fields.entries);
}

function readExternal(place: Place): boolean {
  if (place.node.kind === 'map') {
    checkKeys(place, 'external');
    return true;
  }
  const node = typed(place.node);
  if (node.kind === 'scalar' && node.type === 'boolean') return node.value;
  complain(place, '"external" must be true or false');
  return false;
}

function isLocal(driver: Place): boolean {
  const { node } = driver;
  return isNothing(driver.node) || (node.kind === 'scalar' && (node.source === 'local' || node.source === ''));
}

/** `type`, `o` and `device` are those of mount(8). */
function readDriverOptions(place: Place): VolumeDefinition | 'reported' | undefined {
  const entries = readFields(place, '"driver_opts"')?.entries;
  if (entries === undefined) return 'reported';
  const text = (key: string): string => {
    const entry = entries.get(key);
    return entry === undefined || isNothing(entry.node) ? '' : (readText(entry, quote(key)) ?? '');
  };
  const [type, device] = [text('type'), text('device')];
  const options = text('o')
    .split(',')
    .filter((option) => option !== '');
  if (type === '' && device === '' && options.length === 0) return undefined;
  if (type === 'tmpfs') return { kind: 'tmpfs', options: options.join(',') };
  const isBind = options.some((option) => option === 'bind' || option === 'rbind');
  if ((type === 'none' || type === '' || type === 'bind') && isBind && device !== '') {
    return { kind: 'bind', source: device, ...(options.includes('ro') ? { readOnly: true } : {}) };
  }
  complainAtKey(
    place,
    `"driver_opts" of the type ${quote(type)} are not supported: the data would not be on the nodes`,
    'mount it on each node, and write its path there in the service: "/mnt/share:/data"',
  );
  return 'reported';
}
