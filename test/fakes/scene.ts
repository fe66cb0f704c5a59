import { createEngine } from '../../src/engine/engine.ts';
import type { Cluster } from '../../src/engine/node-client.ts';
import type { Engine, EngineDeps } from '../../src/engine/types.ts';
import type { Application, Config, LoadResult } from '../../src/model/config.ts';
import { isAbort } from '../../src/model/errors.ts';
import type { EngineEvent, MoveReceipt } from '../../src/model/events.ts';
import { createMemoryCluster, type MemoryCluster } from '../../src/simulation/memory/cluster.ts';
import type { MemorySeed } from '../../src/simulation/memory/types.ts';
import { aConfig, aMount, anApplication, tcp } from '../builders.ts';
import { createClock, type FakeClock } from './clock.ts';

/** A memory cluster, an engine on it, and the engine's events. */
export interface Scene {
  readonly clock: FakeClock;
  readonly cluster: MemoryCluster;
  readonly events: EngineEvent[];
  readonly receipts: MoveReceipt[];
  engine: Engine;
  /** Changes what the files describe. */
  setConfig(config: Config): void;
  setLoad(result: LoadResult): void;
  /** A new engine with its own connections, as after the old one was killed. */
  restart(deps?: Partial<EngineDeps>): Promise<Engine>;
}

export interface SceneOptions {
  readonly seed: MemorySeed;
  readonly config: Config;
  readonly clock?: FakeClock;
  readonly deps?: Partial<EngineDeps>;
}

export const signal: AbortSignal = new AbortController().signal;

export function createScene({ seed, config, clock = createClock(), deps = {} }: SceneOptions): Scene {
  const cluster = createMemoryCluster({ clock, ...seed });
  const events: EngineEvent[] = [];
  const receipts: MoveReceipt[] = [];
  let loaded: LoadResult = { ok: true, config };
  let session: Cluster | undefined;
  const make = (more: Partial<EngineDeps> = {}): Engine => {
    const engine = createEngine({
      load: async () => loaded,
      openCluster: () => {
        session = cluster.session();
        return session;
      },
      now: clock.now,
      sleep: clock.sleep,
      random: () => 0.5,
      owner: 'test',
      history: {
        read: async () => receipts,
        append: async (receipt) => {
          receipts.push(receipt);
        },
      },
      ...deps,
      ...more,
    });
    engine.onEvent((event) => events.push(event));
    return engine;
  };
  const scene: Scene = {
    clock,
    cluster,
    events,
    receipts,
    engine: make(),
    setConfig: (next) => {
      loaded = { ok: true, config: next };
    },
    setLoad: (result) => {
      loaded = result;
    },
    restart: async (more) => {
      await session?.close();
      scene.engine = make(more);
      return scene.engine;
    },
  };
  return scene;
}

export const MiB = 1024 * 1024;
export const volumeId = 'ds-pg';

/** `pg` with one volume and port 5432. */
export const pg: Application = anApplication('pg', {
  image: { repository: 'acme/pg', tag: '1' },
  ports: [tcp(5432)],
  volumes: [aMount(volumeId, undefined, '/data')],
});

/** `pg` placed on one of n1, n2 and n3; the revision says where. */
export function pgOn(node: 'n1' | 'n2' | 'n3', overrides: Partial<Config> = {}): Config {
  const deployment = { n1: [], n2: [], n3: [], [node]: ['pg'] };
  return aConfig([pg], deployment, { revision: `on-${node}`, ...overrides });
}

export const threeNodes: MemorySeed = { nodes: { n1: {}, n2: {}, n3: {} } };

/** `pg` runs on n1 and has written; now the files want it on n2. */
export async function movingScene(options: Partial<SceneOptions> = {}): Promise<Scene> {
  const scene = createScene({ seed: threeNodes, config: pgOn('n1'), ...options });
  const first = await scene.engine.converge(signal);
  if (first.result !== 'converged') throw new Error(`cannot set the scene: ${JSON.stringify(first)}`);
  scene.cluster.write('n1', volumeId, 40 * MiB);
  scene.setConfig(pgOn('n2'));
  scene.events.length = 0;
  return scene;
}

/** How many containers of pg run, on which nodes. */
export function runningOn(cluster: MemoryCluster, nodes: readonly string[] = ['n1', 'n2', 'n3']): string[] {
  return nodes.filter((node) =>
    cluster.facts(node).containers.some((one) => one.application === 'pg' && one.state === 'running'),
  );
}

/** A run that is killed after this number of changes of the nodes; a run with fewer changes ends as always. */
export async function convergeKilledAt(scene: Scene, last: number): Promise<void> {
  const killed = new AbortController();
  let writes = 0;
  scene.cluster.intercept(({ write, phase }) => {
    if (write && phase === 'after') writes += 1;
    if (writes >= last) killed.abort(new Error('killed'));
  });
  await scene.engine.converge(killed.signal).catch((error: unknown) => {
    if (!isAbort(error)) throw error;
  });
  scene.cluster.intercept(undefined);
}
