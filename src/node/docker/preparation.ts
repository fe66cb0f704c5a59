import type { ContainerSpec } from '../../model/cluster.ts';
import type { AppName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { containerName } from '../../model/names.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import type { DockerApi } from './api.ts';
import { prepareSources } from './binds.ts';
import { inspectImage } from './images.ts';
import type { NameNetworks } from './name-network.ts';

/** How long the result of `prepare` can be used, in milliseconds. */
const preparedMs = 120_000;

interface PreparationDeps {
  readonly connection: NodeConnection;
  readonly api: DockerApi;
  readonly networks: NameNetworks;
  /** Whether the node has a container of this application. */
  readonly isHere: (app: AppName) => boolean;
}

export interface Preparation {
  /** Inspects the image and prepares the network ahead of a create, which then uses the results. Throws `image-missing`. */
  prepare(spec: ContainerSpec, signal: AbortSignal): Promise<void>;
  /** The inspected image: as `prepare` has seen it, if that was not long ago. Throws `image-missing`. */
  imageOf(spec: ContainerSpec, signal: AbortSignal): Promise<unknown>;
}

export function createPreparation({ connection, api, networks, isHere }: PreparationDeps): Preparation {
  const { node } = connection;
  const prepared = new Map<AppName, { readonly image: string; readonly at: number; readonly inspected: unknown }>();
  return {
    async prepare(spec, signal) {
      const [inspected] = await Promise.all([
        readImage(node, api, spec, signal),
        prepareSources(connection, spec, signal),
        // A container that is here has its place in the network already, and keeps it until it is removed.
        isHere(spec.application) ? undefined : networks.prepare(spec, signal),
      ]);
      prepared.set(spec.application, { image: spec.image, at: performance.now(), inspected });
    },
    async imageOf(spec, signal) {
      const known = prepared.get(spec.application);
      prepared.delete(spec.application);
      const isGood = known?.image === spec.image && performance.now() - known.at < preparedMs;
      return isGood ? known.inspected : readImage(node, api, spec, signal);
    },
  };
}

async function readImage(node: string, api: DockerApi, spec: ContainerSpec, signal: AbortSignal): Promise<unknown> {
  const image = await inspectImage(api, spec.image, signal);
  if (image !== undefined) return image;
  const name = containerName(spec.application);
  const message = `cannot create "${name}" on "${node}": the node does not have the image "${spec.image}"`;
  throw new AppError('image-missing', message, { details: { node, image: spec.image } });
}
