import type { Container, ContainerSpec, PortKey } from '../model/cluster.ts';
import type { AppName, Config, ImageRef, NodeName, VolumeId } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { shownLineCharacters } from '../model/limits.ts';
import { printImage } from '../model/names.ts';
import type { ActionOf } from '../model/plan.ts';
import { SealedContent } from '../model/sealed-content.ts';
import { differences } from '../plan/container-spec.ts';
import { liesBelow } from '../plan/mountpoints.ts';
import type { NodeClient } from './node-client.ts';
import {
  conflict,
  emitProgress,
  factsOf,
  getVolume,
  nodeIdOf,
  type RunContext,
  type StepContext,
} from './step-context.ts';

const pollMs = 250;
const shownLogLines = 5;

/** Has the image on the node: there already, from the registry, or from a node that has it. */
export async function pullImage(
  action: ActionOf<'pull-image'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const has = await client.containers.imageId(action.image, signal);
  if (has === undefined) await fetchImage(action, client, context, signal);
  await bringSameImage(action, client, context, signal);
  await checkMountpoints(action, client, signal);
}

/** The name may mean another image here or in the registry: the one the application runs with is copied. */
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

/** What the image keeps in a volume of its own below a mountpoint would not be in the volume that moves. */
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
    await client.containers.pull(action.image, progressOf(context), signal);
  } catch (error) {
    const isMissing = error instanceof AppError && error.code === 'image-missing';
    if (!isMissing || action.from === undefined) throw error;
    // Only a registry's manifest has that digest: what a node says of its image proves nothing.
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

const progressOf = (context: StepContext) => (what: string, doneBytes: number, totalBytes?: number) =>
  emitProgress(context, what, doneBytes, totalBytes);

/** By its id, so that nothing but this image arrives and no other name changes its meaning. */
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

/** The file's own word for this application; else what its container was made with, where no file has it any more. */
export function stopGraceMs(
  { config, state }: Pick<RunContext, 'config' | 'state'>,
  { app, node }: { readonly app: AppName; readonly node: NodeName },
): number {
  const declared = config.applications[app];
  const made = factsOf(state, node)?.containers.find(
    ({ managed, application }) => managed && application === app,
  )?.spec;
  const own = declared === undefined ? made?.stopGraceMs : declared.stopGraceMs;
  return own ?? config.settings.timeouts.stopMs;
}

/** What a stop may take beyond its grace before the container counts as running on. */
export const stopSlackMs = 5_000;

/** Stops our container with its grace; removes it, or keeps it for the node to start again. */
export async function stopContainer(
  action: ActionOf<'stop-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const graceMs = stopGraceMs(context, action);
  const { switchMs } = context.config.settings.timeouts;
  const { unlessReleased } = action;
  if (unlessReleased !== undefined) {
    const volumes = (await client.volumes.list(signal)).filter(({ id }) => unlessReleased.includes(id));
    await client.deadMan.arm(action.app, volumes, Math.max(switchMs, graceMs + stopSlackMs), signal);
  }
  const end = await client.containers.stop(action.app, graceMs, signal);
  if (end !== undefined) {
    const how = end.killed ? `did not stop within ${graceMs / 1000} s and was killed` : `exited with code ${end.code}`;
    const line = `"${action.app}" ${how}`;
    context.emit({ type: 'step-output', step: context.step, line });
    if (end.killed) context.warn?.({ app: action.app, text: `${line}: give it a longer stop_grace_period` });
  }
  if (unlessReleased !== undefined) return;
  // Stopped before already, perhaps by a move that was cut off: the node must not start it again by itself.
  if (end === undefined) await client.deadMan.disarm(action.app, signal);
  await client.containers.remove(action.app, signal);
}

/** Removes the container that a move has stopped on its old node, after everything it could run on was released. */
export async function removeLeft(client: NodeClient, volume: VolumeId, signal: AbortSignal): Promise<void> {
  for (const container of await client.containers.list(signal)) {
    const { managed, application, spec } = container;
    const isUser = managed && spec.mounts.some((mount) => mount.volume === volume);
    if (!isUser || application === undefined || isActive(container)) continue;
    await client.deadMan.disarm(application, signal);
    await client.containers.remove(application, signal);
  }
}

/** Creates (or keeps, where it is as wanted) the container on volumes this node owns, and starts it. */
export async function startContainer(
  action: ActionOf<'start-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { node, spec } = action;
  const client = await context.cluster.node(node, signal);
  const [containers, directories] = await Promise.all([
    client.containers.list(signal),
    findDirectories(client, spec, nodeIdOf(context, node), signal),
  ]);
  const existing = containers.find(({ managed, application }) => managed && application === spec.application);
  checkUnused(containers, spec, node);
  const isWanted = existing !== undefined && differences(spec, existing).length === 0;
  if (isActive(existing)) {
    if (isWanted) return;
    const what = `cannot start "${spec.application}" on "${node}"`;
    throw new AppError('docker-failed', `${what}: another container of it is ${existing.state}`);
  }
  const isRight = isWanted && bindsAll(existing, directories);
  if (existing !== undefined && !isRight) await client.containers.remove(spec.application, signal);
  if (!isRight) await client.containers.create(withContents(spec, context.config), directories, signal);
  await client.containers.start(spec.application, signal);
}

/** Read back from a node, a file has only a hash of its content: the content is in the files, if they still have it. */
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

/** False where a dataset has been renamed since the container was made: Docker would look for its old directory. */
export function bindsAll(container: Container, directories: Readonly<Record<VolumeId, string>>): boolean {
  const { directories: bound = {} } = container;
  return Object.entries(directories).every(([volume, directory]) => (bound[volume] ?? directory) === directory);
}

/** Who owns the data is not enough: another container of this node may still write to it. */
export function checkUnused(containers: readonly Container[], spec: ContainerSpec, node: NodeName): void {
  const others = containers.filter(({ managed, application }) => !managed || application !== spec.application);
  for (const other of others.filter(isActive)) {
    const shared = other.spec.mounts.find(({ volume }) => spec.mounts.some((mount) => mount.volume === volume));
    if (shared !== undefined) throw conflict('use', shared.volume, node, `container "${other.name}" runs on it`);
  }
}

function isActive(container: Container | undefined): container is Container {
  return container !== undefined && ['running', 'restarting', 'paused'].includes(container.state);
}

/** Directories of the volumes, each re-read to be owned by this node: the last guard against a second writer. */
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

async function findContainer(client: NodeClient, app: AppName, signal: AbortSignal): Promise<Container | undefined> {
  const containers = await client.containers.list(signal);
  return containers.find((container) => container.managed && container.application === app);
}

/** Waits for the image's health check, else for all published TCP ports; an exit ends the wait at once. */
export async function checkContainer(
  action: ActionOf<'check-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const { healthMs } = context.config.settings.timeouts;
  const begun = context.now();
  const deadline = begun + healthMs;
  const ports = action.ports.filter((port) => port.protocol === 'tcp');
  let looks = 0;
  while (true) {
    const at = context.now();
    const verdict = await look(client, action.app, ports, signal);
    looks += 1;
    if (verdict.kind === 'broken') throw await unhealthy(client, action.app, verdict.why, signal);
    // Without a port or health check the only sign is that it is still there at a second look.
    if (verdict.kind === 'good' && (verdict.sure || looks > 1)) return;
    if (context.now() >= deadline) {
      const why = verdict.kind === 'waiting' ? verdict.why : 'it did not stay up';
      throw await unhealthy(client, action.app, `${why} after ${healthMs} ms`, signal);
    }
    await context.sleep(pauseMs(context.now() - at, at - begun), signal);
  }
}

/** A look takes processor time, which an application that starts slowly on a slow node needs for itself. */
const pauseMs = (lookMs: number, waitedMs: number): number => Math.max(pollMs, Math.min(2 * lookMs, waitedMs / 4));

type Verdict =
  | { readonly kind: 'good'; readonly sure: boolean }
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'broken'; readonly why: string };

async function look(
  client: NodeClient,
  app: AppName,
  ports: readonly PortKey[],
  signal: AbortSignal,
): Promise<Verdict> {
  const container = await findContainer(client, app, signal);
  if (container === undefined) return { kind: 'broken', why: 'its container is gone' };
  const { state, health, exit } = container;
  if (state === 'exited' || state === 'dead') {
    const memory = exit?.oomKilled === true ? ', out of memory' : '';
    return { kind: 'broken', why: `it exited with code ${exit?.code ?? 'unknown'}${memory}` };
  }
  // Docker brings it back by its restart policy: many programs fail once or twice until another one answers.
  if (state !== 'running') return { kind: 'waiting', why: `it is ${state}` };
  if (health === 'unhealthy') return { kind: 'broken', why: 'its health check fails' };
  if (health === 'starting') return { kind: 'waiting', why: 'its health check has not succeeded' };
  if (health === 'healthy') return { kind: 'good', sure: true };
  const answers = await Promise.all(ports.map(({ port }) => client.network.accepts(port, signal)));
  const closed = ports.filter((_, index) => answers[index] !== true).map(({ port }) => port);
  if (closed.length > 0) return { kind: 'waiting', why: `port ${closed.join(', ')} does not accept` };
  return { kind: 'good', sure: ports.length > 0 };
}

async function unhealthy(client: NodeClient, app: AppName, why: string, signal: AbortSignal): Promise<AppError> {
  const lines: string[] = [];
  try {
    for await (const line of client.containers.logs(app, { follow: false, tail: shownLogLines }, signal)) {
      lines.push(line.text.slice(0, shownLineCharacters));
      if (lines.length === shownLogLines) break;
    }
  } catch {
    // The verdict stands without its log lines.
  }
  const tail = lines.join('\n');
  return new AppError('unhealthy', `cannot bring up "${app}" on "${client.node}": ${why}`, {
    hint: `read its log: drover logs ${app}`,
    ...(tail === '' ? {} : { details: { log: tail } }),
  });
}
