import { setTimeout as sleep } from 'node:timers/promises';
import type { Simulation, World } from '../cli/world.ts';
import { nodeOf } from '../model/config.ts';
import { fileNames } from './files.ts';
import { sampleScene } from './sample.ts';
import { simulate } from './simulate.ts';

/** The application that moves in the demo, and the node that it moves to. */
const [app, moveTo] = ['wiki', 'node2'] as const;
const writtenBytes = 160 * 2 ** 20;

/** The sample for the command line. `fast`: without delays. */
export function createSimulation(outside: World, fast: boolean): Simulation {
  const { files, cluster, openEngine } = simulate(sampleScene, fast);
  const world: World = {
    ...outside,
    journal: undefined,
    places: undefined,
    hosts: undefined,
    env: {},
    readText: async (path) => files.read(path),
    replaceText: async (path, text) => files.write(path, text),
    findFiles: async () => ({ ...fileNames, problems: [] }),
    labInventory: async () => undefined,
    vagrantInventory: undefined,
    readConfig: async () => files.load(),
    openEngine: async (_files, { asks = false, allowsRemoval = false } = {}) => openEngine({ asks, allowsRemoval }),
  };
  return {
    world,
    application: app,
    moveTo,
    writtenBytes,
    write(bytes) {
      const loaded = files.load();
      const volume = loaded.ok ? loaded.config.applications[app]?.volumes[0]?.id : undefined;
      const node = loaded.ok ? nodeOf(loaded.config, app) : undefined;
      if (volume === undefined || node === undefined) throw new Error('the files of the simulation are wrong');
      cluster.write(node, volume, bytes);
    },
    pause: (ms, signal) => (fast ? Promise.resolve() : sleep(ms, undefined, { signal })),
  };
}
