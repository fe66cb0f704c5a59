import type { NodeName, VolumeId } from '../../model/config.ts';

/** A volume that the files want on a node. */
export interface WantedVolume {
  readonly id: VolumeId;
  /** As sentences name it, such as `the volume of "db"`; by its id only where the files give it no other name. */
  readonly title: string;
  readonly node: NodeName;
  readonly limitBytes?: number;
}

/** Why it cannot be, and what to do about it. */
export interface VolumeProblem {
  readonly node?: NodeName;
  readonly reason: string;
  readonly hint?: string;
}
