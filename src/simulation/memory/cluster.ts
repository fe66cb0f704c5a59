import type { Cluster, NodeClient } from '../../engine/node-client.ts';
import type { NodeFacts, PortKey } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { runBootGate, startIfPossible, startsAtBoot } from './boot.ts';
import { createMemoryContainers, observedContainers, portsOf, volumesOf } from './containers.ts';
import { createMemoryCopies } from './copies.ts';
import { createMemoryDeadMan, fireDeadMen } from './dead-man.ts';
import { createMemoryDoctor } from './doctor.ts';
import { createMemoryFigures, poolOf } from './figures.ts';
import { createMemoryImports } from './imports.ts';
import { createMemoryMutex, type SessionLocks } from './mutex.ts';
import { connectByName, connectTo, createMemoryNetwork, readTable } from './network.ts';
import { seedMachine } from './seed.ts';
import { createMemoryStandbys, runDueRounds, runRounds, standbyFacts } from './standby.ts';
import { emit, ours } from './streams.ts';
import { memoryTransfer } from './transfer.ts';
import type { MemoryCall, MemoryContainer, MemoryContent, MemoryMachine, MemorySeed } from './types.ts';
import { createMemoryVolumes, listVolumes, type MemoryFence } from './volumes.ts';
import {
  call,
  checkAborted,
  checkInvariants,
  datasetOf,
  type MemoryWorld,
  machineOf,
  realClock,
  writeInto,
} from './world.ts';

/** Nodes in memory. As a `Cluster` it is the session of one controller; the other methods control the simulated world. */
export interface MemoryCluster extends Cluster {
  /** Another controller's connections to the same nodes. */
  session(): Cluster;
  /** The next `times` calls of this operation fail with this error, before any effect. */
  fail(node: NodeName, operation: string, error: Error, times?: number): void;
  disconnect(node: NodeName): void;
  reconnect(node: NodeName): void;
  /** Switched off: nothing runs there any more, and nothing reaches it. */
  powerOff(node: NodeName): void;
  /** Power off and on: containers stopped, datasets unmounted, holds gone, locks lost. */
  reboot(node: NodeName): void;
  /** One round of the node's boot gate; false while it waits for a peer or for the lock. */
  bootGate(node: NodeName): boolean;
  /** One round of the node's standbys and scheduled snapshots, whether due or not. */
  sendStandbys(node: NodeName): void;
  /** The timers of the node's dead-man run out. */
  elapse(node: NodeName): void;
  /** The node gives its lock up, and the holder does not know it yet. */
  stealLock(node: NodeName): void;
  /** The container exits; with `oomKilled`, because the kernel has killed it for its memory. */
  crash(node: NodeName, app: AppName, exit: { readonly code: number; readonly oomKilled: boolean }): void;
  /** Docker reports this event of the application's container; nothing else happens. */
  emit(node: NodeName, action: string, app: AppName): void;
  /** The next transfer breaks after this many bytes. A second call is about the transfer after that. */
  cutTransfer(afterBytes: number): void;
  /** Sees every call before and after its effect; what it throws goes to the caller. */
  intercept(observer: ((call: MemoryCall) => void) | undefined): void;
  /** Number of calls that change a node; without a node, of all nodes. */
  writes(node?: NodeName): number;
  calls(node: NodeName, operation: string): number;
  /** The invariants that were broken. */
  violations(): readonly string[];
  /** Appends as a program on the node would: throws where the dataset is not mounted or read-only. */
  write(node: NodeName, volume: VolumeId, bytes: number): void;
  content(node: NodeName, volume: VolumeId): MemoryContent | undefined;
  /** What a client sees at a port of a node, at its mesh address or another one. */
  connect(node: NodeName, port: PortKey, address?: string): 'accepted' | 'refused' | 'held';
  /** What a program in the container of `from` on the node sees at a name and port. */
  connectByName(node: NodeName, from: AppName, name: string, port: PortKey): ReturnType<typeof connectByName>;
  /** What an observation of the node would find. Not counted as a call. */
  facts(node: NodeName): NodeFacts;
  /** A node's whole state, for tests that act as other programs on it. */
  machine(node: NodeName): MemoryMachine;
  /** Checks the invariants now; every write does that too. */
  check(): void;
}

/** A cluster in memory, for tests and `drover demo`. */
export function createMemoryCluster(seed: MemorySeed): MemoryCluster {
  const world: MemoryWorld = {
    seed,
    clock: seed.clock ?? realClock,
    machines: new Map(),
    faults: [],
    writes: new Map(),
    calls: new Map(),
    violations: [],
    cuts: [],
    counter: 0,
    intercept: undefined,
    passTime: () => {
      fireDeadMen(world);
      runDueRounds(world);
    },
  };
  for (const [name, given] of Object.entries(seed.nodes)) world.machines.set(name, seedMachine(world, name, given));
  const machine = (node: NodeName): MemoryMachine => {
    const found = world.machines.get(node);
    if (found === undefined) throw new Error(`no such memory node "${node}"`);
    return found;
  };
  return {
    ...createSession(world),
    session: () => createSession(world),
    fail: (node, operation, error, times = 1) => {
      world.faults.push({ node, operation, error, left: times });
    },
    disconnect: (node) => disconnect(machine(node)),
    reconnect: (node) => {
      machine(node).connected = true;
    },
    powerOff: (node) => powerOff(machine(node)),
    reboot: (node) => reboot(world, machine(node)),
    sendStandbys: (node) => runRounds(world, machine(node)),
    bootGate: (node) => runBootGate(world, machine(node)),
    elapse: (node) => elapse(world, machine(node)),
    stealLock: (node) => {
      machine(node).lock = undefined;
    },
    crash: (node, app, exit) => crash(world, machine(node), app, exit),
    emit: (node, action, app) => emit(machine(node), action, app),
    cutTransfer: (afterBytes) => {
      world.cuts.push(afterBytes);
    },
    intercept: (observer) => {
      world.intercept = observer;
    },
    writes: (node) =>
      node === undefined ? [...world.writes.values()].reduce((sum, n) => sum + n, 0) : (world.writes.get(node) ?? 0),
    calls: (node, operation) => world.calls.get(`${node} ${operation}`) ?? 0,
    violations: () => world.violations,
    write: (node, volume, bytes) => {
      const dataset = datasetOf(machine(node), volume);
      if (dataset === undefined) throw new Error(`"${node}" has no volume "${volume}"`);
      writeInto(machine(node), dataset, bytes);
    },
    content: (node, volume) => datasetOf(machine(node), volume)?.content,
    connect: (node, port, address) => connectTo(world, machine(node), port, address),
    connectByName: (node, from, name, port) => connectByName(world, machine(node), from, name, port),
    machine,
    check: () => checkInvariants(world),
    facts: (node) => {
      world.passTime();
      return factsOf(world, machine(node));
    },
  };
}

/** One controller: its connections, and the locks that end with them. */
function createSession(world: MemoryWorld): Cluster {
  const locks: SessionLocks = { held: new Set(), last: new Map() };
  const clients = new Map<NodeName, NodeClient>();
  return {
    node: async (name, signal) => {
      checkAborted(signal);
      machineOf(world, name);
      const client = clients.get(name) ?? createClient(world, name, locks);
      clients.set(name, client);
      return client;
    },
    transfer: (request, progress, signal) =>
      memoryTransfer(world, (node) => createFence(node, locks), request, progress, signal),
    close: async () => {
      for (const release of [...locks.held]) release();
    },
  };
}

function createClient(world: MemoryWorld, node: NodeName, locks: SessionLocks): NodeClient {
  const fence = createFence(node, locks);
  return {
    node,
    figures: createMemoryFigures(world, node),
    observe: (signal) =>
      call(world, { node, operation: 'observe', write: false }, signal, (machine) => factsOf(world, machine)),
    containers: createMemoryContainers(world, node, fence),
    imports: createMemoryImports(world, node),
    volumes: { ...createMemoryVolumes(world, node, fence), ...createMemoryCopies(world, node, fence) },
    network: createMemoryNetwork(world, node),
    mutex: createMemoryMutex(world, node, locks),
    deadMan: createMemoryDeadMan(world, node),
    failovers: {
      keep: (receipt, signal) =>
        call(world, { node, operation: 'failovers.keep', write: true }, signal, ({ failovers }) => {
          failovers.unshift(receipt);
          return `/var/lib/drover/failover/${receipt.application}.json`;
        }),
      read: (signal) =>
        call(world, { node, operation: 'failovers.read', write: false }, signal, ({ failovers }) => [...failovers]),
    },
    standbys: createMemoryStandbys(world, node),
    doctor: createMemoryDoctor(world, node),
    prepareSwitch: async () => undefined,
    // No client in memory keeps a connection.
    drain: async () => 0,
    close: async () => {},
  };
}

/** Refuses commands of a session that has taken the node's lock and lost it. */
function createFence(node: NodeName, { last }: SessionLocks): MemoryFence {
  return (machine) => {
    const taken = last.get(node);
    if (taken === undefined || machine.lock === taken) return;
    const message = `cannot change a dataset on "${node}": the lock of the node was lost`;
    throw new AppError('connection-failed', message, { retryable: true });
  };
}

function disconnect(machine: MemoryMachine): void {
  machine.connected = false;
  machine.lock?.lose();
  machine.lock = undefined;
  emit(machine, 'disconnect');
}

function crash(
  world: MemoryWorld,
  machine: MemoryMachine,
  app: AppName,
  exit: { readonly code: number; readonly oomKilled: boolean },
): void {
  const container = ours(machine, app);
  if (container?.state !== 'running') return;
  container.state = 'exited';
  container.exit = exit;
  if (exit.oomKilled) emit(machine, 'oom', app);
  emit(machine, 'die', app);
  if (isRestarted(container, exit.code)) startIfPossible(world, machine, container);
}

/** Docker restarts it at once if its policy says so. Attempts are not counted. */
const isRestarted = ({ spec }: MemoryContainer, code: number): boolean =>
  spec.restartPolicy.name === 'on-failure' ? code !== 0 : spec.restartPolicy.name !== 'never';

function powerOff(machine: MemoryMachine): void {
  disconnect(machine);
  // What was wanted before is decided once: at the moment when the power goes.
  if (machine.isOff) return;
  machine.isOff = true;
  machine.wanted.clear();
  for (const container of machine.containers.values()) {
    if (startsAtBoot(container)) machine.wanted.add(container.name);
    if (container.state === 'running') {
      container.state = 'exited';
      container.exit = { code: 255, oomKilled: false };
    }
    if (container.exit !== undefined) container.exit = { ...container.exit, isBeforeBoot: true };
  }
  for (const dataset of machine.datasets.values()) dataset.mounted = false;
  machine.holds.clear();
}

function reboot(world: MemoryWorld, machine: MemoryMachine): void {
  powerOff(machine);
  // The timers are gone: a recorded dead-man acts as soon as the node is up and its peers have answered.
  elapse(world, machine);
  for (const [app, armed] of machine.armed) machine.armed.set(app, { ...armed, asksFirst: true });
  machine.connected = true;
}

function elapse(world: MemoryWorld, machine: MemoryMachine): void {
  for (const [app, armed] of machine.armed) machine.armed.set(app, { ...armed, dueMs: world.clock.now() });
}

function foreignMountsOf({ foreignMounts }: MemoryMachine): Pick<NodeFacts, 'foreignMounts'> {
  if (foreignMounts.size === 0) return {};
  const found = [...foreignMounts].map(([dataset, container]) => ({
    dataset,
    container,
    pid: 4711,
    process: container,
  }));
  return { foreignMounts: found };
}

function dockerVolumesOf({ docker }: MemoryMachine): Pick<NodeFacts, 'dockerVolumes'> {
  const named = docker.volumes.filter(({ isAnonymous }) => !isAnonymous);
  if (named.length === 0) return {};
  return { dockerVolumes: named.map(({ name, project, key }) => ({ name, ...defined({ project, key }) })) };
}

function factsOf(world: MemoryWorld, machine: MemoryMachine): NodeFacts {
  const ids = [...machine.images.values()].map(({ id }) => id);
  return {
    nodeId: machine.nodeId,
    meshAddress: machine.meshAddress,
    addresses: machine.addresses,
    containers: observedContainers(world, machine),
    volumes: listVolumes(machine),
    ...foreignMountsOf(machine),
    ...dockerVolumesOf(machine),
    network: readTable(world, machine),
    listeners: machine.listeners,
    images: Object.fromEntries([...machine.images].map(([reference, { id }]) => [reference, id])),
    imageVolumes: volumesOf(machine, ids),
    imagePorts: portsOf(machine, ids),
    pool: poolOf(world, machine),
    versions: { docker: '27.5.1', dockerApi: '1.47', zfs: '2.2.7', kernel: '6.12.0', arch: 'x86_64' },
    capabilities: machine.capabilities,
    ...defined({ boot: machine.boot, standby: standbyFacts(world, machine) }),
    roundTripMs: world.seed.roundTripMs ?? 0,
  };
}
