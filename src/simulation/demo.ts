import { setTimeout as sleep } from 'node:timers/promises';
import type { Simulation, World } from '../cli/world.ts';
import { loadConfig } from '../config/load.ts';
import { createEngine } from '../engine/engine.ts';
import type { LoadResult } from '../model/config.ts';
import { nodeOf } from '../model/config.ts';
import { createMemoryCluster } from './memory/cluster.ts';
import type { MemoryImage, MemorySeed } from './memory/types.ts';

// The second place, beside main.ts, where everything is put together: the same engine on nodes that are not there.
// Texts and not files, so that it works from an installed package, in any folder.

/** tutorials/mongodb/3-data-moves/application.yml. */
const application = `version: 1
name: mongodb
applications:
  mongodb-volume-example:
    image: mongo:7
    ports:
      - internal: 27017
        external: 27017
    volume:
      # Whatever the database writes here lies on a ZFS dataset and moves with it.
      mountpoint: /data/db
`;

/** tutorials/mongodb/3-data-moves/deployment.yml. */
const deployment = `version: 1
nodes:
  172.16.255.250: [mongodb-volume-example] # node1
  172.16.255.251: [] # node2
`;

const inventory = `version: 1
nodes:
  172.16.255.250: { name: node1 }
  172.16.255.251: { name: node2 }
`;

const [app, volumePath] = ['mongodb-volume-example', '/data/db'] as const;
const [node1, node2] = ['172.16.255.250', '172.16.255.251'] as const;
const MiB = 2 ** 20;

/** The paces a person can follow, as on a good local network; without them everything happens at once. */
const humane = { roundTripMs: 18, bytesPerSecond: 90 * MiB } as const;
const image: MemoryImage = { sizeBytes: 180 * MiB, content: { [volumePath]: 12 * MiB } };
/** A database that is written to all the time, so that a move has something to catch up with. */
const busy: MemoryImage = { ...image, acceptsAfterMs: 250, stopsAfterMs: 150, writesBytesPerSecond: 5 * MiB };

function seedOf(fast: boolean): MemorySeed {
  return {
    nodes: { [node1]: { meshAddress: node1 }, [node2]: { meshAddress: node2 } },
    registry: { 'mongo:7': fast ? image : busy },
    ...(fast ? {} : humane),
  };
}

/** Two nodes and three files in memory. `fast`: without any waiting. */
export function createSimulation(outside: World, fast: boolean): Simulation {
  const cluster = createMemoryCluster(seedOf(fast));
  const texts = new Map([
    ['application.yml', application],
    ['deployment.yml', deployment],
    ['drover.yml', inventory],
  ]);
  const sourceOf = (path: string) => ({ path, text: texts.get(path) });
  const load = (): LoadResult =>
    loadConfig({
      application: sourceOf('application.yml'),
      deployment: sourceOf('deployment.yml'),
      drover: [sourceOf('drover.yml')],
    });
  const world: World = {
    ...outside,
    journal: undefined,
    places: undefined,
    env: {},
    readText: async (path) => texts.get(path) ?? '',
    replaceText: async (path, text) => void texts.set(path, text),
    findFiles: async () => ({
      application: 'application.yml',
      deployment: 'deployment.yml',
      inventory: 'drover.yml',
      problems: [],
    }),
    labInventory: async () => undefined,
    vagrantInventory: undefined,
    readConfig: async () => load(),
    openEngine: async () =>
      createEngine({
        load: async () => load(),
        openCluster: () => cluster.session(),
        now: Date.now,
        random: Math.random,
        sleep: (ms, signal) => sleep(ms, undefined, { signal }),
        owner: 'drover demo',
        probe: async (node, port) => cluster.connect(node, { port, protocol: 'tcp' }),
      }),
  };
  return {
    world,
    application: app,
    moveTo: node2,
    writtenBytes: 160 * MiB,
    write(bytes) {
      const loaded = load();
      const volume = loaded.ok ? loaded.config.applications[app]?.volumes[0]?.id : undefined;
      const node = loaded.ok ? nodeOf(loaded.config, app) : undefined;
      if (volume === undefined || node === undefined) throw new Error('the files of the simulation are wrong');
      cluster.write(node, volume, bytes);
    },
    pause: (ms, signal) => (fast ? Promise.resolve() : sleep(ms, undefined, { signal })),
  };
}
