import { Readable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import type { ContainerCondition, ContainerRuntime } from '../../engine/node-client.ts';
import { isLoopback, isWildcard } from '../../model/addresses.ts';
import type { Container, ContainerSpec, ImageDefaults, PortKey } from '../../model/cluster.ts';
import type { AppName, DeploymentName, ImageRef, NodeName, VolumeId } from '../../model/config.ts';
import { mergeHealthcheck } from '../../model/container/healthcheck.ts';
import { SealedContent } from '../../model/container/sealed-content.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { containerName, printImage } from '../../model/names.ts';
import { missingSource, neededPaths } from '../../node/docker/binds.ts';
import { checkFiles } from '../../node/docker/files.ts';
import { labelToOptions, optionsToLabel } from '../../node/docker/options.ts';
import { execInMemory } from './exec.ts';
import { healthOf, healthOutputOf } from './health.ts';
import { acceptsNow } from './served.ts';
import { emit, noContainer, ours, readEvents, readExport, readLogs } from './streams.ts';
import type { MemoryContainer, MemoryImage, MemoryMachine } from './types.ts';
import {
  append,
  boundDataset,
  call,
  callsOf,
  datasetOf,
  type MemoryWorld,
  machineOf,
  settleContainer,
  startCall,
  wait,
} from './world.ts';

const noDefaults: ImageDefaults = { environment: {}, command: [], entrypoint: [] };

/** The registry's image for a reference; undefined where it has none. */
export function registryImage(world: MemoryWorld, reference: string): MemoryImage | undefined {
  return world.seed.registry === undefined ? {} : world.seed.registry[reference];
}

/** Id of an image: its own, or one made from its reference, which is the same on every node. */
export const imageIdOf = (reference: string, image: MemoryImage): string => image.id ?? `sha256:${reference}`;

/** A container in state created. */
export function newContainer(
  machine: MemoryMachine,
  spec: ContainerSpec,
  image: MemoryImage,
  nowMs: number,
): MemoryContainer {
  machine.txg += 1;
  return {
    id: `${machine.name}-${machine.txg}`,
    name: containerName(spec.application),
    managed: true,
    spec,
    image,
    imageId: imageIdOf(spec.image, image),
    imageDefaults: image.defaults ?? noDefaults,
    state: 'created',
    startedAtMs: undefined,
    starts: 0,
    exit: undefined,
    writtenUntilMs: nowMs,
    lines: [],
    chattered: 0,
    programs: [],
    bound: {},
  };
}

/** As an observation finds them: the node's record overrides the labels. */
export function observedContainers(world: MemoryWorld, machine: MemoryMachine): Container[] {
  return listContainers(world, machine).map((container) => {
    const deployment = container.managed ? machine.adopted.get(container.id) : undefined;
    const own = machine.containers.get(container.name);
    const listens = own?.managed === true && acceptsNow(world, own) ? own.image.listens : undefined;
    return { ...container, ...defined({ deployment, listens }) };
  });
}

/** Containers of a machine as `docker inspect` shows them. */
export function listContainers(world: MemoryWorld, machine: MemoryMachine): Container[] {
  return [...machine.containers.values()].map((container) => {
    settleContainer(world, container);
    const health = healthOf(world, container);
    return {
      id: container.id,
      name: container.name,
      ...(container.managed ? { application: container.spec.application } : {}),
      managed: container.managed,
      ...(container.managed && container.spec.deployment !== undefined
        ? { deployment: container.spec.deployment }
        : {}),
      state: container.state,
      ...defined({ health, exit: container.exit }),
      ...(container.startedAtMs === undefined ? {} : { startedAt: new Date(container.startedAtMs).toISOString() }),
      spec: readBack(container),
      directories: Object.fromEntries(
        Object.entries(container.bound).map(([volume, dataset]) => [volume, `/${dataset}/data`]),
      ),
      imageId: container.imageId,
      imageDefaults: container.imageDefaults,
    };
  });
}

/**
 * The spec as Docker reports it: with the image's own health check, contents as hashes only, and no files of a container
 * that never started.
 */
function readBack({ id, state, spec, imageDefaults }: MemoryContainer): ContainerSpec {
  const { files, options, healthcheck: own, binds, mounts, ...others } = spec;
  const healthcheck = mergeHealthcheck(own, imageDefaults.healthcheck);
  const rest = {
    ...others,
    ...labelToOptions(optionsToLabel(options, id)),
    mounts: mounts.map(({ noCopy: _noCopy, ...mount }) => mount),
    ...defined({ healthcheck, binds: binds?.map(({ createsSource: _creates, ...bind }) => bind) }),
  };
  if (files === undefined || state === 'created') return rest;
  const hashed = files.map(({ content, ...file }) => ({
    ...file,
    content: content instanceof SealedContent ? content.hash(id) : content,
  }));
  return { ...rest, files: hashed };
}

/** A node's containers behind the engine's interface. */
export function createMemoryContainers(
  world: MemoryWorld,
  node: NodeName,
  fence: (machine: MemoryMachine) => void,
): ContainerRuntime {
  const { read, write } = callsOf(world, node, 'containers');
  return {
    list: (signal) => read('list', signal, (machine) => listContainers(world, machine)),
    imageId: (image, signal) => read('imageId', signal, (machine) => machine.images.get(printImage(image))?.id),
    imageVolumes: (images, signal) => read('imageVolumes', signal, (machine) => volumesOf(machine, images)),
    imagePorts: (images, signal) => read('imagePorts', signal, (machine) => portsOf(machine, images)),
    pull: (image, progress, signal) => pull(world, node, image, progress, signal),
    exportImage: (image, signal) =>
      read('exportImage', signal, (machine) => {
        const reference = 'id' in image ? image.id : printImage(image);
        const present = 'id' in image ? imageWithId(machine, image.id) : machine.images.get(reference);
        if (present === undefined) throw noImage(reference, node);
        return Readable.from([JSON.stringify({ reference, ...present })]);
      }),
    importImage: async (tar, signal, wanted) => {
      const text = await readText(tar);
      await write('importImage', signal, (machine) => {
        const { id, image } = readExport(text, node);
        if (id !== wanted.id) throw noImage(wanted.id, node);
        machine.images.set(printImage(wanted.image), { id, image });
      });
    },
    create: (spec, directories, signal) =>
      write('create', signal, (machine) => create(world, machine, spec, directories)),
    adopt: (ids, deployment, signal) =>
      write('adopt', signal, (machine) => {
        fence(machine);
        adopt(machine, ids, deployment);
      }),
    createOnData: (spec, directories, signal) =>
      write('createOnData', signal, (machine) => create(world, machine, spec, directories, true)),
    prepare: (spec, signal) => read('prepare', signal, (machine) => checkNeeds(machine, spec)),
    condition: (app, signal) => read('condition', signal, (machine) => conditionOf(world, machine, app)),
    start: (app, signal) =>
      write('start', signal, (machine) => {
        const container = ours(machine, app);
        if (container === undefined) throw noContainer(app, node);
        if (container.state === 'running') return;
        start(world, machine, container);
      }),
    prepareStop: (_app, signal) => read('prepareStop', signal, () => undefined).catch(() => undefined),
    stop: async (app, graceMs, signal, exited) => {
      const end = await stop(world, node, app, graceMs, signal);
      if (end !== undefined) exited?.();
      return end;
    },
    remove: (app, signal) =>
      write('remove', signal, (machine) => {
        const container = ours(machine, app);
        if (container === undefined) return;
        if (container.state === 'running') {
          throw new AppError('docker-failed', `cannot remove "${container.name}" on "${node}": it is running`);
        }
        machine.containers.delete(container.name);
        emit(machine, 'destroy', app);
      }),
    logs: (app, options, signal) => readLogs(world, node, app, options, signal),
    events: (signal, opened) => readEvents(world, node, signal, opened),
    exec: (app, options, signal) => execInMemory(world, node, app, options, signal),
  };
}

function conditionOf(world: MemoryWorld, machine: MemoryMachine, app: AppName): ContainerCondition | undefined {
  const found = listContainers(world, machine).find((one) => one.managed && one.application === app);
  const own = ours(machine, app);
  if (found === undefined || own === undefined) return undefined;
  const { state, health, exit } = found;
  return { state, ...defined({ health, exit, healthOutput: healthOutputOf(own, health) }) };
}

/** An image without a name stays as long as a container uses it. */
function imageWithId(machine: MemoryMachine, id: string): { id: string; image: MemoryImage } | undefined {
  const container = [...machine.containers.values()].find((one) => one.imageId === id);
  const named = [...machine.images.values()].find((one) => one.id === id);
  return named ?? (container === undefined ? undefined : { id, image: container.image });
}

/** The paths of the images' own volumes, by reference or id. */
export const volumesOf = (machine: MemoryMachine, images: readonly string[]): Record<string, readonly string[]> =>
  ofImages(machine, images, ({ volumes = [] }) => volumes);

/** The ports that the images expose, by reference or id. */
export const portsOf = (machine: MemoryMachine, images: readonly string[]): Record<string, readonly PortKey[]> =>
  ofImages(machine, images, ({ defaults }) => defaults?.exposes ?? []);

function ofImages<T>(
  machine: MemoryMachine,
  images: readonly string[],
  listOf: (image: MemoryImage) => readonly T[],
): Record<string, readonly T[]> {
  const asked = new Set(images);
  const all = [...machine.images].flatMap(([reference, { id, image }]) =>
    [reference, id].filter((name) => asked.has(name)).map((name) => [name, listOf(image)] as const),
  );
  return Object.fromEntries(all.filter(([, found]) => found.length > 0));
}

async function pull(
  world: MemoryWorld,
  node: NodeName,
  image: ImageRef,
  progress: (text: string, doneBytes: number, totalBytes?: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const reference = printImage(image);
  const options = { node, operation: 'containers.pull', write: true };
  await startCall(world, options, signal);
  const found = registryImage(world, reference);
  if (found === undefined) {
    throw new AppError('image-missing', `cannot pull "${reference}" on "${node}": the registry does not have it`);
  }
  const totalBytes = found.sizeBytes ?? 0;
  const rate = world.seed.bytesPerSecond;
  for (let done = 0; rate !== undefined && done < totalBytes; ) {
    const next = Math.min(Math.ceil(rate / 10), totalBytes - done);
    await wait(world, (next / rate) * 1000, signal);
    done += next;
    progress('pulling', done, totalBytes);
  }
  machineOf(world, node).images.set(reference, { id: imageIdOf(reference, found), image: found });
  world.intercept?.({ ...options, phase: 'after' });
}

function adopt(machine: MemoryMachine, ids: readonly string[], deployment: DeploymentName): void {
  const existing = new Set([...machine.containers.values()].map(({ id }) => id));
  for (const id of machine.adopted.keys()) if (!existing.has(id)) machine.adopted.delete(id);
  for (const id of ids) machine.adopted.set(id, deployment);
}

function create(
  world: MemoryWorld,
  machine: MemoryMachine,
  spec: ContainerSpec,
  directories: Readonly<Record<VolumeId, string>>,
  isFilled = false,
): void {
  const name = containerName(spec.application);
  if (machine.containers.has(name)) {
    throw new AppError('docker-failed', `cannot create "${name}" on "${machine.name}": the name is in use`);
  }
  const present = machine.images.get(spec.image);
  if (present === undefined) throw noImage(spec.image, machine.name);
  checkFiles(spec, present.image.volumes ?? [], machine.name);
  checkNeeds(machine, spec);
  for (const mount of spec.mounts) {
    const dataset = datasetOf(machine, mount.volume);
    if (dataset === undefined || !dataset.mounted || directories[mount.volume] !== `/${dataset.name}/data`) {
      throw new AppError(
        'docker-failed',
        `cannot create "${name}" on "${machine.name}": the directory of volume "${mount.volume}" does not exist`,
      );
    }
    if (!dataset.filled && !isFilled && mount.noCopy === undefined)
      dataset.content = append(dataset.content, present.image.content?.[mount.mountpoint] ?? 0);
    dataset.filled = true;
  }
  const container = newContainer(machine, spec, present.image, world.clock.now());
  // As with Docker, the id is that of the node's own image of this name.
  container.imageId = present.id;
  container.bound = Object.fromEntries(
    spec.mounts.map(({ volume }) => [volume, datasetOf(machine, volume)?.name ?? '']),
  );
  machine.containers.set(name, container);
  emit(machine, 'create', spec.application);
}

function checkNeeds(machine: MemoryMachine, spec: ContainerSpec): void {
  if (!machine.images.has(spec.image)) throw noImage(spec.image, machine.name);
  const missing = neededPaths(spec).find((path) => !machine.paths.has(path));
  if (missing !== undefined) throw missingSource(spec, missing, machine.name);
}

const hasAddress = ({ addresses }: MemoryMachine, address: string): boolean =>
  addresses.some((one) => one.address === address);

/** Starts a container, or throws as Docker does. */
export function start(world: MemoryWorld, machine: MemoryMachine, container: MemoryContainer): void {
  const taken = [...machine.containers.values()].find(
    (other) =>
      other !== container &&
      other.state === 'running' &&
      other.spec.ports.some((port) =>
        container.spec.ports.some((own) => own.external === port.external && own.protocol === port.protocol),
      ),
  );
  if (taken !== undefined) {
    throw new AppError(
      'docker-failed',
      `cannot start "${container.name}" on "${machine.name}": its port is already allocated to "${taken.name}"`,
    );
  }
  const unknown = container.spec.ports
    .flatMap(({ external, addresses = [] }) => addresses.map((address) => ({ external, address })))
    .find(({ address }) => !isWildcard(address) && !isLoopback(address) && !hasAddress(machine, address));
  if (unknown !== undefined) {
    const why = `bind ${unknown.address}:${unknown.external}: cannot assign requested address`;
    throw new AppError('docker-failed', `cannot start "${container.name}" on "${machine.name}": ${why}`);
  }
  const missing = container.spec.mounts.find(
    ({ volume }) => boundDataset(machine, container.bound, volume)?.mounted !== true,
  );
  if (missing !== undefined) {
    const why = `bind source path does not exist: the directory of volume "${missing.volume}"`;
    throw new AppError('docker-failed', `cannot start "${container.name}" on "${machine.name}": ${why}`);
  }
  container.state = 'running';
  container.exit = undefined;
  container.startedAtMs = world.clock.now();
  container.starts += 1;
  container.chattered = 0;
  container.writtenUntilMs = world.clock.now();
  container.lines.push(...(container.image.logs ?? []));
  emit(machine, 'start', container.spec.application);
}

async function stop(world: MemoryWorld, node: NodeName, app: AppName, graceMs: number, signal: AbortSignal) {
  const options = { node, operation: 'containers.stop', write: true };
  await startCall(world, options, signal);
  const running = ours(machineOf(world, node), app);
  if (running === undefined || running.state !== 'running') return undefined;
  const needsMs = running.image.stopsAfterMs ?? 0;
  if (needsMs > 0) await wait(world, Math.min(needsMs, graceMs), signal);
  const killed = needsMs > graceMs;
  const result = await call(world, { ...options, operation: 'containers.stopped', write: false }, signal, (machine) => {
    running.state = 'exited';
    running.exit = { code: killed ? 137 : (running.image.codeOnTerm ?? 0), oomKilled: false };
    emit(machine, 'die', app);
    return { code: running.exit.code, killed };
  });
  world.intercept?.({ ...options, phase: 'after' });
  return result;
}

const noImage = (reference: string, node: NodeName): AppError =>
  new AppError('image-missing', `cannot find image "${reference}" on "${node}": it is not there`);
