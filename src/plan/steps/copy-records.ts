import type { BootPeer, BootRules, NodeFacts, Volume } from '../../model/cluster.ts';
import { addTo } from '../../model/collect.ts';
import type { VolumeId } from '../../model/config.ts';
import { hasRoom, holdersIn, unproven } from '../../model/copy-record.ts';
import type { Action, CopiesOf } from '../../model/plan.ts';
import { sameItems, sorted } from '../lists.ts';
import { areAllSeen } from '../missing-nodes.ts';
import { isMeshAddress, knownFacts, type PlanInput, perInput } from '../plan-input.ts';

// The records of the nodes that may have copies of a volume. A node reads them when it boots, because no drover runs
// then. The steps of a move keep them up to date (engine/run/copy-record.ts); the plan writes the ones that are
// missing.

/** Copies of each volume on all nodes that were ever seen, with the id of their node. */
const holders = perInput((input) => {
  const found = new Map<VolumeId, { readonly nodeId: string; readonly copy: Volume }[]>();
  for (const facts of [...input.reachable.values(), ...input.unreachable.values(), ...input.departed.values()]) {
    for (const copy of facts?.volumes ?? []) addTo(found, copy.id, { nodeId: facts?.nodeId ?? '', copy });
  }
  return found;
});

/** Volumes that a step of the plan changes: those steps write the records. */
export function touchedBy(actions: readonly Action[]): ReadonlySet<VolumeId> {
  return new Set(
    actions.flatMap((action) => {
      if (action.kind === 'set-deployment') return action.volumes;
      return 'volume' in action ? [action.volume] : [];
    }),
  );
}

/**
 * Records that a node's copies should have and do not have. A missing or void record is written only while every known
 * node can be reached. A node is added to a record if its copy shares a snapshot with this copy. Without a common guid
 * the node's claim is unproven: it is added with a `?`, gets answers about the volume, and is never asked.
 */
export function missingRecords(input: PlanInput, { nodeId, volumes }: NodeFacts): CopiesOf[] {
  return volumes.flatMap((volume) => {
    const { id, dataset, epoch, copies, deployment = input.config.name } = volume;
    if (deployment !== input.config.name) return [];
    if (copies === undefined && !areAllSeen(input)) return [];
    const others = (holders(input).get(id) ?? []).filter((one) => one.nodeId !== nodeId);
    const added = others.flatMap((one) => {
      if (copies === undefined || shareSnapshot(one.copy, volume)) return [one.nodeId];
      return copies.includes(one.nodeId) ? [] : [unproven(one.nodeId)];
    });
    const wanted = sorted([...(copies ?? []), ...added]);
    if (copies === undefined ? !hasRoom(wanted) : wanted.length === copies.length) return [];
    return [{ volume: id, dataset, epoch, copies: wanted, isNew: copies === undefined }];
  });
}

function shareSnapshot(a: Volume, b: Volume): boolean {
  const guids = new Set([...a.snapshots, ...a.bookmarks].map(({ guid }) => guid));
  return [...b.snapshots, ...b.bookmarks].some(({ guid }) => guids.has(guid));
}

/**
 * Ids in a node's records that no node of the cluster has any more. The node does not wait for them when it boots. An
 * id that may belong to an unreachable node is not in the result; while there is one, the node asks all its peers.
 */
export function goneIds(
  input: PlanInput,
  { nodeId, volumes }: NodeFacts,
  { peers, gone = [] }: BootRules,
  records: readonly CopiesOf[],
): readonly string[] {
  const all = [...volumes.flatMap(({ copies = [] }) => copies), ...records.flatMap(({ copies }) => copies)];
  const ids = new Set(holdersIn(all));
  if (ids.size === 0) return [];
  const known = new Set([nodeId, ...peers.map(({ id }) => id)]);
  const absent = sorted(ids).filter((id) => !known.has(id));
  return areAllSeen(input) ? absent : absent.filter((id) => gone.includes(id));
}

const sameIds = perInput((input) => {
  const counts = new Map<string, number>();
  for (const node of input.nodes) {
    const id = knownFacts(input, node)?.nodeId;
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return new Set([...counts].filter(([, count]) => count > 1).map(([id]) => id));
});

/**
 * True if two nodes report the same id and one of them cannot be reached. same-machine.ts handles two reachable ones.
 */
export const hasDoubtfulIds = (input: PlanInput): boolean => sameIds(input).size > 0;

/**
 * The peer with the id that another node may accept for it. A node reports its own id, so the id alone proves nothing;
 * its host key is pinned. If another node reports the same id, or the id belongs to an unreachable node, the peer keeps
 * the id that it had with the same key, or gets none.
 */
export function withCheckedId(input: PlanInput, peer: BootPeer, now: BootRules): BootPeer {
  const { id, ...rest } = peer;
  if (id === undefined) return peer;
  const isSame = (other: BootPeer | undefined) => other?.keys.some((key) => peer.keys.includes(key)) === true;
  const ofOther = now.peers.find((one) => one.id === id && one.address !== peer.address && !isSame(one));
  const isOutOfSight = ofOther !== undefined && isOutOfSightAt(input, ofOther.address);
  if (!sameIds(input).has(id) && !isOutOfSight) return peer;
  const before = now.peers.find(({ address }) => address === peer.address);
  return isSame(before) && before?.id !== undefined ? { ...rest, id: before.id } : rest;
}

function isOutOfSightAt(input: PlanInput, address: string): boolean {
  if (!isMeshAddress(input, address)) return true;
  return input.nodes.some(
    (node) => input.config.nodes[node]?.mesh === address && knownFacts(input, node) === undefined,
  );
}

/** True if both lists have the same ids; an absent list is empty. */
export const sameGone = (a: readonly string[] = [], b: readonly string[] = []): boolean => sameItems(a, b);
