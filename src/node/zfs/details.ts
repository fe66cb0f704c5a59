import type { ZfsDataset, ZfsSnapshot } from '../../engine/volume-store.ts';
import { defined } from '../../model/defined.ts';
import { properties } from '../../model/names.ts';
import { isVolumeName } from '../../model/untrusted.ts';
import { number, parseRole, rows } from './output.ts';

/**
 * Output of `detailsScript`: `zfs list` with name, used, referenced, compressratio, creation and userrefs; drover's own
 * local properties; `zfs holds`. The root itself is left out.
 */
export function parseDetails(root: string, listText: string, getText: string, holdsText: string): ZfsDataset[] {
  const own = parseOwn(getText);
  const holds = parseHolds(holdsText);
  const datasets: (ZfsDataset & { snapshots: ZfsSnapshot[] })[] = [];
  const byName = new Map<string, ZfsSnapshot[]>();
  for (const [full = '', used, referenced, ratio, creation] of rows(listText)) {
    const [dataset = '', snapshot] = full.split('@');
    const sizes = { usedBytes: number(used), referencedBytes: number(referenced), createdAt: number(creation) * 1000 };
    if (snapshot !== undefined) {
      byName.get(dataset)?.push({ name: snapshot, ...sizes, holds: holds.get(full) ?? [] });
    } else if (dataset !== root) {
      const snapshots: ZfsSnapshot[] = [];
      byName.set(dataset, snapshots);
      datasets.push({ name: dataset, ...own.get(dataset), ...sizes, ...ratioOf(ratio), snapshots });
    }
  }
  return datasets.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

type Own = Pick<ZfsDataset, 'volume' | 'volumeName' | 'application' | 'role'>;

function parseOwn(text: string): ReadonlyMap<string, Own> {
  const found = new Map<string, Own>();
  for (const [name = '', property, value = ''] of rows(text)) {
    const role = property === properties.role ? parseRole(value) : undefined;
    found.set(name, {
      ...found.get(name),
      ...(property === properties.volume ? { volume: value } : {}),
      ...(property === properties.name && isVolumeName(value) ? { volumeName: value } : {}),
      ...(property === properties.application ? { application: value } : {}),
      ...defined({ role }),
    });
  }
  return found;
}

/** The tags of each held snapshot, from `zfs holds -H`. */
export function parseHolds(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [name = '', tag] of rows(text)) {
    const tags = found.get(name) ?? [];
    found.set(name, tags);
    if (tag !== undefined) tags.push(tag);
  }
  return found;
}

/** `1.25`, or `1.25x` in older releases. */
function ratioOf(text: string | undefined): Pick<ZfsDataset, 'compressRatio'> {
  const ratio = Number.parseFloat(text ?? '');
  return Number.isFinite(ratio) ? { compressRatio: ratio } : {};
}
