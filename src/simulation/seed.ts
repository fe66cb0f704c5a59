import type { ClusterState, NetworkTable } from '../model/cluster.ts';
import type { Application, AppName, Config, NodeName } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { printImage, snapshotName } from '../model/names.ts';
import { desiredSpec } from '../plan/container-spec.ts';
import { makePlan } from '../plan/make-plan.ts';
import { createMemoryCluster } from './memory/cluster.ts';
import type { MemoryContainerSeed, MemoryNodeSeed, MemorySeed, MemoryVolumeSeed } from './memory/types.ts';
import type { Scene } from './scene.ts';

/** Nodes in the state that the files describe, except where the scene differs. */
export function seedOf(scene: Scene, config: Config, now: number): MemorySeed {
  const bare = seedWith(scene, config, now, {});
  // The network tables follow from everything else; the planner computes them.
  return seedWith(scene, config, now, wantedTables(config, bare, now));
}

type Tables = Readonly<Record<NodeName, Partial<NetworkTable>>>;

function seedWith(scene: Scene, config: Config, now: number, tables: Tables): MemorySeed {
  const nodes = Object.keys(scene.nodes).map((node): [NodeName, MemoryNodeSeed] => {
    const network = tables[node];
    return [node, { ...seedNode(scene, config, node, now), ...defined({ network }) }];
  });
  return {
    nodes: Object.fromEntries(nodes),
    registry: scene.images,
    roundTripMs: scene.roundTripMs,
    bytesPerSecond: scene.bytesPerSecond,
  };
}

function seedNode(scene: Scene, config: Config, node: NodeName, now: number): MemoryNodeSeed {
  const { address, poolBytes, foreign = {} } = scene.nodes[node] ?? { address: node, poolBytes: 2 ** 40 };
  const apps = (config.deployment[node] ?? []).flatMap((name) => config.applications[name] ?? []);
  return {
    meshAddress: address,
    poolBytes,
    containers: [
      ...apps.map((app) => seedContainer(scene, app, address, now)),
      ...Object.entries(foreign).map(([name, image]) => foreignContainer(name, image)),
    ],
    volumes: [
      ...apps.flatMap((app) => seedVolumes(scene, app, node, { role: 'owner', now })),
      ...Object.entries(scene.apps).flatMap(([name, { replicas = [] }]) =>
        replicas.includes(node)
          ? seedVolumes(scene, config.applications[name], ownerOf(config, name), { role: 'replica', now })
          : [],
      ),
    ],
  };
}

const ownerOf = (config: Config, app: AppName): NodeName =>
  Object.keys(config.deployment).find((node) => config.deployment[node]?.includes(app)) ?? '';

function seedContainer(scene: Scene, app: Application, address: string, now: number): MemoryContainerSeed {
  const { upMs = 60_000, image = printImage(app.image), exit } = scene.apps[app.name] ?? {};
  return {
    spec: { ...desiredSpec(app, address), image },
    startedAt: new Date(now - upMs).toISOString(),
    ...(exit === undefined ? {} : { state: 'exited', exit }),
  };
}

function foreignContainer(name: string, image: string): MemoryContainerSeed {
  const restartPolicy = { name: 'always' } as const;
  return {
    spec: { application: name, image, ports: [], environment: {}, mounts: [], restartPolicy },
    name,
    managed: false,
  };
}

/** Owner and replica have a snapshot in common, from the last move. */
function seedVolumes(
  scene: Scene,
  app: Application | undefined,
  owner: NodeName,
  { role, now }: { readonly role: 'owner' | 'replica'; readonly now: number },
): readonly MemoryVolumeSeed[] {
  if (app === undefined) return [];
  const { dataBytes = 0, replicas = [], upMs = 0 } = scene.apps[app.name] ?? {};
  const commonBytes = Math.round(dataBytes * 0.97);
  return app.volumes.map(({ id, maximumSizeBytes }) => ({
    id,
    application: app.name,
    role,
    owner,
    epoch: replicas.length > 0 ? 2 : 1,
    // It was started when its data had arrived.
    createdAtMs: now - upMs,
    bytes: role === 'owner' ? dataBytes : commonBytes,
    ...defined({ limitBytes: maximumSizeBytes }),
    snapshots: replicas.length > 0 ? [{ name: snapshotName(1, 1), guid: guidFor(app.name), bytes: commonBytes }] : [],
  }));
}

/** The same on every node that has the snapshot. */
const guidFor = (app: AppName): string => [...app].map((letter) => letter.charCodeAt(0)).join('');

function wantedTables(config: Config, seed: MemorySeed, now: number): Tables {
  const cluster = createMemoryCluster(seed);
  const nodes: ClusterState['nodes'] = Object.fromEntries(
    Object.keys(seed.nodes).map((node) => [
      node,
      { status: 'reachable', observedAt: now, facts: cluster.facts(node) } as const,
    ]),
  );
  const tables = makePlan(config, { nodes }).steps.flatMap(({ action }): [NodeName, Partial<NetworkTable>][] =>
    action.kind === 'replace-network'
      ? [
          [
            action.node,
            {
              present: true,
              proxies: action.proxies,
              open: action.open,
              peers: action.peers,
              ...defined({ listen: action.listen }),
            },
          ],
        ]
      : [],
  );
  return Object.fromEntries(tables);
}
