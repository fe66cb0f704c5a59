import type { BootPeer } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import { compareText, meshAddress, quote, quoteAll, sorted, type World } from './world.ts';

/** A node that the cluster knows, and that no file names. */
export interface MissingNode {
  readonly address: string;
  /** Its name, where this process has seen it. */
  readonly name?: NodeName;
  /** Nodes that list it as a peer. */
  readonly knownBy: readonly NodeName[];
}

const missingOf = new WeakMap<World, readonly MissingNode[]>();

/**
 * Nodes that other nodes list as their peers, or that this process has seen with containers or data, and that no file
 * names. Such a node may hold any volume: its line was left out, or its name leads to another host now.
 */
export function missingNodes(world: World): readonly MissingNode[] {
  const known = missingOf.get(world);
  if (known !== undefined) return known;
  const missing = findMissing(world);
  missingOf.set(world, missing);
  return missing;
}

/** True where this address belongs to a missing node: no table and no boot rule forgets it. */
export const isMissing = (world: World, address: string): boolean =>
  missingNodes(world).some((node) => node.address === address);

function findMissing(world: World): MissingNode[] {
  const addresses = world.nodes.map((node) => meshAddress(world, node));
  const byAddress = new Map<string, { name?: NodeName; knownBy: NodeName[] }>();
  for (const [name, facts] of world.departed) byAddress.set(facts.meshAddress, { name, knownBy: [] });
  // Where the address of a node is not known, any listed peer may be that node.
  const isComplete = !addresses.includes(undefined);
  for (const [node, { network, boot }] of isComplete ? world.reachable : []) {
    for (const address of sorted([...network.peers, ...(boot?.peers ?? []).map((peer) => peer.address)])) {
      if (addresses.includes(address) || hasNewAddress(world, node, address)) continue;
      const found = byAddress.get(address) ?? { knownBy: [] };
      byAddress.set(address, { ...found, knownBy: [...found.knownBy, node] });
    }
  }
  return [...byAddress]
    .map(([address, rest]) => ({ address, ...rest }))
    .sort((a, b) => compareText(a.address, b.address));
}

/** A known node has the host keys of this peer: it has only changed its address. Not where two peers share a key. */
function hasNewAddress(world: World, lister: NodeName, address: string): boolean {
  const peers = world.reachable.get(lister)?.boot?.peers ?? [];
  const keys = peers.find((peer) => peer.address === address)?.keys ?? [];
  const shares = (other: Pick<BootPeer, 'keys'>) => other.keys.some((key) => keys.includes(key));
  if (keys.length === 0 || peers.some((peer) => peer.address !== address && shares(peer))) return false;
  const owners = world.nodes.filter((node) => {
    const boot = (world.reachable.get(node) ?? world.unreachable.get(node))?.boot;
    return boot !== undefined && shares({ keys: boot.hostKeys });
  });
  return owners.length === 1 && owners[0] !== lister;
}

/** Why a volume that no seen node has may still exist, and the way on; undefined where no node is missing. */
export function whyNotAbsent(world: World): { readonly problem: string; readonly hint: string } | undefined {
  const [first] = missingNodes(world);
  if (first === undefined) return undefined;
  const title = first.name === undefined ? `the node at ${first.address}` : `node ${quote(first.name)}`;
  const evidence =
    first.knownBy.length > 0
      ? `which ${quoteAll(first.knownBy)} ${first.knownBy.length === 1 ? 'knows' : 'know'} as a peer`
      : 'which was seen a moment ago';
  const line = `"${first.name ?? first.address}: []"`;
  return {
    problem: `${title}, ${evidence}, is missing from the files and may hold it`,
    hint: `put ${line} back into deployment.yml; to take the node out for good: drover node remove ${first.address}`,
  };
}
