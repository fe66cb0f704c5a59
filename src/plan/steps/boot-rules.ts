import type { BootPeer, BootRules, NodeFacts } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import type { CopiesOf } from '../../model/plan.ts';
import { compareText, sameItems, sorted } from '../lists.ts';
import { isMissing, missingNodes } from '../missing-nodes.ts';
import {
  hasAllAddresses,
  isMeshAddress,
  knownFacts,
  meshAddress,
  otherAddresses,
  type PlanInput,
  perInput,
} from '../plan-input.ts';
import { quote, quoteAll, titleOf } from '../wording.ts';
import { goneIds, hasDoubtfulIds, missingRecords, sameGone, touchedBy, withCheckedId } from './copy-records.ts';
import type { StepBuilder } from './step-builder.ts';

/** One step for each node whose boot rules differ: the peers that it asks, their keys, or its records of copies. */
export function planBootRules(builder: StepBuilder, input: PlanInput): void {
  const touched = touchedBy(builder.actions());
  for (const [node, facts] of input.reachable) {
    if (facts.boot === undefined) continue;
    const { alone, peers, gone } = facts.boot;
    const missing = missingRecords(input, facts);
    const records = missing.filter(({ volume }) => !touched.has(volume));
    // A new peer may only ask about volumes whose records include it. Another step of this plan changes such a volume,
    // so the next plan writes the record and the rules.
    if (missing.some((one) => !one.isNew && !records.includes(one))) continue;
    const isSettled = alone === input.config.settings.boot.alone && hasAllOthers(input, node, facts.boot);
    if (isSettled && records.length === 0 && sameGone(gone, goneIds(input, facts, facts.boot, []))) continue;
    const rules = rulesFor(input, node, facts, records);
    const reasons = [
      ...(samePeers(rules.peers, peers) || samePeers(rules.peers, inOrder(peers))
        ? []
        : ['its peers or their keys differ']),
      ...(rules.alone === alone ? [] : [`it has to ${rules.alone} if a peer does not answer`]),
      ...(records.length === 0 ? [] : ['it has no record of the nodes that may have copies of its volumes']),
      ...(sameGone(rules.gone, gone) ? [] : ['its list of removed nodes differs']),
    ];
    if (reasons.length === 0) continue;
    const action = { kind: 'set-boot-rules', node, rules, ...(records.length === 0 ? {} : { records }) } as const;
    builder.add({ action, reason: reasons.join(', '), group: 'network' });
  }
}

/** A node without boot rules cannot be asked, but the records name it by its id. */
const bootPeer = (address: string, { nodeId, boot }: NodeFacts): BootPeer => ({
  address,
  ports: boot?.sshPorts ?? [],
  keys: sorted(boot?.hostKeys ?? []),
  id: nodeId,
});

/** Each known node as a boot peer of the others; undefined if it was never seen. All nodes share the list. */
const bootPeers = perInput((input) =>
  input.nodes
    .flatMap((node) => {
      const address = meshAddress(input, node);
      const seen = knownFacts(input, node);
      const peer = seen === undefined || address === undefined ? undefined : bootPeer(address, seen);
      return address === undefined ? [] : [{ node, address, peer }];
    })
    .sort((a, b) => compareText(a.address, b.address)),
);

/**
 * An unreachable peer keeps the keys it had: a peer that is dropped is not asked and gets no answers. If the address of
 * a known node is unknown, it may be any of the peers that the node lists, so all of them are kept. A node that is
 * missing from the files is kept until `drover node remove`.
 */
function rulesFor(input: PlanInput, node: NodeName, facts: NodeFacts, records: readonly CopiesOf[]): BootRules {
  const now: BootRules = facts.boot ?? { alone: 'wait', peers: [] };
  const peers: BootPeer[] = [];
  for (const { node: other, address, peer } of bootPeers(input)) {
    if (other === node) continue;
    const known = now.peers.filter((one) => one.address === address);
    if (peer === undefined) peers.push(...known);
    else if (peer.keys.length > 0 || input.reachable.has(other)) peers.push(withCheckedId(input, peer, now));
    else peers.push(...(known.length === 0 ? [withCheckedId(input, peer, now)] : known));
  }
  const unknown = unknownPeers(input, node, now);
  const { alone } = input.config.settings.boot;
  const rules = { alone, peers: unknown.length === 0 ? peers : inOrder([...peers, ...unknown]) };
  const gone = goneIds(input, facts, { ...rules, ...(now.gone === undefined ? {} : { gone: now.gone }) }, records);
  return { ...rules, ...(gone.length === 0 ? {} : { gone }) };
}

/** True in the usual case: all other nodes were seen, and they are exactly the node's peers. Builds no list. */
function hasAllOthers(input: PlanInput, node: NodeName, { peers }: BootRules): boolean {
  if (!hasAllAddresses(input) || missingNodes(input).length > 0 || hasDoubtfulIds(input)) return false;
  let seen = 0;
  // A plain loop: it compares every node with every other one.
  for (const { node: other, peer } of bootPeers(input)) {
    if (other === node) continue;
    if (peer === undefined || !samePeer(peer, peers[seen])) return false;
    seen += 1;
  }
  return seen === peers.length;
}

function unknownPeers(input: PlanInput, node: NodeName, { peers }: BootRules): readonly BootPeer[] {
  const { isComplete } = otherAddresses(input, node);
  if (isComplete && missingNodes(input).length === 0) return [];
  const own = meshAddress(input, node);
  return peers.filter(
    ({ address }) => (address === own || !isMeshAddress(input, address)) && (!isComplete || isMissing(input, address)),
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

/** A line for each volume that has been waiting since its node booted, and one for nodes that cannot be asked. */
export function bootNotes(input: PlanInput): string[] {
  const isAnywhere = [...input.reachable.values()].some(({ boot }) => boot !== undefined);
  const without = [...input.reachable].filter(([, { boot }]) => boot === undefined).map(([node]) => node);
  const missing =
    isAnywhere && without.length > 0
      ? [`${quoteAll(without)} cannot be asked by the other nodes when they boot: run host/provision.sh there`]
      : [];
  return [...missing, ...[...input.reachable].flatMap(([node, facts]) => waitingNotes(input, node, facts))];
}

function waitingNotes(input: PlanInput, node: NodeName, facts: NodeFacts): string[] {
  return (facts.boot?.waiting ?? []).flatMap(({ volume: id, why, peers }) => {
    const volume = facts.volumes.find((copy) => copy.id === id);
    // A person or another run has decided in the meantime.
    if (volume === undefined || volume.role !== 'owner' || volume.mounted) return [];
    const names = quoteAll(peers.map((address) => nodeAt(input, address)));
    const because =
      why === 'rival'
        ? `${names} claims it with the same epoch`
        : `${names} does not answer and may have taken it over`;
    return [
      `${titleOf(volume)} on ${quote(node)} has been waiting since the node booted: ${because}; \`drover apply\` decides`,
    ];
  });
}

function nodeAt(input: PlanInput, address: string): NodeName {
  return input.nodes.find((node) => meshAddress(input, node) === address) ?? address;
}
