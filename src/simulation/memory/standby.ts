import type { StandbyControl } from '../../engine/node-client.ts';
import type { NodeName, VolumeId } from '../../model/config.ts';
import { printCopyRecord } from '../../model/copy-record.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { holdTag, parseSnapshotName, snapshotName } from '../../model/names.ts';
import { type Retention, type SnapshotPeriod, snapshotPeriods } from '../../model/standby/declared.ts';
import { type StandbyFacts, type StandbySend, standbyLeaf } from '../../model/standby/facts.ts';
import { renderStandbyRules } from '../../node/standby.ts';
import { newDataset, usedBytes } from './datasets.ts';
import { makeBookmark } from './tidy.ts';
import type { MemoryDataset, MemoryMachine, MemorySnapshot, MemoryStandby } from './types.ts';
import {
  type CallOptions,
  call,
  checkInvariants,
  datasetOf,
  hasClones,
  type MemoryWorld,
  newGuid,
  recordIn,
} from './world.ts';

/** A node's own rounds behind the engine's interface. */
export function createMemoryStandbys(world: MemoryWorld, node: NodeName): StandbyControl {
  const options = (operation: string): CallOptions => ({ node, operation: `standbys.${operation}`, write: true });
  return {
    setRules: (rules, signal) =>
      call(world, options('setRules'), signal, ({ standby }) => {
        if (standby === undefined)
          throw new AppError('command-failed', `cannot set the standbys of "${node}": it is not set up for them`);
        // Refuses the words that the real node would refuse.
        renderStandbyRules(rules);
        standby.rules = rules;
        standby.due = new Map(rules.sends.map(({ volume }) => [volume, world.clock.now()]));
      }),
    pause: ({ volume }, signal) =>
      call(world, options('pause'), signal, ({ standby, lock }) => {
        if (lock !== undefined) standby?.paused.set(volume, lock);
      }),
  };
}

/** What a node reports of its standbys. */
export function standbyFacts(world: MemoryWorld, { standby }: MemoryMachine): StandbyFacts | undefined {
  if (standby === undefined) return undefined;
  const { rules, sent, received } = standby;
  const known = new Set([...(rules?.sends ?? []), ...(rules?.accepts ?? [])].map(({ volume }) => volume));
  return {
    rules,
    at: world.clock.now(),
    sent: [...sent.values()].filter(({ volume }) => known.has(volume)),
    received: [...received.values()].filter(({ volume }) => known.has(volume)),
  };
}

/** Rounds that have become due. Like exits, this happens at the next call. */
export function runDueRounds(world: MemoryWorld): void {
  for (const machine of world.machines.values()) {
    for (const send of machine.standby?.rules?.sends ?? []) {
      const due = machine.standby?.due.get(send.volume) ?? 0;
      if (!machine.connected || world.clock.now() < due) continue;
      machine.standby?.due.set(send.volume, world.clock.now() + send.everyMs);
      runRound(world, machine, send);
    }
  }
}

/** One round of all volumes that the node sends, whether due or not. */
export function runRounds(world: MemoryWorld, machine: MemoryMachine): void {
  for (const send of machine.standby?.rules?.sends ?? []) if (machine.connected) runRound(world, machine, send);
}

const isPaused = ({ standby, lock }: MemoryMachine, volume: VolumeId): boolean =>
  lock !== undefined && standby?.paused.get(volume) === lock;

/** The effect of `standby sync` in host/provision.sh: snapshots, and then what each standby lacks. */
function runRound(world: MemoryWorld, machine: MemoryMachine, send: StandbySend): void {
  const dataset = datasetOf(machine, send.volume);
  const { standby } = machine;
  if (standby === undefined || dataset === undefined) return;
  const { role, owner, epoch = 0 } = dataset.properties;
  if (role !== 'owner' || owner !== machine.nodeId || !dataset.mounted || isPaused(machine, send.volume)) return;
  takeScheduled(world, machine, dataset, send.snapshots);
  if (send.targets.length > 0) {
    const name = nextName(dataset, epoch);
    const nodes = recordIn(dataset);
    if (nodes !== undefined) {
      const all = [...new Set([...nodes, ...send.targets])].sort();
      dataset.properties = { ...dataset.properties, copies: printCopyRecord({ epoch, upTo: name, nodes: all }) };
    }
    takeSnapshot(world, machine, dataset, name);
  }
  for (const target of send.targets) {
    const key = `${send.volume} ${target}`;
    const before = standby.sent.get(key);
    try {
      const bytes = sendAll(world, machine, dataset, send, target);
      const newest = dataset.snapshots.at(-1);
      standby.sent.set(key, { volume: send.volume, target, ...defined({ newest: newest && shown(newest) }), bytes });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      standby.sent.set(key, { volume: send.volume, target, ...before, error: why });
    }
  }
  tidySource(machine, dataset, send, standby, epoch);
  prune(machine, dataset, send.snapshots, []);
  checkInvariants(world);
}

const shown = ({ name, guid, createdAtMs: takenAt }: MemorySnapshot) => ({ name, guid, takenAt });

function nextName({ snapshots, bookmarks }: MemoryDataset, epoch: number): string {
  const numbers = [...snapshots, ...bookmarks].flatMap(({ name }) => {
    const parsed = parseSnapshotName(name);
    return parsed?.epoch === epoch ? [parsed.n] : [];
  });
  return snapshotName(epoch, Math.max(0, ...numbers) + 1);
}

function takeSnapshot(world: MemoryWorld, machine: MemoryMachine, dataset: MemoryDataset, name: string): void {
  machine.txg += 1;
  const { content } = dataset;
  const createdAtMs = world.clock.now();
  dataset.snapshots.push({
    name,
    guid: newGuid(world),
    createTxg: machine.txg,
    content,
    createdAtMs,
    holds: new Set(),
  });
}

/** The part of the name that is the same for all moments of one period, in UTC. */
function stampOf(period: SnapshotPeriod, ms: number): string {
  const date = new Date(ms).toISOString().replaceAll('-', '');
  if (period === 'hourly') return date.slice(0, 11);
  if (period === 'daily') return date.slice(0, 8);
  return period === 'monthly' ? date.slice(0, 6) : `W${Math.floor((ms / 86_400_000 + 3) / 7)}`;
}

function takeScheduled(
  world: MemoryWorld,
  machine: MemoryMachine,
  dataset: MemoryDataset,
  wanted: Retention = {},
): void {
  for (const period of snapshotPeriods) {
    const name = `drover-auto-${period}-${stampOf(period, world.clock.now())}-e`;
    if (wanted[period] === undefined || dataset.snapshots.some((one) => one.name.startsWith(name))) continue;
    takeSnapshot(world, machine, dataset, `${name}${dataset.properties.epoch ?? 0}`);
  }
}

function prune(
  machine: MemoryMachine,
  dataset: MemoryDataset,
  wanted: Retention | undefined,
  kept: readonly string[],
): void {
  if (wanted === undefined) return;
  for (const period of snapshotPeriods) {
    const all = dataset.snapshots.filter(({ name }) => name.startsWith(`drover-auto-${period}-`));
    for (const one of all.slice(0, Math.max(0, all.length - (wanted[period] ?? 0)))) {
      if (!kept.includes(one.name)) destroy(machine, dataset, one);
    }
  }
}

/** As `zfs destroy`: what is held, cloned, or the base of a partial receive stays. */
function destroy(machine: MemoryMachine, dataset: MemoryDataset, snapshot: MemorySnapshot): void {
  if (snapshot.holds.size > 0 || hasClones(machine, dataset, snapshot)) return;
  if (dataset.partial?.baseGuid === snapshot.guid) return;
  dataset.snapshots = dataset.snapshots.filter((one) => one !== snapshot);
}

/** Returns the bytes that were sent. Throws where the other node refuses. */
function sendAll(
  world: MemoryWorld,
  from: MemoryMachine,
  dataset: MemoryDataset,
  send: StandbySend,
  id: string,
): number {
  const to = [...world.machines.values()].find(({ nodeId }) => nodeId === id);
  if (to?.connected !== true) throw new Error('the node does not answer');
  const copy = claim(to, from, dataset, send);
  copy.partial = undefined;
  const newest = copy.snapshots.at(-1);
  const base = [...dataset.snapshots, ...dataset.bookmarks].find(({ guid }) => guid === newest?.guid);
  if (newest !== undefined && base === undefined)
    throw new Error('the copy there has a newest snapshot that this node lacks');
  if (newest !== undefined && copy.content.written !== newest.content.written)
    throw new Error('destination has been modified');
  const written = newest?.content.written ?? 0;
  const wanted = dataset.snapshots.filter(
    (one) => one === dataset.snapshots.at(-1) || (base !== undefined && one.name.startsWith('drover-auto-')),
  );
  const steps = base === undefined ? wanted.slice(-1) : wanted.filter(({ createTxg }) => createTxg > base.createTxg);
  const bytes = (steps.at(-1)?.content.written ?? written) - written;
  const used = [...to.datasets.values()].reduce((sum, one) => sum + usedBytes(one), 0);
  if (used + bytes > to.poolBytes) throw new Error('the pool there has no room');
  for (const step of steps) receive(to, from, dataset, copy, step);
  const keep = to.standby?.rules?.accepts.find((one) => one.volume === send.volume && one.from === from.nodeId)?.keep;
  prune(to, copy, keep, [copy.snapshots.at(-1)?.name ?? '']);
  const last = copy.snapshots.at(-1);
  if (last !== undefined)
    to.standby?.received.set(send.volume, { volume: send.volume, from: from.nodeId, newest: shown(last) });
  for (const { name } of steps) if (parseSnapshotName(name) !== undefined) makeBookmark(from, dataset, name, name);
  return bytes;
}

/** The copy that may receive, made if the node has none. Throws as `standby receive` refuses. */
function claim(to: MemoryMachine, from: MemoryMachine, source: MemoryDataset, send: StandbySend): MemoryDataset {
  const rule = to.standby?.rules?.accepts.find((one) => one.volume === send.volume && one.from === from.nodeId);
  if (rule === undefined || rule.address !== from.meshAddress) throw new Error('that node accepts no such standby');
  if (isPaused(to, send.volume)) throw new Error('a run of drover has the volume');
  const { epoch = 0, flags, copies: _copies } = source.properties;
  const copy = datasetOf(to, send.volume);
  if (copy !== undefined) {
    const { role, owner, epoch: own = 0 } = copy.properties;
    if (role !== 'replica' && role !== 'incoming') throw new Error(`its copy there has role ${role ?? 'none'}`);
    if (own > epoch) throw new Error(`its copy there has epoch ${own}, and the owner here ${epoch}`);
    if (owner !== from.nodeId && own === epoch) throw new Error(`its copy there belongs to node ${owner ?? ''}`);
    if (copy.mounted) throw new Error('its copy there is mounted');
    copy.limitBytes = undefined;
    return copy;
  }
  const root = source.name.slice(0, source.name.lastIndexOf('/'));
  const usual = `${root}/${standbyLeaf(send)}`;
  const name = to.datasets.has(usual) ? `${usual}-e${epoch}` : usual;
  const made = { ...newDataset(name), filled: true, tuning: source.tuning };
  made.properties = {
    volume: send.volume,
    application: send.application,
    deployment: rule.deployment,
    role: 'incoming',
    owner: from.nodeId,
    epoch,
    ...defined({ flags }),
  };
  to.datasets.set(name, made);
  return made;
}

/** How many bookmarks of earlier rounds a standby keeps, for other standbys that are behind. */
const bookmarksKept = 20;

function receive(
  to: MemoryMachine,
  from: MemoryMachine,
  source: MemoryDataset,
  copy: MemoryDataset,
  step: MemorySnapshot,
): void {
  to.txg += 1;
  copy.content = step.content;
  copy.snapshots.push({ ...step, createTxg: to.txg, holds: new Set([holdTag]) });
  if (parseSnapshotName(step.name) !== undefined) {
    const { epoch = 0 } = source.properties;
    const nodes = recordIn(source);
    const others = nodes && [...new Set([...nodes, from.nodeId])].filter((id) => id !== to.nodeId).sort();
    const copies = others === undefined ? '-' : printCopyRecord({ epoch, upTo: step.name, nodes: others });
    copy.properties = { ...copy.properties, role: 'replica', owner: from.nodeId, epoch, copies };
  }
  for (const old of copy.snapshots.slice(0, -1)) {
    if (old.name.startsWith('drover-')) old.holds.delete(holdTag);
    if (parseSnapshotName(old.name) === undefined) continue;
    makeBookmark(to, copy, old.name, old.name);
    destroy(to, copy, old);
  }
  const own = copy.bookmarks.filter(({ name }) => parseSnapshotName(name)?.epoch === source.properties.epoch);
  const surplus = new Set(own.slice(0, Math.max(0, own.length - bookmarksKept)));
  copy.bookmarks = copy.bookmarks.filter((one) => !surplus.has(one));
}

/** Removes what the rounds of this epoch no longer need. */
function tidySource(
  machine: MemoryMachine,
  dataset: MemoryDataset,
  send: StandbySend,
  standby: MemoryStandby,
  epoch: number,
): void {
  const newest = dataset.snapshots.at(-1)?.guid;
  const states = [...standby.sent.values()].filter(({ volume }) => volume === send.volume);
  const guids = (all: typeof states) => new Set([newest, ...all.map((one) => one.newest?.guid)]);
  const [now, ever] = [guids(states.filter(({ target }) => send.targets.includes(target))), guids(states)];
  const isOld = ({ name }: { readonly name: string }): boolean => parseSnapshotName(name)?.epoch === epoch;
  for (const one of dataset.snapshots) if (isOld(one) && !now.has(one.guid)) destroy(machine, dataset, one);
  dataset.bookmarks = dataset.bookmarks.filter(
    (one) => !isOld(one) || ever.has(one.guid) || dataset.snapshots.some(({ guid }) => guid === one.guid),
  );
}
