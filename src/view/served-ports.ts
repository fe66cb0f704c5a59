import { isPublishedAt } from '../model/addresses.ts';
import { type ClusterState, freshFacts } from '../model/cluster.ts';
import type { AppName, NodeName } from '../model/config.ts';

/** A TCP port that an application serves now, and where it runs. */
export interface ServedPort {
  readonly app: AppName;
  readonly node: NodeName;
  readonly port: number;
}

/** True if clients reach the port at this node's mesh address, served or forwarded. */
export function isReachedThrough(state: ClusterState, { node: owner, port }: ServedPort, node: NodeName): boolean {
  const [own, door] = [owner, node].map((name) => state.nodes[name]);
  if (own?.status !== 'reachable' || door?.status !== 'reachable') return false;
  const { containers, meshAddress } = own.facts;
  const mapping = containers
    .flatMap(({ managed, spec }) => (managed ? spec.ports : []))
    .find(({ external, protocol }) => external === port && protocol === 'tcp');
  if (mapping !== undefined && !isPublishedAt(mapping, meshAddress)) return false;
  const { listen } = door.facts.network;
  return node === owner || listen === undefined || listen.includes(door.facts.meshAddress);
}

/** Ports of running applications, each once. UDP has no connections that could be tried. */
export function servedPorts(state: ClusterState): readonly ServedPort[] {
  return Object.entries(state.nodes).flatMap(([node, seen]) =>
    (freshFacts(seen)?.containers ?? []).flatMap(({ application: app, managed, state: is, spec }) =>
      !managed || app === undefined || is !== 'running'
        ? []
        : spec.ports.flatMap(({ external: port, protocol }) => (protocol === 'tcp' ? [{ app, node, port }] : [])),
    ),
  );
}
