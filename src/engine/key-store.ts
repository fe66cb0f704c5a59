/**
 * A number of etcd as text: a revision of the store or a lease. They are 64-bit numbers, so they are compared, never
 * calculated with.
 */
export type Revision = string;
export type LeaseId = string;

export interface StoredKey {
  readonly key: string;
  readonly value: string;
  /** The revision of the write that created it, and of the last one. */
  readonly created: Revision;
  readonly modified: Revision;
  readonly lease?: LeaseId;
}

/** All keys with one prefix at one revision, sorted. */
export interface KeyRange {
  readonly revision: Revision;
  readonly keys: readonly StoredKey[];
}

/** What must be true of a key when the writes happen. */
export interface Condition {
  readonly key: string;
  readonly of: 'created' | 'modified';
  /** Undefined: the key does not exist. */
  readonly is: Revision | undefined;
}

export type KeyWrite =
  | { readonly key: string; readonly value: string; readonly lease?: LeaseId }
  | { readonly key: string; readonly value: undefined };

/** `value` is undefined if the key was deleted, also by the end of its lease. */
export interface KeyChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly modified: Revision;
}

/**
 * Keys that several controllers and nodes share, as etcd has them. Every read sees the last write that was confirmed. Every
 * method fails with `etcd-failed`: with `details.outcome` `none` nothing was written, with `unknown` it may have been.
 */
export interface KeyStore {
  read(prefix: string, signal: AbortSignal): Promise<KeyRange>;

  /** Does all writes at once if all conditions hold, and nothing otherwise. */
  commit(
    conditions: readonly Condition[],
    writes: readonly KeyWrite[],
    signal: AbortSignal,
  ): Promise<{ readonly done: boolean; readonly revision: Revision }>;

  /** Keys written with the lease are deleted when it was not renewed for so many seconds. */
  grantLease(seconds: number, signal: AbortSignal): Promise<LeaseId>;

  /** The seconds that the lease has from when the request was sent; undefined if it has ended. */
  renewLease(lease: LeaseId, signal: AbortSignal): Promise<number | undefined>;

  /** Deletes the keys of the lease now. A lease that has ended is fine. */
  endLease(lease: LeaseId, signal: AbortSignal): Promise<void>;

  /**
   * All changes after a revision, in order, those of one write together. Undefined: changes are missing, because the store
   * has thrown them away; read again. Ends when the signal is aborted; fails when the connection is lost.
   */
  changes(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<readonly KeyChange[] | undefined>;
}
