import { posix } from 'node:path';
import { pipeline, type Readable, Transform } from 'node:stream';
import type { ContainerRuntime } from '../../engine/node-client.ts';
import type { ImageDefaults } from '../../model/cluster.ts';
import type { ImageRef } from '../../model/config.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { dockerListBytes, dockerListingBytes, imageLayers, imageSilenceMs } from '../../model/limits.ts';
import { printImage } from '../../model/names.ts';
import { createSemaphore } from '../../model/semaphore.ts';
import { isImageId } from '../../model/untrusted.ts';
import { entriesAt, numberAt, textAt, textsAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { cancelled, lostConnection } from '../ssh/errors.ts';
import { type ByteBudget, createBudget, UnusableAnswer, unusable } from './answer.ts';
import { concurrentRequests, type DockerApi, statusOf } from './api.ts';
import { onlyOneUnnamedImage } from './image-archive.ts';
import { readRegistryAuth } from './registry-auth.ts';
import { readImageDefaults } from './spec.ts';
import { readJsonLines } from './streams.ts';

type Images = Pick<
  ContainerRuntime,
  'imageId' | 'imageVolumes' | 'imagePorts' | 'pull' | 'exportImage' | 'importImage'
>;

interface Context {
  readonly connection: NodeConnection;
  readonly api: DockerApi;
  readonly silenceMs: number;
}

/** The part of the runtime that is about images. */
export function createDockerImages(
  connection: NodeConnection,
  api: DockerApi,
  images: ImageReader,
  silenceMs: number = imageSilenceMs,
): Images {
  const context = { connection, api, silenceMs };
  return {
    imageId: async (image, signal) => textAt(await inspectImage(api, printImage(image), signal), 'Id'),
    imageVolumes: images.volumes,
    imagePorts: images.ports,
    pull: (image, progress, signal) => pull(context, image, progress, signal),
    exportImage: (image, signal) => exportImage(context, image, signal),
    importImage: (tar, signal, wanted) => importImage(context, tar, wanted, signal),
  };
}

async function pull(
  { connection, api, silenceMs }: Context,
  image: ImageRef,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const name = printImage(image);
  const what = `pull "${name}"`;
  const query = { fromImage: image.repository, tag: image.digest ?? image.tag };
  // If the node's login cannot be read, the pull goes on without it, and the registry reports what is missing.
  const auth = await readRegistryAuth(connection, image.repository, signal).catch(() => undefined);
  const silence = createSilence(connection.node, what, silenceMs, signal);
  const report = pullProgress(progress);
  const see = (message: unknown): void => {
    silence.heard();
    report(message);
  };
  try {
    const request = { what, method: 'POST', path: '/images/create', query, ...(auth && { auth }) } as const;
    const body = await api.stream(request, silence.signal);
    await follow(connection, what, body, see, silence.signal);
  } catch (error) {
    throw missing(connection.node, name, silence.causeOf(error));
  } finally {
    silence.end();
  }
}

async function exportImage(
  { connection: { node }, api, silenceMs }: Context,
  image: Parameters<Images['exportImage']>[0],
  signal: AbortSignal,
): Promise<Readable> {
  const name = 'id' in image ? image.id : printImage(image);
  if ('id' in image && !isImageId(name)) throw wrongImage(node, name, name);
  const what = `export "${name}"`;
  const silence = createSilence(node, what, silenceMs, signal);
  const body = await api
    .stream({ what, method: 'GET', path: `/images/${name}/get` }, silence.signal)
    .catch((error: unknown) => {
      throw silence.causeOf(error);
    })
    .finally(silence.end);
  // The reader gets the error. The callback keeps Node from throwing it before there is a reader.
  return pipeline(body, createFlowGuard(node, what, silenceMs), () => undefined);
}

async function importImage(
  { connection, api, silenceMs }: Context,
  tar: Readable,
  { id, image }: Parameters<Images['importImage']>[2],
  signal: AbortSignal,
): Promise<void> {
  const { node } = connection;
  const name = printImage(image);
  const what = `import the image "${name}"`;
  if (!isImageId(id)) throw wrongImage(node, name, id);
  const upload = onlyOneUnnamedImage(tar, `the image "${name}" on "${node}"`);
  // Data that arrives counts as a sign of life, and so do Docker's messages while it loads the image.
  const silence = createSilence(node, what, silenceMs, signal);
  upload.on('data', silence.heard).pause();
  let refusal: unknown;
  upload.once('error', (error) => {
    refusal = error;
  });
  try {
    const request = { what, method: 'POST', path: '/images/load', query: { quiet: 1 }, upload } as const;
    const body = await api.stream(request, silence.signal);
    await follow(connection, what, body, silence.heard, silence.signal);
  } catch (error) {
    throw refusal instanceof AppError ? refusal : silence.causeOf(error);
  } finally {
    silence.end();
    upload.destroy();
    tar.destroy();
  }
  // Docker computes the id from what it has loaded, so the sender is not trusted. Only now the image gets its name.
  if (textAt(await inspectImage(api, id, signal), 'Id') !== id) throw wrongImage(node, name, id);
  const query = { repo: image.repository, tag: image.tag };
  await api.json({ what: `name the image "${id}"`, method: 'POST', path: `/images/${id}/tag`, query }, signal);
}

/** What drover reads of an image. */
interface ImageFacts {
  readonly defaults: ImageDefaults;
  readonly volumes: readonly string[];
}

/** Reads images for observations. */
export interface ImageReader {
  /** Ids of the node's images by tag and by digest. */
  list(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  readonly volumes: ContainerRuntime['imageVolumes'];
  readonly ports: ContainerRuntime['imagePorts'];
  /** The image's own settings; empty ones where the node does not have it. */
  defaults(id: string, signal: AbortSignal, budget: ByteBudget): Promise<ImageDefaults>;
}

/**
 * The content of an id never changes, so an image is inspected once as long as observations ask for it. What the last two
 * observations did not ask for is dropped, so that a node that invents ids cannot fill this process's memory.
 */
export function createImageReader(node: string, api: DockerApi): ImageReader {
  let earlier = new Map<string, ImageFacts>();
  let latest = new Map<string, ImageFacts>();
  const read = async (image: string, signal: AbortSignal, budget: ByteBudget): Promise<ImageFacts> => {
    const found = latest.get(image) ?? earlier.get(image);
    const inspected = found === undefined ? await inspectImage(api, image, signal, budget) : undefined;
    const facts = found ?? { defaults: readImageDefaults(inspected), volumes: volumesOfImage(inspected) };
    if (image.startsWith('sha256:') && (found !== undefined || inspected !== undefined)) latest.set(image, facts);
    return facts;
  };
  /** Images without any are left out. */
  const listOfEach = async <T>(
    images: readonly string[],
    listOf: (facts: ImageFacts) => readonly T[],
    signal: AbortSignal,
  ): Promise<Record<string, readonly T[]>> => {
    const requests = createSemaphore(concurrentRequests);
    const budget = createBudget(dockerListingBytes);
    const all = await Promise.all(
      [...new Set(images)].map((image) =>
        requests.use(async () => [image, listOf(await read(image, signal, budget))] as const, signal),
      ),
    );
    return Object.fromEntries(all.filter(([, found]) => found.length > 0));
  };
  return {
    async list(signal) {
      earlier = latest;
      latest = new Map();
      const what = 'list the images';
      const request = { what, method: 'GET', path: '/images/json', limitBytes: dockerListBytes } as const;
      const listed = await api.json(request, signal);
      if (!Array.isArray(listed)) throw unusable(what, node, new UnusableAnswer('it answered without a list'));
      return readImageList(listed);
    },
    volumes: (images, signal) => listOfEach(images, ({ volumes }) => volumes, signal),
    ports: (images, signal) => listOfEach(images, ({ defaults }) => defaults.exposes ?? [], signal),
    defaults: async (id, signal, budget) => (await read(id, signal, budget)).defaults,
  };
}

/** Ids by tag and digest, from Docker's `/images/json`. */
export function readImageList(listed: readonly unknown[]): Readonly<Record<string, string>> {
  const images: Record<string, string> = {};
  for (const image of listed) {
    const id = textAt(image, 'Id');
    for (const name of [...textsAt(image, 'RepoTags'), ...textsAt(image, 'RepoDigests')]) {
      if (id !== undefined && !name.startsWith('<none>')) images[name] = id;
    }
  }
  return images;
}

/** Directories of an image's VOLUME lines, normalised as Docker does, sorted. */
export function volumesOfImage(inspected: unknown): readonly string[] {
  return [...new Set(entriesAt(inspected, 'Config', 'Volumes').map(([path]) => posix.resolve('/', path)))].toSorted();
}

/** `GET /images/NAME/json`; undefined where the node does not have it. */
export async function inspectImage(
  api: DockerApi,
  name: string,
  signal: AbortSignal,
  budget?: ByteBudget,
): Promise<unknown> {
  const request = { what: `inspect the image "${name}"`, method: 'GET', path: `/images/${name}/json` } as const;
  return api.json(budget === undefined ? request : { ...request, budget }, signal).catch((error: unknown) => {
    if (statusOf(error) === 404) return undefined;
    throw error;
  });
}

/** Reads Docker's progress messages to the end. An error among them fails the request, whose status was sent before. */
async function follow(
  connection: NodeConnection,
  what: string,
  body: Readable,
  see: (message: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const { node } = connection;
  try {
    for await (const message of readJsonLines(body)) {
      const reason = textAt(message, 'errorDetail', 'message') ?? textAt(message, 'error');
      if (reason !== undefined) {
        throw new AppError('docker-failed', `cannot ${what} on "${node}": ${reason}`, { details: { node, reason } });
      }
      see(message);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (signal.aborted || isAbort(error)) throw cancelled(what, node, error);
    if (connection.closed.aborted) throw lostConnection(node, connection.closed.reason);
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError('docker-failed', `cannot ${what} on "${node}": ${reason}`, { retryable: true, cause: error });
  }
}

function wrongImage(node: string, name: string, id: string): AppError {
  const message = `cannot use the copy of image "${name}" on "${node}": it is not the image ${JSON.stringify(id)}`;
  return new AppError('image-missing', message, {
    hint: 'push the image to a registry, or load it on the node with "docker load"',
    details: { node, image: name },
  });
}

/** The lab builds these images; no registry has them. */
const labImages = 'drover/';

/** `image-missing` with Docker's reason; retryable for network errors. */
function missing(node: string, name: string, error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'docker-failed') return error;
  const reason = error.details?.reason ?? error.message;
  return new AppError('image-missing', `cannot pull "${name}" on "${node}": ${reason}`, {
    hint: name.startsWith(labImages)
      ? `an image of the lab: "npm run -s lab -- images" lists how to have them`
      : `check the name, log in as root on the node with "docker login", or load it there with "docker load"`,
    retryable: /timeout|lookup|refused|EOF|unreachable|reset|too many|50\d /i.test(String(reason)),
    details: { node, image: name },
    cause: error,
  });
}

type Progress = Parameters<ContainerRuntime['pull']>[1];

/** Adds up the layers, which Docker reports one by one. */
export function pullProgress(progress: Progress): (message: unknown) => void {
  const layers = new Map<string, { done: number; total?: number; complete: boolean }>();
  return (message) => {
    const id = textAt(message, 'id');
    const status = textAt(message, 'status') ?? '';
    if (id === undefined || !layerStates.test(status)) return;
    const layer = layers.get(id) ?? { done: 0, complete: false };
    if (!layers.has(id) && layers.size >= imageLayers) return;
    const total = numberAt(message, 'progressDetail', 'total');
    if (status === 'Downloading') {
      layer.done = numberAt(message, 'progressDetail', 'current') ?? layer.done;
      if (total !== undefined) layer.total = total;
    } else if (status === 'Download complete' || status === 'Pull complete') layer.done = layer.total ?? layer.done;
    layer.complete ||= status === 'Pull complete' || status === 'Already exists';
    layers.set(id, layer);
    const all = [...layers.values()];
    const text = `layer ${all.filter((one) => one.complete).length} of ${all.length}`;
    // Totals come layer by layer, so a sum would be too small before all are known.
    const known = all.every((one) => one.complete || one.total !== undefined);
    const sum = (pick: (one: { done: number; total?: number }) => number): number =>
      all.reduce((bytes, one) => bytes + pick(one), 0);
    const done = sum((one) => one.done);
    if (known)
      progress(
        text,
        done,
        sum((one) => one.total ?? one.done),
      );
    else progress(text, done);
  };
}

const layerStates =
  /^(Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting|Pull complete|Already exists)$/;

/** Watches a task that may take any time, but must not be silent for long. */
interface Silence {
  /** Aborts with `timeout` when the task has been silent for too long, and with the caller's signal. */
  readonly signal: AbortSignal;
  heard(): void;
  /** The `timeout` where the silence has caused this error, else the error itself. */
  causeOf(error: unknown): unknown;
  /** Stops watching. */
  end(): void;
}

/** `what` completes "cannot … on NODE". The silence counts from now. */
function createSilence(node: string, what: string, limitMs: number, signal: AbortSignal): Silence {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(saidNothing(node, what, limitMs)), limitMs);
  timer.unref();
  return {
    signal: AbortSignal.any([signal, late.signal]),
    heard: () => void timer.refresh(),
    causeOf: (error) => (late.signal.aborted && !signal.aborted ? late.signal.reason : error),
    end: () => clearTimeout(timer),
  };
}

/** Passes bytes on; fails with `timeout` where none passes for `limitMs`, whichever side is slow. */
function createFlowGuard(node: string, what: string, limitMs: number): Transform {
  const guard = new Transform({
    transform(chunk, _encoding, done) {
      timer.refresh();
      done(null, chunk);
    },
  });
  const timer = setTimeout(() => guard.destroy(saidNothing(node, what, limitMs)), limitMs);
  timer.unref();
  guard.once('close', () => clearTimeout(timer));
  return guard;
}

const saidNothing = (node: string, what: string, limitMs: number): AppError =>
  new AppError('timeout', `cannot ${what} on "${node}": no data for ${Math.round(limitMs / 1000)} s`, {
    retryable: true,
  });
