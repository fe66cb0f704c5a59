import type { EmptyDisk } from '../model/host-setup.ts';
import { at, listAt, parseJson, textAt } from './json.ts';
import type { NodeConnection } from './ssh/connection.ts';

const columns = 'PATH,TYPE,SIZE,RO,FSTYPE,PTTYPE,MOUNTPOINT,MODEL';
/** OpenZFS takes no smaller device (SPA_MINDEVSIZE). */
const LEAST_BYTES = 64 * 1024 * 1024;

/** Disks that hold nothing at all; reads only. */
export async function findEmptyDisks(connection: NodeConnection, signal: AbortSignal): Promise<readonly EmptyDisk[]> {
  // --tree: partitions stand below their disks, also where no column would ask for it.
  const argv = ['lsblk', '--json', '--bytes', '--tree=PATH', '--output', columns] as const;
  return parseDisks((await connection.run(argv, { signal })).stdout);
}

/** From `lsblk --json --bytes --tree`: whole disks with no partition, no filesystem, no mount. */
export function parseDisks(json: string): readonly EmptyDisk[] {
  return listAt(parseJson(json), 'blockdevices').flatMap((device) => {
    const path = textAt(device, 'path');
    const sizeBytes = Number(at(device, 'size'));
    const holds = ['fstype', 'pttype', 'mountpoint'].some((key) => (textAt(device, key) ?? '') !== '');
    const isPart = textAt(device, 'type') !== 'disk' || [true, 1, '1'].some((yes) => at(device, 'ro') === yes);
    if (path === undefined || isPart || holds || !(sizeBytes >= LEAST_BYTES)) return [];
    if (listAt(device, 'children').length > 0) return [];
    const model = textAt(device, 'model')?.trim() ?? '';
    return [{ path, sizeBytes, ...(model === '' ? {} : { model }) }];
  });
}
