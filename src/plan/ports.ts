import type { PortKey } from '../model/cluster.ts';
import type { Application } from '../model/config.ts';
import { compareText } from './lists.ts';

export function portText(key: PortKey): string {
  return `${key.port}/${key.protocol}`;
}

/** Order by port, then protocol. */
export const comparePorts = (a: PortKey, b: PortKey): number => a.port - b.port || compareText(a.protocol, b.protocol);

/** Sorted by port, then protocol, each once. */
export function uniquePorts(keys: readonly PortKey[]): PortKey[] {
  if (keys.length < 2) return keys.map(({ port, protocol }) => ({ port, protocol }));
  const byText = new Map(keys.map((key) => [portText(key), { port: key.port, protocol: key.protocol }]));
  return [...byText.values()].sort(comparePorts);
}

/** The external ports of an application or of a container's spec. */
export function externalPorts(spec: Pick<Application, 'ports'>): PortKey[] {
  return uniquePorts(spec.ports.map((port) => ({ port: port.external, protocol: port.protocol })));
}

export function sharePort(a: readonly PortKey[], b: readonly PortKey[]): PortKey | undefined {
  const others = new Set(b.map(portText));
  return a.find((key) => others.has(portText(key)));
}
