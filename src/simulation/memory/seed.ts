import type { ContainerSpec } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { defaultDeployment } from '../../model/names.ts';
import { imageIdOf, newContainer, registryImage } from './containers.ts';
import { newDataset } from './datasets.ts';
import type {
  MemoryContainerSeed,
  MemoryDocker,
  MemoryDockerSeed,
  MemoryMachine,
  MemoryNodeSeed,
  MemoryStandby,
  MemoryVolumeSeed,
} from './types.ts';
import { memoryDatasetName } from './volumes.ts';
import { append, type MemoryWorld, newGuid, noContent } from './world.ts';

const defaultPoolBytes = 2 ** 40;

/** What containers bind of every node. */
const usualPaths = ['/', '/dev', '/etc', '/etc/localtime', '/proc', '/run', '/sys', '/tmp', '/var/run/docker.sock'];

const newStandby = (): MemoryStandby => ({
  rules: undefined,
  due: new Map(),
  paused: new Map(),
  sent: new Map(),
  received: new Map(),
});

/** A node as the seed describes it. Invariants are not checked, so that broken states can be seeded too. */
export function seedMachine(world: MemoryWorld, name: NodeName, seed: MemoryNodeSeed): MemoryMachine {
  const index = Object.keys(world.seed.nodes).indexOf(name);
  const meshAddress = seed.meshAddress ?? `10.99.0.${11 + index}`;
  const machine: MemoryMachine = {
    name,
    nodeId: nodeIdOf(world, name),
    meshAddress,
    addresses: [
      { interface: 'lo', address: '127.0.0.1' },
      { interface: 'eth0', address: meshAddress },
      ...(seed.addresses ?? []),
    ],
    poolBytes: seed.poolBytes ?? defaultPoolBytes,
    capabilities: { resume: true, bookmarks: true, compressed: true, largeBlocks: true, ...seed.capabilities },
    ailments: seed.ailments ?? {},
    listeners: seed.listeners ?? [],
    paths: new Set([...usualPaths, ...(seed.paths ?? [])]),
    connected: true,
    txg: 100,
    datasets: new Map(),
    containers: new Map(),
    docker: seedDocker(seed.docker ?? {}),
    images: new Map(),
    table: { present: false, proxies: [], open: [], peers: [], ...withoutHolds(seed.network) },
    standby: seed.standby && newStandby(),
    boot: seed.boot && {
      alone: 'wait',
      peers: [],
      waiting: [],
      sshPorts: [22],
      hostKeys: [`ssh-ed25519 ${Buffer.from(name).toString('base64')}`],
      ...seed.boot,
    },
    holds: new Map(),
    lock: undefined,
    audit: [],
    armed: new Map(),
    failovers: [],
    isOff: false,
    foreignMounts: new Map(),
    adopted: new Map(),
    wanted: new Set(),
    listenersOfEvents: new Set(),
  };
  for (const volume of seed.volumes ?? []) seedVolume(world, machine, volume);
  for (const reference of seed.images ?? []) seedImage(world, machine, reference);
  for (const container of seed.containers ?? []) {
    seedImage(world, machine, container.spec.image);
    const image = machine.images.get(container.spec.image)?.image ?? {};
    const spec = ownSpec(container);
    const made = newContainer(machine, spec, image, world.clock.now());
    const state = container.state ?? 'running';
    machine.containers.set(container.name ?? made.name, {
      ...made,
      name: container.name ?? made.name,
      managed: container.managed ?? true,
      imageId: container.imageId ?? made.imageId,
      imageDefaults: container.imageDefaults ?? made.imageDefaults,
      state,
      startedAtMs: startedAt(container) ?? (state === 'running' ? world.clock.now() : undefined),
      exit: container.exit,
      lines: [...(image.logs ?? [])],
    });
  }
  return machine;
}

function seedDocker({ containers = [], volumes = [], bytes = {}, writesBytes = 0 }: MemoryDockerSeed): MemoryDocker {
  return {
    containers: new Map(containers.map((container) => [container.id, container])),
    volumes,
    directories: new Map(Object.entries(bytes).map(([directory, size]) => [directory, append(noContent, size)])),
    writesBytes,
  };
}

function ownSpec({ spec, deployment = spec.deployment ?? defaultDeployment }: MemoryContainerSeed): ContainerSpec {
  const { deployment: _label, ...rest } = spec;
  return deployment === null ? rest : { ...rest, deployment };
}

const startedAt = ({ startedAt }: MemoryContainerSeed): number | undefined =>
  startedAt === undefined ? undefined : Date.parse(startedAt);

function nodeIdOf(world: MemoryWorld, name: NodeName): string {
  return world.seed.nodes[name]?.nodeId ?? `id-${name}`;
}

function seedImage(world: MemoryWorld, machine: MemoryMachine, reference: string): void {
  const image = registryImage(world, reference) ?? {};
  machine.images.set(reference, { id: imageIdOf(reference, image), image });
}

function seedVolume(world: MemoryWorld, machine: MemoryMachine, seed: MemoryVolumeSeed): void {
  const name = memoryDatasetName(world, seed.id, seed.application);
  const createdAtMs = seed.createdAtMs ?? world.clock.now();
  const dataset = { ...newDataset(name), createdAtMs };
  const { deployment = defaultDeployment } = seed;
  const role = seed.role ?? 'owner';
  const owner = seed.owner ?? (role === 'owner' ? machine.name : undefined);
  dataset.properties = {
    volume: seed.id,
    ...defined({ name: seed.name, application: seed.application }),
    ...(deployment === null ? {} : { deployment }),
    role,
    ...(owner === undefined ? {} : { owner: nodeIdOf(world, owner) }),
    epoch: seed.epoch ?? 1,
  };
  dataset.mounted = seed.mounted ?? role === 'owner';
  dataset.readonly = role !== 'owner';
  dataset.limitBytes = seed.limitBytes;
  dataset.filled = true;
  let content = noContent;
  for (const snapshot of seed.snapshots ?? []) {
    content = append(content, Math.max(0, (snapshot.bytes ?? content.bytes) - content.bytes));
    machine.txg += 1;
    dataset.snapshots.push({
      name: snapshot.name,
      guid: snapshot.guid ?? newGuid(world),
      createTxg: machine.txg,
      content,
      createdAtMs,
      holds: new Set(),
    });
  }
  dataset.content = append(content, Math.max(0, (seed.bytes ?? content.bytes) - content.bytes));
  machine.datasets.set(name, dataset);
}

function withoutHolds(table: MemoryNodeSeed['network']): Partial<MemoryMachine['table']> {
  if (table === undefined) return {};
  const { holds: _holds, ...rest } = table;
  const own = { deployment: defaultDeployment };
  return {
    ...rest,
    ...(rest.proxies === undefined ? {} : { proxies: rest.proxies.map((entry) => ({ ...own, ...entry })) }),
    ...(rest.open === undefined ? {} : { open: rest.open.map((entry) => ({ ...own, ...entry })) }),
  };
}
