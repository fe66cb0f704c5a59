import type { Container, Volume } from '../../model/cluster.ts';
import type { NodeName, VolumeId } from '../../model/config.ts';
import type { StepId } from '../../model/plan.ts';
import type { Mounted } from '../node-client.ts';

/**
 * What the steps of one pass have found out, so that those that follow them, while an application is down, need not ask
 * again. It is never a proof: whatever changes an owner compares it on the node, under the node's lock.
 */
export interface Known {
  /** The node's copy of the volume as it was last seen or changed; undefined where this pass has not looked. */
  copy(node: NodeName, volume: VolumeId): Volume | undefined;
  saw(node: NodeName, copy: Volume): void;
  forget(node: NodeName, volume: VolumeId): void;
  /** What the final snapshot of the volume has more than the one before it. */
  readonly finalBytes: Map<VolumeId, number>;
  /** Releases of this pass. */
  readonly released: Map<VolumeId, ReleasedVolume>;
  /** Where the volume was mounted on this node a moment ago. */
  mounted(node: NodeName, volume: VolumeId): Mounted | undefined;
  sawMounted(node: NodeName, volume: VolumeId, mounted: Mounted): void;
  /** When the step's application began to be made ready for its switch: its dead-man counts from then or later. */
  readonly readyAt: Map<StepId, number>;
  /** The node's containers as they were before anything was stopped. */
  readonly containers: Map<NodeName, readonly Container[]>;
}

export interface ReleasedVolume {
  readonly targetId: string;
  readonly epoch: number;
  /** The newest snapshot the source had when it let go. */
  readonly guid: string;
}

/** A node gives up the lock of a run that has been silent for 30 s. Until then no other run can have changed anything. */
const freshMs = 20_000;

/** Nothing is known yet. */
export function createKnown(now: () => number): Known {
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
    readyAt: new Map(),
    containers: new Map(),
  };
}
