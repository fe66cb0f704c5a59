import type { NodeFacts } from '../model/cluster.ts';
import type { EmptyDisk } from '../model/provisioning.ts';
import type { DockerImports } from './docker-imports.ts';

/** A host that is a node or will become one, over one SSH connection as root. */
export interface Host {
  /** The address of the connection, and the user who is logged in. */
  readonly address: string;
  readonly user: string;
  readonly hostname: (signal: AbortSignal) => Promise<string>;
  /**
   * Runs host/provision.sh with these arguments; `onLine` receives each line of output. Resolves to the exit status. When
   * the signal aborts, the connection is closed and the script stops at the end of its step: `cancelled`.
   */
  readonly setUp: (
    args: readonly string[],
    onLine: (line: string) => void,
    signal: AbortSignal,
  ) => Promise<{ readonly code: number; readonly stderr: string }>;
  readonly emptyDisks: (signal: AbortSignal) => Promise<readonly EmptyDisk[]>;
  /** Observes the host as a node; throws where it is not a node yet. */
  readonly observe: (signal: AbortSignal) => Promise<NodeFacts>;
  readonly imports: DockerImports;
  /** Removes these addresses from the node's port map and from its boot rules, under the node's lock. */
  readonly forgetPeers: (addresses: readonly string[], signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}
