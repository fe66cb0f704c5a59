import { createHash } from 'node:crypto';
import type { AppName, DeploymentName, ImageRef, VolumeId } from './config.ts';

/** The deployment of a folder without a name of its own, and of what a simulated cluster begins with. */
export const defaultDeployment: DeploymentName = 'default';

/** Prefix of every container we make; a one-letter application still gets a name Docker accepts. */
export const containerName = (app: AppName): string => `drover-${app}`;

export const labels = {
  managed: 'drover.managed',
  application: 'drover.application',
  deployment: 'drover.deployment',
  /** Words of `ContainerSpec.after`, separated by blanks; read at boot by the node itself. */
  after: 'drover.after',
} as const;

/**
 * A directory on a tmpfs of the node, bound into every container that must not start at boot by Docker alone: it is
 * made (host/provision.sh, boot-gate) when the node knows what it may start, and stays until the node goes down.
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

/** Last part of a dataset's name: readable, and unique through the id's hash. Identity is in `drover:vol`, not here. */
export function datasetLeaf(volume: VolumeId, app: AppName | undefined): string {
  const hash = createHash('md5').update(volume, 'utf8').digest('hex').slice(0, 8);
  const readable = (app ?? 'volume').replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, 60);
  return `${readable}-${hash}`;
}

/** ZFS user properties; 64-bit values and epochs are text in them. */
export const properties = {
  volume: 'drover:vol',
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

/** Inverse of `snapshotName`; undefined for snapshots that are not ours. */
export function parseSnapshotName(name: string): { readonly epoch: number; readonly n: number } | undefined {
  const match = snapshotPattern.exec(name);
  return match === null ? undefined : { epoch: Number(match[1]), n: Number(match[2]) };
}
export const holdTag = 'drover';
export const isOurSnapshot = (name: string): boolean => name.startsWith('drover-');
