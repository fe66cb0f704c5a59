import { type Container, isActive, type NodeFacts } from '../../model/cluster.ts';
import type { AppName, DeploymentName, ExposedPort, NodeName } from '../../model/config.ts';
import {
  addressNumber,
  addressText,
  applicationPart,
  firstFree,
  type NameRange,
  parseNameRange,
  resolverPart,
} from '../../model/name-range.ts';
import { meshPorts, type NamedPort, type NameEntry, type Resolver } from '../../model/name-table.ts';
import { isDescribedApp } from '../deployment-view.ts';
import { compareText } from '../lists.ts';
import { type PlanInput, perInput } from '../plan-input.ts';
import { portText } from '../ports.ts';

/** The range of virtual addresses; undefined if the files want no names, or if no reachable node is set up for them. */
export const nameRange = perInput((input): NameRange | undefined => {
  const { nameRange: text } = input.config.settings;
  if (text === undefined || ![...input.reachable.values()].some(({ network }) => network.names !== undefined))
    return undefined;
  return parseNameRange(text);
});

/**
 * Virtual address of an application of this deployment. What a node reports wins, so that an address never changes; a
 * new address follows from the names of deployment and application. Undefined without a range, or if none is free.
 */
export function addressOf(input: PlanInput, app: AppName): string | undefined {
  const range = nameRange(input);
  if (range === undefined) return undefined;
  const { byApp, taken } = addresses(input);
  const known = byApp.get(app);
  if (known !== undefined) return addressText(known);
  const own = keyOf(input.config.name, app);
  const found = firstFree(own, applicationPart(range), (address) => !taken.has(address));
  if (found === undefined) return undefined;
  byApp.set(app, found);
  taken.set(found, own);
  return addressText(found);
}

/** Mesh port of a container port that has no external port at the mesh address; undefined if none is free. */
export function assignedMeshPort(input: PlanInput, app: AppName, key: ExposedPort): number | undefined {
  const { byPort, taken } = ports(input);
  const own = `${app} ${portText(key)}`;
  const known = byPort.get(own);
  if (known !== undefined) return known;
  const isFree = (port: number): boolean => !taken.has(portText({ ...key, port }));
  const found = firstFree(`${input.config.name} ${own}`, [meshPorts.first, meshPorts.last], isFree);
  if (found === undefined) return undefined;
  byPort.set(own, found);
  taken.add(portText({ ...key, port: found }));
  return found;
}

/** Virtual address of the name server for these networks; undefined without a range, or if none is free. */
export function resolverOf(
  input: PlanInput,
  networks: readonly string[],
  upstream: readonly string[] | undefined,
): Resolver | undefined {
  const range = nameRange(input);
  if (range === undefined) return undefined;
  const { byKey, taken } = resolvers(input);
  const own = { deployment: input.config.name, networks, ...(upstream === undefined ? {} : { upstream }) };
  const key = resolverKey(own);
  const known = byKey.get(key);
  if (known !== undefined) return known;
  const address = firstFree(key, resolverPart(range), (one) => !taken.has(addressText(one)));
  if (address === undefined) return undefined;
  const made = { ...own, address: addressText(address) };
  byKey.set(key, made);
  taken.add(made.address);
  return made;
}

const keyOf = (deployment: DeploymentName, app: AppName): string => `${deployment} ${app}`;
const resolverKey = ({ deployment, networks, upstream = [] }: Omit<Resolver, 'address'>): string =>
  `${deployment} ${networks.join(',')} ${upstream.join(',')}`;

/** What a node reports of an application: its address and ports, and how far that can be trusted. */
interface Claim {
  readonly address: string;
  readonly ports: readonly NamedPort[];
  /** 0: the container on its node. 1: another one that runs. 2: another one. 3: an entry of a table. */
  readonly rank: 0 | 1 | 2 | 3;
}

interface Claims {
  /** Of this deployment's applications: the most trusted one first, then by name. */
  readonly own: readonly (Claim & { readonly app: AppName })[];
  readonly others: readonly (Claim & { readonly key: string })[];
}

const claims = perInput((input): Claims => {
  const own: (Claim & { app: AppName })[] = [];
  const others: (Claim & { key: string })[] = [];
  const add = (deployment: DeploymentName | undefined, app: AppName, claim: Claim): void => {
    if (isOwn(input, deployment, app)) own.push({ ...claim, app });
    else others.push({ ...claim, key: keyOf(deployment ?? '', app) });
  };
  const isNew = createIsNew();
  for (const [node, facts] of seenNodes(input)) {
    for (const container of facts.containers) {
      const { names } = container.spec;
      const app = container.application ?? container.otherApplication;
      if (names === undefined || app === undefined) continue;
      const rank = rankOf(input, node, app, container);
      // In the view of this deployment, only its own containers have an application.
      const deployment = container.application === undefined ? container.deployment : input.config.name;
      add(deployment, app, { address: names.address, ports: names.ports, rank });
    }
    for (const entry of facts.network.names?.entries ?? []) {
      if (isNew(entry))
        add(entry.deployment, entry.application, { address: entry.address, ports: entry.ports, rank: 3 });
    }
  }
  return { own: own.sort((a, b) => a.rank - b.rank || compareText(a.app, b.app)), others };
});

/**
 * True for an entry with another address or other ports than the earlier ones of its application. Every node has the same
 * entries: what they claim is kept and sorted once, not once for each node.
 */
function createIsNew(): (entry: NameEntry) => boolean {
  const known = new Map<DeploymentName, Map<AppName, NameEntry[]>>();
  return (entry) => {
    const byApp = known.get(entry.deployment) ?? new Map<AppName, NameEntry[]>();
    known.set(entry.deployment, byApp);
    const earlier = byApp.get(entry.application);
    if (earlier === undefined) byApp.set(entry.application, [entry]);
    else if (earlier.some((one) => one.address === entry.address && samePorts(one.ports, entry.ports))) return false;
    else if (earlier.length < mostCompared) earlier.push(entry);
    return true;
  };
}

/** A node may report any number of entries for one application: the later ones are not compared. */
const mostCompared = 8;

const samePorts = (a: readonly NamedPort[], b: readonly NamedPort[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every(({ port, protocol, meshPort }, at) => {
      const other = b[at];
      return port === other?.port && protocol === other.protocol && meshPort === other.meshPort;
    }));

const rankOf = (input: PlanInput, node: NodeName, app: AppName, container: Container): Claim['rank'] =>
  input.placement.get(app) === node ? 0 : isActive(container) ? 1 : 2;

/** True for this deployment, and for the application of another one that this call takes over. */
const isOwn = ({ config }: PlanInput, deployment: DeploymentName | undefined, app: AppName): boolean =>
  deployment === config.name || (deployment === config.takesOver && isDescribedApp(config, app));

/** Reachable nodes first: what they report is true now. */
function seenNodes(input: PlanInput): readonly (readonly [NodeName, NodeFacts])[] {
  const away = [...input.unreachable].flatMap(([node, facts]) => (facts === undefined ? [] : [[node, facts] as const]));
  return [...input.reachable, ...away, ...input.departed];
}

const addresses = perInput((input) => {
  const range = nameRange(input);
  const [first, last] = range === undefined ? [1, 0] : applicationPart(range);
  const byApp = new Map<AppName, number>();
  const taken = new Map<number, string>();
  const valid = ({ address }: Claim): number | undefined => {
    const number = addressNumber(address);
    return number !== undefined && number >= first && number <= last ? number : undefined;
  };
  for (const claim of claims(input).others) {
    const address = valid(claim);
    if (address !== undefined && !taken.has(address)) taken.set(address, claim.key);
  }
  const held = new Map<number, AppName>();
  for (const claim of claims(input).own) {
    const address = valid(claim);
    if (address === undefined || held.has(address) || byApp.has(claim.app)) continue;
    // A container would have to be recreated, an entry of a table would not.
    if (claim.rank === 3 && taken.has(address)) continue;
    byApp.set(claim.app, address);
    held.set(address, claim.app);
  }
  for (const [address, app] of held) taken.set(address, keyOf(input.config.name, app));
  return { byApp, taken };
});

const isMeshPort = (port: number): boolean => port >= meshPorts.first && port <= meshPorts.last;

const ports = perInput((input) => {
  const taken = new Set<string>();
  const take = (key: ExposedPort): void => {
    if (isMeshPort(key.port)) taken.add(portText(key));
  };
  for (const app in input.config.applications)
    for (const { external: port, protocol } of input.config.applications[app]?.ports ?? []) take({ port, protocol });
  for (const [, { containers, listeners, network }] of seenNodes(input)) {
    for (const { spec } of containers) for (const { external: port, protocol } of spec.ports) take({ port, protocol });
    for (const key of [...listeners, ...network.open, ...network.proxies]) take(key);
  }
  for (const { ports: of } of claims(input).others) for (const one of of) take({ ...one, port: one.meshPort });
  const byPort = new Map<string, number>();
  for (const { app, ports: of } of claims(input).own) {
    for (const port of of) {
      const [own, key] = [`${app} ${portText(port)}`, portText({ ...port, port: port.meshPort })];
      if (!isMeshPort(port.meshPort) || byPort.has(own) || taken.has(key)) continue;
      byPort.set(own, port.meshPort);
      taken.add(key);
    }
  }
  return { byPort, taken };
});

const resolvers = perInput((input) => {
  const range = nameRange(input);
  const [first, last] = range === undefined ? [1, 0] : resolverPart(range);
  const byKey = new Map<string, Resolver>();
  const taken = new Set<string>();
  for (const [, { network }] of seenNodes(input)) {
    for (const resolver of network.names?.resolvers ?? []) {
      const number = addressNumber(resolver.address);
      if (number === undefined || number < first || number > last || taken.has(resolver.address)) continue;
      taken.add(resolver.address);
      if (!byKey.has(resolverKey(resolver))) byKey.set(resolverKey(resolver), resolver);
    }
  }
  return { byKey, taken };
});
