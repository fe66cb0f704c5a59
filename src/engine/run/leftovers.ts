import type { Snapshot } from '../../model/cluster.ts';

/** A snapshot or a bookmark of one copy. Its guid identifies it: another one may have the name now. */
export type Mark = Pick<Snapshot, 'name' | 'guid'>;

/** What one copy of a volume no longer needs: drover's snapshots and bookmarks, as they were seen. */
export interface Leftovers {
  /** The common snapshot of the copies. It must exist, and it stays. */
  readonly base: Mark;
  /** The base gets a bookmark of its name before anything else happens. */
  readonly isMarked: boolean;
  readonly snapshots: readonly Mark[];
  readonly bookmarks: readonly Mark[];
  /** Snapshots that stay without drover's hold. */
  readonly released: readonly Mark[];
}
