import type { ClusterState, DataPlace, NodeFacts, Volume } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';

/** Roles of a copy that is the volume's data, or may be. */
const claims = new Set<Volume['role']>(['owner', 'frozen', 'released']);

/**
 * What is remembered after an observation: a volume that a reachable node claims is on that node, by the highest epoch;
 * one that its node does not claim any more is forgotten; about all others nothing new is known. Sorted by volume.
 */
export function placesAfter(before: readonly DataPlace[], { nodes }: ClusterState): readonly DataPlace[] {
  const seen = Object.entries(nodes).flatMap(([node, state]) =>
    state.status === 'reachable' ? [{ node, facts: state.facts }] : [],
  );
  const known = new Map<string, { readonly place: DataPlace; readonly epoch: number }>();
  for (const place of before) {
    const at = seen.find(({ facts }) => facts.nodeId === place.nodeId);
    if (at === undefined) known.set(place.volume, { place, epoch: -1 });
  }
  for (const { node, facts } of seen) {
    for (const volume of facts.volumes) {
      const epoch = known.get(volume.id)?.epoch ?? -1;
      if (claims.has(volume.role) && volume.epoch > epoch) {
        known.set(volume.id, { place: placeOf(node, facts, volume), epoch: volume.epoch });
      }
    }
  }
  return [...known.values()].map(({ place }) => place).sort((a, b) => (a.volume < b.volume ? -1 : 1));
}

function placeOf(node: NodeName, facts: NodeFacts, { id, application }: Volume): DataPlace {
  return {
    volume: id,
    ...(application === undefined ? {} : { application }),
    node,
    nodeId: facts.nodeId,
    address: facts.meshAddress,
  };
}
