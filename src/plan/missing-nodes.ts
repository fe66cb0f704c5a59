import type { BootPeer, DataPlace, NodeFacts } from '../model/cluster.ts';
import { isName } from '../model/command-line.ts';
import type { NodeName, VolumeId } from '../model/config.ts';
import { firstOnVolume } from '../model/shared-volumes.ts';
import { compareText, sorted } from './lists.ts';
import { hasAllAddresses, isMeshAddress, isOthers, knownFacts, type PlanInput, perInput } from './plan-input.ts';
import { quote, quoteAll } from './wording.ts';

/** A node that the cluster knows and no file names. */
export interface MissingNode {
  readonly address: string;
  /** Its name, where this process has seen it. */
  readonly name?: NodeName;
  /** Nodes that list it as a peer. */
  readonly knownBy: readonly NodeName[];
}

/**
 * Nodes that no file names, but that other nodes list as peers or this process has seen with containers or data. Such a
 * node may hold any volume: its line was left out of the files, or its name now belongs to another host.
 */
export const missingNodes = perInput((input): readonly MissingNode[] => {
  const byAddress = new Map<string, { name?: NodeName; knownBy: NodeName[] }>();
  for (const [name, facts] of input.departed) byAddress.set(facts.meshAddress, { name, knownBy: [] });
  // If the address of a node is unknown, any listed peer may be that node.
  for (const [node, facts] of hasAllAddresses(input) ? input.reachable : []) {
    for (const address of strangersOf(input, node, facts)) {
      if (hasNewAddress(input, node, address)) continue;
      const found = byAddress.get(address) ?? { knownBy: [] };
      byAddress.set(address, { ...found, knownBy: [...found.knownBy, node] });
    }
  }
  return [...byAddress]
    .map(([address, rest]) => ({ address, ...rest }))
    .sort((a, b) => compareText(a.address, b.address));
});

/** Addresses that a node lists as peers and that no known node has. */
function strangersOf(input: PlanInput, node: NodeName, { network, boot }: NodeFacts): string[] {
  const addresses = isOthers(input, node, network.peers) ? [] : [...network.peers];
  const peers = boot?.peers ?? [];
  // The two lists are nearly always equal.
  if (!haveAddresses(peers, network.peers)) addresses.push(...peers.map(({ address }) => address));
  return sorted(addresses).filter((address) => !isMeshAddress(input, address));
}

function haveAddresses(peers: readonly BootPeer[], addresses: readonly string[]): boolean {
  if (peers.length !== addresses.length) return false;
  for (let at = 0; at < peers.length; at += 1) if (peers[at]?.address !== addresses[at]) return false;
  return true;
}

const missingAddresses = perInput((input) => new Set(missingNodes(input).map(({ address }) => address)));

/** True if this address belongs to a missing node: network tables and boot rules keep it. */
export const isMissing = (input: PlanInput, address: string): boolean => missingAddresses(input).has(address);

/** True if a known node has the host keys of this peer: it only changed its address. False if two peers share a key. */
function hasNewAddress(input: PlanInput, lister: NodeName, address: string): boolean {
  const peers = input.reachable.get(lister)?.boot?.peers ?? [];
  const keys = peers.find((peer) => peer.address === address)?.keys ?? [];
  const shares = (other: Pick<BootPeer, 'keys'>) => other.keys.some((key) => keys.includes(key));
  if (keys.length === 0 || peers.some((peer) => peer.address !== address && shares(peer))) return false;
  const owners = input.nodes.filter((node) => {
    const boot = knownFacts(input, node)?.boot;
    return boot !== undefined && shares({ keys: boot.hostKeys });
  });
  return owners.length === 1 && owners[0] !== lister;
}

/** Why a volume that no reachable node has may still exist, and what to do; undefined if it cannot exist. */
export function whyNotAbsent(
  input: PlanInput,
  id: VolumeId,
): { readonly problem: string; readonly hint: string } | undefined {
  const [first] = missingNodes(input);
  if (first === undefined) return whyRemembered(input, id);
  const title = first.name === undefined ? `the node at ${first.address}` : `node ${quote(first.name)}`;
  const evidence =
    first.knownBy.length > 0
      ? `which ${quoteAll(first.knownBy)} ${first.knownBy.length === 1 ? 'knows' : 'know'} as a peer`
      : 'which was seen a moment ago';
  const line = `"${first.name ?? first.address}: []"`;
  return {
    problem: `${title}, ${evidence}, is missing from the files and may hold it`,
    hint: isName(first.address)
      ? `put ${line} back into deployment.yml; to take the node out for good: drover node remove ${first.address}`
      : 'put its line back into deployment.yml',
  };
}

/** Where earlier runs saw volumes: only places on nodes that are not reachable now. */
const missingPlaces = perInput((input): readonly DataPlace[] => {
  const known = [...input.reachable.values()];
  const ids = new Set(known.map(({ nodeId }) => nodeId));
  const addresses = new Set(known.map(({ meshAddress }) => meshAddress));
  return input.remembered.filter(({ nodeId, address }) => !ids.has(nodeId) && !addresses.has(address));
});

/** True if every node known from any source is reachable: a volume that none of them has does not exist. */
export const areAllSeen = perInput(
  (input) => input.unreachable.size === 0 && missingNodes(input).length === 0 && missingPlaces(input).length === 0,
);

/** The same for a node where an earlier run saw the volume, or another volume of its application. */
function whyRemembered(
  input: PlanInput,
  id: VolumeId,
): { readonly problem: string; readonly hint: string } | undefined {
  const places = missingPlaces(input);
  if (places.length === 0) return undefined;
  const app = firstOnVolume(input.config, id);
  const place =
    places.find(({ volume }) => volume === id) ??
    places.find(({ application }) => application !== undefined && application === app);
  if (place === undefined) return undefined;
  const { node, address } = place;
  const title = node === address ? `node ${quote(node)}` : `node ${quote(node)} at ${address}`;
  const what = place.volume === id ? 'it' : `volume ${quote(place.volume)} of ${quote(app ?? '')}`;
  const isNamed = input.nodes.includes(node);
  const back = isNamed ? 'name the old host in the files again' : `put "${node}: []" back into deployment.yml`;
  return {
    problem: isNamed
      ? `${what} was last seen on ${title}, and ${quote(node)} is another host now`
      : `${what} was last seen on ${title}, which is missing from the files`,
    hint: isName(address) ? `${back}; to take the node out for good: drover node remove ${address}` : back,
  };
}
