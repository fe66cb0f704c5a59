import type { RestartPolicy } from './container/fields.ts';

// What a node's Docker has besides drover's own containers: what `drover import` can take over. A node's word is
// untrusted input, and environments have secrets: nothing of this is logged.

/** A mount of a found container. */
export interface FoundMount {
  readonly kind: 'volume' | 'bind' | 'tmpfs' | 'other';
  /** Name of the Docker volume. */
  readonly volume?: string;
  /** Path on the node. */
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

/** A container that drover did not make, as a service of a Compose file would describe it. */
export interface FoundContainer {
  readonly id: string;
  readonly name: string;
  readonly isRunning: boolean;
  /** Docker removes it when it stops (`docker run --rm`). */
  readonly removesItself: boolean;
  readonly image: string;
  /** From Compose's labels. */
  readonly project?: string;
  readonly service?: string;
  /** The Compose file on the node that it came from. */
  readonly composeFile?: string;
  readonly restart: RestartPolicy;
  readonly mounts: readonly FoundMount[];
  /** Keys of a Compose service with their values; without what the image sets itself. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A Docker volume. */
export interface FoundVolume {
  readonly name: string;
  readonly driver: string;
  /** Its directory on the node. */
  readonly directory: string;
  /** It has options of the driver, such as a share on the network, so its directory may be empty. */
  readonly hasOptions: boolean;
  /** From Compose's labels: its project, and its name in the Compose file. */
  readonly project?: string;
  readonly key?: string;
  /** Docker made the name: no one else knows it. */
  readonly isAnonymous: boolean;
}

export interface FoundDocker {
  readonly containers: readonly FoundContainer[];
  readonly volumes: readonly FoundVolume[];
}

/** What a directory holds. */
export interface Measured {
  readonly bytes: number;
  readonly files: number;
  /** How long the walk through it took. */
  readonly ms: number;
}

/** One pass of a copy. */
export interface CopyPass {
  /** Entries that were new or different, and the bytes of these files. */
  readonly copied: number;
  readonly bytes: number;
  readonly removed: number;
  readonly ms: number;
}

/** A comparison of two trees. */
export interface TreeComparison {
  readonly files: number;
  /** Bytes of files whose contents were compared now. */
  readonly bytes: number;
  /** Bytes of files that an earlier comparison found equal and that have not changed since. */
  readonly knownBytes: number;
  /** At most ten. Each is `path: what differs`. */
  readonly differences: readonly string[];
  readonly ms: number;
}
