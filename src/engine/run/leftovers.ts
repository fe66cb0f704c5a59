import type { Snapshot } from '../../model/cluster.ts';

/** A snapshot or a bookmark of one copy; the name alone may be another one's by now. */
export type Mark = Pick<Snapshot, 'name' | 'guid'>;

/** What one copy of a volume need not keep any longer: snapshots and bookmarks of drover's, as they were seen. */
export interface Leftovers {
  /** The snapshot that the copies have in common. It must still be there, and it stays. */
  readonly base: Mark;
  /** Whether the base gets a bookmark of its name before anything else happens. */
  readonly isMarked: boolean;
  readonly snapshots: readonly Mark[];
  readonly bookmarks: readonly Mark[];
  /** Snapshots that stay, but without drover's hold. */
  readonly released: readonly Mark[];
}
