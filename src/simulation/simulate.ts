import { setTimeout as sleep } from 'node:timers/promises';
import { createEngine } from '../engine/engine.ts';
import type { Engine, EngineDeps } from '../engine/types.ts';
import type { Config } from '../model/config.ts';
import type { MoveReceipt } from '../model/events.ts';
import { createMemoryFiles, type MemoryFiles } from './files.ts';
import { createMemoryCluster, type MemoryCluster } from './memory/cluster.ts';
import type { MemoryImage } from './memory/types.ts';
import type { Scene } from './scene.ts';
import { seedOf } from './seed.ts';

/** A scene that runs: its files, its nodes, and engines on them. */
export interface Simulated {
  readonly files: MemoryFiles;
  /** What the files describe at the beginning. */
  readonly config: Config;
  readonly cluster: MemoryCluster;
  readonly openEngine: (
    options: Pick<EngineDeps, 'asks' | 'allowsRemoval' | 'policy' | 'isReadOnly' | 'verb'>,
  ) => Engine;
}

/** Runs a scene in memory; nothing outside of this process is touched. `isFast`: calls and transfers take no time. */
export function simulate(scene: Scene, isFast: boolean): Simulated {
  const files = createMemoryFiles(scene);
  const loaded = files.load();
  if (!loaded.ok) {
    const why = loaded.problems.map(({ message }) => message).join('; ');
    throw new Error(`the files of the simulation are wrong: ${why}`);
  }
  const { config } = loaded;
  const cluster = createMemoryCluster(seedOf(isFast ? withoutDelays(scene) : scene, config, Date.now()));
  const receipts: MoveReceipt[] = [];
  return {
    files,
    config,
    cluster,
    openEngine: (options) =>
      createEngine({
        load: async () => files.load(),
        openCluster: (_config, onCommand) => {
          cluster.intercept(({ node, operation, write, phase }) => {
            if (write && phase === 'before') onCommand(node, `simulated: ${operation.replace('.', ' ')}`);
          });
          return cluster.session();
        },
        watchFiles: files.watch,
        now: Date.now,
        random: Math.random,
        sleep: (ms, signal) => sleep(ms, undefined, { signal }),
        owner: 'drover demo',
        history: { read: async () => receipts, append: async (receipt) => void receipts.push(receipt) },
        probe: async (node, port) => cluster.connect(node, { port, protocol: 'tcp' }),
        ...options,
      }),
  };
}

function withoutDelays(scene: Scene): Scene {
  const images = Object.entries(scene.images).map(([name, image]): [string, MemoryImage] => {
    const health = image.health && { health: { ...image.health, afterMs: 0 } };
    return [name, { ...image, ...health, acceptsAfterMs: 0, stopsAfterMs: 0 }];
  });
  return { ...scene, images: Object.fromEntries(images), roundTripMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };
}
