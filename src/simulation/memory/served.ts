import { isPublishedAt } from '../../model/addresses.ts';
import type { MemoryContainer, MemoryMachine } from './types.ts';
import { type MemoryWorld, settleContainer } from './world.ts';

/** True where a running container accepts connections at the port now, and at this address if one is given. */
export function isServed(
  world: MemoryWorld,
  machine: MemoryMachine,
  port: number,
  protocol: string,
  address?: string,
): boolean {
  return [...machine.containers.values()].some((container) => {
    settleContainer(world, container);
    if (!acceptsNow(world, container)) return false;
    if (isLearned(machine, container, { port, protocol }, address)) return true;
    const { ports, names } = container.spec;
    const isNamed = names?.ports.some((one) => {
      if (one.protocol !== protocol) return false;
      // Without an address, the node itself asks: at the mesh port, as for every other port.
      if (one.meshPort === port && (address === undefined || address === names.mesh)) return true;
      return one.port === port && address === names.address;
    });
    if (isNamed === true) return true;
    return ports.some(
      (one) =>
        one.external === port && one.protocol === protocol && (address === undefined || isPublishedAt(one, address)),
    );
  });
}

/** True while its program answers at its ports. */
export function acceptsNow({ clock }: MemoryWorld, { state, startedAtMs, image }: MemoryContainer): boolean {
  if (state !== 'running' || startedAtMs === undefined || image.accepts === false) return false;
  return clock.now() >= startedAtMs + (image.acceptsAfterMs ?? 0);
}

/** True for a port that only the program knows: at its virtual address, and where the node's table leads a mesh port there. */
function isLearned(
  { meshAddress, table }: MemoryMachine,
  { image, spec: { names } }: MemoryContainer,
  { port, protocol }: { readonly port: number; readonly protocol: string },
  address: string | undefined,
): boolean {
  const opens = (inside: number): boolean =>
    image.listens?.some((one) => one.port === inside && one.protocol === protocol) === true;
  if (names === undefined || image.listens === undefined) return false;
  if (address === names.address && opens(port)) return true;
  if (address !== undefined && address !== meshAddress) return false;
  const entry = table.names?.entries.find((one) => one.address === names.address && one.at === undefined);
  return (
    entry?.ports.some(
      (one) => one.isLearned === true && one.meshPort === port && one.protocol === protocol && opens(one.port),
    ) === true
  );
}
