import { type ClusterState, lastFacts } from '../model/cluster.ts';
import type { AppName, DeploymentName } from '../model/config.ts';

/** How others reach an application by name. */
export interface AppNames {
  readonly address: string;
  /** On any network, its own first. */
  readonly names: readonly string[];
  /** `5432/tcp`, inside the container. */
  readonly ports: readonly string[];
}

/** The names of the applications of a deployment, from the tables of the nodes; all tables agree. */
export function appNames(state: ClusterState, deployment: DeploymentName): ReadonlyMap<AppName, AppNames> {
  const found = new Map<AppName, AppNames>();
  for (const node of Object.values(state.nodes)) {
    for (const entry of lastFacts(node)?.network.names?.entries ?? []) {
      const { application, address, networks, ports } = entry;
      if (entry.deployment !== deployment || found.has(application)) continue;
      const names = new Set([application, ...networks.flatMap((network) => network.names)]);
      const shown = ports.map(({ port, protocol }) => `${port}/${protocol}`);
      found.set(application, { address, names: [...names], ports: shown });
    }
  }
  return found;
}

/** `db, database at 198.18.3.7, port 5432/tcp`. */
export const namesText = ({ address, names, ports }: AppNames): string =>
  `${names.join(', ')} at ${address}${ports.length === 0 ? '' : `, port ${ports.join(', ')}`}`;
