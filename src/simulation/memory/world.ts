import { createHash } from 'node:crypto';
import type { VolumeRole } from '../../model/cluster.ts';
import { addTo } from '../../model/collect.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { readCopyRecord } from '../../model/copy-record.ts';
import { AppError } from '../../model/errors.ts';
import type {
  MemoryCall,
  MemoryClock,
  MemoryContainer,
  MemoryContent,
  MemoryDataset,
  MemoryMachine,
  MemorySeed,
} from './types.ts';

/** The state that all sessions share. */
export interface MemoryWorld {
  readonly seed: MemorySeed;
  readonly clock: MemoryClock;
  readonly machines: Map<NodeName, MemoryMachine>;
  readonly faults: { readonly node: NodeName; readonly operation: string; readonly error: Error; left: number }[];
  readonly writes: Map<NodeName, number>;
  readonly calls: Map<string, number>;
  readonly violations: string[];
  cuts: number[];
  counter: number;
  intercept: ((call: MemoryCall) => void) | undefined;
  /** Lets nodes do what has become due. */
  passTime: () => void;
}

/** Real time; the default of a memory cluster without a clock. */
export const realClock: MemoryClock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      }, ms);
      signal.addEventListener('abort', abort, { once: true });
    }),
};

/** A new 64-bit number as text. */
export function newGuid(world: MemoryWorld): string {
  world.counter += 1;
  return createHash('md5').update(`guid ${world.counter}`).digest().readBigUInt64BE().toString();
}

/** The machine of a reachable node; throws `connection-failed` for others. */
export function machineOf(world: MemoryWorld, node: NodeName): MemoryMachine {
  const machine = world.machines.get(node);
  if (machine === undefined || !machine.connected) {
    throw new AppError('connection-failed', `cannot reach node "${node}": no route to host`, { retryable: true });
  }
  return machine;
}

export interface CallOptions {
  readonly node: NodeName;
  readonly operation: string;
  readonly write: boolean;
}

/** One call to a node: delay, connection, fault, effect, invariants. */
export async function call<T>(
  world: MemoryWorld,
  options: CallOptions,
  signal: AbortSignal,
  effect: (machine: MemoryMachine) => T,
): Promise<T> {
  await startCall(world, options, signal);
  const machine = machineOf(world, options.node);
  accountWriters(world, machine);
  const result = effect(machine);
  // Reads break nothing, and checking a hundred nodes after each would take most of a simulation's time.
  if (options.write) checkInvariants(world);
  world.intercept?.({ ...options, phase: 'after' });
  return result;
}

/** The calls of one interface of a node, such as `volumes`: those that only read, and those that change something. */
export function callsOf(world: MemoryWorld, node: NodeName, prefix: string) {
  const callAs =
    (write: boolean) =>
    <T>(operation: string, signal: AbortSignal, effect: (machine: MemoryMachine) => T): Promise<T> =>
      call(world, { node, operation: `${prefix}.${operation}`, write }, signal, effect);
  return { read: callAs(false), write: callAs(true) };
}

/** The part of a call before its effect, for effects that take time themselves. */
export async function startCall(world: MemoryWorld, options: CallOptions, signal: AbortSignal): Promise<void> {
  checkAborted(signal);
  const delayMs = world.seed.roundTripMs ?? 0;
  if (delayMs > 0) await wait(world, delayMs, signal);
  machineOf(world, options.node);
  world.passTime();
  world.intercept?.({ ...options, phase: 'before' });
  const key = `${options.node} ${options.operation}`;
  world.calls.set(key, (world.calls.get(key) ?? 0) + 1);
  const fault = world.faults.find(
    (one) => one.left > 0 && one.node === options.node && one.operation === options.operation,
  );
  if (fault !== undefined) {
    fault.left -= 1;
    throw fault.error;
  }
  if (options.write) world.writes.set(options.node, (world.writes.get(options.node) ?? 0) + 1);
}

/** Throws `cancelled` where the signal is aborted. */
export function checkAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError('cancelled', 'cancelled', { cause: signal.reason });
}

/** Lets time pass; throws `cancelled` when the signal aborts. */
export async function wait(world: MemoryWorld, ms: number, signal: AbortSignal): Promise<void> {
  await world.clock.sleep(ms, signal).catch((error: unknown) => {
    checkAborted(signal);
    throw error;
  });
}

export const noContent: MemoryContent = { bytes: 0, written: 0, version: '' };

/** Appends bytes; the digest depends on every append in order. */
export function append(content: MemoryContent, bytes: number): MemoryContent {
  if (bytes === 0) return content;
  const version = createHash('md5').update(`${content.version} ${bytes}`).digest('hex');
  return { bytes: content.bytes + bytes, written: content.written + bytes, version };
}

/** The dataset of a volume on this machine, found by its property, not by its name. */
export function datasetOf(machine: MemoryMachine, volume: VolumeId): MemoryDataset | undefined {
  return [...machine.datasets.values()].find((dataset) => dataset.properties.volume === volume);
}

/** The dataset that is bound into a container for a volume; for a seeded container, the volume's own. */
export function boundDataset(
  machine: MemoryMachine,
  bound: Readonly<Record<VolumeId, string>>,
  volume: VolumeId,
): MemoryDataset | undefined {
  const name = bound[volume];
  return name === undefined ? datasetOf(machine, volume) : machine.datasets.get(name);
}

/** The error for what ZFS refuses. */
export function refused(what: string, thing: string, node: NodeName, why: string): AppError {
  return new AppError('command-failed', `cannot ${what} "${thing}" on "${node}": ${why}`);
}

/** True where ZFS keeps the snapshot because a clone was made from it. */
export function hasClones(
  machine: MemoryMachine,
  dataset: MemoryDataset,
  { name }: { readonly name: string },
): boolean {
  return [...machine.datasets.values()].some(
    ({ origin }) => origin?.dataset === dataset.name && origin.snapshot === name,
  );
}

/** Brings a container's state up to date: an exit is noticed at the next look. */
export function settleContainer(world: MemoryWorld, container: MemoryContainer): void {
  const { exits } = container.image;
  if (container.state !== 'running' || exits === undefined || container.startedAtMs === undefined) return;
  if (world.clock.now() < container.startedAtMs + exits.afterMs) return;
  container.state = 'exited';
  container.exit = { code: exits.code, oomKilled: exits.oomKilled ?? false };
}

/** Writes to a volume as a program in its container does; throws the program's error. */
export function writeInto(machine: MemoryMachine, dataset: MemoryDataset, bytes: number): void {
  if (!dataset.mounted) {
    throw new AppError('command-failed', `cannot write to "${dataset.name}" on "${machine.name}": not mounted`);
  }
  if (dataset.readonly) {
    throw new AppError(
      'command-failed',
      `cannot write to "${dataset.name}" on "${machine.name}": read-only file system`,
    );
  }
  if (isOverLimit(dataset, bytes)) {
    throw new AppError('command-failed', `cannot write to "${dataset.name}" on "${machine.name}": disk quota exceeded`);
  }
  dataset.content = append(dataset.content, bytes);
}

/** OpenZFS enforces a limit when it writes to disk, so that pending data may exceed it a little. */
function isOverLimit({ limitBytes, content }: MemoryDataset, bytes: number): boolean {
  if (limitBytes === undefined) return false;
  return content.bytes >= limitBytes || content.bytes + bytes > limitBytes + limitOvershootBytes;
}

const limitOvershootBytes = 512 * 1024;

function accountWriters(world: MemoryWorld, machine: MemoryMachine): void {
  const now = world.clock.now();
  for (const container of machine.containers.values()) {
    settleContainer(world, container);
    const rate = container.image.writesBytesPerSecond;
    if (container.state !== 'running' || rate === undefined) continue;
    const bytes = Math.floor(((now - container.writtenUntilMs) * rate) / 1000);
    if (bytes <= 0) continue;
    container.writtenUntilMs = now;
    for (const mount of container.spec.mounts) {
      const dataset = datasetOf(machine, mount.volume);
      if (dataset?.mounted === true && !dataset.readonly) dataset.content = append(dataset.content, bytes);
    }
  }
}

/**
 * Records broken invariants: two owners, two running containers on a volume that is not shared, or on two nodes, a
 * container without its data.
 */
export function checkInvariants(world: MemoryWorld): void {
  const owners = new Map<VolumeId, NodeName[]>();
  const users = new Map<VolumeId, User[]>();
  for (const machine of world.machines.values()) {
    for (const dataset of machine.datasets.values()) {
      const { volume, role } = dataset.properties;
      const isOld = machine.isOff && !dataset.mounted;
      if (volume !== undefined && role === 'owner' && !isOld) addTo(owners, volume, machine.name);
    }
    for (const container of machine.containers.values()) {
      if (container.state !== 'running' || !container.managed) continue;
      for (const volume of new Set(container.spec.mounts.map((mount) => mount.volume))) {
        addTo(users, volume, { app: container.spec.application, node: machine.name });
        const dataset = datasetOf(machine, volume);
        if (dataset?.properties.role !== 'owner' || !dataset.mounted) {
          violate(world, `"${container.name}" runs on ${machine.name} without owning and mounting ${volume}`);
        }
        const bound = container.bound[volume];
        if (bound !== undefined && bound !== dataset?.name) {
          violate(world, `"${container.name}" runs on ${machine.name} on ${bound}, which is not ${volume}`);
        }
      }
    }
  }
  for (const [volume, nodes] of owners)
    if (nodes.length > 1) violate(world, `${volume} has owners ${nodes.join(', ')}`);
  for (const [volume] of owners) checkRecord(world, volume);
  for (const [volume, all] of users) {
    if (mayShare(world.seed.shared?.[volume], all)) continue;
    const text = all.map(({ app, node }) => `${app} on ${node}`).join(' and ');
    violate(world, `${volume} is used by ${text}`);
  }
}

/** A running container on a volume. */
interface User {
  readonly app: AppName;
  readonly node: NodeName;
}

/** True for one user, and for several applications on one node that share the volume. */
export function mayShare(sharers: readonly AppName[] = [], users: readonly User[]): boolean {
  return users.length < 2 || users.every(({ app, node }) => sharers.includes(app) && node === users[0]?.node);
}

/** Which other nodes may have a copy, as far as the record of this one counts. */
export const recordIn = ({ properties, snapshots, bookmarks }: MemoryDataset): readonly string[] | undefined =>
  readCopyRecord(
    properties.copies,
    properties.epoch ?? 0,
    [...snapshots, ...bookmarks].map(({ name }) => name),
  );

/** The record of the owner has every node with a copy: the owner asks no other when it boots. */
function checkRecord(world: MemoryWorld, volume: VolumeId): void {
  const copies = [...world.machines.values()].flatMap((machine) =>
    [...machine.datasets.values()].flatMap((dataset) =>
      dataset.properties.volume === volume ? [{ machine, dataset }] : [],
    ),
  );
  const epochOf = ({ properties }: MemoryDataset): number => properties.epoch ?? 0;
  const newest = Math.max(...copies.map(({ dataset }) => epochOf(dataset)));
  for (const { machine, dataset } of copies) {
    const nodes = recordIn(dataset);
    if (dataset.properties.role !== 'owner' || epochOf(dataset) < newest || nodes === undefined) continue;
    const missing = copies.filter((one) => one.machine !== machine && !nodes.includes(one.machine.nodeId));
    for (const one of missing)
      violate(world, `${machine.name} does not know that ${one.machine.name} has a copy of ${volume}`);
  }
}

function violate(world: MemoryWorld, text: string): void {
  if (!world.violations.includes(text)) world.violations.push(text);
}

export const isWritableRole = (role: VolumeRole | undefined): boolean => role === 'owner';
