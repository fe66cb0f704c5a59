import type { DeadMan } from '../../engine/node-client.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import { askPeers } from './boot.ts';
import { start } from './containers.ts';
import { ours } from './streams.ts';
import type { MemoryArmed, MemoryMachine } from './types.ts';
import { call, checkInvariants, type MemoryWorld } from './world.ts';

/** A node's dead-man behind the engine's interface. */
export function createMemoryDeadMan(world: MemoryWorld, node: NodeName): DeadMan {
  return {
    arm: (app, volumes, sharers, afterMs, signal) =>
      call(world, { node, operation: 'deadMan.arm', write: true }, signal, (machine) => {
        const container = ours(machine, app);
        if (container === undefined) return;
        const { id, starts } = container;
        const others = sharers.flatMap((other) => {
          const its = ours(machine, other);
          return its === undefined ? [] : [[other, its.id] as const];
        });
        const dueMs = world.clock.now() + afterMs;
        machine.armed.set(app, { id, starts, volumes, sharers: new Map(others), dueMs });
      }),
    disarm: (app, signal) =>
      call(world, { node, operation: 'deadMan.disarm', write: true }, signal, (machine) => {
        machine.armed.delete(app);
      }),
  };
}

/** Dead-men whose time is over act, on nodes without a lock. Like exits, this happens at the next call. */
export function fireDeadMen(world: MemoryWorld): void {
  for (const machine of world.machines.values()) {
    for (const [app, armed] of machine.armed) {
      if (machine.lock !== undefined || world.clock.now() < armed.dueMs) continue;
      const answers = armed.asksFirst === true ? askAll(world, machine, armed) : [];
      if (answers.includes('wait')) continue;
      machine.armed.delete(app);
      if (!answers.includes('taken over')) bringBack(world, machine, app, armed);
      checkInvariants(world);
    }
  }
}

const askAll = (world: MemoryWorld, machine: MemoryMachine, { volumes }: MemoryArmed) =>
  volumes.flatMap((seen) => {
    const dataset = machine.datasets.get(seen.dataset);
    return dataset === undefined ? [] : [askPeers(world, machine, dataset)];
  });

function bringBack(world: MemoryWorld, machine: MemoryMachine, app: AppName, armed: MemoryArmed): void {
  const container = ours(machine, app);
  if (container?.id !== armed.id || container.starts !== armed.starts) return;
  if (container.state !== 'exited') return;
  const own = armed.volumes.flatMap((seen) => {
    const dataset = machine.datasets.get(seen.dataset);
    const { role, owner, epoch = 0 } = dataset?.properties ?? {};
    const isOwn = owner === machine.nodeId && (role === 'owner' || role === 'frozen') && epoch === seen.epoch;
    return dataset !== undefined && isOwn ? [dataset] : [];
  });
  if (own.length < armed.volumes.length) return;
  const shared = new Set(armed.sharers.values());
  const isUsed = [...machine.containers.values()].some(
    (other) =>
      other !== container &&
      !shared.has(other.id) &&
      other.state === 'running' &&
      other.spec.mounts.some(({ volume }) => own.some(({ properties }) => properties.volume === volume)),
  );
  if (isUsed) return;
  for (const dataset of own) {
    const { epoch = 0 } = dataset.properties;
    dataset.properties = { ...dataset.properties, role: 'owner', epoch: epoch + 1 };
    dataset.readonly = false;
    dataset.mounted = true;
    for (const [other, id] of armed.sharers) follow(machine, other, id, dataset.name, epoch);
  }
  try {
    start(world, machine, container);
  } catch {
    // Docker refuses, for example because a port is taken; no caller waits for the answer.
  }
}

/** The dead-man of an application that shares the volume goes on with its next epoch. */
function follow(machine: MemoryMachine, app: AppName, id: string, dataset: string, epoch: number): void {
  const armed = machine.armed.get(app);
  if (armed?.id !== id) return;
  const volumes = armed.volumes.map((one) =>
    one.dataset === dataset && one.epoch === epoch ? { dataset, epoch: epoch + 1 } : one,
  );
  machine.armed.set(app, { ...armed, volumes });
}
