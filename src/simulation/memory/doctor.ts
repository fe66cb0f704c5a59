import type { NodeDoctor } from '../../engine/node-client.ts';
import { isLoopback } from '../../model/addresses.ts';
import type { NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { ConnectAnswer, ConnectTarget, ProvisionStep, SystemReading } from '../../model/examination.ts';
import { connectTo } from './network.ts';
import type { MemoryMachine } from './types.ts';
import { call, type MemoryWorld } from './world.ts';

const wellProvisioned: readonly ProvisionStep[] = ['packages', 'files', 'boot services', 'docker'].map((step) => ({
  state: 'done',
  step,
}));
const mountpoint = '/var/lib/drover/volumes';

/** A node's examination: healthy, except for the ailments of its seed and its current state. */
export function createMemoryDoctor(world: MemoryWorld, node: NodeName): NodeDoctor {
  const ask = <T>(what: string, signal: AbortSignal, effect: (machine: MemoryMachine) => T): Promise<T> =>
    call(world, { node, operation: `doctor.${what}`, write: false }, signal, effect);
  const machine = world.machines.get(node);
  return {
    isRoot: true,
    sshPlaces: machine === undefined ? [] : [{ address: machine.meshAddress, port: 22 }],
    sessions: (asked, signal) =>
      ask('sessions', signal, ({ ailments }) => Math.min(asked, ailments.maximumSessions ?? asked)),
    clock: (signal) => ask('clock', signal, ({ ailments }) => world.clock.now() + (ailments.clockOffsetMs ?? 0)),
    system: (signal) => ask('system', signal, (it) => ({ ...systemOf(world, it), ...it.ailments.system })),
    provision: (_script, signal) => ask('provision', signal, ({ ailments }) => ailments.provision ?? wellProvisioned),
    connect: (targets, signal) =>
      ask('connect', signal, (from) => targets.map((target) => answer(world, from, target))),
  };
}

function answer(world: MemoryWorld, from: MemoryMachine, target: ConnectTarget): ConnectAnswer {
  const to = [...world.machines.values()].find(({ meshAddress }) => meshAddress === target.address);
  if (to === undefined || !to.connected) return { ...target, result: 'silent' };
  if (target.port === 22) return { ...target, result: 'accepted', said: 'SSH-2.0-memory' };
  if (to !== from && to.ailments.drops === true) return { ...target, result: 'silent' };
  const seen = connectTo(world, to, { port: target.port, protocol: 'tcp' });
  return { ...target, result: seen === 'held' ? 'silent' : seen };
}

function systemOf(world: MemoryWorld, machine: MemoryMachine): SystemReading {
  const datasets = [...machine.datasets.values()];
  return {
    nowMs: world.clock.now() + (machine.ailments.clockOffsetMs ?? 0),
    forwards: { ipv4: true, ipv6: true },
    firewall: { services: [], accepted: machine.table.peers, drops: [] },
    names: {
      servers: (machine.table.names?.resolvers ?? []).map(({ address }) => ({ address, runs: true, answers: true })),
      routes: machine.addresses
        .filter(({ address }) => !isLoopback(address) && !address.includes(':'))
        .map((one) => ({ network: one.address, interface: one.interface })),
    },
    zfs: { userland: '2.2.7-1', module: '2.2.7-1' },
    docker: { api: '1.47', minApi: '1.24', fit: 'well' },
    timeKeepers: ['chrony'],
    snapshotters: [],
    pool: { health: 'ONLINE', capacity: 1, fragmentation: 0, errors: 'No known data errors' },
    datasets: datasets.map(({ name, properties, ...dataset }) => ({
      name,
      ...defined({ role: properties.role, application: properties.application }),
      readonly: dataset.readonly,
      mounted: dataset.mounted,
      canmount: 'noauto',
      mountpoint: { value: `${mountpoint}/${name.slice(name.lastIndexOf('/') + 1)}`, source: 'inherited' },
      autoSnapshot: 'false',
      hasResumeToken: dataset.partial !== undefined,
      createdAt: dataset.createdAtMs,
      bookmarks: dataset.bookmarks.length,
    })),
    snapshots: datasets.flatMap(({ name, snapshots }) =>
      snapshots.map((one) => ({ dataset: name, name: one.name, createdAt: one.createdAtMs, holds: [...one.holds] })),
    ),
  };
}
