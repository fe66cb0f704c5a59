import {
  type ClusterState,
  type Container,
  type ContainerSpec,
  isActive,
  lastFacts,
  type Volume,
} from '../../model/cluster.ts';
import type { AppName, Config, ImageRef, NodeName, VolumeId } from '../../model/config.ts';
import { SealedContent } from '../../model/container/sealed-content.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { printImage } from '../../model/names.ts';
import type { ActionOf } from '../../model/plan.ts';
import type { Sharers } from '../../model/shared-volumes.ts';
import { differences } from '../../plan/container-spec.ts';
import { withImagePorts } from '../../plan/decide.ts';
import { liesBelow } from '../../plan/volumes/image-volumes.ts';
import type { NodeClient } from '../node-client.ts';
import { hooksOfStep, runPostStart } from './hooks.ts';
import { conflict, emitProgress, getVolume, nodeIdOf, type RunContext, type StepContext } from './step-context.ts';

/** Makes sure that the node has the image: from the registry, or from a node that has it. */
export async function pullImage(
  action: ActionOf<'pull-image'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const has = await client.containers.imageId(action.image, signal);
  if (has === undefined || action.policy === 'always') await fetchImage(action, client, context, signal);
  await bringSameImage(action, client, context, signal);
  await checkMountpoints(action, client, signal);
}

/** The name may mean another image on this node or in the registry, so the image that the application runs with is copied. */
async function bringSameImage(
  action: ActionOf<'pull-image'>,
  client: NodeClient,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { id, from, image, node } = action;
  if (id === undefined || from === undefined) return;
  if ((await client.containers.imageId(image, signal)) === id) return;
  const name = printImage(image);
  const line = `"${name}" is another image on "${node}": copying the one that runs on "${from}"`;
  context.emit({ type: 'step-output', step: context.step, line });
  await copyImage(image, id, from, client, context, signal);
  const now = await client.containers.imageId(image, signal);
  if (now === id) return;
  throw new AppError(
    'image-missing',
    `cannot copy image "${name}" from "${from}" to "${node}": it is ${now ?? 'missing'} there afterwards`,
    {
      hint: 'name the image by its digest, or by a tag that means the same on every node',
    },
  );
}

/** Refuses an image with a volume of its own below a mountpoint: its content would not move with the application. */
async function checkMountpoints(
  { node, image, mountpoints = [] }: ActionOf<'pull-image'>,
  client: NodeClient,
  signal: AbortSignal,
): Promise<void> {
  const name = printImage(image);
  const volumes = (await client.containers.imageVolumes([name], signal))[name] ?? [];
  for (const path of volumes) {
    const mountpoint = mountpoints.find((one) => liesBelow(path, one));
    if (mountpoint === undefined) continue;
    const what = `cannot use image "${name}" on "${node}" with the mountpoint ${mountpoint}`;
    throw new AppError('docker-failed', `${what}: it keeps ${path} in a volume of Docker's, which does not move`, {
      hint: `set the mountpoint to ${path}`,
    });
  }
}

async function fetchImage(
  action: ActionOf<'pull-image'>,
  client: NodeClient,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (action.policy === 'never') throw neverPulled(action);
    await client.containers.pull(action.image, progressOf(context), signal);
  } catch (error) {
    const isMissing = error instanceof AppError && error.code === 'image-missing';
    if (!isMissing || action.from === undefined) throw error;
    // Only a registry can prove a digest; what a node reports of its image proves nothing.
    if (action.image.digest !== undefined) throw error;
    const line = `${error.message}; copying it from "${action.from}"`;
    context.emit({ type: 'step-output', step: context.step, line });
    await copyImage(action.image, action.id, action.from, client, context, signal);
    if ((await client.containers.imageId(action.image, signal)) === undefined) {
      const what = `cannot copy image "${printImage(action.image)}" from "${action.from}" to "${action.node}"`;
      throw new AppError('image-missing', `${what}: the node does not have it afterwards`, { cause: error });
    }
  }
}

const neverPulled = ({ image, node }: ActionOf<'pull-image'>): AppError =>
  new AppError('image-missing', `cannot fetch "${printImage(image)}" on "${node}": its pull policy is never`);

const progressOf = (context: StepContext) => (what: string, doneBytes: number, totalBytes?: number) =>
  emitProgress(context, what, doneBytes, totalBytes);

/** Copies the image by its id, so that exactly this image arrives and no other name changes its meaning. */
async function copyImage(
  image: ImageRef,
  seen: string | undefined,
  from: NodeName,
  client: NodeClient,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const source = await context.cluster.node(from, signal);
  const id = seen ?? (await source.containers.imageId(image, signal));
  if (id === undefined) {
    throw new AppError('image-missing', `cannot copy image "${printImage(image)}" from "${from}": it is not there`);
  }
  const tar = await source.containers.exportImage({ id }, signal);
  const progress = progressOf(context);
  let doneBytes = 0;
  tar.on('data', (chunk: Buffer | string) => {
    doneBytes += chunk.length;
    progress(`copying from ${from}`, doneBytes);
  });
  tar.pause();
  await client.containers.importImage(tar, signal, { image, id });
  const line = `"${printImage(image)}" on "${client.node}" is the image ${id} of "${from}"`;
  context.emit({ type: 'step-output', step: context.step, line });
}

/** The grace period from the files; for an application that no file has, the one that its container was created with. */
export function stopGraceMs(
  { config, state }: Pick<RunContext, 'config' | 'state'>,
  { app, node }: { readonly app: AppName; readonly node: NodeName },
): number {
  const declared = config.applications[app];
  const made = lastFacts(state.nodes[node])?.containers.find(
    ({ managed, application }) => managed && application === app,
  )?.spec;
  const own = declared === undefined ? made?.stopGraceMs : declared.stopGraceMs;
  return own ?? config.settings.timeouts.stopMs;
}

/** How long a stop may take beyond its grace period before the container counts as still running. */
export const stopSlackMs = 5_000;

/** Stops drover's container with its grace period; removes it, or keeps it so that the node can start it again. */
export async function stopContainer(
  action: ActionOf<'stop-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const graceMs = stopGraceMs(context, action);
  if (action.drains === true) await drain(client, action.app, Math.min(graceMs, longestDrainMs), context, signal);
  let reportExit: () => void = () => undefined;
  const hasExited = new Promise<void>((resolve) => {
    reportExit = resolve;
  });
  const stopping = client.containers.stop(action.app, graceMs, signal, reportExit);
  const stopped = stopping.then((end) => {
    if (end !== undefined) reportEnd(action.app, end, graceMs, context);
    return end;
  });
  if (action.unlessReleased !== undefined) {
    // Its dead-man is armed (prepare-switch.ts): the node starts it if drover does not come back. The freeze proves that no
    // process has the volume, so it need not wait until Docker has taken the container down.
    context.known.ends.push(stopped);
    return Promise.race([stopped.then(() => undefined), hasExited]);
  }
  // It was stopped before, perhaps by a move that was cut off: the node must not start it again.
  if ((await stopped) === undefined) await client.deadMan.disarm(action.app, signal);
  await client.containers.remove(action.app, signal);
}

function reportEnd(
  app: AppName,
  { code, killed }: { readonly code: number; readonly killed: boolean },
  graceMs: number,
  context: StepContext,
): void {
  const how = killed ? `did not stop within ${graceMs / 1000} s and was killed` : `exited with code ${code}`;
  const line = `"${app}" ${how}`;
  context.emit({ type: 'step-output', step: context.step, line });
  if (killed) context.warn?.({ app, text: `${line}: give it a longer stop_grace_period`, wasKilled: true });
}

/** The longest wait for connections that are still open, in milliseconds. Some, such as those of a pool, never end. */
const longestDrainMs = 10_000;

/** Its clients are answered elsewhere already, so waiting here costs them nothing. */
async function drain(
  client: NodeClient,
  app: AppName,
  waitMs: number,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const left = await client.drain(app, waitMs, signal).catch((error: unknown) => {
    if (signal.aborted || isAbort(error)) throw error;
    return 0;
  });
  if (left === 0) return;
  const line = `"${app}" still has ${left} open ${left === 1 ? 'connection' : 'connections'} after ${waitMs / 1000} s`;
  context.emit({ type: 'step-output', step: context.step, line });
}

/** Removes the container that a move has stopped on the old node, after its volumes were released. */
export async function removeLeft(client: NodeClient, volume: VolumeId, signal: AbortSignal): Promise<void> {
  for (const container of await client.containers.list(signal)) {
    const { managed, application, spec } = container;
    const isUser = managed && spec.mounts.some((mount) => mount.volume === volume);
    if (!isUser || application === undefined || isActive(container)) continue;
    await client.deadMan.disarm(application, signal);
    await client.containers.remove(application, signal);
  }
}

/**
 * Creates the container on volumes that this node owns, or keeps the right one, and starts it. That of a job which is
 * done is not started.
 */
export async function startContainer(
  action: ActionOf<'start-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { node, shared } = action;
  const client = await context.cluster.node(node, signal);
  const spec = await wholeSpec(action, client, context, signal);
  const [containers, places] = await Promise.all([
    containersFor(client, spec, context, signal),
    findPlaces(client, spec, context, signal),
  ]);
  const { directories } = places;
  const existing = containers.find(({ managed, application }) => managed && application === spec.application);
  checkUnused(containers, spec, node, shared);
  const isWanted = existing !== undefined && differences(spec, existing).length === 0;
  if (existing !== undefined && isActive(existing)) {
    if (isWanted) return;
    const what = `cannot start "${spec.application}" on "${node}"`;
    throw new AppError('docker-failed', `${what}: another container of it is ${existing.state}`);
  }
  const isRight = isWanted && bindsAll(existing, directories);
  if (existing !== undefined && !isRight) await client.containers.remove(spec.application, signal);
  const whole = withContents(spec, context.config);
  const confirmed = Promise.all(places.seen.map((seen) => client.volumes.confirm(seen, signal)));
  // Awaited below.
  confirmed.catch(() => undefined);
  const create = (): Promise<void> => client.containers.create(whole, directories, signal);
  if (!isRight && places.areFilled) await client.containers.createOnData(whole, directories, signal);
  else if (!isRight) await (shared === undefined ? create() : context.fills(node).use(create, signal));
  try {
    await confirmed;
  } catch (error) {
    if (!isRight) await client.containers.remove(spec.application, signal);
    throw error;
  }
  if (spec.isDone === true) return;
  await client.containers.start(spec.application, signal);
  await runPostStart(client, spec.application, hooksOfStep(context), signal);
}

/** The spec with the ports that the image exposes, if the plan did not know them. */
async function wholeSpec(
  { node, spec, asksPorts }: ActionOf<'start-container'>,
  client: NodeClient,
  { known, config, state }: StepContext,
  signal: AbortSignal,
): Promise<ContainerSpec> {
  if (asksPorts !== true) return spec;
  const { image } = spec;
  const exposes =
    known.imagePorts.get(`${node} ${image}`) ?? (await client.containers.imagePorts([image], signal))[image];
  return withImagePorts(config, state, spec, exposes ?? []);
}

/**
 * The node's containers: as they were read before the switch, if none of them matters for this start, because only a run
 * that holds the node's lock starts containers on drover's volumes; otherwise read now.
 */
async function containersFor(
  client: NodeClient,
  spec: ContainerSpec,
  { known }: StepContext,
  signal: AbortSignal,
): Promise<readonly Container[]> {
  const seen = known.containers.get(client.node);
  const isUser = ({ managed, application, spec: other }: Container): boolean =>
    (managed && application === spec.application) ||
    other.mounts.some(({ volume }) => spec.mounts.some((mount) => mount.volume === volume));
  return seen === undefined || seen.some(isUser) ? client.containers.list(signal) : seen;
}

/** A file that was read back from a node has only the hash of its content. The configuration has the content. */
function withContents(spec: ContainerSpec, config: Config): ContainerSpec {
  if (spec.files === undefined) return spec;
  const known = config.applications[spec.application]?.files ?? [];
  const files = spec.files.map((file) => {
    if (file.content instanceof SealedContent) return file;
    const { content: hash, target } = file;
    const found = known.find((one) => one.target === target && one.content.equals(hash));
    return found === undefined ? file : { ...file, content: found.content };
  });
  return { ...spec, files };
}

/** False where a dataset was renamed after the container was created: Docker would use the old directory. */
export function bindsAll(container: Container, directories: Readonly<Record<VolumeId, string>>): boolean {
  const { directories: bound = {} } = container;
  return Object.entries(directories).every(([volume, directory]) => (bound[volume] ?? directory) === directory);
}

/** Refuses volumes that another container of this node still uses, unless its application is one of their `sharers`. */
export function checkUnused(
  containers: readonly Container[],
  spec: ContainerSpec,
  node: NodeName,
  sharers: Sharers = {},
): void {
  const others = containers.filter(({ managed, application }) => !managed || application !== spec.application);
  for (const other of others.filter(isActive)) {
    const isAllowed = (volume: VolumeId): boolean =>
      other.managed && other.application !== undefined && sharers[volume]?.includes(other.application) === true;
    const used = other.spec.mounts.find(
      ({ volume }) => !isAllowed(volume) && spec.mounts.some((mount) => mount.volume === volume),
    );
    if (used !== undefined) throw conflict('use', used.volume, node, `container "${other.name}" runs on it`);
  }
}

/**
 * The applications whose containers run on the same node and have these volumes as well, as the state shows them: with
 * them the application has run until now.
 */
export function runsWith(state: ClusterState, node: NodeName, app: AppName, volumes: readonly VolumeId[]): Sharers {
  const others = (lastFacts(state.nodes[node])?.containers ?? []).filter(
    (one) => one.managed && one.application !== app && isActive(one),
  );
  return Object.fromEntries(
    volumes.map((id) => {
      const users = others.filter(({ spec }) => spec.mounts.some(({ volume }) => volume === id));
      return [id, users.flatMap(({ application }) => application ?? [])] as const;
    }),
  );
}

interface Places {
  readonly directories: Readonly<Record<VolumeId, string>>;
  /** None of the directories is empty. */
  readonly areFilled: boolean;
  /** Volumes that the node has to confirm before a container runs on them. */
  readonly seen: readonly Volume[];
}

/** The directories of the volumes: as they were just mounted, or else read now with their owner. */
async function findPlaces(
  client: NodeClient,
  spec: ContainerSpec,
  { known, ...context }: StepContext,
  signal: AbortSignal,
): Promise<Places> {
  const fresh = spec.mounts.flatMap(({ volume }) => {
    const [mounted, copy] = [known.mounted(client.node, volume), known.copy(client.node, volume)];
    return mounted === undefined || copy === undefined ? [] : [{ ...mounted, volume, copy }];
  });
  if (fresh.length < spec.mounts.length) {
    const directories = await findDirectories(client, spec, nodeIdOf(context, client.node), signal);
    return { directories, areFilled: false, seen: [] };
  }
  return {
    directories: Object.fromEntries(fresh.map(({ volume, directory }) => [volume, directory])),
    areFilled: fresh.every(({ isEmpty }) => !isEmpty),
    // Confirmed while the container is created: the last guard against a second writer.
    seen: fresh.map(({ copy }) => copy),
  };
}

/** Reads each volume, which this node must own: the last guard against a second writer. */
async function findDirectories(
  client: NodeClient,
  spec: ContainerSpec,
  self: string,
  signal: AbortSignal,
): Promise<Record<VolumeId, string>> {
  const directories: Record<VolumeId, string> = {};
  for (const { volume: id } of spec.mounts) {
    const volume = await getVolume(client, id, 'use', signal);
    if (volume.role !== 'owner' || volume.owner !== self) {
      throw conflict('use', id, client.node, `this node does not own it (role ${volume.role})`);
    }
    directories[id] = await client.volumes.directory(volume.dataset, signal);
  }
  return directories;
}
