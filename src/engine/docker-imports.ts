import type { AppName, NodeName, VolumeId } from '../model/config.ts';
import type {
  CopyPass,
  FoundContainer,
  FoundDocker,
  FoundVolume,
  Measured,
  TreeComparison,
} from '../model/found-docker.ts';

/** What `drover import` needs of a node's Docker and of directories on the node. */
export interface DockerImports {
  /** Containers that are not drover's, and all volumes. Reads only. */
  find(signal: AbortSignal): Promise<FoundDocker>;
  /** Walks through the directory. Reads only. */
  measure(directory: string, signal: AbortSignal): Promise<Measured>;
  /**
   * Makes `data` of the mounted dataset equal to the directory: contents, owners (as numbers), modes, times, links, holes,
   * ACLs and extended attributes. Copies what is new, what differs and what changed since the last pass began, and removes
   * the rest. The directory may be in use, and is never changed. Throws `volume-conflict` where the dataset is not mounted.
   */
  copy(
    directory: string,
    dataset: string,
    progress: (doneBytes: number, totalBytes: number) => void,
    signal: AbortSignal,
  ): Promise<CopyPass>;
  /**
   * Compares both byte by byte. `in-use`: skips what changes during the comparison, and remembers next to `data` what it found equal.
   * `stopped`: compares everything, but for contents that the last comparison found equal and that have not changed since.
   */
  compare(directory: string, dataset: string, how: 'in-use' | 'stopped', signal: AbortSignal): Promise<TreeComparison>;
  /** Removes what `copy` and `compare` remember next to `data`. */
  forget(dataset: string, signal: AbortSignal): Promise<void>;
  /** Takes the restart policies away and stops the containers, each with its own grace period. Removes nothing. */
  stop(containers: readonly FoundContainer[], signal: AbortSignal): Promise<void>;
  /** Gives the restart policies back, and starts those that ran. */
  start(containers: readonly FoundContainer[], signal: AbortSignal): Promise<void>;
}

/** What of a node's Docker is taken over. */
export interface ImportRequest {
  readonly node: NodeName;
  /** They are stopped for good, after the first passes. */
  readonly containers: readonly FoundContainer[];
  readonly volumes: readonly ImportedVolume[];
}

/** A Docker volume, and the volume of drover that gets its content. */
export interface ImportedVolume {
  readonly from: FoundVolume;
  readonly id: VolumeId;
  /** Its first user; the dataset is called after it. */
  readonly app: AppName;
}

/** How an import goes on. */
export type ImportEvent =
  | { readonly type: 'stage'; readonly text: string }
  | { readonly type: 'progress'; readonly volume: string; readonly doneBytes: number; readonly totalBytes: number };

/** What an import did. */
export interface ImportReport {
  readonly volumes: readonly {
    readonly volume: string;
    readonly dataset: string;
    readonly files: number;
    /** Bytes of all files; each was compared with its copy. */
    readonly comparedBytes: number;
  }[];
  /** When the containers began to stop, as `now`; absent: none of them ran. */
  readonly stoppedAtMs?: number;
}
