import { defined } from '../../model/defined.ts';
import type {
  DatasetReading,
  NamesReading,
  PoolReading,
  ProvisionStep,
  SnapshotReading,
  SnapshotTool,
  Snapshotter,
} from '../../model/examination.ts';
import { properties } from '../../model/names.ts';
import { parseHolds } from '../zfs/details.ts';
import { rows } from '../zfs/output.ts';

/** `STATE  STEP  DETAIL` of `provision.sh`; other lines are left out. */
export function parseProvision(text: string): readonly ProvisionStep[] {
  return text.split('\n').flatMap((line): readonly ProvisionStep[] => {
    const [, state, rest = ''] = /^(done|would do|did|cannot)\s+(\S.*)$/.exec(line) ?? [];
    if (state !== 'done' && state !== 'would do' && state !== 'did' && state !== 'cannot') return [];
    // The column of the step has 22 characters: two blanks or more come before the detail, or one after a long name.
    const [step = '', detail = ''] = rest.trimEnd().split(/\s{2,}/, 2);
    return [{ state, step, ...(detail === '' ? {} : { detail }) }];
  });
}

const keepers = /^(chrony|chronyd|ntp|ntpd|ntpsec|openntpd|systemd-timesyncd)\.service$/;
const firewalls = /^(ufw|firewalld)\.service$/;
const tools: readonly (readonly [SnapshotTool, RegExp])[] = [
  ['zfs-auto-snapshot', /^zfs-auto-snapshot/],
  ['sanoid', /^sanoid/],
  ['zrepl', /^zrepl/],
  ['pyznap', /^pyznap/],
  ['znapzend', /^znapzend/],
];

/** Active units, first word of each line of `systemctl list-units --plain`. */
export function parseUnits(text: string): {
  readonly timeKeepers: readonly string[];
  readonly firewalls: readonly string[];
  readonly units: readonly string[];
} {
  const units = text.split('\n').flatMap((line) => /^(\S+\.(?:service|timer))\s/.exec(line)?.[1] ?? []);
  const short = (unit: string): string => unit.replace(/\.service$/, '');
  return {
    timeKeepers: units.filter((unit) => keepers.test(unit)).map(short),
    firewalls: units.filter((unit) => firewalls.test(unit)).map(short),
    units,
  };
}

/** Programs that take snapshots on a schedule, among active units and the files of cron. */
export function findSnapshotters(units: readonly string[], cronText: string): readonly Snapshotter[] {
  const cron = cronText.split('\n').filter((path) => path !== '');
  const nameOf = (startedBy: string): string => startedBy.slice(startedBy.lastIndexOf('/') + 1);
  return [...units, ...cron].flatMap((startedBy) =>
    tools.filter(([, pattern]) => pattern.test(nameOf(startedBy))).map(([tool]) => ({ tool, startedBy })),
  );
}

/** Lines `server A`, `runs A` and `answers A`, and `ip -4 route`. */
export function parseNamesReading(text: string): NamesReading {
  const lines = text.split('\n');
  const having = (word: string): readonly string[] =>
    lines.flatMap((line) => {
      const [, first, address = ''] = /^(\w+) (\d+\.\d+\.\d+\.\d+)$/.exec(line) ?? [];
      return first === word ? [address] : [];
    });
  const [running, answering] = [new Set(having('runs')), new Set(having('answers'))];
  return {
    servers: having('server').map((address) => ({
      address,
      runs: running.has(address),
      answers: answering.has(address),
    })),
    routes: lines.flatMap((line) => {
      const [, network, name] = /^(\d+\.\d+\.\d+\.\d+(?:\/\d+)?) (?:.* )?dev (\S+)/.exec(line) ?? [];
      return network === undefined || name === undefined || /^br-d[iv]/.test(name)
        ? []
        : [{ network, interface: name }];
    }),
  };
}

/** `zfs version`, and a last line `module VERSION`; `zfs-2.2.7-1~bpo12+1` becomes `2.2.7-1~bpo12+1`. */
export function parseZfsVersions(text: string): { readonly userland?: string; readonly module?: string } {
  const userland = /^zfs-(\d\S*)$/m.exec(text)?.[1];
  const module = /^module (\S+)$/m.exec(text)?.[1];
  return { ...defined({ userland, module }) };
}

/** `zpool list -Hp -o health,capacity,fragmentation` and `zpool status`. */
export function parsePoolReading(figures: string, status: string): PoolReading {
  const [health = '', capacity, fragmentation] = figures.trim().split('\t');
  const scan = /^ *scan: (.*(?:\n\t.*)*)/m.exec(status)?.[1]?.replace(/\s+/g, ' ').trim();
  const errors = /^errors: (.*)$/m.exec(status)?.[1];
  return {
    health,
    ...percent('capacity', capacity),
    ...percent('fragmentation', fragmentation),
    ...defined({ scan, errors }),
  };
}

const percent = (name: 'capacity' | 'fragmentation', text: string | undefined) =>
  text !== undefined && /^\d+%?$/.test(text) ? { [name]: Number.parseInt(text, 10) } : {};

/** Datasets from `zfs get -Hp`, bookmarks counted from `zfs list -t snapshot,bookmark`. */
export function parseDatasets(getText: string, copiesText: string): readonly DatasetReading[] {
  const found = new Map<string, Map<string, readonly [value: string, source: string]>>();
  for (const [name = '', property = '', value = '', source = ''] of rows(getText)) {
    const facts = found.get(name) ?? new Map<string, readonly [string, string]>();
    found.set(name, facts.set(property, [value, source]));
  }
  const bookmarks = new Map<string, number>();
  for (const [full = ''] of rows(copiesText)) {
    const [dataset = '', bookmark] = full.split('#', 2);
    if (bookmark !== undefined) bookmarks.set(dataset, (bookmarks.get(dataset) ?? 0) + 1);
  }
  return [...found].map(([name, facts]) => {
    const value = (property: string): string => facts.get(property)?.[0] ?? '-';
    const own = (property: string): string | undefined =>
      facts.get(property)?.[1] === 'local' ? value(property) : undefined;
    const role = own(properties.role);
    const application = own(properties.application);
    const autoSnapshot = value('com.sun:auto-snapshot');
    return {
      name,
      ...defined({ role, application }),
      readonly: value('readonly') === 'on',
      mounted: value('mounted') === 'yes',
      canmount: value('canmount'),
      mountpoint: { value: value('mountpoint'), source: facts.get('mountpoint')?.[1] ?? '-' },
      ...(autoSnapshot === '-' ? {} : { autoSnapshot }),
      hasResumeToken: value('receive_resume_token') !== '-',
      createdAt: Number(value('creation')) * 1000 || 0,
      bookmarks: bookmarks.get(name) ?? 0,
    };
  });
}

/** Snapshots from `zfs list -o name,creation,userrefs`, tags from `zfs holds -H`. */
export function parseSnapshots(copiesText: string, holdsText: string): readonly SnapshotReading[] {
  const holds = parseHolds(holdsText);
  return rows(copiesText).flatMap(([full = '', creation]): readonly SnapshotReading[] => {
    const [dataset = '', name] = full.split('@');
    if (name === undefined) return [];
    return [{ dataset, name, createdAt: Number(creation) * 1000 || 0, holds: holds.get(full) ?? [] }];
  });
}
