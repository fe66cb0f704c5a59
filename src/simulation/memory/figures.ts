import type { ContainerFigures, NodeFigures } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { usedBytes } from './datasets.ts';
import type { MemoryContainer, MemoryMachine } from './types.ts';
import { call, type MemoryWorld } from './world.ts';

const cores = 4;
const memoryTotalBytes = 16 * 2 ** 30;
/** What a node uses without containers. */
const idlePercent = 2;
const systemBytes = 900 * 2 ** 20;
const wavePeriodMs = 90_000;

/** Made-up figures of a node: the same at the same time, and higher the more containers run. */
export function createMemoryFigures(world: MemoryWorld, node: NodeName) {
  let isFirst = true;
  return async (names: readonly string[], signal: AbortSignal): Promise<NodeFigures> => {
    const begin = world.clock.now();
    const figures = await call(world, { node, operation: 'figures', write: false }, signal, (machine) =>
      figuresOf(world, machine, names),
    );
    const { cpuPercent, ...rest } = figures;
    // As on a real node, the first sample cannot be compared with an earlier one.
    const first = isFirst;
    isFirst = false;
    const now = world.clock.now();
    return { at: now, roundTripMs: now - begin, ...rest, ...(first ? { containers: {} } : { cpuPercent }) };
  };
}

function figuresOf(world: MemoryWorld, machine: MemoryMachine, names: readonly string[]) {
  const now = world.clock.now();
  const running = [...machine.containers.values()].filter(({ state }) => state === 'running');
  const used = new Map(running.map((container) => [container.name, useOf(container, now)]));
  const sum = (pick: (one: ContainerFigures) => number): number =>
    [...used.values()].reduce((total, one) => total + pick(one), 0);
  const cpuPercent = round(Math.min(100, idlePercent + sum((one) => one.cpuPercent) / cores));
  return {
    cores,
    cpuPercent,
    load1: round((cpuPercent * cores) / 100),
    memoryTotalBytes,
    memoryUsedBytes: Math.min(memoryTotalBytes, systemBytes + sum((one) => one.memoryBytes)),
    pool: poolOf(world, machine),
    containers: Object.fromEntries([...used].filter(([name]) => names.includes(name))),
  };
}

/** The pool as it is listed now. */
export function poolOf(world: MemoryWorld, machine: MemoryMachine): NodeFigures['pool'] {
  const used = [...machine.datasets.values()].reduce((sum, dataset) => sum + usedBytes(dataset), 0);
  return {
    name: world.seed.pool ?? 'drover',
    health: 'ONLINE',
    sizeBytes: machine.poolBytes,
    freeBytes: machine.poolBytes - used,
  };
}

/** A wave for each container; its height follows from the name. */
function useOf(container: MemoryContainer, now: number): ContainerFigures {
  const seed = [...container.name].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 9973, 7);
  const wave = (1 + Math.sin((2 * Math.PI * now) / wavePeriodMs + seed)) / 2;
  const writes = container.image.writesBytesPerSecond ?? 0;
  const memoryBytes = (60 + (seed % 700)) * 2 ** 20 + Math.round(wave * 20 * 2 ** 20);
  return {
    cpuPercent: round(1 + (seed % 9) * wave + Math.min(40, writes / 2 ** 20)),
    memoryBytes: Math.min(memoryBytes, container.spec.memoryLimitBytes ?? memoryBytes),
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;
