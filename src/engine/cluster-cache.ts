import type { Config } from '../model/config.ts';
import type { Cluster } from './node-client.ts';
import type { EngineDeps } from './types.ts';

/** Keeps one set of connections as long as nodes and settings stay the same. */
export function createClusterCache(
  deps: Pick<EngineDeps, 'openCluster'>,
  onCommand: Parameters<EngineDeps['openCluster']>[1],
) {
  let current: { readonly key: string; readonly cluster: Cluster } | undefined;
  const closed: Promise<void>[] = [];
  return {
    get: (config: Config): Cluster => {
      const key = JSON.stringify([config.nodes, config.settings]);
      if (current?.key === key) return current.cluster;
      if (current !== undefined) closed.push(current.cluster.close().catch(() => undefined));
      current = { key, cluster: deps.openCluster(config, onCommand) };
      return current.cluster;
    },
    close: async (): Promise<void> => {
      await current?.cluster.close();
      current = undefined;
      await Promise.all(closed);
    },
  };
}
