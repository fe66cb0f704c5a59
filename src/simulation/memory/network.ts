import type { NetworkControl } from '../../engine/node-client.ts';
import type { NetworkTable, PortKey } from '../../model/cluster.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { HeldPort, NameTable } from '../../model/name-table.ts';
import { parseNames, printNames } from '../../node/network/name-files.ts';
import { byPort, canonicalAddress, renderRules } from '../../node/network/proxy-rules.ts';
import { isServed } from './served.ts';
import { ours } from './streams.ts';
import type { MemoryMachine } from './types.ts';
import { call, type MemoryWorld, machineOf, startCall, wait } from './world.ts';

/** How often a node tries its ports. */
const tryEveryMs = 50;

const keyOf = (port: PortKey): string => `${port.protocol}/${port.port}`;
const holdKeyOf = (held: HeldPort): string => `${held.address ?? ''} ${keyOf(held)}`;

/** The table with the holds that have not expired. */
export function readTable(world: MemoryWorld, machine: MemoryMachine): NetworkTable {
  for (const [key, { untilMs }] of machine.holds) if (untilMs <= world.clock.now()) machine.holds.delete(key);
  const holds = [...machine.holds.values()].map(({ port }) => port);
  const ofNames = (held: HeldPort): number => (held.address === undefined ? 0 : 1);
  return { ...machine.table, holds: holds.toSorted((a, b) => ofNames(a) - ofNames(b) || byPort(a, b)) };
}

/** A node's network table behind the engine's interface. */
export function createMemoryNetwork(world: MemoryWorld, node: NodeName): NetworkControl {
  const options = (operation: string, write: boolean) => ({ node, operation: `network.${operation}`, write });
  const drop = (machine: MemoryMachine, ports: readonly HeldPort[]) => {
    for (const port of ports) machine.holds.delete(holdKeyOf(port));
  };
  return {
    read: (signal) => call(world, options('read', false), signal, (machine) => readTable(world, machine)),
    replace: ({ proxies, open, peers, listen, names = undefined }, dropHolds, signal) =>
      call(world, options('replace', true), signal, (machine) => {
        const at = listen?.map(canonicalAddress).toSorted();
        // Throws for what nft would refuse.
        renderRules({ mesh: at ?? [machine.meshAddress], proxies, open, peers });
        const isMesh = at === undefined || at.join() === machine.meshAddress;
        const kept = namesToKeep(node, machine, names);
        machine.table = { present: true, proxies, open, peers, ...kept, ...(isMesh ? {} : { listen: at }) };
        drop(machine, dropHolds);
        return 0;
      }),
    hold: (ports, timeoutMs, signal) =>
      call(world, options('hold', true), signal, (machine) => {
        const untilMs = world.clock.now() + timeoutMs;
        for (const { port, protocol, address } of ports) {
          const held = { port, protocol, ...defined({ address }) };
          machine.holds.set(holdKeyOf(held), { port: held, untilMs });
        }
      }),
    dropHolds: (ports, signal) => call(world, options('dropHolds', true), signal, (machine) => drop(machine, ports)),
    readBootRules: (signal) =>
      call(world, options('readBootRules', false), signal, ({ boot }) => {
        const gone = boot?.gone === undefined ? {} : { gone: boot.gone };
        return { alone: boot?.alone ?? 'wait', peers: boot?.peers ?? [], ...gone };
      }),
    setBootRules: ({ alone, peers, gone = [] }, signal) =>
      call(world, options('setBootRules', true), signal, (machine) => {
        if (machine.boot === undefined)
          throw new AppError('command-failed', `cannot set the boot rules of "${node}": it has no user drover-peer`);
        const { gone: _old, ...rest } = machine.boot;
        machine.boot = { ...rest, alone, peers, ...(gone.length === 0 ? {} : { gone }) };
      }),
    accepts: (port, signal) =>
      call(world, options('accepts', false), signal, (machine) => isServed(world, machine, port, 'tcp')),
    closedPorts: async (ports, waitMs, signal) => {
      if (ports.length === 0) return [];
      await startCall(world, options('closedPorts', false), signal);
      const until = world.clock.now() + waitMs;
      for (;;) {
        const closed = ports.filter((port) => !isServed(world, machineOf(world, node), port, 'tcp'));
        const leftMs = until - world.clock.now();
        if (closed.length === 0 || leftMs <= 0) return closed;
        await wait(world, Math.min(tryEveryMs, leftMs), signal);
      }
    },
  };
}

/** The names of the node after a change to these. Throws what a node throws that cannot have them. */
function namesToKeep(
  node: NodeName,
  { table }: MemoryMachine,
  names: NameTable | undefined,
): Pick<NetworkTable, 'names'> {
  if (names === undefined) return defined({ names: table.names });
  const read = parseNames(printNames(names));
  if (table.names !== undefined && read !== undefined) return { names: read };
  throw new AppError('network-failed', `cannot change the port map of "${node}": there is no dnsmasq`);
}

/** What a client sees now at a port and address of the node. A held connection neither opens nor fails. */
export function connectTo(
  world: MemoryWorld,
  machine: MemoryMachine,
  port: PortKey,
  address = machine.meshAddress,
  hops = 0,
): 'accepted' | 'refused' | 'held' {
  const table = readTable(world, machine);
  const isForwarded = (table.listen ?? [machine.meshAddress]).includes(address);
  if (isForwarded && table.holds.some((held) => holdKeyOf(held) === holdKeyOf(port))) return 'held';
  if (isServed(world, machine, port.port, port.protocol, address)) return 'accepted';
  if (!isForwarded) return 'refused';
  const proxy = table.proxies.find((one) => keyOf(one) === keyOf(port));
  const next = [...world.machines.values()].find((one) => one.meshAddress === proxy?.address);
  if (next === undefined || hops > 2) return 'refused';
  return connectTo(world, next, port, next.meshAddress, hops + 1);
}

/**
 * What a program in the container of an application sees at a name and port. `unknown`: its name server, if it has one,
 * does not know the name.
 */
export function connectByName(
  world: MemoryWorld,
  machine: MemoryMachine,
  from: AppName,
  name: string,
  port: PortKey,
): 'accepted' | 'refused' | 'held' | 'unknown' {
  const table = readTable(world, machine);
  const server = table.names?.resolvers.find(({ address }) => address === ours(machine, from)?.spec.names?.resolver);
  const found = table.names?.entries.find(
    ({ deployment, networks }) =>
      deployment === server?.deployment &&
      networks.some(({ network, names }) => server.networks.includes(network) && names.includes(name)),
  );
  if (found === undefined) return 'unknown';
  const { address, at } = found;
  if (table.holds.some((held) => holdKeyOf(held) === holdKeyOf({ ...port, address }))) return 'held';
  if (at === undefined) return isServed(world, machine, port.port, port.protocol, address) ? 'accepted' : 'refused';
  const meshPort = found.ports.find((one) => one.port === port.port && one.protocol === port.protocol)?.meshPort;
  const next = [...world.machines.values()].find((one) => one.meshAddress === at);
  if (next === undefined || meshPort === undefined) return 'refused';
  return isServed(world, next, meshPort, port.protocol, at) ? 'accepted' : 'refused';
}
