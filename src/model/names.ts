import { createHash } from 'node:crypto';
import type { AppName, DeploymentName, ImageRef, VolumeId } from './config.ts';

/** The deployment of a folder whose name cannot be used, and of the first containers of a simulated cluster. */
export const defaultDeployment: DeploymentName = 'default';

/**
 * The name of an application's container. The prefix also gives a one-letter application a name that Docker accepts.
 */
export const containerName = (app: AppName): string => `drover-${app}`;

export const labels = {
  managed: 'drover.managed',
  application: 'drover.application',
  deployment: 'drover.deployment',
  /** The words of `ContainerSpec.after`, separated by spaces; the node reads them at boot. */
  after: 'drover.after',
  /** The container of a job that was done before it came to this node; it is not started. */
  done: 'drover.done',
} as const;

/**
 * A directory on a tmpfs of the node, bound into every container that Docker must not start at boot before the node
 * allows it. boot-gate (host/provision.sh) creates it when the node knows what it may start; it exists until shutdown.
 */
export const gateDirectory = '/run/drover/gate';

/** `repository:tag`, or `repository@digest` where one is given. */
export function printImage(image: ImageRef): string {
  return image.digest === undefined ? `${image.repository}:${image.tag}` : `${image.repository}@${image.digest}`;
}

/**
 * Flocker 0.4's default dataset id: MD5 of the text written as a UUID, without version bits
 * (flocker/node/_model.py), so that ids stay the same for people coming from there.
 */
export function defaultVolumeId(text: string): VolumeId {
  const hex = createHash('md5').update(text, 'utf8').digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * Identity of a named volume of a Compose file. It depends on no service and no path, and it is the name that Compose
 * gives the volume in Docker.
 */
export const namedVolumeId = (deployment: DeploymentName, name: string): VolumeId => `${deployment}_${name}`;

/** Last part of a dataset's name: readable, and unique by the hash of the id. `drover:vol` has the identity. */
export function datasetLeaf(volume: VolumeId, app: AppName | undefined): string {
  const hash = createHash('md5').update(volume, 'utf8').digest('hex').slice(0, 8);
  const readable = (app ?? 'volume').replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, 60);
  return `${readable}-${hash}`;
}

/** ZFS user properties; 64-bit values and epochs are text in them. */
export const properties = {
  volume: 'drover:vol',
  /** What a Compose file calls the volume. */
  name: 'drover:name',
  application: 'drover:app',
  deployment: 'drover:deployment',
  role: 'drover:role',
  owner: 'drover:owner',
  epoch: 'drover:epoch',
  flags: 'drover:flags',
  /** Which other nodes may have a copy (copy-record.ts). */
  copies: 'drover:copies',
  node: 'drover:node',
} as const;

/** Snapshots of one ownership period are numbered in it: `drover-e3-2`. */
export const snapshotName = (epoch: number, n: number | string): string => `drover-e${epoch}-${n}`;
const snapshotPattern = /^drover-e(\d+)-(\d+)$/;

/** Inverse of `snapshotName`; undefined for snapshots that drover did not make. */
export function parseSnapshotName(name: string): { readonly epoch: number; readonly n: number } | undefined {
  const match = snapshotPattern.exec(name);
  return match === null ? undefined : { epoch: Number(match[1]), n: Number(match[2]) };
}
export const holdTag = 'drover';
export const isOurSnapshot = (name: string): boolean => name.startsWith('drover-');
