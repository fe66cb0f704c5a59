import type { Container } from '../../src/model/cluster.ts';
import type { AppName, Config, NodeName, VolumeId } from '../../src/model/config.ts';
import { isDone } from '../../src/model/container/verdict.ts';
import type { MemoryCluster } from '../../src/simulation/memory/cluster.ts';
import type {
  MemoryContainer,
  MemoryContent,
  MemoryDataset,
  MemoryMachine,
} from '../../src/simulation/memory/types.ts';
import { mayShare, writeInto } from '../../src/simulation/memory/world.ts';
import type { Scenario } from './scenarios.ts';

/** Checks the cluster around every call, and writes as running containers do. */
export interface Watcher {
  /** Broken invariants, each once. */
  readonly violations: readonly string[];
  report(text: string): void;
  /** The newest data whose write to disk was acknowledged to the application. */
  newest(volume: VolumeId): MemoryContent | undefined;
  /** The application is being rolled back: from now on the volume may also start on this content. */
  allow(volume: VolumeId, content: MemoryContent): void;
  /** The roll-back has ended: after the next start on the newest data, only that is allowed. */
  endAllowance(): void;
  /** The current data of running applications counts as acknowledged, however it was written. */
  acknowledge(): void;
  /** Something was removed by a user or another program: a snapshot by its guid, a dataset as `node name`. */
  forget(what: string): void;
  /** Calls back after every write that took effect. */
  onWrite(listener: (node: NodeName, operation: string) => void): void;
  /** Checks now, for changes without a call. */
  look(): void;
}

const kilobyte = 1024;

/** Begins to watch; `nodes` are all nodes, whether drover knows them or not. */
export function createWatcher(
  cluster: MemoryCluster,
  nodes: readonly NodeName[],
  { oldNames = {}, shared = {} }: Pick<Scenario, 'oldNames' | 'shared'> = {},
): Watcher {
  const machines = nodes.map((node) => cluster.machine(node));
  const memory = createMemory(oldNames);
  const look = (): void => {
    for (const machine of machines) {
      for (const container of machine.containers.values()) checkStart(memory, machine, container);
    }
    checkWriters(memory, machines, shared);
    checkKept(memory, machines);
    for (const text of cluster.violations()) memory.report(text);
  };
  let listener: ((node: NodeName, operation: string) => void) | undefined;
  cluster.intercept(({ phase, write, node, operation }) => {
    if (phase === 'after' && !write) return;
    look();
    if (phase === 'after') listener?.(node, operation);
    if (phase === 'before') writeAll(memory, machines);
  });
  return {
    violations: memory.violations,
    report: memory.report,
    newest: (volume) => memory.newest.get(volume),
    allow: (volume, content) => {
      memory.allowed.set(volume, content.version);
      memory.isAllowanceEnding = false;
    },
    endAllowance: () => {
      memory.isAllowanceEnding = true;
    },
    acknowledge: () => {
      for (const machine of machines) {
        for (const container of machine.containers.values()) {
          if (container.state !== 'running') continue;
          for (const [volume, dataset] of boundDatasets(machine, container)) {
            if (dataset !== undefined) memory.newest.set(volume, dataset.content);
          }
        }
      }
    },
    forget: (what) => {
      memory.kept.delete(what);
      memory.datasets.delete(what);
    },
    onWrite: (next) => {
      listener = next;
    },
    look: () => {
      cluster.check();
      look();
    },
  };
}

interface Memory {
  readonly violations: string[];
  report(text: string): void;
  readonly newest: Map<VolumeId, MemoryContent>;
  readonly allowed: Map<VolumeId, string>;
  isAllowanceEnding: boolean;
  /** Contents that must stay on some disk: those from before a roll-back. */
  readonly replaced: Map<string, VolumeId>;
  /** How often each container has been started, by its id. */
  readonly starts: Map<string, number>;
  /** Applications that have data, under their first name. */
  readonly withData: Set<AppName>;
  firstName(app: AppName): AppName;
  /** Where the snapshots of users and other programs are, by guid. */
  readonly kept: Map<string, { readonly node: NodeName; readonly name: string }>;
  /** Datasets with data, as `node name`. */
  readonly datasets: Set<string>;
}

function createMemory(oldNames: Readonly<Record<AppName, AppName>>): Memory {
  const violations: string[] = [];
  return {
    violations,
    report: (text) => {
      if (!violations.includes(text)) violations.push(text);
    },
    newest: new Map(),
    allowed: new Map(),
    isAllowanceEnding: false,
    replaced: new Map(),
    starts: new Map(),
    withData: new Set(),
    firstName: (app) => oldNames[app] ?? app,
    kept: new Map(),
    datasets: new Set(),
  };
}

/** The datasets whose directories the container has, by volume. */
function boundDatasets(machine: MemoryMachine, container: MemoryContainer): [VolumeId, MemoryDataset | undefined][] {
  return container.spec.mounts.map(({ volume }) => [volume, machine.datasets.get(container.bound[volume] ?? '')]);
}

/** Every container starts on the newest acknowledged data. */
function checkStart(memory: Memory, machine: MemoryMachine, container: MemoryContainer): void {
  if ((memory.starts.get(container.id) ?? 0) === container.starts) return;
  memory.starts.set(container.id, container.starts);
  const { application } = container.spec;
  const where = `${application} on ${machine.name}`;
  const bound = boundDatasets(machine, container);
  for (const [volume, dataset] of bound) {
    const newest = memory.newest.get(volume);
    if (newest === undefined || dataset === undefined) continue;
    if (memory.allowed.get(volume) === dataset.content.version) {
      if (newest.version !== dataset.content.version) memory.replaced.set(newest.version, volume);
      memory.newest.set(volume, dataset.content);
    } else if (dataset.content.version !== newest.version) {
      const what = dataset.content.bytes === 0 ? 'empty' : 'stale';
      memory.report(`${where} starts on ${what} data of ${volume}`);
    } else if (memory.isAllowanceEnding) memory.allowed.delete(volume);
  }
  const isEmpty = bound.length > 0 && bound.every(([, dataset]) => dataset?.content.bytes === 0);
  if (isEmpty && memory.withData.has(memory.firstName(application))) {
    memory.report(`${where} starts empty, and it has data`);
  }
}

/**
 * At most one running container has a volume, or those that share it on one node, on a writable dataset of this volume.
 */
function checkWriters(
  memory: Memory,
  machines: readonly MemoryMachine[],
  shared: NonNullable<Scenario['shared']>,
): void {
  const writers = new Map<VolumeId, { readonly app: AppName; readonly node: NodeName }[]>();
  for (const machine of machines) {
    for (const container of machine.containers.values()) {
      if (container.state !== 'running') continue;
      const who = `${container.spec.application} on ${machine.name}`;
      for (const [volume, dataset] of boundDatasets(machine, container)) {
        const others = writers.get(volume) ?? [];
        writers.set(volume, [...others, { app: container.spec.application, node: machine.name }]);
        if (!mayShare(shared[volume], writers.get(volume) ?? [])) {
          const other = others.map(({ app, node }) => `${app} on ${node}`).join(' and ');
          memory.report(`${volume} has two writers: ${other} and ${who}`);
        }
        if (dataset?.properties.volume !== volume) memory.report(`${who} runs on what is not ${volume}`);
        else if (!dataset.mounted) memory.report(`${who} runs on ${volume}, which is not mounted`);
        else if (dataset.readonly) memory.report(`${who} runs on ${volume}, which is read-only`);
      }
    }
  }
}

/** Acknowledged data is on some disk, and so is everything that drover has not made. */
function checkKept(memory: Memory, machines: readonly MemoryMachine[]): void {
  const versions = new Set<string>();
  const guids = new Set<string>();
  const datasets = new Set<string>();
  for (const machine of machines) {
    for (const dataset of machine.datasets.values()) {
      versions.add(dataset.content.version);
      if (dataset.content.bytes > 0 && dataset.properties.volume !== undefined) {
        datasets.add(`${machine.name} ${dataset.name}`);
      }
      for (const { name, guid, content } of dataset.snapshots) {
        versions.add(content.version);
        guids.add(`${machine.name} ${guid}`);
        if (!name.startsWith('drover-')) memory.kept.set(guid, memory.kept.get(guid) ?? { node: machine.name, name });
      }
    }
  }
  for (const [volume, { version }] of memory.newest) {
    if (!versions.has(version)) memory.report(`the newest data of ${volume} is on no disk`);
  }
  for (const [version, volume] of memory.replaced) {
    if (!versions.has(version)) memory.report(`what ${volume} had before the roll-back is on no disk`);
  }
  for (const [guid, { node, name }] of memory.kept) {
    if (!guids.has(`${node} ${guid}`)) memory.report(`snapshot ${name} on ${node} is gone`);
  }
  for (const dataset of memory.datasets) if (!datasets.has(dataset)) memory.report(`dataset ${dataset} is gone`);
  for (const dataset of datasets) memory.datasets.add(dataset);
}

/** Lets a running program write, and counts what was acknowledged. */
function writeAll(memory: Memory, machines: readonly MemoryMachine[]): void {
  for (const machine of machines) {
    for (const container of machine.containers.values()) {
      if (container.state !== 'running') continue;
      for (const [volume, dataset] of boundDatasets(machine, container)) {
        // The disk may be full or gone: then nothing is acknowledged.
        if (dataset === undefined || !canWrite(machine, dataset)) continue;
        memory.newest.set(volume, dataset.content);
        memory.withData.add(memory.firstName(container.spec.application));
      }
    }
  }
}

function canWrite(machine: MemoryMachine, dataset: MemoryDataset): boolean {
  try {
    writeInto(machine, dataset, kilobyte);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong although a run has reported that it converged. */
export function notConverged(cluster: MemoryCluster, config: Config): string[] {
  const wrong: string[] = [];
  // A node that cannot be reached cannot be changed, and `converged` does not include it.
  const present = Object.keys(config.nodes).filter((node) => cluster.machine(node).connected);
  const facts = new Map(present.map((node) => [node, cluster.facts(node)]));
  for (const [node, apps] of Object.entries(config.deployment)) {
    for (const app of apps) {
      const declared = config.applications[app];
      const isRight = (one: Container): boolean =>
        (one.state === 'running' && one.health !== 'unhealthy') || (declared !== undefined && isDone(one, declared));
      const places = [...facts].filter(([, { containers }]) =>
        containers.some((one) => one.application === app && isRight(one)),
      );
      const names = places.map(([name]) => name).join(' and ');
      if (names !== node) wrong.push(`${app} runs on ${names === '' ? 'no node' : names} instead of ${node}`);
      for (const { id } of config.applications[app]?.volumes ?? []) {
        const owner = facts.get(node)?.volumes.find((one) => one.id === id && one.role === 'owner');
        if (owner === undefined) wrong.push(`${node} does not own ${id}`);
      }
      for (const { external, protocol } of config.applications[app]?.ports ?? []) {
        for (const from of facts.keys()) {
          const answer = cluster.connect(from, { port: external, protocol });
          if (answer !== 'accepted') wrong.push(`port ${external} is ${answer} on ${from}`);
        }
      }
    }
  }
  return wrong;
}
