import { isPublishedAt, portsAt } from '../../model/addresses.ts';
import type { Container, ContainerSpec, ImageDefaults } from '../../model/cluster.ts';
import type { Application, AppName, ExposedPort, NetworkMembership, NodeName } from '../../model/config.ts';
import {
  type ContainerNames,
  defaultNetwork,
  type HeldPort,
  type NamedPort,
  type Resolver,
} from '../../model/name-table.ts';
import { sameItems, sorted } from '../lists.ts';
import type { PlacedApp } from '../placed-app.ts';
import { listenOf, type PlanInput } from '../plan-input.ts';
import { comparePorts, portText } from '../ports.ts';
import { quote } from '../wording.ts';
import { addressOf, assignedMeshPort, resolverOf } from './assigned.ts';
import { learnedPorts, portsNow } from './learned.ts';

const onDefault: readonly NetworkMembership[] = [{ network: defaultNetwork, aliases: [] }];

/** The networks of an application, sorted by name. */
export const networksOf = ({ networks = onDefault, options }: Application): readonly NetworkMembership[] =>
  options?.network_mode === 'none' ? [] : networks;

/** The name server of an application; undefined without names, or if it is on no network. */
export function resolverFor(input: PlanInput, app: Application): Resolver | undefined {
  const networks = networksOf(app).map(({ network }) => network);
  return networks.length === 0 ? undefined : resolverOf(input, networks, dnsOf(app));
}

/** The name servers of its file, which are asked about everything but the names of the deployment. */
function dnsOf({ options }: Application): readonly string[] | undefined {
  const dns = options?.dns;
  const servers = Array.isArray(dns) ? dns.filter((server) => typeof server === 'string') : [];
  return servers.length === 0 ? undefined : servers;
}

/** True for a container in the network of its node: its ports are ports of the node, and Docker publishes none. */
export const isOnHost = ({ options }: Pick<ContainerSpec, 'options'>): boolean => options?.network_mode === 'host';

/**
 * The names of the application's container on a node, if its image exposes these ports; undefined if the node is not set
 * up for names.
 */
export function desiredNames(
  input: PlanInput,
  app: Application,
  node: NodeName,
  exposes: ImageDefaults['exposes'],
): ContainerNames | undefined {
  const facts = input.reachable.get(node);
  if (facts?.network.names === undefined) return undefined;
  const address = addressOf(input, app.name);
  if (address === undefined) return undefined;
  const networks = networksOf(app);
  const resolver = resolverFor(input, app)?.address;
  const hosts = hostsOf(input, app);
  const aliases = sorted([...new Set(networks.flatMap((one) => one.aliases))].filter((name) => name !== app.name));
  const isPlain = networks.length === 1 && networks[0]?.network === defaultNetwork;
  return {
    address,
    mesh: facts.meshAddress,
    ports: networks.length === 0 ? [] : namedPorts(input, app, node, exposes),
    ...(isPlain ? {} : { networks: networks.map(({ network }) => network) }),
    ...(networks.length > 0 && networks.every(({ isInternal }) => isInternal === true) ? { isInternal: true } : {}),
    ...(aliases.length === 0 ? {} : { aliases }),
    ...(resolver === undefined ? {} : { resolver }),
    ...(hosts === undefined ? {} : { hosts }),
  };
}

/** The container ports of an application: those of its file, and those of its image. */
export function containerPorts(app: Application, exposes: ImageDefaults['exposes'] = []): readonly ExposedPort[] {
  const published = app.ports.map(({ internal: port, protocol }) => ({ port, protocol }));
  const all = [...published, ...(app.exposes ?? []), ...exposes];
  const byText = new Map(all.map(({ port, protocol }) => [portText({ port, protocol }), { port, protocol }]));
  return [...byText.values()].sort(comparePorts);
}

function namedPorts(
  input: PlanInput,
  app: Application,
  node: NodeName,
  exposes: ImageDefaults['exposes'],
): NamedPort[] {
  const mesh = input.reachable.get(node)?.meshAddress ?? '';
  const published = portsAt(app.ports, listenOf(input, node)).filter((port) => isPublishedAt(port, mesh));
  const known = containerPorts(app, exposes);
  const named = known.flatMap(({ port, protocol }) => {
    const external = published.find((one) => one.internal === port && one.protocol === protocol)?.external;
    const meshPort = external ?? meshPortOf(input, app.name, app, { port, protocol });
    return meshPort === undefined ? [] : [{ port, protocol, meshPort }];
  });
  const learned = isOnHost(app) ? [] : learnedPorts(input, app.name, known);
  return learned.length === 0 ? named : [...named, ...learned].sort(comparePorts);
}

/** The mesh port of a port without an external one. */
export const meshPortOf = (
  input: PlanInput,
  app: AppName,
  spec: Pick<ContainerSpec, 'options'>,
  key: ExposedPort,
): number | undefined => (isOnHost(spec) ? key.port : assignedMeshPort(input, app, key));

/** Names that only this application has for others, with their addresses. */
function hostsOf(input: PlanInput, { nicknames = {} }: Application): ContainerNames['hosts'] {
  const hosts = Object.entries(nicknames).flatMap(([name, app]) => {
    // An application that runs nowhere has no address for certain.
    const address = input.placement.has(app) ? addressOf(input, app) : undefined;
    return address === undefined ? [] : [[name, address] as const];
  });
  return hosts.length === 0 ? undefined : Object.fromEntries(hosts);
}

/** The ports of a container at its virtual address: what is held while it changes its place. */
export const heldNames = (input: PlanInput, spec: ContainerSpec): HeldPort[] =>
  portsNow(input, spec).map(({ port, protocol }) => ({ address: spec.names?.address ?? '', port, protocol }));

export const heldText = ({ address, ...key }: HeldPort): string =>
  address === undefined ? portText(key) : `${address} ${portText(key)}`;

/** Ports that answer at the mesh port alone; their check asks there. */
export function meshChecks({ names, ports }: Pick<ContainerSpec, 'names' | 'ports'>): NamedPort[] {
  const isExternal = ({ meshPort, protocol }: NamedPort): boolean =>
    ports.some((port) => port.external === meshPort && port.protocol === protocol);
  return (names?.ports ?? []).filter((port) => !isExternal(port));
}

/**
 * How the names of a container differ from the desired ones. A container without names was made by an earlier version, or
 * on a node that was not set up for names: it keeps running, and gets names when it is recreated for another reason.
 */
export function nameDifferences(desired: ContainerSpec, { spec: { names: now } }: Pick<Container, 'spec'>): string[] {
  const { names } = desired;
  if (names === undefined || now === undefined) return [];
  const lists = (spec: ContainerNames): readonly string[] => spec.networks ?? [defaultNetwork];
  return [
    ...(names.address === now.address ? [] : [`its address for names changes from ${now.address} to ${names.address}`]),
    ...(names.mesh === now.mesh ? [] : [`the other nodes reach it at ${names.mesh} in place of ${now.mesh}`]),
    ...(hasPorts(names.ports, now.ports) ? [] : ['its ports for names changed']),
    ...networkDifferences(lists(names), lists(now)),
    ...(names.isInternal === now.isInternal
      ? []
      : [names.isInternal === true ? 'its networks are internal' : 'its networks are not internal any more']),
    ...(names.resolver === now.resolver || !sameItems(lists(names), lists(now)) ? [] : ['its name server changed']),
    ...(sameItems(names.aliases ?? [], now.aliases ?? []) ? [] : ['its other names changed']),
    ...(sameHosts(names.hosts ?? {}, now.hosts ?? {}) ? [] : ['the names of its links changed']),
  ];
}

/** True if a container has these ports. What is learned while it runs is no reason to replace it, nor what it has learned. */
function hasPorts(desired: readonly NamedPort[], now: readonly NamedPort[]): boolean {
  const text = (port: NamedPort): string => `${portText(port)}>${port.meshPort}`;
  const [after, before] = [desired, now].map((all) => all.filter((port) => port.isLearned !== true).map(text));
  const has = new Set(now.map(text));
  return after?.every((port) => has.has(port)) === true && before?.every((port) => after.includes(port)) === true;
}

function networkDifferences(after: readonly string[], before: readonly string[]): string[] {
  return [
    ...after.filter((one) => !before.includes(one)).map((one) => `it joins the network ${quote(one)}`),
    ...before.filter((one) => !after.includes(one)).map((one) => `it leaves the network ${quote(one)}`),
  ];
}

const sameHosts = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  sorted([...Object.keys(a), ...Object.keys(b)]).every((name) => a[name] === b[name]);

/** A container without names on a node that is set up for them, as a note. */
export function nameNotes(input: PlanInput, { app, here, facts }: PlacedApp, starts: boolean): string[] {
  if (here === undefined || starts || here.spec.names !== undefined) return [];
  if (facts?.network.names === undefined || addressOf(input, app.name) === undefined) return [];
  return [`${quote(app.name)} was made without names: it finds the others by name when its container is made again`];
}
