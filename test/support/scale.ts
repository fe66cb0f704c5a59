import type { BootPeer, ClusterState } from '../../src/model/cluster.ts';
import type { Application, Config, NodeName } from '../../src/model/config.ts';
import type { NameEntry } from '../../src/model/name-table.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  nodeId,
  onNode,
  snaps,
  tcp,
} from '../builders.ts';

const appsPerNode = 10;
/** One application in this many has a port, one a volume. */
const [portEvery, volumeEvery] = [10, 4];

/** A cluster of `nodes` nodes with ten applications each, all as configured. */
export function aLargeCluster(nodes: number): { readonly config: Config; readonly state: ClusterState } {
  const names = Array.from({ length: nodes }, (_, at): NodeName => `node${at}`);
  const apps = Array.from({ length: nodes * appsPerNode }, (_, at): Application => {
    const ports = at % portEvery === 0 ? [tcp(10_000 + at / portEvery)] : [];
    const volumes = at % volumeEvery === 0 ? [aMount(`v${at}`)] : [];
    return anApplication(`app${at}`, { ports, volumes });
  });
  const onNodeAt = (node: number) => apps.slice(node * appsPerNode, (node + 1) * appsPerNode);
  const peers = names.map(
    (address): BootPeer => ({ address, ports: [22], keys: [`ssh-ed25519 ${address}`], id: nodeId(address) }),
  );
  peers.sort((a, b) => (a.address < b.address ? -1 : 1));
  const config = aConfig(
    apps,
    Object.fromEntries(names.map((name, at) => [name, onNodeAt(at).map((app) => app.name)])),
  );
  const state = inOrder(
    aCluster(
      ...names.map((name, at) =>
        onNode(name, {
          containers: onNodeAt(at).map((app) => {
            const container = aContainer(app, name);
            return { ...container, spec: { ...container.spec, after: [] } };
          }),
          volumes: onNodeAt(at).flatMap(({ name: application, volumes }) =>
            volumes.map(({ id }) => aVolume(id, { on: name, application, snapshots: snaps('a1 b2'), copies: [] })),
          ),
          boot: { peers: peers.filter(({ address }) => address !== name) },
        }),
      ),
    ),
  );
  return { config, state };
}

/** The same cluster, where every application is reached by name: each node has an entry for each. */
export function withNames({ config, state }: ReturnType<typeof aLargeCluster>): ReturnType<typeof aLargeCluster> {
  const [resolver, range] = ['198.19.0.1', '198.18.0.0/15'];
  const placed = Object.entries(config.deployment).flatMap(([node, apps]) => apps.map((app) => ({ node, app })));
  const all = placed
    .sort((a, b) => (a.app < b.app ? -1 : 1))
    .map(({ node, app }, index) => {
      const address = `198.18.${(index + 1) >> 8}.${(index + 1) & 255}`;
      const ports = (config.applications[app]?.ports ?? []).map(({ internal: port, protocol, external: meshPort }) => ({
        port,
        protocol,
        meshPort,
      }));
      const networks = [{ network: 'default', names: [app] }];
      const own: NameEntry = { deployment: config.name, application: app, address, networks, ports };
      return { node, app, own, others: { ...own, at: node } };
    });
  const byApp = new Map(all.map((one) => [one.app, one.own]));
  const resolvers = [{ deployment: config.name, address: resolver, networks: ['default'] }];
  const nodes = Object.entries(state.nodes).map(([name, seen]) => {
    if (seen.status !== 'reachable') return [name, seen] as const;
    const containers = seen.facts.containers.map((one) => {
      const { address = '', ports = [] } = byApp.get(one.application ?? '') ?? {};
      return { ...one, spec: { ...one.spec, names: { address, mesh: name, ports, resolver } } };
    });
    const entries = all.map(({ node, own, others }) => (node === name ? own : others));
    const network = { ...seen.facts.network, names: { ranges: [range], entries, resolvers } };
    return [name, { ...seen, facts: { ...seen.facts, containers, network } }] as const;
  });
  return { config, state: { ...state, nodes: Object.fromEntries(nodes) } };
}

/** Peers in the order in which they are read from a node. */
const inOrder = ({ nodes }: ClusterState): ClusterState => ({
  nodes: Object.fromEntries(
    Object.entries(nodes).map(([name, seen]) => {
      if (seen.status !== 'reachable') return [name, seen];
      const network = { ...seen.facts.network, peers: seen.facts.network.peers.toSorted() };
      return [name, { ...seen, facts: { ...seen.facts, network } }];
    }),
  ),
});

/** The same files, with everything of the first node placed on the second. */
export function drained(config: Config): Config {
  const [first = '', second = ''] = Object.keys(config.deployment);
  const both = [...(config.deployment[second] ?? []), ...(config.deployment[first] ?? [])];
  return { ...config, revision: 'drained', deployment: { ...config.deployment, [first]: [], [second]: both } };
}
