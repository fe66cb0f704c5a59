import { type ClusterState, freshFacts, lastFacts, type NodeFacts } from '../cluster.ts';
import type { AppName, NodeName, VolumeId } from '../config.ts';
import { defined } from '../defined.ts';
import type { StandbySnapshot } from './facts.ts';

/** One standby, as its owner reports it; while the owner cannot be reached, as its own node does. */
export interface StandbyState {
  readonly volume: VolumeId;
  readonly application: AppName;
  /** The node that sends; absent: its id is of no known node. */
  readonly from?: NodeName;
  /** The node with the standby; absent: its id is of no known node. */
  readonly node?: NodeName;
  readonly loseMs: number;
  /** The newest snapshot that has arrived completely; absent: none. */
  readonly newest?: StandbySnapshot;
  /** How old that was when its node was observed, by the clock of that node; absent without a snapshot. */
  readonly ageMs?: number;
  /** Of the last round that sent something. */
  readonly bytes?: number;
  /** Why the last round failed. */
  readonly error?: string;
  /** It is older than a failover may lose, or there is none. */
  readonly isLate: boolean;
}

/** All standbys of the cluster, by application, volume and node. */
export function standbyStates({ nodes }: ClusterState): readonly StandbyState[] {
  const byId = new Map(
    Object.entries(nodes).flatMap(([node, state]) => {
      const id = lastFacts(state)?.nodeId;
      return id === undefined ? [] : [[id, node] as const];
    }),
  );
  const states = Object.entries(nodes).flatMap(([node, state]) => {
    const facts = freshFacts(state);
    if (facts?.standby?.rules === undefined) return [];
    return [...sentFrom(node, facts, byId), ...receivedOn(node, facts, byId, nodes)];
  });
  const key = ({ application, volume, node = '' }: StandbyState): string => `${application}\n${volume}\n${node}`;
  return states.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** Only the owner's rounds count: a node that is to become the owner has the rules before it sends anything. */
function sentFrom(
  from: NodeName,
  { standby, volumes }: NodeFacts,
  byId: ReadonlyMap<string, NodeName>,
): StandbyState[] {
  return (standby?.rules?.sends ?? []).flatMap(({ volume, application, loseMs, targets }) => {
    if (!volumes.some(({ id, role }) => id === volume && role === 'owner')) return [];
    return targets.map((target) => {
      const sent = standby?.sent.find((one) => one.volume === volume && one.target === target);
      const { newest, bytes, error } = sent ?? {};
      const ages = agesOf(newest, standby?.at, loseMs);
      return {
        volume,
        application,
        from,
        loseMs,
        ...ages,
        ...defined({ node: byId.get(target), newest, bytes, error }),
      };
    });
  });
}

function receivedOn(
  node: NodeName,
  { standby }: NodeFacts,
  byId: ReadonlyMap<string, NodeName>,
  nodes: ClusterState['nodes'],
): StandbyState[] {
  return (standby?.rules?.accepts ?? []).flatMap(({ volume, application, loseMs, from }) => {
    const owner = byId.get(from);
    if (owner !== undefined && nodes[owner]?.status === 'reachable') return [];
    const newest = standby?.received.find((one) => one.volume === volume)?.newest;
    return [
      {
        volume,
        application,
        node,
        loseMs,
        ...agesOf(newest, standby?.at, loseMs),
        ...defined({ from: owner, newest }),
      },
    ];
  });
}

function agesOf(
  newest: StandbySnapshot | undefined,
  at: number | undefined,
  loseMs: number,
): Pick<StandbyState, 'ageMs' | 'isLate'> {
  if (newest === undefined || at === undefined) return { isLate: true };
  const ageMs = Math.max(0, at - newest.takenAt);
  return { ageMs, isLate: ageMs > loseMs };
}
