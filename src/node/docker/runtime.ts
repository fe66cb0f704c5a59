import { randomBytes } from 'node:crypto';
import type { ContainerEvent, ContainerRuntime, LogOptions } from '../../engine/node-client.ts';
import type { Container, ContainerSpec, DockerVolume, ImageDefaults } from '../../model/cluster.ts';
import type { AppName, VolumeId } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { containersPerNode, dockerListBytes, dockerListingBytes, eventsPerSecond } from '../../model/limits.ts';
import { containerName, labels } from '../../model/names.ts';
import { createSemaphore } from '../../model/semaphore.ts';
import { adoptContainers } from '../deployment-record.ts';
import type { Fence } from '../fence.ts';
import { at, numberAt, textAt } from '../json.ts';
import type { FindTargets } from '../network/proxy-table.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { createBudget, UnusableAnswer, unusable } from './answer.ts';
import {
  concurrentRequests,
  createDockerApi,
  type DockerApi,
  type DockerRequest,
  type DockerVersion,
  statusOf,
} from './api.ts';
import { placeFiles, prepareSources, removePlaced } from './binds.ts';
import { exitOf, readCondition } from './condition.ts';
import { execInContainer } from './exec.ts';
import { checkFiles, putFiles } from './files.ts';
import { fillNewVolumes } from './fill.ts';
import { listDockerVolumes } from './found.ts';
import { createDockerImages, createImageReader, type ImageReader, volumesOfImage } from './images.ts';
import { throughGate } from './mounts.ts';
import { createNameNetworks, type NameNetworks } from './name-network.ts';
import { optionsBody } from './options.ts';
import { createPreparation } from './preparation.ts';
import { createBody, fillLabel, isManaged, readContainer, readForeign, withOwnEntrypoint } from './spec.ts';
import { createStops } from './stops.ts';
import { atPace, readJsonLines, readLogLines } from './streams.ts';
import { findTargets } from './targets.ts';

/** SIGKILL, as an exit code: 128 + 9. */
const killedCode = 137;

/** Limit in milliseconds until Docker begins a stream of logs or events; normally it does so at once. */
const streamBeginMs = 60_000;

/** A ContainerRuntime, with more for observations. */
export interface DockerRuntime extends ContainerRuntime {
  /** Ids of the node's images by tag and by digest. */
  images(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  version(signal: AbortSignal): Promise<DockerVersion>;
  /** Volumes of Docker that have a name and are not drover's. */
  volumes(signal: AbortSignal): Promise<readonly DockerVolume[]>;
  /** The address and port of the container behind each of these published TCP ports, if it has an address of its own. */
  targets: FindTargets;
}

/**
 * Docker on a node, through its socket. Every call fails when the connection does. `readMs`: until the answer to a GET is
 * complete.
 */
export function createDockerRuntime(
  connection: NodeConnection,
  readMs?: number,
  fence: Fence = { token: '' },
): DockerRuntime {
  const { node } = connection;
  const stops = createStops(connection);
  const docker = createDockerApi(connection, readMs);
  const api = stops.first(docker);
  const own = createOwnContainers(node, api);
  const images = createImageReader(node, api);
  const networks = createNameNetworks(connection, api);
  const { prepare, imageOf } = createPreparation({ connection, api, networks, isHere: (app) => own.ids.has(app) });
  const make = async (
    spec: ContainerSpec,
    directories: Readonly<Record<VolumeId, string>>,
    isFilled: boolean,
    signal: AbortSignal,
  ): Promise<void> => {
    const place = { connection, api, networks, image: await imageOf(spec, signal), isFilled };
    own.ids.delete(spec.application);
    const id = await create(place, spec, directories, signal);
    if (id !== undefined) own.ids.set(spec.application, id);
  };
  return {
    ...createDockerImages(connection, api, images),
    images: (signal) => images.list(signal),
    version: (signal) => api.version(signal),
    volumes: (signal) => listDockerVolumes(api, signal),
    targets: (ports, signal) => findTargets(api, ports, signal),
    async list(signal) {
      const listed = await listContainers(node, api, images, signal);
      own.ids.clear();
      for (const { managed, application, name, id } of listed) {
        if (managed && application !== undefined && name === containerName(application)) own.ids.set(application, id);
      }
      return listed;
    },
    create: (spec, directories, signal) => make(spec, directories, false, signal),
    createOnData: (spec, directories, signal) => make(spec, directories, true, signal),
    prepare,
    prepareStop: (app, signal) => stops.watch(app, () => inspectOurs(node, api, app, signal), signal),
    async condition(app, signal) {
      const inspected = await inspectOurs(node, api, app, signal);
      return inspected === undefined ? undefined : readCondition(inspected);
    },
    adopt: (ids, deployment, signal) => adoptContainers(connection, fence, ids, deployment, signal),
    async start(app, signal) {
      // 304: it is already running.
      const start = (id: string) => api.json({ ...on('start', app, '/start', id), okStatus: [304] }, signal);
      const act = (id: string) => throughGate(connection, () => start(id), signal).then(() => true);
      if ((await own.act(app, act, signal)) === undefined) throw noContainer(node, 'start', app);
    },
    async stop(app, graceMs, signal, exited = () => undefined) {
      const end = (id: string) => stops.run(app, id, () => stop(node, docker, app, id, graceMs, signal), exited);
      const code = await own.act(app, end, signal).catch(ignoreNotRunning);
      return code === undefined ? undefined : { code, killed: code === killedCode };
    },
    async remove(app, signal) {
      own.ids.delete(app);
      await remove(connection, api, app, signal);
    },
    logs: (app, options, signal) => readLogs(node, api, app, options, signal),
    events: (signal, opened) => readEvents(connection, api, signal, opened),
    async exec(app, options, signal) {
      if ((await inspectOurs(node, api, app, signal)) === undefined) throw noContainer(node, 'run a program in', app);
      return execInContainer(api, node, app, options, signal);
    },
  };
}

interface OwnContainers {
  /** Ids of drover's containers at the last look. A name can pass to another container, an id cannot. */
  readonly ids: Map<AppName, string>;
  /** Acts on the known container; looks up the id where none is known or that container has gone. */
  act<T>(app: AppName, effect: (id: string) => Promise<T>, signal: AbortSignal): Promise<T | undefined>;
}

function createOwnContainers(node: string, api: DockerApi): OwnContainers {
  const ids = new Map<AppName, string>();
  return {
    ids,
    async act(app, effect, signal) {
      const known = ids.get(app);
      try {
        if (known !== undefined) return await effect(known);
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
      const inspected = await inspectOurs(node, api, app, signal);
      return inspected === undefined ? undefined : effect(textAt(inspected, 'Id') ?? containerName(app));
    },
  };
}

/** Stops the container and returns its exit code. */
async function stop(
  node: string,
  api: DockerApi,
  app: AppName,
  id: string,
  graceMs: number,
  signal: AbortSignal,
): Promise<number> {
  const timeoutMs = graceMs + 60_000;
  // Waits for the exit code while it stops: a request after the stop would make clients wait longer.
  const waiting = new AbortController();
  const request = { ...on('wait for', app, '/wait', id), timeoutMs };
  const ended = api.json(request, AbortSignal.any([signal, waiting.signal])).then(
    (answer) => numberAt(answer, 'StatusCode'),
    () => undefined,
  );
  try {
    const query = { t: Math.ceil(graceMs / 1000) };
    await api.json({ ...on('stop', app, '/stop', id), query, timeoutMs }, signal);
    return (await ended) ?? exitOf(await inspectOurs(node, api, app, signal)).code;
  } finally {
    waiting.abort();
  }
}

async function remove(connection: NodeConnection, api: DockerApi, app: AppName, signal: AbortSignal): Promise<void> {
  const inspected = await inspectOurs(connection.node, api, app, signal);
  if (inspected === undefined) return;
  // Without v: a volume that Docker made for a VOLUME line of the image may have the only copy of its data.
  await api.json({ ...on('remove', app, ''), method: 'DELETE', okStatus: [404] }, signal);
  await removePlaced(connection, app, inspected, signal);
}

/** Docker's answer 304 to a stop: the container is not running. */
const ignoreNotRunning = (error: unknown) => (statusOf(error) === 304 ? undefined : Promise.reject(error));

/** A request to the container of an application. */
function on(verb: string, app: AppName, path: string, id = containerName(app)): DockerRequest {
  return { what: `${verb} "${containerName(app)}"`, method: 'POST', path: `/containers/${id}${path}` };
}

function noContainer(node: string, verb: string, app: AppName): AppError {
  const reason = 'there is no such container';
  return new AppError('docker-failed', `cannot ${verb} "${containerName(app)}" on "${node}": ${reason}`, {
    details: { node, status: 404, reason },
  });
}

/** The application's container; undefined where there is none. Throws where a foreign container has its name. */
async function inspectOurs(node: string, api: DockerApi, app: AppName, signal: AbortSignal): Promise<unknown> {
  const request: DockerRequest = { ...on('inspect', app, '/json'), method: 'GET' };
  try {
    const inspected = await api.json(request, signal);
    if (isManaged(at(inspected, 'Config', 'Labels'))) return inspected;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
  throw new AppError('docker-failed', `cannot touch "${containerName(app)}" on "${node}": it is not drover's`, {
    hint: `rename or remove the container "${containerName(app)}"`,
    details: { node },
  });
}

/** Managed containers in full, foreign ones with their ports. A container that is removed in the meantime is left out. */
async function listContainers(
  node: string,
  api: DockerApi,
  images: ImageReader,
  signal: AbortSignal,
): Promise<readonly Container[]> {
  const what = 'list the containers';
  const budget = createBudget(dockerListingBytes);
  const query = { all: true };
  const listed = await api.json(
    { what, method: 'GET', path: '/containers/json', query, budget, limitBytes: dockerListBytes },
    signal,
  );
  // A node whose answer is not a list is unknown, not empty.
  if (!Array.isArray(listed)) throw unusable(what, node, new UnusableAnswer('it answered without a list'));
  if (listed.length > containersPerNode) {
    throw unusable(what, node, new UnusableAnswer(`it has more than ${containersPerNode} containers`));
  }
  const requests = createSemaphore(concurrentRequests);
  const asked = new Map<string, Promise<ImageDefaults>>();
  const defaultsOf = (id: string): Promise<ImageDefaults> => {
    const found = asked.get(id) ?? images.defaults(id, signal, budget);
    asked.set(id, found);
    return found;
  };
  const read = async (entry: unknown): Promise<Container[]> => {
    const id = textAt(entry, 'Id') ?? '';
    if (textAt(entry, 'Labels', fillLabel) !== undefined) return [];
    if (!isManaged(at(entry, 'Labels'))) return [readForeign(entry)];
    try {
      const request = { what: `inspect the container ${id}`, method: 'GET', path: `/containers/${id}/json` } as const;
      const inspected = await api.json({ ...request, budget }, signal);
      return [readContainer(inspected, await defaultsOf(textAt(inspected, 'Image') ?? ''))];
    } catch (error) {
      if (statusOf(error) === 404) return [];
      throw error;
    }
  };
  return (await Promise.all(listed.map((entry) => requests.use(() => read(entry), signal)))).flat();
}

interface CreatePlace {
  readonly connection: NodeConnection;
  readonly api: DockerApi;
  readonly networks: NameNetworks;
  /** Inspected. */
  readonly image: unknown;
  /** No directory is empty. */
  readonly isFilled: boolean;
}

/** Returns the container's id. */
async function create(
  { connection, api, networks, image, isFilled }: CreatePlace,
  spec: ContainerSpec,
  directories: Readonly<Record<VolumeId, string>>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = containerName(spec.application);
  const imageVolumes = volumesOfImage(image);
  const files = checkFiles(spec, imageVolumes, connection.node);
  await prepareSources(connection, spec, signal);
  await placeFiles(connection, spec, files, signal);
  if (!isFilled) await fillNewVolumes(connection, api, spec, directories, signal);
  const network = await networks.prepare(spec, signal);
  const salt = randomBytes(16).toString('base64url');
  const body = createBody(withOwnEntrypoint(spec, image), directories, imageVolumes, salt, network);
  const request = {
    what: `create "${name}"`,
    method: 'POST',
    path: '/containers/create',
    query: { name, ...optionsBody(spec.options, 'query') },
    body,
  } as const;
  const created = await throughGate(connection, () => api.json(request, signal), signal);
  try {
    await putFiles(api, name, files, signal);
  } catch (error) {
    // Without its files it must not start. If the removal fails too, it counts as a container without files.
    const removal = { ...on('remove', spec.application, ''), method: 'DELETE', okStatus: [404] } as const;
    await api.json(removal, AbortSignal.timeout(30_000)).catch(() => undefined);
    throw error;
  }
  return textAt(created, 'Id');
}

async function* readLogs(node: string, api: DockerApi, app: AppName, options: LogOptions, signal: AbortSignal) {
  const inspected = await inspectOurs(node, api, app, signal);
  if (inspected === undefined) throw noContainer(node, 'read the log of', app);
  const query = {
    stdout: true,
    stderr: true,
    follow: options.follow,
    timestamps: options.timestamps ?? false,
    tail: options.tail === undefined ? 'all' : String(options.tail),
  };
  const request = { ...on('read the log of', app, '/logs'), method: 'GET', query, beginMs: streamBeginMs } as const;
  const body = await api.stream(request, signal);
  try {
    yield* readLogLines(body, at(inspected, 'Config', 'Tty') === true);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    body.destroy();
  }
}

async function* readEvents(connection: NodeConnection, api: DockerApi, signal: AbortSignal, opened?: () => void) {
  const query = { filters: { type: ['container'] } };
  const request = {
    what: 'watch the containers',
    method: 'GET',
    path: '/events',
    query,
    beginMs: streamBeginMs,
  } as const;
  const body = await api.stream(request, signal).catch((error: unknown) => {
    if (signal.aborted || connection.closed.aborted) return undefined;
    throw error;
  });
  if (body === undefined) return;
  opened?.();
  try {
    for await (const event of atPace(readJsonLines(body), eventsPerSecond, signal)) {
      if (textAt(event, 'Actor', 'Attributes', fillLabel) !== undefined) continue;
      const known = readEvent(event);
      if (known !== undefined) yield known;
    }
  } catch {
    // Aborted, or the connection or Docker was lost: the caller subscribes again.
  } finally {
    body.destroy();
  }
}

/** An event of Docker's API, whose attributes are all text. */
export function readEvent(event: unknown): ContainerEvent | undefined {
  const action = textAt(event, 'Action');
  if (action === undefined) return undefined;
  const attribute = (name: string): string | undefined => textAt(event, 'Actor', 'Attributes', name);
  const [application, container, exitCode] = [attribute(labels.application), attribute('name'), attribute('exitCode')];
  return {
    action,
    ...defined({ container, application }),
    ...(exitCode === undefined || !/^\d+$/.test(exitCode) ? {} : { exitCode: Number(exitCode) }),
  };
}
