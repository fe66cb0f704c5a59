import type { Config, NodeName } from '../model/config.ts';
import { type AppError, toReport } from '../model/errors.ts';
import type { Invocation } from './invocation.ts';
import { requireHosts } from './node-files.ts';

/** A node that still lists a removed peer, and why it could not be asked to forget it. */
export interface StillListed {
  readonly node: NodeName;
  readonly why: string;
}

export const isAddress = (text: string): boolean => /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$/i.test(text);

/**
 * Takes a removed node's addresses out of what the other nodes know. As long as one of them lists the address, no new
 * volume is created: the node might hold it.
 */
export async function forgetOnOthers(
  invocation: Invocation,
  config: Config,
  removed: NodeName,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<readonly StillListed[]> {
  const hosts = requireHosts(invocation);
  const others = Object.entries(config.nodes).filter(([node]) => node !== removed);
  const failed = others.map(async ([node, settings]): Promise<StillListed[]> => {
    try {
      const host = await hosts.open(node, settings, config.settings, signal);
      try {
        await host.forgetPeers(addresses, signal);
      } finally {
        await host.close();
      }
      return [];
    } catch (error) {
      if (signal.aborted) throw error;
      return [{ node, why: toReport(error as AppError).message }];
    }
  });
  return addresses.length === 0 ? [] : (await Promise.all(failed)).flat();
}
