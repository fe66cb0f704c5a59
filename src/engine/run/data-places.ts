import type { ClusterState, DataPlace, NodeFacts, Volume } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import type { DataPlaces } from '../types.ts';

/** Roles of a copy that is, or may be, the data of the volume. */
const claims = new Set<Volume['role']>(['owner', 'frozen', 'released']);

/** Where earlier observations saw each volume; the places of this one are kept for later runs. */
export async function rememberPlaces(
  places: DataPlaces | undefined,
  state: ClusterState,
): Promise<readonly DataPlace[]> {
  // Without the earlier places the run knows less, but it can run.
  const before = (await places?.read().catch(() => undefined)) ?? [];
  const now = placesAfter(before, state);
  if (JSON.stringify(now) !== JSON.stringify(before)) await places?.keep(now).catch(() => undefined);
  return now;
}

/**
 * The places after an observation, sorted by volume: a volume is on the reachable node that claims it with the highest
 * epoch. A volume that its node no longer claims is forgotten. The places of other volumes stay as they were.
 */
function placesAfter(before: readonly DataPlace[], { nodes }: ClusterState): readonly DataPlace[] {
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
