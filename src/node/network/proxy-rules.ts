import { isIPv6, plainAddress } from '../../model/addresses.ts';
import type { NetworkTable, PortKey, Proxy, ServedPort } from '../../model/cluster.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { HeldPort } from '../../model/name-table.ts';
import { isPort } from '../../model/untrusted.ts';
import { parseDeployment } from '../deployment-record.ts';
import { at, listAt, parseJson, textAt } from '../json.ts';

/** What a node's nft table is rendered from; `mesh` are the addresses at which it serves the ports of other nodes. */
export interface MeshRules {
  readonly mesh: readonly string[];
  readonly proxies: readonly Proxy[];
  readonly open: readonly ServedPort[];
  readonly peers: readonly string[];
}

export const table = 'inet drover';

/** The canonical form of an address, so that equal ones compare equal. Throws `network-failed` for anything else. */
export function canonicalAddress(text: string): string {
  const plain = plainAddress(text);
  if (plain !== undefined) return plain;
  throw new AppError('network-failed', `cannot forward to ${JSON.stringify(text)}: it is not an IP address`, {
    hint: 'give the node an IP address as "mesh"',
  });
}

/**
 * The whole table as nft loads it: created, deleted, created again, which replaces it in one transaction.
 * `open` is checked before the maps, so that a container on this node always wins over a stale forward.
 * nft 1.0.6 needs numbers for priorities and a line end before each brace.
 */
export function renderRules(rules: MeshRules): string {
  const mesh = addresses(rules.mesh);
  const peers = addresses(rules.peers);
  return `table ${table}
delete table ${table}
table ${table} {
${forwards('tcp4', rules.proxies)}${forwards('udp4', rules.proxies)}${forwards('tcp6', rules.proxies)}${forwards('udp6', rules.proxies)}${set('mesh4', 'ipv4_addr', mesh.v4)}${set('mesh6', 'ipv6_addr', mesh.v6)}${set('peer4', 'ipv4_addr', peers.v4)}${set('peer6', 'ipv6_addr', peers.v6)}${set('open', 'inet_proto . inet_service', openPorts(rules.open))}	set hold {
		type inet_proto . inet_service
		flags timeout
	}
	chain mesh {
		meta l4proto . th dport @open return
		meta nfproto ipv4 dnat ip to tcp dport map @tcp4
		meta nfproto ipv4 dnat ip to udp dport map @udp4
		meta nfproto ipv6 dnat ip6 to tcp dport map @tcp6
		meta nfproto ipv6 dnat ip6 to udp dport map @udp6
	}
${holdChain('hold_in', 'prerouting')}${holdChain('hold_out', 'output')}${meshChain('pre', 'prerouting')}${meshChain('out', 'output')}	chain post {
		type nat hook postrouting priority 95; policy accept;
		ct status dnat ip daddr @peer4 masquerade
		ct status dnat ip6 daddr @peer6 masquerade
	}
}
`;
}

function holdChain(name: string, hook: string): string {
  return `	chain ${name} {
		type filter hook ${hook} priority -150; policy accept;
		ip daddr @mesh4 ct state new meta l4proto . th dport @hold drop
		ip6 daddr @mesh6 ct state new meta l4proto . th dport @hold drop
	}
`;
}

/** -105: just before Docker's own -100. */
function meshChain(name: string, hook: string): string {
  return `	chain ${name} {
		type nat hook ${hook} priority -105; policy accept;
		ip daddr @mesh4 jump mesh
		ip6 daddr @mesh6 jump mesh
	}
`;
}

function forwards(name: 'tcp4' | 'udp4' | 'tcp6' | 'udp6', proxies: readonly Proxy[]): string {
  const elements = proxies
    .map((proxy) => ({ ...proxy, port: checkPort(proxy.port), address: canonicalAddress(proxy.address) }))
    .filter((proxy) => `${proxy.protocol}${isIPv6(proxy.address) ? '6' : '4'}` === name)
    .toSorted(byPort)
    .map((proxy) => `${proxy.port}${comment(proxy)} : ${proxy.address} . ${proxy.port}`);
  const type = `inet_service : ipv${name.slice(3)}_addr . inet_service`;
  return block('map', name, type, elements);
}

const set = (name: string, type: string, elements: readonly string[]): string => block('set', name, type, elements);

/** nft does not accept `elements = { }`, so an empty map or set has no such line. */
function block(kind: 'map' | 'set', name: string, type: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? '' : `\t\telements = { ${[...new Set(elements)].join(', ')} }\n`;
  return `\t${kind} ${name} {\n\t\ttype ${type}\n${content}\t}\n`;
}

function openPorts(entries: readonly ServedPort[]): readonly string[] {
  return entries.toSorted(byPort).map((entry) => `${entry.protocol} . ${checkPort(entry.port)}${comment(entry)}`);
}

/** The deployment of an entry as a comment; left out where nft could misread it, which a valid name rules out. */
function comment({ deployment }: ServedPort): string {
  const name = parseDeployment(deployment);
  return name === undefined ? '' : ` comment "${name}"`;
}

function ports(keys: readonly PortKey[]): readonly string[] {
  return keys.toSorted(byPort).map((key) => `${key.protocol} . ${checkPort(key.port)}`);
}

function addresses(list: readonly string[]): { readonly v4: readonly string[]; readonly v6: readonly string[] } {
  const all = [...new Set(list.map(canonicalAddress))].toSorted();
  return { v4: all.filter((address) => !isIPv6(address)), v6: all.filter(isIPv6) };
}

function checkPort(port: number): number {
  if (isPort(port)) return port;
  throw new AppError('network-failed', `cannot forward port ${port}: it is not between 1 and 65535`);
}

/** The order of every list in a table: by port, then protocol. */
export function byPort(a: PortKey, b: PortKey): number {
  return a.port - b.port || (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : 0);
}

/**
 * nft commands that hold these ports for `timeoutMs` from now: add, delete, add. Adding an element that exists changes
 * nothing, not even its timeout, and deleting one that does not exist fails the transaction.
 */
export function renderHolds(keys: readonly PortKey[], timeoutMs: number): string {
  const elements = ports(keys);
  if (elements.length === 0) return '';
  const timed = elements.map((element) => `${element} timeout ${Math.max(1, Math.round(timeoutMs))}ms`);
  return `${renderHoldsEnd(keys)}add element ${table} hold { ${timed.join(', ')} }\n`;
}

/** nft commands that end the holds of these ports, whether they are held or not. */
export function renderHoldsEnd(keys: readonly PortKey[]): string {
  const elements = ports(keys);
  if (elements.length === 0) return '';
  const timed = elements.map((element) => `${element} timeout 1s`);
  return `add element ${table} hold { ${timed.join(', ')} }\ndelete element ${table} hold { ${elements.join(', ')} }\n`;
}

/** A node without the table. */
export const noTable: NetworkTable = { present: false, proxies: [], open: [], peers: [], holds: [] };

/** The output of `nft -j list table inet drover` as data. Throws `network-failed` for anything else. */
export function parseRules(json: string): NetworkTable {
  const elements = readListing(json);
  const maps = ['tcp4', 'tcp6', 'udp4', 'udp6'] as const;
  return {
    present: true,
    proxies: maps
      .flatMap((name) => (elements.get(name) ?? []).flatMap((element) => toProxy(name.startsWith('udp'), element)))
      .toSorted(byPort),
    open: (elements.get('open') ?? []).flatMap(toServed).toSorted(byPort),
    peers: ['peer4', 'peer6']
      .flatMap((name) => (elements.get(name) ?? []).filter(isText).map(canonicalAddress))
      .toSorted(),
    holds: (elements.get('hold') ?? []).flatMap(toPort).toSorted(byPort),
  };
}

/** The addresses at which a node with this listing serves the ports of other nodes. */
export function parseServing(json: string): readonly string[] {
  const elements = readListing(json);
  return ['mesh4', 'mesh6']
    .flatMap((name) => (elements.get(name) ?? []).filter(isText).map(canonicalAddress))
    .toSorted();
}

/** Whether the listing has this set. */
export const hasMark = (json: string, mark: string): boolean => json.trim() !== '' && readListing(json).has(mark);

/** The held ports at virtual addresses in the listing of the table for names; none where there is no such table. */
export function parseNameHolds(json: string): readonly HeldPort[] {
  if (json.trim() === '') return [];
  return (readListing(json).get('hold') ?? [])
    .flatMap((element): HeldPort[] => {
      const [address, ...key] = listAt(at(element, 'elem', 'val') ?? element, 'concat');
      const plain = isText(address) ? plainAddress(address) : undefined;
      return plain === undefined ? [] : toPort({ concat: key }).map((port) => ({ ...port, address: plain }));
    })
    .toSorted((a, b) => byPort(a, b) || ((a.address ?? '') < (b.address ?? '') ? -1 : 1));
}

function readListing(json: string): ReadonlyMap<string, readonly unknown[]> {
  const listing = at(parseJson(json), 'nftables');
  if (!Array.isArray(listing)) throw new AppError('network-failed', 'cannot read the port map: nft printed no listing');
  const elements = new Map<string, readonly unknown[]>();
  for (const item of listing) {
    const holder = at(item, 'map') ?? at(item, 'set');
    const name = textAt(holder, 'name');
    if (name !== undefined) elements.set(name, listAt(holder, 'elem'));
  }
  return elements;
}

/** `[7000, {"concat": ["10.0.0.1", 7000]}]`; the key inside `{"elem": {"val": …, "comment": …}}` where it has one. */
function toProxy(udp: boolean, element: unknown): readonly Proxy[] {
  const [key, target] = Array.isArray(element) ? element : [];
  const port = at(key, 'elem', 'val') ?? key;
  const [address] = listAt(target, 'concat');
  return isPort(port) && isText(address)
    ? [{ port, protocol: udp ? 'udp' : 'tcp', address: canonicalAddress(address), ...deploymentOf(key) }]
    : [];
}

function toServed(element: unknown): readonly ServedPort[] {
  return toPort(element).map((key) => ({ ...key, ...deploymentOf(element) }));
}

function deploymentOf(element: unknown): Pick<ServedPort, 'deployment'> {
  const deployment = parseDeployment(textAt(at(element, 'elem'), 'comment'));
  return defined({ deployment });
}

/** `{"concat": ["tcp", 80]}`, inside `{"elem": {"val": …, "expires": …}}` where the element has a timeout. */
function toPort(element: unknown): readonly PortKey[] {
  const [protocol, port] = listAt(at(element, 'elem', 'val') ?? element, 'concat');
  const known = protocol === 'tcp' || protocol === 'udp';
  return known && isPort(port) ? [{ port, protocol }] : [];
}

const isText = (value: unknown): value is string => typeof value === 'string';
