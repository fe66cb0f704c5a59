import {
  type BootFacts,
  type ClusterState,
  type Container,
  lastFacts,
  type NetworkTable,
  type NodeFacts,
  type NodeState,
  type PortKey,
  type Snapshot,
  type Volume,
} from '../src/model/cluster.ts';
import {
  type Application,
  type AppName,
  type Config,
  defaultSettings,
  type NodeName,
  type PlacedVolume,
  type PortMapping,
  type VolumeMount,
} from '../src/model/config.ts';
import type { NameTable } from '../src/model/name-table.ts';
import { containerName, datasetLeaf, defaultDeployment } from '../src/model/names.ts';
import { desiredSpec } from '../src/plan/container-spec.ts';

/** Node ids of built nodes: what `drover:owner` of a built volume refers to. */
export const nodeId = (node: NodeName): string => `id-${node}`;

/** `acme/<name>:1` without ports, links, volumes or environment, never restarted. */
export function anApplication(name: AppName, overrides: Partial<Application> = {}): Application {
  return {
    name,
    image: { repository: `acme/${name}`, tag: '1' },
    ports: [],
    links: [],
    environment: {},
    volumes: [],
    restartPolicy: { name: 'never' },
    ...overrides,
  };
}

/** The table of a node that is set up for names and has none yet. */
export const noNames: NameTable = { ranges: [], entries: [], resolvers: [] };

/** The same port inside and outside unless told. */
export const tcp = (external: number, internal = external): PortMapping => ({ internal, external, protocol: 'tcp' });
export const udp = (external: number, internal = external): PortMapping => ({ internal, external, protocol: 'udp' });

export function aMount(id: string, maximumSizeBytes?: number, mountpoint = `/${id}`): VolumeMount {
  return { id, mountpoint, ...(maximumSizeBytes === undefined ? {} : { maximumSizeBytes }) };
}

/** Every node of the deployment is configured; applications by their own names. */
export function aConfig(
  applications: readonly Application[],
  deployment: Readonly<Record<NodeName, readonly AppName[]>>,
  overrides: Partial<Config> & { readonly datasets?: readonly PlacedVolume[] } = {},
): Config {
  return {
    revision: 'r1',
    name: defaultDeployment,
    format: 'flocker',
    applications: Object.fromEntries(applications.map((app) => [app.name, app])),
    deployment,
    nodes: Object.fromEntries(Object.keys(deployment).map((node) => [node, {}])),
    settings: defaultSettings,
    ...overrides,
  };
}

/** `a1 b2`: snapshots named a and b with the guids 1 and 2, oldest first. */
export function snaps(text: string): Snapshot[] {
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word, index) => {
      const match = /^([a-z]+)(\d+)$/.exec(word);
      if (match?.[1] === undefined || match[2] === undefined) throw new Error(`not a snapshot: ${word}`);
      return { name: match[1], guid: match[2], createTxg: String(index + 1) };
    });
}

/** An owner's mounted dataset with epoch 1; copies with another role are not mounted. */
export function aVolume(id: string, overrides: Partial<Volume> & { readonly on?: NodeName } = {}): Volume {
  const { on, ...rest } = overrides;
  return {
    id,
    deployment: defaultDeployment,
    dataset: `drover/volumes/${datasetLeaf(id, undefined)}`,
    role: 'owner',
    ...(on === undefined ? {} : { owner: nodeId(on) }),
    epoch: 1,
    mounted: (overrides.role ?? 'owner') === 'owner',
    usedBytes: 1_000_000,
    referencedBytes: 1_000_000,
    writtenBytes: 0,
    snapshots: [],
    bookmarks: [],
    ...rest,
  };
}

/** Running just as declared, on a node with this mesh address; the image id is that of `imageIdOf`. */
export function aContainer(app: Application, address: string, overrides: Partial<Container> = {}): Container {
  const spec = desiredSpec(app, address, { deployment: defaultDeployment });
  return {
    id: `container-${app.name}`,
    name: containerName(app.name),
    application: app.name,
    managed: true,
    deployment: defaultDeployment,
    state: 'running',
    spec,
    imageId: imageIdOf(spec.image),
    imageDefaults: { environment: {}, command: [], entrypoint: [] },
    ...overrides,
  };
}

export const imageIdOf = (image: string): string => `sha256:${image}`;

/** A foreign container: no label, no application. */
export function aForeignContainer(name: string, ports: readonly PortMapping[] = []): Container {
  const { application: _none, deployment: _no, ...container } = aContainer(anApplication(name, { ports }), 'anywhere');
  return { ...container, id: `foreign-${name}`, name, managed: false };
}

export interface NodeParts {
  readonly containers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly network?: Partial<NetworkTable>;
  readonly listeners?: NodeFacts['listeners'];
  readonly foreignMounts?: NodeFacts['foreignMounts'];
  /** Images the node has beside those of its containers, as `repository:tag`. */
  readonly images?: readonly string[];
  /** Ports that images expose, as `repository:tag`. */
  readonly imagePorts?: Readonly<Record<string, readonly PortKey[]>>;
  readonly meshAddress?: string;
  readonly addresses?: NodeFacts['addresses'];
  readonly pool?: Partial<NodeFacts['pool']>;
  /** Absent: the node is not set up for starting by itself. */
  readonly boot?: Partial<BootFacts>;
}

const noBoot = (node: NodeName): BootFacts => ({
  alone: 'wait',
  peers: [],
  waiting: [],
  sshPorts: [22],
  hostKeys: [`ssh-ed25519 ${node}`],
});

/** Entries are those of the default deployment, unless they say otherwise. */
function withDeployment(table: NetworkTable): NetworkTable {
  // Written out: objects that are made by spreading another one first are slow to compare by the million.
  return {
    ...table,
    proxies: table.proxies.map(({ port, protocol, address, deployment = defaultDeployment }) => ({
      port,
      protocol,
      address,
      deployment,
    })),
    open: table.open.map(({ port, protocol, deployment = defaultDeployment }) => ({ port, protocol, deployment })),
  };
}

/** Facts of a node whose mesh address is its name. */
export function someFacts(node: NodeName, parts: NodeParts = {}): NodeFacts {
  const containers = parts.containers ?? [];
  const images = [...containers.map((container) => container.spec.image), ...(parts.images ?? [])];
  return {
    nodeId: nodeId(node),
    meshAddress: parts.meshAddress ?? node,
    ...(parts.addresses && { addresses: parts.addresses }),
    containers,
    volumes: parts.volumes ?? [],
    network: withDeployment({ present: true, proxies: [], open: [], peers: [], holds: [], ...parts.network }),
    listeners: parts.listeners ?? [],
    ...(parts.foreignMounts && { foreignMounts: parts.foreignMounts }),
    images: Object.fromEntries(images.map((image) => [image, imageIdOf(image)])),
    ...(parts.imagePorts && {
      imagePorts: Object.fromEntries(Object.entries(parts.imagePorts).map(([image, own]) => [imageIdOf(image), own])),
    }),
    pool: { name: 'drover', health: 'ONLINE', sizeBytes: 10_000_000_000, freeBytes: 9_000_000_000, ...parts.pool },
    versions: { docker: '28.0.0', dockerApi: '1.48', zfs: '2.2.2', kernel: '6.8.0', arch: 'x86_64' },
    capabilities: { resume: true, bookmarks: true, compressed: true, largeBlocks: true },
    roundTripMs: 1,
    ...(parts.boot && { boot: { ...noBoot(node), ...parts.boot } }),
  };
}

export type BuiltNode = readonly [NodeName, NodeState];

export function onNode(node: NodeName, parts: NodeParts = {}): BuiltNode {
  return [node, { status: 'reachable', observedAt: 0, facts: someFacts(node, parts) }];
}

export function unreachable(node: NodeName, last?: NodeParts): BuiltNode {
  const error = {
    code: 'connection-failed',
    message: `cannot connect to "${node}": no answer`,
    retryable: true,
    causes: [],
  } as const;
  return [
    node,
    { status: 'unreachable', since: 0, error, ...(last === undefined ? {} : { lastFacts: someFacts(node, last) }) },
  ];
}

/** Nodes whose tables already know their peers and forward to whatever runs on the others, unless told otherwise. */
export function aCluster(...nodes: readonly BuiltNode[]): ClusterState {
  return { nodes: Object.fromEntries(nodes.map(([name, state]) => [name, wired(name, state, nodes)])) };
}

function wired(name: NodeName, state: NodeState, nodes: readonly BuiltNode[]): NodeState {
  if (state.status !== 'reachable') return state;
  const { facts } = state;
  const others = nodes.filter(([other]) => other !== name).map(([, other]) => lastFacts(other));
  const proxies = others.flatMap((other) =>
    published(other).map(({ port, protocol }) => ({ port, protocol, address: other?.meshAddress ?? '' })),
  );
  const empty = facts.network.proxies.length === 0 && facts.network.open.length === 0 && facts.network.present;
  const entries = empty ? { proxies, open: published(facts) } : {};
  const peers =
    facts.network.peers.length === 0 ? others.flatMap((other) => other?.meshAddress ?? []) : facts.network.peers;
  return { ...state, facts: { ...facts, network: withDeployment({ ...facts.network, ...entries, peers }) } };
}

function published(facts: NodeFacts | undefined): PortKey[] {
  const ours = facts?.containers.filter((container) => container.managed && container.state === 'running') ?? [];
  return ours.flatMap(({ spec }) => spec.ports.map(({ external, protocol }) => ({ port: external, protocol })));
}
