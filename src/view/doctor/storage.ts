import { isName } from '../../model/command-line.ts';
import type { DatasetReading, SnapshotReading, SnapshotTool, SystemReading } from '../../model/examination.ts';
import { holdTag, isOurSnapshot } from '../../model/names.ts';
import { count, formatDuration } from '../wording.ts';
import { type Finding, type Patient, poolOf, some } from './finding.ts';

const FRAGMENTED_PERCENT = 70;
const OLD_TOKEN_MS = 24 * 3_600_000;
/** A snapshot program that has not taken a snapshot of a volume for this long does not handle it. */
const RECENT_MS = 48 * 3_600_000;
/** One base for each other node, and the newest; more are left over from an interruption. */
const MOST_COPIES = 12;

const marks: Readonly<Record<SnapshotTool, RegExp>> = {
  'zfs-auto-snapshot': /^zfs-auto-snap_/,
  sanoid: /^autosnap_/,
  zrepl: /^zrepl_/,
  pyznap: /^pyznap_/,
  znapzend: /^\d{4}-\d\d-\d\d-\d{6}$/,
};

/** Findings about the pool, the datasets and their roles, snapshots, and programs that take snapshots. */
export function storageFindings(patient: Patient, system: SystemReading): readonly Finding[] {
  return [
    ...pool(patient, system),
    ...datasets(patient, system),
    ...snapshotters(patient, system),
    ...leftovers(patient, system),
  ];
}

function pool({ fault, warning, ok, shell, root }: Patient, { pool: it }: SystemReading): readonly Finding[] {
  const name = poolOf(root);
  const check = 'scrub';
  const found: Finding[] = [];
  if (it.health === 'SUSPENDED') {
    const text = `pool "${name}" is suspended: nothing is written, commands hang`;
    return [fault('pool', text, shell.run('zpool', 'clear', name))];
  }
  if (it.errors !== undefined && it.errors !== 'No known data errors') {
    const command = shell.run('zpool', 'status', '-v', name);
    found.push(fault(check, `pool "${name}" has ${it.errors}`, command));
  }
  const bad = /with ([1-9]\d*) errors/.exec(it.scan ?? '')?.[1];
  if (bad !== undefined) {
    const text = `the last scrub of "${name}" found ${bad} errors`;
    found.push(fault(check, text, shell.run('zpool', 'status', '-v', name)));
  }
  if ((it.fragmentation ?? 0) >= FRAGMENTED_PERCENT) {
    const text = `the free space of "${name}" is in pieces (${it.fragmentation}%): writing and receiving are slow`;
    const command = shell.run('zfs', 'list', '-r', '-t', 'snapshot', '-o', 'name,used', '-s', 'used', name);
    found.push(warning('space', text, command));
  }
  return found.length > 0 ? found : [ok(check, `pool "${name}" has no known errors`)];
}

function datasets({ warning, ok, shell, root }: Patient, system: SystemReading): readonly Finding[] {
  const check = 'datasets';
  const ours = system.datasets.filter(({ name, role }) => name !== root && role !== undefined);
  const wrong = ours.flatMap((dataset) => {
    const { name, role } = dataset;
    return assignmentsOf(dataset).map(({ is, command }) => {
      const words = isOurs(root, name) ? [...command.split(' '), name] : ['zfs', 'list', '-r', root];
      return warning(check, `${name} (${role}) ${is}`, shell.run(...words));
    });
  });
  if (wrong.length > 0) return wrong;
  return [ok(check, `${count(ours.length, 'dataset')} as their roles want`)];
}

/** readonly, canmount and mountpoint that do not fit the role, with the commands that make them fit. */
function assignmentsOf(it: DatasetReading): readonly { readonly is: string; readonly command: string }[] {
  // Between unmounting and the last snapshot a frozen one may be either.
  const wanted = it.role === 'owner' ? false : it.role === 'frozen' ? it.readonly : true;
  return [
    ...(it.readonly === wanted
      ? []
      : [
          {
            is: it.readonly
              ? 'is read-only, and its application cannot write'
              : 'is writable, but its node does not own it',
            command: `zfs set readonly=${wanted ? 'on' : 'off'}`,
          },
        ]),
    ...(it.canmount === 'noauto'
      ? []
      : [
          {
            is: `has canmount=${it.canmount}: it would be mounted at boot by itself`,
            command: 'zfs set canmount=noauto',
          },
        ]),
    ...(it.mountpoint.source === 'local' || it.mountpoint.source === 'received'
      ? [{ is: `has a mountpoint of its own, ${it.mountpoint.value}`, command: 'zfs inherit mountpoint' }]
      : []),
    ...(it.role !== 'owner' && it.role !== 'diverged' && it.mounted
      ? [{ is: 'is mounted, though it is not the owner', command: 'zfs unmount' }]
      : []),
  ];
}

/** A foreign snapshot that is newer than ours ends the next increment; #1059 and #17555 of OpenZFS are of that kind. */
function snapshotters(patient: Patient, system: SystemReading): readonly Finding[] {
  const { finding, ok, shell, root } = patient;
  const check = 'snapshotters';
  const tools = [...new Set(system.snapshotters.map(({ tool }) => tool))];
  const exposed = system.datasets.filter(({ autoSnapshot }) => autoSnapshot !== 'false').map(({ name }) => name);
  const named = exposed.filter((name) => name === root || isOurs(root, name));
  const found = tools.flatMap((tool): readonly Finding[] => {
    const theirs = system.snapshots.filter(({ name }) => marks[tool].test(name));
    const newest = Math.max(...theirs.map(({ createdAt }) => createdAt));
    const heeds = tool === 'zfs-auto-snapshot';
    const acts = heeds ? exposed.length > 0 : system.nowMs - newest < RECENT_MS;
    if (!acts) return [];
    const startedBy = system.snapshotters.find((one) => one.tool === tool)?.startedBy ?? tool;
    const command = heeds
      ? // A value of its own on a dataset outdoes the root's, so each is named.
        shell.run('zfs', 'set', 'com.sun:auto-snapshot=false', ...(named.length === 0 ? [root] : named))
      : stopOf(patient, startedBy);
    const took = theirs.length === 0 ? 'may take' : `took ${count(theirs.length, 'snapshot')},`;
    const where = theirs.length === 0 ? root : some([...new Set(theirs.map(({ dataset }) => dataset))]);
    const text = `${tool} (${startedBy}) ${theirs.length === 0 ? `${took} snapshots` : took} of ${where}: this breaks running transfers`;
    return [finding(theirs.length > 0 ? 'fault' : 'warning', check, text, command)];
  });
  if (found.length > 0) return found;
  const text = tools.length === 0 ? 'no program takes snapshots by itself' : `${some(tools)} leaves our datasets alone`;
  return [ok(check, text)];
}

/** What ends a program of a node's: its unit, or its file of cron. A name that is neither is only looked for. */
function stopOf({ shell }: Patient, startedBy: string): string {
  if (!startedBy.startsWith('/') && isName(startedBy)) return shell.run('systemctl', 'disable', '--now', startedBy);
  const isCron = startedBy.startsWith('/etc/cron') && isName(startedBy.slice(1));
  return isCron ? shell.run('chmod', '-x', startedBy) : shell.run('systemctl', 'list-timers');
}

/** A dataset below drover's root, whose name may stand in a command. */
const isOurs = (root: string, name: string): boolean => name.startsWith(`${root}/`) && isName(name);

function leftovers(patient: Patient, system: SystemReading): readonly Finding[] {
  const { warning, shell, root } = patient;
  return [
    ...system.datasets.flatMap((dataset) => oldToken(patient, dataset, system)),
    ...system.snapshots.flatMap((snapshot) => foreignHolds(patient, snapshot)),
    ...system.datasets.flatMap(({ name, bookmarks }): readonly Finding[] => {
      const held = system.snapshots.filter((one) => one.dataset === name && one.holds.includes(holdTag)).length;
      if (held <= MOST_COPIES && bookmarks <= MOST_COPIES) return [];
      const text = `${name} has ${count(held, 'held snapshot')} and ${count(bookmarks, 'bookmark')} of earlier moves`;
      const command = shell.run(
        ...['zfs', 'list', '-r', '-t', 'snapshot,bookmark', '-o', 'name,used,userrefs,creation'],
        isOurs(root, name) ? name : root,
      );
      return [warning('leftovers', text, command)];
    }),
  ];
}

function oldToken({ warning }: Patient, dataset: DatasetReading, system: SystemReading): readonly Finding[] {
  if (!dataset.hasResumeToken) return [];
  const times = system.snapshots.filter((one) => one.dataset === dataset.name).map(({ createdAt }) => createdAt);
  const age = system.nowMs - Math.max(dataset.createdAt, ...times);
  if (age < OLD_TOKEN_MS) return [];
  const name = dataset.name;
  // Going on keeps what came; `zfs receive -A` would throw it away, which is not for a remedy to offer.
  const text = `a transfer into ${name} was interrupted, and nothing has come for ${formatDuration(age)}`;
  return [warning('tokens', text, 'drover apply')];
}

/** Holds on drover's snapshots. They are only reported, because another program may need them. */
function foreignHolds(
  { warning, shell, root }: Patient,
  { dataset, name, holds }: SnapshotReading,
): readonly Finding[] {
  if (!isOurSnapshot(name)) return [];
  return holds
    .filter((tag) => tag !== holdTag)
    .map((tag) => {
      const full = `${dataset}@${name}`;
      const text = `${full} is held by "${tag}", and cannot be cleaned up`;
      return warning('holds', text, shell.run('zfs', 'holds', ...(isOurs(root, full) ? [full] : ['-r', root])));
    });
}
