import type { Container, PortKey, Volume } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import type { StepId } from '../../model/plan.ts';
import type { Mounted } from '../volume-store.ts';

/**
 * What the steps of one pass have found out, so that later steps need not ask again while an application is stopped.
 * It is never a proof: every command that changes an owner compares on the node, under the node's lock.
 */
export interface Known {
  /** The node's copy of the volume as this pass last saw or changed it; undefined where it has not read it. */
  copy(node: NodeName, volume: VolumeId): Volume | undefined;
  saw(node: NodeName, copy: Volume): void;
  forget(node: NodeName, volume: VolumeId): void;
  /** Bytes in the final snapshot of the volume that the snapshot before it does not have. */
  readonly finalBytes: Map<VolumeId, number>;
  /** Releases of this pass. Later passes ask the source again (`released` of the run). */
  readonly released: Map<VolumeId, ReleasedVolume>;
  /** Where the volume was mounted on this node, if that was seen within the last 20 s. */
  mounted(node: NodeName, volume: VolumeId): Mounted | undefined;
  sawMounted(node: NodeName, volume: VolumeId, mounted: Mounted): void;
  /** Stops whose programs have ended, and that Docker has yet to finish. A failure fails nothing: the program has ended. */
  readonly ends: Promise<unknown>[];
  /** When the switch of the step's application began to be prepared: its dead-man counts from then or later. */
  readonly readyAt: Map<StepId, number>;
  /** Volumes whose standbys get nothing until this run has ended. */
  readonly paused: Set<VolumeId>;
  /** The node's containers before anything was stopped. */
  readonly containers: Map<NodeName, readonly Container[]>;
  /** By node and image, `node1 acme/web:1`: the ports that the image exposes, read before anything was stopped. */
  readonly imagePorts: Map<string, readonly PortKey[]>;
  /** By application: which of its container ports accepted before it was stopped, as `5432/tcp`. */
  readonly answered: Map<AppName, ReadonlySet<string>>;
}

export interface ReleasedVolume {
  readonly targetId: string;
  readonly epoch: number;
  /** The newest snapshot the source had when it let go. */
  readonly guid: string;
  /** What its record said then; absent: any node may have a copy. */
  readonly copies?: readonly string[];
}

/** A node keeps the lock of a silent run for 30 s. Until then no other run can have changed anything. */
const freshMs = 20_000;

export function createKnown(now: () => number, answered: Known['answered'] = new Map()): Known {
  const copies = new Map<string, Volume>();
  const places = new Map<string, { readonly at: number; readonly mounted: Mounted }>();
  const keyOf = (node: NodeName, volume: VolumeId): string => `${node} ${volume}`;
  return {
    copy: (node, volume) => copies.get(keyOf(node, volume)),
    saw: (node, copy) => void copies.set(keyOf(node, copy.id), copy),
    forget: (node, volume) => void copies.delete(keyOf(node, volume)),
    finalBytes: new Map(),
    released: new Map(),
    mounted: (node, volume) => {
      const place = places.get(keyOf(node, volume));
      return place === undefined || now() - place.at > freshMs ? undefined : place.mounted;
    },
    sawMounted: (node, volume, mounted) => void places.set(keyOf(node, volume), { at: now(), mounted }),
    ends: [],
    paused: new Set(),
    readyAt: new Map(),
    containers: new Map(),
    imagePorts: new Map(),
    answered,
  };
}
