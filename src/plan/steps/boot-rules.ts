import type { BootPeer, BootRules, NodeFacts } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import type { CopiesOf } from '../../model/plan.ts';
import { isMissing, missingNodes } from '../missing-nodes.ts';
import {
  compareText,
  hasAllAddresses,
  isMeshAddress,
  meshAddress,
  otherAddresses,
  perWorld,
  quote,
  quoteAll,
  sameItems,
  sorted,
  titleOf,
  type World,
} from '../world.ts';
import { goneIds, hasDoubtfulIds, missingRecords, sameGone, touchedBy, withCheckedId } from './copy-records.ts';
import type { StepBuilder } from './step-builder.ts';

/** One step for each node that would ask somebody else, or with other keys, when it boots. */
export function planBootRules(builder: StepBuilder, world: World): void {
  const touched = touchedBy(builder.actions());
  for (const [node, facts] of world.reachable) {
    if (facts.boot === undefined) continue;
    const { alone, peers, gone } = facts.boot;
    const missing = missingRecords(world, facts);
    const records = missing.filter(({ volume }) => !touched.has(volume));
    // A peer may not be let in before the records say what it is told: the next plan does both.
    if (missing.some((one) => !one.isNew && !records.includes(one))) continue;
    const isSettled = alone === world.config.settings.boot.alone && hasAllOthers(world, node, facts.boot);
    if (isSettled && records.length === 0 && sameGone(gone, goneIds(world, facts, facts.boot, []))) continue;
    const rules = rulesFor(world, node, facts, records);
    const reasons = [
      ...(samePeers(rules.peers, peers) || samePeers(rules.peers, inOrder(peers))
        ? []
        : ['its peers or their keys differ']),
      ...(rules.alone === alone ? [] : [`it is to ${rules.alone} where a peer does not answer`]),
      ...(records.length === 0 ? [] : ['it has no record of the nodes that may have copies of its volumes']),
      ...(sameGone(rules.gone, gone) ? [] : ['it counts on other nodes than there are']),
    ];
    if (reasons.length === 0) continue;
    const action = { kind: 'set-boot-rules', node, rules, ...(records.length === 0 ? {} : { records }) } as const;
    builder.add({ action, reason: reasons.join(', '), group: 'network' });
  }
}

/** One that is not set up for it cannot be asked, and is known by its id all the same. */
const bootPeer = (address: string, { nodeId, boot }: NodeFacts): BootPeer => ({
  address,
  ports: boot?.sshPorts ?? [],
  keys: sorted(boot?.hostKeys ?? []),
  id: nodeId,
});

/** What each known node tells the others when they boot; undefined where it was never seen. One list for all nodes. */
const bootPeers = perWorld((world) =>
  world.nodes
    .flatMap((node) => {
      const address = meshAddress(world, node);
      const seen = world.reachable.get(node) ?? world.unreachable.get(node);
      const peer = seen === undefined || address === undefined ? undefined : bootPeer(address, seen);
      return address === undefined ? [] : [{ node, address, peer }];
    })
    .sort((a, b) => compareText(a.address, b.address)),
);

/**
 * A peer that cannot be seen now keeps the keys it had: who is forgotten is not asked, and what it asks is not
 * answered. Where the address of one is unknown, it may be any of those that the node has. A node that is missing
 * from the files is kept as well, until it is removed on purpose.
 */
function rulesFor(world: World, node: NodeName, facts: NodeFacts, records: readonly CopiesOf[]): BootRules {
  const now: BootRules = facts.boot ?? { alone: 'wait', peers: [] };
  const peers: BootPeer[] = [];
  for (const { node: other, address, peer } of bootPeers(world)) {
    if (other === node) continue;
    const known = now.peers.filter((one) => one.address === address);
    if (peer === undefined) peers.push(...known);
    else if (peer.keys.length > 0 || world.reachable.has(other)) peers.push(withCheckedId(world, peer, now));
    else peers.push(...(known.length === 0 ? [withCheckedId(world, peer, now)] : known));
  }
  const unknown = unknownPeers(world, node, now);
  const { alone } = world.config.settings.boot;
  const rules = { alone, peers: unknown.length === 0 ? peers : inOrder([...peers, ...unknown]) };
  const gone = goneIds(world, facts, { ...rules, ...(now.gone === undefined ? {} : { gone: now.gone }) }, records);
  return { ...rules, ...(gone.length === 0 ? {} : { gone }) };
}

/** The usual case, found without making the list for every node: all others are seen, and it has exactly those. */
function hasAllOthers(world: World, node: NodeName, { peers }: BootRules): boolean {
  if (!hasAllAddresses(world) || missingNodes(world).length > 0 || hasDoubtfulIds(world)) return false;
  const all = bootPeers(world);
  let seen = 0;
  // Of every node with every other one, hence the plain loop.
  for (let at = 0; at < all.length; at += 1) {
    const one = all[at];
    if (one === undefined || one.node === node) continue;
    if (one.peer === undefined || !samePeer(one.peer, peers[seen])) return false;
    seen += 1;
  }
  return seen === peers.length;
}

function unknownPeers(world: World, node: NodeName, { peers }: BootRules): readonly BootPeer[] {
  const { isComplete } = otherAddresses(world, node);
  if (isComplete && missingNodes(world).length === 0) return [];
  const own = meshAddress(world, node);
  return peers.filter(
    ({ address }) => (address === own || !isMeshAddress(world, address)) && (!isComplete || isMissing(world, address)),
  );
}

const inOrder = (peers: readonly BootPeer[]): BootPeer[] =>
  peers.map((peer) => ({ ...peer, keys: sorted(peer.keys) })).sort((a, b) => compareText(a.address, b.address));

const samePeers = (a: readonly BootPeer[], b: readonly BootPeer[]): boolean =>
  a.length === b.length && a.every((peer, at) => samePeer(peer, b[at]));

const samePeer = (a: BootPeer | undefined, b: BootPeer | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.address === b.address &&
    a.id === b.id &&
    sameItems(a.ports, b.ports) &&
    sameItems(a.keys, b.keys));

/** A line for each volume that waits since its node has booted, and for nodes that cannot be asked. */
export function bootNotes(world: World): string[] {
  const isAnywhere = [...world.reachable.values()].some(({ boot }) => boot !== undefined);
  const without = [...world.reachable].filter(([, { boot }]) => boot === undefined).map(([node]) => node);
  const missing =
    isAnywhere && without.length > 0
      ? [`${quoteAll(without)} cannot be asked by the others when they boot: run host/provision.sh there`]
      : [];
  return [...missing, ...[...world.reachable].flatMap(([node, facts]) => waitingNotes(world, node, facts))];
}

function waitingNotes(world: World, node: NodeName, facts: NodeFacts): string[] {
  return (facts.boot?.waiting ?? []).flatMap(({ volume: id, why, peers }) => {
    const volume = facts.volumes.find((copy) => copy.id === id);
    // Decided since, by whoever.
    if (volume === undefined || volume.role !== 'owner' || volume.mounted) return [];
    const names = quoteAll(peers.map((address) => nodeAt(world, address)));
    const because =
      why === 'rival'
        ? `${names} claims it with the same epoch`
        : `${names} does not answer and may have taken it over`;
    return [`${titleOf(volume)} on ${quote(node)} waits since the node booted: ${because}; \`drover apply\` decides`];
  });
}

function nodeAt(world: World, address: string): NodeName {
  return world.nodes.find((node) => meshAddress(world, node) === address) ?? address;
}
