import type { ClusterState } from '../model/cluster.ts';
import type { AppName, NodeName } from '../model/config.ts';

/** A TCP port that an application serves now, and where it runs. */
export interface ServedPort {
  readonly app: AppName;
  readonly node: NodeName;
  readonly port: number;
}

/** Ports of running applications, each once. UDP has no connections that could be tried. */
export function servedPorts(state: ClusterState): readonly ServedPort[] {
  return Object.entries(state.nodes).flatMap(([node, seen]) =>
    (seen.status === 'reachable' ? seen.facts.containers : []).flatMap(
      ({ application: app, managed, state: is, spec }) =>
        !managed || app === undefined || is !== 'running'
          ? []
          : spec.ports.flatMap(({ external: port, protocol }) => (protocol === 'tcp' ? [{ app, node, port }] : [])),
    ),
  );
}
