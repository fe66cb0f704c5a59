import type { NodeName } from '../../src/model/config.ts';
import { createMemoryCluster, type MemoryCluster } from '../../src/simulation/memory/cluster.ts';
import type { MemoryImage } from '../../src/simulation/memory/types.ts';
import { createClock, type FakeClock } from '../fakes/clock.ts';
import { never } from './harness.ts';
import { createWatcher, type Watcher } from './invariants.ts';
import { nodes, type Scenario } from './scenarios.ts';

/** Three nodes in memory, their clock, and a watcher of their invariants. */
export interface World {
  readonly cluster: MemoryCluster;
  readonly clock: FakeClock;
  readonly watcher: Watcher;
  /** Containers that start on these nodes from now on never answer. Returns the function that ends this. */
  breakImages(where: readonly NodeName[], kind: 'ports' | 'health'): () => void;
  /** Lets time pass, in which nodes do what becomes due. */
  spend(ms: number): Promise<void>;
  /** Time stands still while this returns true. Returns the function that ends this. */
  holdTime(isHeld: () => boolean): () => void;
}

type Changeable<T> = { -readonly [K in keyof T]: T[K] };

const references = [
  'pg:1',
  'pg:2',
  'worker:1',
  'es:1',
  'web:1',
  'page:1',
  'cron:1',
  'a:1',
  'b:1',
  'db:1',
  'job:1',
  'pg2:1',
  'store:1',
];

/** A new world for one case. */
export function createWorld(scenario: Scenario): World {
  let isHeld: (() => boolean) | undefined;
  const clock = createClock('auto', () => isHeld?.() ?? false);
  const registry: Record<string, MemoryImage> = Object.fromEntries(references.map((name) => [`acme/${name}`, {}]));
  registry['acme/job:1'] = { exits: { afterMs: 1_000, code: 0 } };
  const cluster = createMemoryCluster({
    clock,
    nodes: Object.fromEntries(nodes.map((node) => [node, { boot: {} }])),
    registry,
    ...(scenario.shared === undefined ? {} : { shared: scenario.shared }),
  });
  return {
    cluster,
    clock,
    watcher: createWatcher(cluster, nodes, scenario),
    breakImages: (where, kind) => {
      const broken: Changeable<MemoryImage>[] = [];
      const breakOne = (image: MemoryImage): MemoryImage => {
        const copy: Changeable<MemoryImage> = { ...image, accepts: false };
        if (kind === 'health') copy.health = { afterMs: 2_000, result: 'unhealthy' };
        broken.push(copy);
        return copy;
      };
      for (const node of where) {
        const { images } = cluster.machine(node);
        for (const [reference, { id, image }] of images) images.set(reference, { id, image: breakOne(image) });
      }
      if (where.length === nodes.length) {
        for (const [reference, image] of Object.entries(registry)) registry[reference] = breakOne(image);
      }
      return () => {
        for (const image of broken) {
          image.accepts = true;
          delete image.health;
        }
      };
    },
    spend: async (ms) => {
      await clock.sleep(ms, never);
      for (const node of nodes) cluster.facts(node);
    },
    holdTime: (held) => {
      isHeld = held;
      return () => {
        isHeld = undefined;
      };
    },
  };
}
