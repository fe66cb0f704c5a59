import { dockerListBytes } from '../../model/limits.ts';
import { isAddress, isPort } from '../../model/untrusted.ts';
import { entriesAt, listAt, numberAt, textAt } from '../json.ts';
import type { DockerApi } from './api.ts';

/** A container's own address, and a port there. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** The targets of these published TCP ports; fewer where a running container has no address of its own. */
export async function findTargets(
  api: DockerApi,
  ports: readonly number[],
  signal: AbortSignal,
): Promise<readonly Target[]> {
  const listed = await api.json(
    {
      what: 'list the containers',
      method: 'GET',
      path: '/containers/json',
      query: { filters: { publish: ports.map((port) => `${port}/tcp`) } },
      limitBytes: dockerListBytes,
    },
    signal,
  );
  return ports.flatMap((port) => targetIn(listed, port) ?? []);
}

/** The target of one port in Docker's list of containers. */
export function targetIn(listed: unknown, port: number): Target | undefined {
  for (const container of Array.isArray(listed) ? listed : []) {
    const published = listAt(container, 'Ports').find(
      (one) => textAt(one, 'Type') === 'tcp' && numberAt(one, 'PublicPort') === port,
    );
    const inside = numberAt(published, 'PrivatePort');
    const address = entriesAt(container, 'NetworkSettings', 'Networks')
      .map(([, network]) => textAt(network, 'IPAddress'))
      .find(isAddress);
    if (address !== undefined && isPort(inside)) return { address, port: inside };
  }
  return undefined;
}
