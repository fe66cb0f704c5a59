import type { NodeFacts } from '../model/cluster.ts';
import type { EmptyDisk } from '../model/host-setup.ts';

/** A host that is, or is to become, a node: over one SSH connection, as root. */
export interface Host {
  /** Address the connection goes to, and who is logged in there. */
  readonly address: string;
  readonly user: string;
  readonly hostname: (signal: AbortSignal) => Promise<string>;
  /**
   * Runs lab/provision.sh with these arguments to its end, and hands every line over as it comes; resolves to its exit
   * status. When the signal aborts, the connection is closed and the script stops where its step ends: `cancelled`.
   */
  readonly setUp: (
    args: readonly string[],
    onLine: (line: string) => void,
    signal: AbortSignal,
  ) => Promise<{ readonly code: number; readonly stderr: string }>;
  readonly emptyDisks: (signal: AbortSignal) => Promise<readonly EmptyDisk[]>;
  /** As the engine sees the node; throws where it is none yet. */
  readonly observe: (signal: AbortSignal) => Promise<NodeFacts>;
  /** Takes these addresses out of the node's port map and out of what it asks when it boots; under the node's lock. */
  readonly forgetPeers: (addresses: readonly string[], signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}
