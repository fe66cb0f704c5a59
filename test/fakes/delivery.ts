import type { Cluster, NodeClient } from '../../src/engine/node-client.ts';
import { createMemoryCluster, type MemoryCluster } from '../../src/simulation/memory/cluster.ts';
import type { MemorySeed } from '../../src/simulation/memory/types.ts';
import { createClock, type FakeClock } from './clock.ts';
import { createScene, type Scene, type SceneOptions } from './scene.ts';

/** One call of a controller to a node's datasets or containers, on its way. */
export interface OnItsWay {
  readonly node: string;
  /** `volumes.setProperties`, `containers.start`… */
  readonly operation: string;
  readonly args: readonly unknown[];
  /** Lets it arrive, even if its controller is gone. */
  arrive(): Promise<unknown>;
}

/** Decides about a call; `go` lets it happen now. */
export type Hook = (call: OnItsWay, go: () => Promise<unknown>) => Promise<unknown>;

export interface Controller extends Scene {
  hook: Hook | undefined;
  /** Its connections end, and with them its locks. */
  cutOff(): Promise<void>;
}

/** Several controllers on one cluster in memory, whose calls can be delayed. */
export function createControllers(seed: MemorySeed): {
  readonly cluster: MemoryCluster;
  readonly clock: FakeClock;
  controller(config: SceneOptions['config']): Controller;
} {
  const clock = createClock();
  const cluster = createMemoryCluster({ clock, ...seed });
  return {
    cluster,
    clock,
    controller: (config) => {
      let session: Cluster | undefined;
      const openCluster = (): Cluster => {
        const inner = cluster.session();
        session = inner;
        const node = async (name: string, signal: AbortSignal) =>
          hooked(await inner.node(name, signal), () => made.hook);
        return { ...inner, node };
      };
      const made: Controller = {
        ...createScene({ seed, config, clock, deps: { openCluster } }),
        cluster,
        hook: undefined,
        cutOff: async () => session?.close(),
      };
      return made;
    },
  };
}

const never = new AbortController().signal;
const immediate = new Set(['datasetName', 'logs', 'events']);

function hooked(client: NodeClient, hook: () => Hook | undefined): NodeClient {
  const part = <T extends object>(name: string, target: T): T =>
    new Proxy(target, {
      get(object, key) {
        const value: unknown = Reflect.get(object, key);
        if (typeof value !== 'function' || immediate.has(String(key))) return value;
        return (...args: unknown[]) => {
          const go = (): Promise<unknown> => Reflect.apply(value, object, args);
          const arrive = (): Promise<unknown> => Reflect.apply(value, object, [...args.slice(0, -1), never]);
          return hook()?.({ node: client.node, operation: `${name}.${String(key)}`, args, arrive }, go) ?? go();
        };
      },
    });
  return {
    ...client,
    volumes: part('volumes', client.volumes),
    containers: part('containers', client.containers),
    deadMan: part('deadMan', client.deadMan),
  };
}
