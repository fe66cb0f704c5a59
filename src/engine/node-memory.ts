import type { ClusterState, NodeState } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';

/** The observation of a node that drover does not listen to is recent for so long. */
const recentMs = 10_000;
/** Where drover listens, every change of a container is reported. Only the rest, such as volumes, can have changed. */
const recentWhileListeningMs = 60_000;

export type NodeMemory = ReturnType<typeof createNodeMemory>;

/** A moment in the order of observations and reported changes; a later moment is a larger number. */
export type Moment = number;

interface Known {
  state?: NodeState;
  /** When the observation of that state began. */
  observedFrom: Moment;
  /** When the last change was reported. */
  changedAt: Moment;
  /** Open streams of Docker's events: a change does not go unnoticed. */
  streams: number;
}

/**
 * The last observed state of every node, from whichever part of the engine observed it, and whether something has
 * happened on the node since that observation began.
 */
export function createNodeMemory(now: () => number) {
  const nodes = new Map<NodeName, Known>();
  let absent: Omit<ClusterState, 'nodes'> = {};
  let moments = 0;

  const next = (): Moment => {
    moments += 1;
    return moments;
  };
  const known = (node: NodeName): Known => {
    const found = nodes.get(node) ?? { observedFrom: 0, changedAt: 0, streams: 0 };
    nodes.set(node, found);
    return found;
  };
  const keepNode = (node: NodeName, state: NodeState, from: Moment): boolean => {
    if (known(node).observedFrom > from) return false;
    Object.assign(known(node), { state, observedFrom: from });
    return true;
  };
  const isChanged = (node: NodeName): boolean => known(node).changedAt > known(node).observedFrom;
  const wasSeenWithin = (node: NodeName, ms: number): boolean => {
    const { state } = known(node);
    return state?.status === 'reachable' && state.observedAt >= now() - ms && !isChanged(node);
  };
  /** Drover listens to the node, has observed it, and nothing was reported since. */
  const isUpToDate = (node: NodeName): boolean =>
    known(node).streams > 0 && wasSeenWithin(node, recentWhileListeningMs);
  /** The state of these nodes; undefined where one was never observed, which a plan would take for a lost node. */
  const stateOf = (names: readonly NodeName[]): ClusterState | undefined => {
    const states = names.flatMap((node) => {
      const { state } = known(node);
      return state === undefined ? [] : [[node, state] as const];
    });
    return states.length === names.length ? { ...absent, nodes: Object.fromEntries(states) } : undefined;
  };

  return {
    /** Everything that was ever observed; undefined before the first observation. */
    state: (): ClusterState | undefined => {
      const states = [...nodes].flatMap(([node, { state }]) => (state === undefined ? [] : [[node, state] as const]));
      return states.length === 0 ? undefined : { nodes: Object.fromEntries(states) };
    },
    nodeState: (node: NodeName): NodeState | undefined => nodes.get(node)?.state,
    stateOf,
    /** As `stateOf`, but undefined unless all of these nodes answered recently and nothing has happened there since. */
    recentStateOf: (names: readonly NodeName[]): ClusterState | undefined =>
      names.every((node) => isUpToDate(node) || wasSeenWithin(node, recentMs)) ? stateOf(names) : undefined,
    isUpToDate,
    /** Call it before an observation begins, and pass the result to `keepNode`. */
    beginObservation: next,
    /** False where an observation that began later has been kept already. */
    keepNode,
    /** What the last observation of all nodes knew of nodes that it did not ask. */
    keepAbsent: ({ nodes: _, ...rest }: ClusterState): void => {
      absent = rest;
    },
    /** Something happened on the node: what is known of it does not include that. */
    reportChange: (node: NodeName): void => {
      known(node).changedAt = next();
    },
    isChanged,
    /** A stream of Docker's events is open; call the result when it has ended. */
    beginListening: (node: NodeName): (() => void) => {
      known(node).streams += 1;
      return () => {
        known(node).streams -= 1;
      };
    },
  };
}
