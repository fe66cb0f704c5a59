import { type ClusterState, lastFacts, type NodeFacts, type NodeState } from '../model/cluster.ts';
import type { Config, NodeName } from '../model/config.ts';
import { AppError, toReport } from '../model/errors.ts';
import { deploymentView } from '../plan/deployment-view.ts';
import type { Cluster } from './node-client.ts';

export interface ObserveOptions {
  readonly now: () => number;
  /** The earlier state, for the last facts of a node that is unreachable now, and the time since then. */
  readonly before?: ClusterState;
  /** The state of a node that need not be asked; undefined for one that must be. */
  readonly known?: (node: NodeName) => NodeState | undefined;
  readonly observed?: (node: NodeName, state: NodeState) => void;
}

/** Every node that belongs to a configuration, sorted. */
export function observedNodes(config: Config): readonly NodeName[] {
  return [...new Set([...Object.keys(config.nodes), ...Object.keys(config.deployment)])].toSorted();
}

/**
 * Observes all nodes of the configuration at once, each as its deployment may see it. A failure on a node becomes the
 * state of that node; only an abort is thrown.
 */
export async function observe(
  config: Config,
  cluster: Cluster,
  options: ObserveOptions,
  signal: AbortSignal,
): Promise<ClusterState> {
  const names = observedNodes(config);
  const states = await Promise.all(
    names.map(async (node) => {
      const known = options.known?.(node);
      if (known !== undefined) return [node, known] as const;
      const state = ownState(config, node, await observeNode(node, cluster, options, signal));
      options.observed?.(node, state);
      return [node, state] as const;
    }),
  );
  const departed = departedNodes(states, options.before);
  return { nodes: Object.fromEntries(states), ...(departed === undefined ? {} : { departed }) };
}

/**
 * The last facts of nodes that the files no longer name, if those nodes are in use. A node that answers under another
 * name was renamed in the files.
 */
function departedNodes(
  states: readonly (readonly [NodeName, NodeState])[],
  before: ClusterState | undefined,
): ClusterState['departed'] {
  const names = states.map(([node]) => node);
  const ids = new Set(states.flatMap(([, state]) => (state.status === 'reachable' ? [state.facts.nodeId] : [])));
  const seen = Object.keys(before?.nodes ?? {}).flatMap((node) => {
    const facts = before === undefined || names.includes(node) ? undefined : lastFacts(before.nodes[node]);
    return facts === undefined || !isUsed(facts) || ids.has(facts.nodeId) ? [] : [[node, facts] as const];
  });
  return seen.length === 0 ? undefined : Object.fromEntries(seen);
}

/** The node has containers of drover, or data that may be nowhere else. */
function isUsed({ containers, volumes }: NodeFacts): boolean {
  return (
    containers.some(({ managed, otherApplication }) => managed || otherApplication !== undefined) ||
    volumes.some(({ role }) => role !== 'replica' && role !== 'retired' && role !== 'incoming')
  );
}

/** The state of a node as the deployment of the configuration may see it. */
export function ownState(config: Config, node: NodeName, state: NodeState): NodeState {
  return deploymentView(config, { nodes: { [node]: state } }).nodes[node] ?? state;
}

/** Observes one node. A failure becomes its state; only an abort is thrown. */
export async function observeNode(
  node: NodeName,
  cluster: Cluster,
  { now, before }: ObserveOptions,
  signal: AbortSignal,
): Promise<NodeState> {
  try {
    const client = await cluster.node(node, signal);
    return { status: 'reachable', facts: await client.observe(signal), observedAt: now() };
  } catch (error) {
    if (signal.aborted) throw new AppError('cancelled', 'cancelled', { cause: error });
    const earlier = before?.nodes[node];
    const known = lastFacts(earlier);
    return {
      status: 'unreachable',
      since: earlier?.status === 'unreachable' ? earlier.since : now(),
      error: toReport(error),
      ...(known === undefined ? {} : { lastFacts: known }),
    };
  }
}
