import { plainAddress } from '../../model/addresses.ts';
import type { ContainerSpec } from '../../model/cluster.ts';
import type { Protocol } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { ContainerNames, NamedPort } from '../../model/name-table.ts';
import { containerName } from '../../model/names.ts';
import { isPort } from '../../model/untrusted.ts';
import { at, entriesAt, listAt, numberAt, parseJson, textAt, textsAt } from '../json.ts';
import type { NetworkPlace } from './name-network.ts';

/** JSON of `ContainerNames`, with the mesh ports that are published for names alone: Docker knows only bindings. */
const namesLabel = 'drover.names';

/** By `80/tcp`: where Docker publishes a port of the container. */
export type Bindings = Record<string, { readonly HostIp?: string; readonly HostPort: string }[]>;

/** Adds what is published for the names of the container. */
export function addNameBindings(bindings: Bindings, { names, ports }: Pick<ContainerSpec, 'names' | 'ports'>): void {
  if (names === undefined) return;
  for (const port of names.ports) {
    if (!isForNames(port, ports)) continue;
    const key = `${port.port}/${port.protocol}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp: names.mesh, HostPort: String(port.meshPort) }];
  }
}

/** False where the mesh port is an external port of the application, which Docker publishes anyway. */
const isForNames = ({ meshPort, protocol }: NamedPort, ports: ContainerSpec['ports']): boolean =>
  !ports.some((port) => port.external === meshPort && port.protocol === protocol);

export function namesToLabel({ names, ports }: Pick<ContainerSpec, 'names' | 'ports'>): Record<string, string> {
  if (names === undefined) return {};
  const own = names.ports.filter((port) => isForNames(port, ports)).map(meshText);
  return { [namesLabel]: JSON.stringify({ ...names, own }) };
}

const meshText = ({ meshPort, protocol }: NamedPort): string => `${meshPort}/${protocol}`;

/**
 * The host settings for names: the name server and the network. On such a network Docker puts its own name server in
 * front and sets `ndots:0` in the container. If the create call sets that option too, Docker (26) no longer passes names
 * without dots to the name server given here.
 */
export function hostBody(names: ContainerNames | undefined, place?: NetworkPlace): Readonly<Record<string, unknown>> {
  const hosts = hostLines(names);
  return {
    ...(names?.resolver === undefined ? {} : { Dns: [names.resolver] }),
    ...(hosts.length === 0 ? {} : { ExtraHosts: hosts }),
    ...(place === undefined ? {} : { NetworkMode: place.network }),
  };
}

/** The settings that put a container on its network, at this address; there its own names lead to itself. */
export function networkBody(spec: ContainerSpec, place: NetworkPlace | undefined): Readonly<Record<string, unknown>> {
  if (place === undefined) return {};
  const { network, address } = place;
  const names = [spec.application, ...(spec.names?.aliases ?? [])];
  const Links = names.map((name) => `${containerName(spec.application)}:${name}`);
  return { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address }, Links } } };
}

/** `name:address` of the names that only this container has, as Docker's `ExtraHosts`. */
export const hostLines = (names: ContainerNames | undefined): readonly string[] =>
  Object.entries(names?.hosts ?? {}).map(([name, address]) => `${name}:${address}`);

/** The names of a container, and which of its bindings are for names alone, as `HostIp HostPort/protocol`. */
export interface ReadNames {
  readonly names?: ContainerNames;
  readonly bindings: ReadonlySet<string>;
}

/** A label that is not drover's own text counts as none: the bindings then count as ports, and differ. */
export function readNames(inspected: unknown): ReadNames {
  const text = textAt(inspected, 'Config', 'Labels', namesLabel);
  const label = text === undefined ? undefined : parseJson(text);
  const [address, mesh] = [plainIn(label, 'address'), plainIn(label, 'mesh')];
  if (address === undefined || mesh === undefined) return { bindings: new Set() };
  const ports = listAt(label, 'ports').flatMap(readPort);
  const networks = Array.isArray(at(label, 'networks')) ? textsAt(label, 'networks') : undefined;
  const aliases = textsAt(label, 'aliases');
  const hosts = Object.fromEntries(
    entriesAt(label, 'hosts').flatMap(([name, to]) => (typeof to === 'string' ? [[name, to]] : [])),
  );
  const names: ContainerNames = {
    address,
    mesh,
    ports,
    ...defined({ networks, resolver: plainIn(label, 'resolver') }),
    ...(at(label, 'isInternal') === true ? { isInternal: true } : {}),
    ...(aliases.length === 0 ? {} : { aliases }),
    ...(Object.keys(hosts).length === 0 ? {} : { hosts }),
  };
  const own = textsAt(label, 'own').map((place) => `${mesh} ${place}`);
  return { names, bindings: new Set(own) };
}

function plainIn(label: unknown, key: string): string | undefined {
  const text = textAt(label, key);
  return text === undefined ? undefined : plainAddress(text);
}

function readPort(value: unknown): NamedPort[] {
  const [port, meshPort, protocol] = [numberAt(value, 'port'), numberAt(value, 'meshPort'), textAt(value, 'protocol')];
  const isKnown = protocol === 'tcp' || protocol === 'udp';
  if (!isPort(port) || !isPort(meshPort) || !isKnown) return [];
  const learned = at(value, 'isLearned') === true ? { isLearned: true as const } : {};
  return [{ port, protocol: protocol as Protocol, meshPort, ...learned }];
}
