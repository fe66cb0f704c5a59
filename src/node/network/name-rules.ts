import { createHash } from 'node:crypto';
import { isIPv6 } from '../../model/addresses.ts';
import type { NetworkTable, PortKey } from '../../model/cluster.ts';
import { AppError } from '../../model/errors.ts';
import {
  defaultNetwork,
  type HeldPort,
  meshPorts,
  type NamedPort,
  type NameEntry,
  type NameTable,
  type Resolver,
} from '../../model/name-table.ts';
import { isPort } from '../../model/untrusted.ts';

/** The nft table for names, next to the one for ports: a change without names leaves it as it is. */
export const namesTable = 'inet drover_names';

/** Where the name servers listen. Not at 53, which an application may publish at all addresses of the node. */
export const resolverPort = 30_053;

/** A mark in the table that shows which names it was made from: `nft` lists it as a set without elements. */
export const markOf = (json: string): string => `mark_${createHash('sha256').update(json).digest('hex').slice(0, 16)}`;

/** Docker's network of the containers of a deployment that are on exactly these networks, and its bridge. */
export interface DockerNetwork {
  readonly name: string;
  readonly bridge: string;
}

/** The same on every node. An interface has at most 15 characters in its name; `br-` is what Docker's own begin with. */
export function dockerNetwork(
  deployment: string | undefined,
  networks: readonly string[] | undefined,
  isInternal: boolean,
): DockerNetwork {
  const text = JSON.stringify([deployment ?? '', (networks ?? [defaultNetwork]).toSorted()]);
  const id = createHash('sha256').update(text).digest('hex').slice(0, 10);
  return { name: `drover-${id}${isInternal ? '-internal' : ''}`, bridge: `br-d${isInternal ? 'i' : 'v'}${id}` };
}

/** What the table is rendered from. `mesh`: where this node serves the ports of other nodes. */
export interface NameRules extends Pick<NetworkTable, 'proxies' | 'open' | 'peers'> {
  readonly mesh: readonly string[];
  readonly names: NameTable;
  readonly mark: string;
}

/** The set of the held ports, which is there also while the node has no names. */
const holdSet = 'type ipv4_addr . inet_proto . inet_service; flags timeout;';
const declareHolds = `add table ${namesTable}\nadd set ${namesTable} hold { ${holdSet} }\n`;

/**
 * The whole table as nft loads it. The script that loads it adds the map `own`, from virtual addresses to the addresses
 * of this node's containers, which the node itself keeps; and from these and the notes of the text the maps of the ports
 * that were learned, from mesh ports to containers.
 *
 * A container reaches a virtual address only through the bridge of a set of networks that shares one with it; everything
 * else but the node itself reaches none. So neither the other containers nor neighbours that use this node as a router
 * do. Mesh ports that are published for names alone accept the other nodes only, and containers cannot go around their
 * node's rules by opening those ports of another node.
 */
export function renderNames(rules: NameRules): string {
  const { names, peers, mark } = rules;
  const remote = names.entries.flatMap((entry) => (entry.at === undefined || isIPv6(entry.at) ? [] : [entry]));
  const mesh = rules.mesh.filter((address) => !isIPv6(address));
  const elements = { tcp4: forwards(remote, names, 'tcp'), udp4: forwards(remote, names, 'udp') };
  const notes = [
    ...names.ranges.map((one) => `range ${one}`),
    ...names.entries.map(({ address }) => `entry ${address}`),
    ...names.entries.flatMap(learnedNotes),
  ];
  return `${notes.map((note) => `# ${note}\n`).join('')}table ${namesTable}
delete table ${namesTable}
table ${namesTable} {
${block('set', mark, 'ipv4_addr', [])}${block('map', 'tcp4', forwardType, elements.tcp4)}${block('map', 'udp4', forwardType, elements.udp4)}${block('map', 'own', 'ipv4_addr : ipv4_addr', [])}${block('map', 'learned_tcp', learnedType, [])}${block('map', 'learned_udp', learnedType, [])}${block('set', 'ranges', 'ipv4_addr; flags interval', names.ranges)}${block(
  'set',
  'reach',
  'ifname . ipv4_addr',
  names.resolvers.flatMap((one) => reachOf(one, names)),
)}${block('set', 'mesh4', 'ipv4_addr', mesh)}${block(
  'set',
  'peer4',
  'ipv4_addr',
  peers.filter((address) => !isIPv6(address)),
)}${block('set', 'guarded', 'inet_proto . inet_service', guarded(rules))}${block('set', 'remote', 'ipv4_addr . inet_proto . inet_service', remoteMeshPorts(remote, rules))}	set hold {
		${holdSet}
	}
	chain filter_in {
		type filter hook prerouting priority -150; policy accept;
		ip daddr @ranges iifname != "lo" iifname . ip daddr != @reach drop
		ip daddr . meta l4proto . th dport @remote drop
		ip daddr @mesh4 ip saddr != @peer4 meta l4proto . th dport @guarded drop
		ct state new ip daddr . meta l4proto . th dport @hold drop
	}
	chain filter_out {
		type filter hook output priority -150; policy accept;
		ct state new ip daddr . meta l4proto . th dport @hold drop
	}
	chain internal_forward {
		type filter hook forward priority -5; policy accept;
		iifname "br-di*" oifname != "br-di*" ct direction original ct original ip daddr != @ranges drop
	}
	chain internal_in {
		type filter hook input priority -5; policy accept;
		iifname "br-di*" ct direction original ip daddr != @ranges drop
	}
${natChain('pre', 'prerouting')}${natChain('out', 'output')}	chain post {
		type nat hook postrouting priority 95; policy accept;
		ct original ip daddr @ranges ct status dnat oifname "br-dv*" masquerade
		ct original ip daddr @ranges ct status dnat oifname "br-di*" masquerade
		ct original ip daddr @ranges ct status dnat ip daddr @peer4 masquerade
	}
}
`;
}

const forwardType = 'ipv4_addr . inet_service : ipv4_addr . inet_service';
const learnedType = 'inet_service : ipv4_addr . inet_service';

/** `learned ADDRESS PROTOCOL PORT MESH-PORT` of each port of this node's containers that Docker does not publish. */
const learnedNotes = ({ at, address, ports }: NameEntry): string[] =>
  ports.flatMap(({ port, protocol, meshPort, isLearned }) =>
    at === undefined && isLearned === true
      ? [`learned ${address} ${protocol} ${checkPort(port)} ${checkPort(meshPort)}`]
      : [],
  );

/** -105: just before Docker's own -100, which a port that is published at all addresses would lead elsewhere. */
function natChain(name: string, hook: string): string {
  return `	chain ${name} {
		type nat hook ${hook} priority -105; policy accept;
		meta l4proto tcp dnat ip to ip daddr . tcp dport map @tcp4
		meta l4proto udp dnat ip to ip daddr . udp dport map @udp4
		dnat ip to ip daddr map @own
		meta l4proto tcp ip daddr @mesh4 dnat ip to tcp dport map @learned_tcp
		meta l4proto udp ip daddr @mesh4 dnat ip to udp dport map @learned_udp
	}
`;
}

function forwards(remote: readonly NameEntry[], { resolvers }: NameTable, protocol: 'tcp' | 'udp'): string[] {
  return [
    ...resolvers.map(({ address }) => `${address} . 53 : ${address} . ${resolverPort}`),
    ...remote.flatMap(({ address, at = '', ports }) =>
      ports
        .filter((one) => one.protocol === protocol)
        .map(({ port, meshPort }) => `${address} . ${checkPort(port)} : ${at} . ${checkPort(meshPort)}`),
    ),
  ];
}

/** The bridges of a resolver's containers with every address that they reach. */
function reachOf(resolver: Resolver, { entries }: NameTable): string[] {
  const { deployment, networks, address } = resolver;
  const bridges = [false, true].map((isInternal) => dockerNetwork(deployment, networks, isInternal).bridge);
  const addresses = [address, ...entries.filter((entry) => isReached(entry, resolver)).map((entry) => entry.address)];
  return bridges.flatMap((bridge) => addresses.map((one) => `"${bridge}" . ${one}`));
}

/** They share a network. */
export const isReached = (entry: NameEntry, { deployment, networks }: Resolver): boolean =>
  entry.deployment === deployment && entry.networks.some(({ network }) => networks.includes(network));

const has = (list: readonly PortKey[], port: number, protocol: string): boolean =>
  list.some((one) => one.port === port && one.protocol === protocol);

/** False for a port of a container in the network of its node, which is open anyway. */
const isAssigned = ({ meshPort }: NamedPort): boolean => meshPort >= meshPorts.first && meshPort <= meshPorts.last;

/** Mesh ports of this node's containers that are not external ports as well. */
function guarded({ names, open }: NameRules): string[] {
  const own = names.entries.filter(({ at }) => at === undefined).flatMap(({ ports }) => ports);
  return own
    .filter((port) => isAssigned(port) && !has(open, port.meshPort, port.protocol))
    .map(({ meshPort, protocol }) => `${protocol} . ${checkPort(meshPort)}`);
}

function remoteMeshPorts(remote: readonly NameEntry[], { proxies }: NameRules): string[] {
  return remote.flatMap(({ at, ports }) =>
    ports
      .filter((port) => isAssigned(port) && !has(proxies, port.meshPort, port.protocol))
      .map(({ meshPort, protocol }) => `${at} . ${protocol} . ${checkPort(meshPort)}`),
  );
}

/** nft does not accept `elements = { }`, so an empty map or set has no such line. */
function block(kind: 'map' | 'set', name: string, type: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? '' : `\t\telements = { ${[...new Set(elements)].join(', ')} }\n`;
  const lines = `type ${type}`
    .split('; ')
    .map((line) => `\t\t${line}\n`)
    .join('');
  return `\t${kind} ${name} {\n${lines}${content}\t}\n`;
}

function checkPort(port: number): number {
  if (isPort(port)) return port;
  throw new AppError('network-failed', `cannot forward port ${port}: it is not between 1 and 65535`);
}

const holdElements = (keys: readonly HeldPort[]): readonly string[] =>
  keys.flatMap(({ address, port, protocol }) =>
    address === undefined ? [] : [`${address} . ${protocol} . ${checkPort(port)}`],
  );

/** As `renderHolds`, for the ports at virtual addresses; nothing where there are none. */
export function renderNameHolds(keys: readonly HeldPort[], timeoutMs: number): string {
  const elements = holdElements(keys);
  if (elements.length === 0) return '';
  const timed = elements.map((element) => `${element} timeout ${Math.max(1, Math.round(timeoutMs))}ms`);
  return `${renderNameHoldsEnd(keys)}add element ${namesTable} hold { ${timed.join(', ')} }\n`;
}

/** As `renderHoldsEnd`, for the ports at virtual addresses. */
export function renderNameHoldsEnd(keys: readonly HeldPort[]): string {
  const elements = holdElements(keys);
  if (elements.length === 0) return '';
  const timed = elements.map((element) => `${element} timeout 1s`);
  return `${declareHolds}add element ${namesTable} hold { ${timed.join(', ')} }
delete element ${namesTable} hold { ${elements.join(', ')} }
`;
}
