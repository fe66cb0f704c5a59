import type { AppName, NodeName, VolumeId } from './config.ts';

/** What a failover is doing: the stages in their order. */
export type FailoverStage = 'looking' | 'proving' | 'fenced' | 'taking' | 'starting' | 'serving';

/** Why it is certain that a node that does not answer writes no more. Silence alone proves nothing. */
export type FailoverProof =
  /** The command that cuts the node off exited with 0, and the node was silent afterwards. `output` is its end. */
  | { readonly kind: 'fence'; readonly node: NodeName; readonly command: string; readonly output: string }
  /** A person typed the name of the node to say that it is switched off. */
  | { readonly kind: 'powered-off'; readonly node: NodeName };

/** A volume that a failover takes over, and what its data begins with on the new node. */
export interface FailoverVolume {
  readonly volume: VolumeId;
  readonly dataset: string;
  /** The epoch after the take-over. */
  readonly epoch: number;
  /** The newest snapshot that arrived. Everything written later is lost. */
  readonly snapshot: string;
  /** When that snapshot was taken, milliseconds since 1970. */
  readonly at: number;
}

/** What is kept on the new node before the take-over begins, in /var/lib/drover/failover. */
export interface FailoverReceipt {
  readonly application: AppName;
  /** The nodes that were lost. */
  readonly from: readonly NodeName[];
  readonly to: NodeName;
  /** Milliseconds since 1970, by the clock of the machine that drover ran on. */
  readonly at: number;
  /** Who ran drover: `anna@laptop pid 4711`. */
  readonly by: string;
  readonly proofs: readonly FailoverProof[];
  readonly volumes: readonly FailoverVolume[];
}
