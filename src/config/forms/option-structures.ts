import type { Json } from '../../model/container/options.ts';
import { defined } from '../../model/defined.ts';
import { complain, type Place, readAt, readFields, readItems, readRequired } from '../fields.ts';
import { isNothing, quote, type YamlNode } from '../yaml/yaml-node.ts';
import { readBytes, readNumber, readPairs, readScalar } from './option-values.ts';

// Options that have a structure of their own in Docker's create call.

/** The readable items of a list, in Docker's form. */
const itemsOf = (place: Place, what: string, read: (item: Place) => Json | undefined): readonly Json[] =>
  (readItems(place, what) ?? []).flatMap((item) => {
    const value = read(item);
    return value === undefined ? [] : [value];
  });

/** `nofile: 1024`, or `{soft: 1024, hard: 2048}`; -1 is no limit. */
export function readUlimits(place: Place, what: string): Json | undefined {
  const limits = [...(readFields(place, what)?.entries ?? [])].flatMap(([Name, entry]) => {
    const range = [-1, Number.MAX_SAFE_INTEGER] as const;
    if (entry.node.kind !== 'map') {
      const limit = readNumber(entry, quote(Name), range);
      return limit === undefined ? [] : [{ Name, Soft: limit, Hard: limit }];
    }
    const fields = readFields(entry, quote(Name));
    if (fields === undefined) return [];
    const readLimit = (limit: Place, key: string) => readNumber(limit, key, range);
    const Soft = readRequired(fields, 'soft', readLimit);
    const Hard = readRequired(fields, 'hard', readLimit);
    return Soft === undefined || Hard === undefined ? [] : [{ Name, Soft, Hard }];
  });
  return limits.length === 0 ? undefined : limits;
}

/** `/dev/a[:/dev/b[:rwm]]`, the same as a mapping, or the name of a device that the runtime finds (CDI). */
export function readDevices(place: Place, what: string): Json | undefined {
  const found: string[] = [];
  const Devices = itemsOf(place, what, (item) => {
    if (item.node.kind === 'map') return readLongDevice(item);
    const text = readScalar(item, 'a device');
    if (text === undefined) return undefined;
    if (/^[^/=]+\/[^/=]+=.+$/.test(text)) {
      found.push(text);
      return undefined;
    }
    const [path = '', second, third, ...rest] = text.split(':');
    if (path === '' || rest.length > 0)
      return complain(item, `${quote(text)} is not a device`, 'write "/dev/a:/dev/b:rwm"');
    // "/dev/a:rw" has permissions and no path in the container.
    const isMode = second !== undefined && third === undefined && /^[rwm]+$/.test(second);
    return deviceOf(path, isMode ? undefined : second, isMode ? second : third);
  });
  const requests = found.length === 0 ? {} : { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: found }] };
  if (Devices.length === 0 && found.length === 0) return undefined;
  return { ...(Devices.length === 0 ? {} : { Devices }), ...requests };
}

const deviceOf = (path: string, target = path, permissions = 'rwm'): Json => ({
  PathOnHost: path,
  PathInContainer: target,
  CgroupPermissions: permissions,
});

function readLongDevice(place: Place): Json | undefined {
  const fields = readFields(place, 'a device');
  if (fields === undefined) return undefined;
  const path = readRequired(fields, 'source', readScalar);
  const text = (key: string): string | undefined =>
    readAt(fields.entries, key, (entry, what) => (isNothing(entry.node) ? undefined : readScalar(entry, what)));
  return path === undefined ? undefined : deviceOf(path, text('target'), text('permissions'));
}

/** `all`, or requests such as `{driver: nvidia, count: 1, capabilities: [gpu]}`. */
export function readGpus(place: Place, what: string): Json | undefined {
  if (place.node.kind === 'scalar') {
    const text = readScalar(place, what);
    if (text === undefined || text === 'all')
      return text === undefined ? undefined : [{ Count: -1, Capabilities: [['gpu']] }];
    return complain(place, `${what} must be "all" or a list`);
  }
  const requests = itemsOf(place, what, (item) => readDeviceRequest(item, ['gpu']));
  return requests.length === 0 ? undefined : requests;
}

/** `deploy.resources.reservations.devices`. */
export function readReservedDevices(place: Place, what: string): Json | undefined {
  const requests = itemsOf(place, what, (item) => readDeviceRequest(item, []));
  return requests.length === 0 ? undefined : requests;
}

function readDeviceRequest(place: Place, implied: readonly string[]): Json | undefined {
  const entries = readFields(place, 'a request for devices')?.entries;
  if (entries === undefined) return undefined;
  const texts = (key: string): readonly string[] => {
    const entry = entries.get(key);
    return entry === undefined || isNothing(entry.node)
      ? []
      : itemsOf(entry, quote(key), (item) => readScalar(item, `an entry of ${quote(key)}`)).map(String);
  };
  const ids = texts('device_ids');
  const count = entries.get('count');
  if (count !== undefined && ids.length > 0) {
    return complain(count, '"count" and "device_ids" exclude each other', 'keep one of the two');
  }
  const Count = count === undefined || isAll(count.node) ? -1 : readNumber(count, '"count"');
  const options = readAt(entries, 'options', readPairs);
  return {
    ...defined({ Driver: readAt(entries, 'driver', readScalar) }),
    ...(ids.length > 0 ? { DeviceIDs: ids } : { Count: Count ?? -1 }),
    Capabilities: [[...new Set([...texts('capabilities'), ...implied])]],
    ...(options === undefined ? {} : { Options: Object.fromEntries(options) }),
  };
}

const isAll = (node: YamlNode): boolean => node.kind === 'scalar' && (node.source === 'all' || node.type === 'null');

/** Several keys of Docker's: weights, and rates of devices. */
export function readBlockLimits(place: Place, what: string): Json | undefined {
  const entries = readFields(place, what)?.entries ?? new Map<string, Place>();
  const weight = (entry: Place): number | undefined => readNumber(entry, '"weight"', [0, 1000]);
  const limits: Record<string, Json> = {};
  for (const [key, entry] of entries) {
    if (isNothing(entry.node)) continue;
    const name = Object.hasOwn(rates, key) ? rates[key] : undefined;
    const value =
      key === 'weight'
        ? weight(entry)
        : key === 'weight_device'
          ? itemsOf(entry, '"weight_device"', (item) => readDeviceLimit(item, 'weight', 'Weight', weight))
          : itemsOf(entry, quote(key), (item) =>
              readDeviceLimit(item, 'rate', 'Rate', (rate) =>
                key.endsWith('_bps') ? readBytes(rate, '"rate"') : readNumber(rate, '"rate"'),
              ),
            );
    if (name !== undefined && value !== undefined) limits[name] = value;
  }
  return Object.keys(limits).length === 0 ? undefined : limits;
}

const rates: Readonly<Record<string, string>> = {
  weight: 'BlkioWeight',
  weight_device: 'BlkioWeightDevice',
  device_read_bps: 'BlkioDeviceReadBps',
  device_write_bps: 'BlkioDeviceWriteBps',
  device_read_iops: 'BlkioDeviceReadIOps',
  device_write_iops: 'BlkioDeviceWriteIOps',
};

function readDeviceLimit(
  place: Place,
  key: string,
  name: string,
  read: (place: Place) => number | undefined,
): Json | undefined {
  const fields = readFields(place, 'a limit');
  if (fields === undefined) return undefined;
  const Path = readRequired(fields, 'path', readScalar);
  const value = readRequired(fields, key, read);
  return Path === undefined || value === undefined ? undefined : { Path, [name]: value };
}
