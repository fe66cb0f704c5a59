import type { NodeAddress, NodeFacts } from './cluster.ts';
import type { Config, NodeName, PortMapping } from './config.ts';

/** An IP address in its short form (RFC 5952), so that equal addresses are equal texts; undefined for other texts. */
export function plainAddress(text: string): string | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    return text.split('.').every((part) => Number(part) <= 255) ? text : undefined;
  }
  // The URL parser knows the short form.
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(':') || !URL.canParse(`http://[${text}]`)) return undefined;
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

export const isIPv6 = (address: string): boolean => address.includes(':');

/** True for an address that stands for all addresses of its family. */
export const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** True for an address that only processes of the node itself can reach. */
export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

/** The word in `listen` for the address at which the other nodes reach a node. */
export const meshWord = 'mesh';

/**
 * The addresses of a node that its `listen` selects, sorted; undefined if the files have no `listen`, which means all
 * addresses. A network or an interface never selects addresses that come and go: link-local and temporary addresses,
 * and those of Docker's own bridges.
 */
export function listenAddresses(config: Config, node: NodeName, facts: NodeFacts): readonly string[] | undefined {
  const listen = config.nodes[node]?.listen ?? config.settings.listen;
  if (listen === undefined) return undefined;
  const own = facts.addresses ?? [];
  const found = listen.flatMap((word) => {
    if (word === meshWord) return [facts.meshAddress];
    const address = plainAddress(word);
    if (address !== undefined) return own.filter((one) => one.address === address).map((one) => one.address);
    const lasting = own.filter(isLasting);
    const isSelected = word.includes('/') ? inNetwork(word) : (one: NodeAddress) => one.interface === word;
    return lasting.filter(isSelected).map((one) => one.address);
  });
  return [...new Set(found)].sort();
}

const isLasting = ({ interface: name, address, temporary }: NodeAddress): boolean =>
  temporary !== true && !/^fe[89ab]/i.test(address) && !/^(?:docker\d+|br-[0-9a-f]{12}|veth.*)$/.test(name);

function inNetwork(network: string): (one: NodeAddress) => boolean {
  const [base = '', length = ''] = network.split('/');
  const wanted = bitsOf(base);
  const isIn = (bits: string): boolean => bits.length === wanted.length && bits.startsWith(wanted.slice(0, +length));
  return ({ address }) => isIn(bitsOf(address));
}

/** The address as 32 or 128 zeros and ones; empty if the text is not an address. */
function bitsOf(address: string): string {
  const plain = plainAddress(address);
  if (plain === undefined) return '';
  if (!isIPv6(plain))
    return plain
      .split('.')
      .map((part) => binary(Number(part), 8))
      .join('');
  const [head = '', tail] = plain.split('::');
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].map((group) => binary(Number.parseInt(group, 16), 16)).join('');
}

const binary = (value: number, length: number): string => value.toString(2).padStart(length, '0');

/**
 * Ports with the addresses at which a node publishes them: the port's own, else those that the node's `listen` selects.
 */
export function portsAt(ports: readonly PortMapping[], listen: readonly string[] | undefined): readonly PortMapping[] {
  if (listen === undefined) return ports;
  return ports.map((port) => (port.addresses === undefined ? { ...port, addresses: listen } : port));
}

/** True if a client that connects to this address of the node reaches the port. */
export function isPublishedAt({ addresses }: PortMapping, address: string): boolean {
  return (
    addresses === undefined ||
    addresses.some((one) => one === address || (isWildcard(one) && isIPv6(one) === isIPv6(address)))
  );
}

/** `127.0.0.1:8080` or `[::1]:8080`; only the port if it is published at all addresses. */
export function publishedTexts({ external, addresses }: PortMapping): readonly string[] {
  if (addresses === undefined) return [String(external)];
  return addresses.map((address) => `${isIPv6(address) ? `[${address}]` : address}:${external}`);
}
