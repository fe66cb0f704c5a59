import type { NodeName, VolumeId } from '../../model/config.ts';

/** A volume that the files place on a node. */
export interface WantedVolume {
  readonly id: VolumeId;
  /** What a Compose file calls it. */
  readonly name?: string;
  /** Its name in messages, such as `the volume of "db"`; its id only if the files give it no other name. */
  readonly title: string;
  readonly node: NodeName;
  readonly limitBytes?: number;
}

/** Why a volume cannot be used as the files ask, and what to do about it. */
export interface VolumeProblem {
  readonly node?: NodeName;
  readonly reason: string;
  readonly hint?: string;
}
