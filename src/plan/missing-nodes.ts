import type { BootPeer, DataPlace, NodeFacts } from '../model/cluster.ts';
import { isName } from '../model/command-line.ts';
import type { NodeName, VolumeId } from '../model/config.ts';
import { compareText, sorted } from './lists.ts';
import { hasAllAddresses, isMeshAddress, isOthers, type PlanInput, perInput } from './plan-input.ts';
import { quote, quoteAll } from './wording.ts';

/** A node that the cluster knows, and that no file names. */
export interface MissingNode {
  readonly address: string;
  /** Its name, where this process has seen it. */
  readonly name?: NodeName;
  /** Nodes that list it as a peer. */
  readonly knownBy: readonly NodeName[];
}

/**
 * Nodes that other nodes list as their peers, or that this process has seen with containers or data, and that no file
 * names. Such a node may hold any volume: its line was left out, or its name leads to another host now.
 */
export const missingNodes = perInput((input): readonly MissingNode[] => {
  const byAddress = new Map<string, { name?: NodeName; knownBy: NodeName[] }>();
  for (const [name, facts] of input.departed) byAddress.set(facts.meshAddress, { name, knownBy: [] });
  // Where the address of a node is not known, any listed peer may be that node.
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

/** Addresses that a node lists as peers and that no known node has; usually its lists are the known ones. */
function strangersOf(input: PlanInput, node: NodeName, { network, boot }: NodeFacts): string[] {
  const addresses = isOthers(input, node, network.peers) ? [] : [...network.peers];
  const peers = boot?.peers ?? [];
  // Nearly always the same list: what is in it is not looked at twice.
  if (!haveAddresses(peers, network.peers)) addresses.push(...peers.map(({ address }) => address));
  return sorted(addresses).filter((address) => !isMeshAddress(input, address));
}

function haveAddresses(peers: readonly BootPeer[], addresses: readonly string[]): boolean {
  if (peers.length !== addresses.length) return false;
  for (let at = 0; at < peers.length; at += 1) if (peers[at]?.address !== addresses[at]) return false;
  return true;
}

const missingAddresses = perInput((input) => new Set(missingNodes(input).map(({ address }) => address)));

/** True where this address belongs to a missing node: no table and no boot rule forgets it. */
export const isMissing = (input: PlanInput, address: string): boolean => missingAddresses(input).has(address);

/** A known node has the host keys of this peer: it has only changed its address. Not where two peers share a key. */
function hasNewAddress(input: PlanInput, lister: NodeName, address: string): boolean {
  const peers = input.reachable.get(lister)?.boot?.peers ?? [];
  const keys = peers.find((peer) => peer.address === address)?.keys ?? [];
  const shares = (other: Pick<BootPeer, 'keys'>) => other.keys.some((key) => keys.includes(key));
  if (keys.length === 0 || peers.some((peer) => peer.address !== address && shares(peer))) return false;
  const owners = input.nodes.filter((node) => {
    const boot = (input.reachable.get(node) ?? input.unreachable.get(node))?.boot;
    return boot !== undefined && shares({ keys: boot.hostKeys });
  });
  return owners.length === 1 && owners[0] !== lister;
}

/** Why a volume that no seen node has may still exist, and the way on; undefined where no node is missing. */
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

/** Where earlier runs saw volumes, on nodes that are none of those seen now. */
const missingPlaces = perInput((input): readonly DataPlace[] => {
  const known = [...input.reachable.values()];
  const ids = new Set(known.map(({ nodeId }) => nodeId));
  const addresses = new Set(known.map(({ meshAddress }) => meshAddress));
  return input.remembered.filter(({ nodeId, address }) => !ids.has(nodeId) && !addresses.has(address));
});

/** Every node that is known from anywhere is seen now: what none of them has is nowhere. */
export const areAllSeen = perInput(
  (input) => input.unreachable.size === 0 && missingNodes(input).length === 0 && missingPlaces(input).length === 0,
);

/** An earlier run saw the volume, or another one of its application, on such a node. */
function whyRemembered(
  input: PlanInput,
  id: VolumeId,
): { readonly problem: string; readonly hint: string } | undefined {
  const places = missingPlaces(input);
  if (places.length === 0) return undefined;
  const apps = Object.values(input.config.applications);
  const app = apps.find(({ volumes }) => volumes.some((volume) => volume.id === id))?.name;
  const place =
    places.find(({ volume }) => volume === id) ??
    places.find(({ application }) => application !== undefined && application === app);
  if (place === undefined) return undefined;
  const { node, address } = place;
  const title = node === address ? `node ${quote(node)}` : `node ${quote(node)} at ${address}`;
  const what = place.volume === id ? 'it' : `volume ${quote(place.volume)} of ${quote(app ?? '')}`;
  const isNamed = input.nodes.includes(node);
  const back = isNamed ? 'name the old machine in the files again' : `put "${node}: []" back into deployment.yml`;
  return {
    problem: isNamed
      ? `${what} was last seen on ${title}, and ${quote(node)} is another machine now`
      : `${what} was last seen on ${title}, which is missing from the files`,
    hint: isName(address) ? `${back}; to take the node out for good: drover node remove ${address}` : back,
  };
}
