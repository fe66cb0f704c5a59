import type { AppName, Config, NodeName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import type { Cluster, LogLine, LogOptions, NodeClient } from './node-client.ts';
import type { EngineDeps } from './types.ts';

interface LogSource {
  readonly load: EngineDeps['load'];
  readonly clusterOf: (config: Config) => Cluster;
}

/** Reads the log of an application on the node where it runs. Throws where no reachable node has its container. */
export async function* readLogs(
  app: AppName,
  options: LogOptions,
  source: LogSource,
  signal: AbortSignal,
): AsyncIterable<LogLine & { readonly node: NodeName }> {
  const loaded = await source.load();
  if (!loaded.ok) {
    const what = `cannot show the log of "${app}": the files are wrong`;
    throw new AppError('usage', what, { hint: 'correct them, or run: drover validate' });
  }
  const client = await findNodeOf(app, loaded.config, source.clusterOf(loaded.config), signal);
  for await (const line of client.containers.logs(app, options, signal)) yield { ...line, node: client.node };
}

/** The node where the application runs, or else a node with its exited container. */
async function findNodeOf(app: AppName, config: Config, cluster: Cluster, signal: AbortSignal): Promise<NodeClient> {
  const away: string[] = [];
  const found = await Promise.all(
    Object.keys(config.nodes).map(async (node) => {
      try {
        const client = await cluster.node(node, signal);
        const containers = await client.containers.list(signal);
        const container = containers.find((one) => one.managed && one.application === app);
        return container === undefined ? [] : [{ client, isRunning: container.state === 'running' }];
      } catch (error) {
        if (signal.aborted) throw error;
        away.push(node);
        return [];
      }
    }),
  );
  const candidates = found.flat();
  const best = candidates.find(({ isRunning }) => isRunning) ?? candidates[0];
  if (best !== undefined) return best.client;
  const why =
    away.length === 0
      ? 'no node has its container'
      : `no reachable node has its container (${away.join(', ')} cannot be reached)`;
  throw new AppError('docker-failed', `cannot show the log of "${app}": ${why}`);
}
