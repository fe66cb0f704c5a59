import type { BootPeer, BootRules, NodeFacts } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import { isMissing } from './missing-nodes.ts';
import type { StepBuilder } from './step-builder.ts';
import { compareText, meshAddress, quote, quoteAll, sorted, type World } from './world.ts';

/** One step for each node that would ask somebody else, or with other keys, when it boots. */
export function planBootRules(builder: StepBuilder, world: World): void {
  for (const [node, facts] of world.reachable) {
    if (facts.boot === undefined) continue;
    const rules = rulesFor(world, node, facts.boot);
    const { alone, peers } = facts.boot;
    const reasons = [
      ...(JSON.stringify(rules.peers) === JSON.stringify(inOrder(peers)) ? [] : ['its peers or their keys differ']),
      ...(rules.alone === alone ? [] : [`it is to ${rules.alone} where a peer does not answer`]),
    ];
    if (reasons.length === 0) continue;
    const action = { kind: 'set-boot-rules', node, rules } as const;
    builder.add({ action, reason: reasons.join(', '), group: 'network' });
  }
}

/**
 * A peer that cannot be seen now keeps the keys it had: who is forgotten is not asked, and what it asks is not
 * answered. Where the address of one is unknown, it may be any of those that the node has. A node that is missing
 * from the files is kept as well, until it is removed on purpose.
 */
function rulesFor(world: World, node: NodeName, now: BootRules): BootRules {
  const others = world.nodes.filter((other) => other !== node);
  const addresses = others.map((other) => meshAddress(world, other));
  const peers = others.flatMap((other, at): BootPeer[] => {
    const address = addresses[at];
    if (address === undefined) return [];
    const seen = world.reachable.get(other)?.boot ?? world.unreachable.get(other)?.boot;
    if (seen !== undefined) return [{ address, ports: seen.sshPorts, keys: sorted(seen.hostKeys) }];
    return world.reachable.has(other) ? [] : now.peers.filter((peer) => peer.address === address);
  });
  const unknown = now.peers.filter(
    ({ address }) => !addresses.includes(address) && (addresses.includes(undefined) || isMissing(world, address)),
  );
  return { alone: world.config.settings.boot.alone, peers: inOrder([...peers, ...unknown]) };
}

const inOrder = (peers: readonly BootPeer[]): BootPeer[] =>
  peers
    .map(({ address, ports, keys }) => ({ address, ports, keys: sorted(keys) }))
    .sort((a, b) => compareText(a.address, b.address));

/** A line for each volume that waits since its node has booted, and for nodes that cannot be asked. */
export function bootNotes(world: World): string[] {
  const isAnywhere = [...world.reachable.values()].some(({ boot }) => boot !== undefined);
  const without = [...world.reachable].filter(([, { boot }]) => boot === undefined).map(([node]) => node);
  const missing =
    isAnywhere && without.length > 0
      ? [`${quoteAll(without)} cannot be asked by the others when they boot: run lab/provision.sh there`]
      : [];
  return [...missing, ...[...world.reachable].flatMap(([node, facts]) => waitingNotes(world, node, facts))];
}

function waitingNotes(world: World, node: NodeName, facts: NodeFacts): string[] {
  return (facts.boot?.waiting ?? []).flatMap(({ volume: id, why, peers }) => {
    const volume = facts.volumes.find((copy) => copy.id === id);
    // Decided since, by whoever.
    if (volume === undefined || volume.role !== 'owner' || volume.mounted) return [];
    const of = volume.application === undefined ? '' : ` of ${quote(volume.application)}`;
    const names = quoteAll(peers.map((address) => nodeAt(world, address)));
    const because =
      why === 'rival'
        ? `${names} claims it with the same epoch`
        : `${names} does not answer and may have taken it over`;
    return [`volume "${id}"${of} on ${quote(node)} waits since the node booted: ${because}; \`drover apply\` decides`];
  });
}

function nodeAt(world: World, address: string): NodeName {
  return world.nodes.find((node) => meshAddress(world, node) === address) ?? address;
}
