import type { Condition, KeyChange, KeyRange, KeyStore, KeyWrite, LeaseId, StoredKey } from '../../engine/key-store.ts';
import { AppError } from '../../model/errors.ts';
import type { MemoryClock } from './types.ts';

type Operation = 'read' | 'commit' | 'lease' | 'changes';

/** `lost`: the request does not arrive. `unconfirmed`: it is carried out, and its answer is lost. */
export type KeyStoreFault = 'lost' | 'unconfirmed';

interface Lease {
  readonly seconds: number;
  endsMs: number;
}

/** Keys in memory, as etcd has them: revisions, leases that end by the clock, watches from any revision that is kept. */
export class MemoryKeyStore implements KeyStore {
  /** Asked before every request; undefined lets it pass. */
  fault: ((operation: Operation) => KeyStoreFault | undefined) | undefined;
  readonly #clock: MemoryClock;
  readonly #keys = new Map<string, StoredKey>();
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #history: KeyChange[][] = [];
  readonly #waiting = new Set<() => void>();
  #revision = 1;
  #compacted = 0;
  #leaseCount = 0;

  constructor(clock: MemoryClock) {
    this.#clock = clock;
  }

  /** Throws away the changes up to now. */
  compact(): void {
    this.#compacted = this.#revision;
  }

  read(prefix: string, signal: AbortSignal): Promise<KeyRange> {
    return this.#request('read', signal, () => ({
      revision: String(this.#revision),
      keys: [...this.#keys.values()]
        .filter(({ key }) => key.startsWith(prefix))
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
    }));
  }

  commit(
    conditions: readonly Condition[],
    writes: readonly KeyWrite[],
    signal: AbortSignal,
  ): ReturnType<KeyStore['commit']> {
    return this.#request('commit', signal, () => {
      if (new Set(writes.map(({ key }) => key)).size < writes.length)
        throw refused('duplicate key given in txn request');
      const done = conditions.every(({ key, of, is }) => this.#keys.get(key)?.[of] === is);
      if (done) this.#write(writes);
      return { done, revision: String(this.#revision) };
    });
  }

  grantLease(seconds: number, signal: AbortSignal): Promise<LeaseId> {
    return this.#request('lease', signal, () => {
      this.#leaseCount += 1;
      const id = String(this.#leaseCount);
      this.#leases.set(id, { seconds, endsMs: this.#clock.now() + seconds * 1000 });
      return id;
    });
  }

  renewLease(id: LeaseId, signal: AbortSignal): Promise<number | undefined> {
    return this.#request('lease', signal, () => {
      const lease = this.#leases.get(id);
      if (lease !== undefined) lease.endsMs = this.#clock.now() + lease.seconds * 1000;
      return lease?.seconds;
    });
  }

  endLease(id: LeaseId, signal: AbortSignal): Promise<void> {
    return this.#request('lease', signal, () => this.#endLease(id));
  }

  async *changes(
    prefix: string,
    after: string,
    signal: AbortSignal,
  ): AsyncGenerator<readonly KeyChange[] | undefined, void> {
    await this.#request('changes', signal, () => undefined);
    let seen = Number(after);
    while (!signal.aborted) {
      this.#passTime();
      if (seen < this.#compacted) {
        yield undefined;
        return;
      }
      const missed = this.#history.filter(([first]) => Number(first?.modified) > seen);
      for (const changes of missed) {
        seen = Number(changes[0]?.modified);
        const own = changes.filter(({ key }) => key.startsWith(prefix));
        if (own.length > 0) yield own;
      }
      if (missed.length === 0) await this.#nextChange(signal);
    }
  }

  async #request<T>(operation: Operation, signal: AbortSignal, act: () => T): Promise<T> {
    await this.#clock.sleep(1, signal);
    this.#passTime();
    const fault = this.fault?.(operation);
    if (fault === 'lost') throw failed('no member of etcd answers', 'none');
    const result = act();
    if (fault === 'unconfirmed') throw failed('etcd did not answer', operation === 'commit' ? 'unknown' : 'none');
    return result;
  }

  #write(writes: readonly KeyWrite[]): void {
    const leases = writes.flatMap((one) => ('lease' in one && one.lease !== undefined ? [one.lease] : []));
    if (!leases.every((lease) => this.#leases.has(lease))) throw refused('requested lease not found');
    const modified = String(this.#revision + 1);
    // Deleting what is not there is no change.
    const real = writes.filter(({ key, value }) => value !== undefined || this.#keys.has(key));
    if (real.length === 0) return;
    for (const { key, value, ...rest } of real) {
      const created = this.#keys.get(key)?.created ?? modified;
      if (value === undefined) this.#keys.delete(key);
      else this.#keys.set(key, { key, value, created, modified, ...rest });
    }
    this.#revision += 1;
    this.#history.push(real.map(({ key, value }) => ({ key, value, modified })));
    for (const wake of [...this.#waiting]) wake();
  }

  #endLease(id: LeaseId): void {
    this.#leases.delete(id);
    const own = [...this.#keys.values()].filter(({ lease }) => lease === id);
    this.#write(own.map(({ key }) => ({ key, value: undefined })));
  }

  #passTime(): void {
    for (const [id, { endsMs }] of this.#leases) if (endsMs <= this.#clock.now()) this.#endLease(id);
  }

  /** Until something is written, a lease may have ended, or the signal is aborted. */
  async #nextChange(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    let wake = (): void => undefined;
    const written = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#waiting.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    const ends = [...this.#leases.values()].map(({ endsMs }) => endsMs - this.#clock.now());
    const ended = ends.length === 0 ? written : this.#clock.sleep(Math.max(1, Math.min(...ends)), stop.signal);
    try {
      await Promise.race([written, ended]);
    } finally {
      this.#waiting.delete(wake);
      signal.removeEventListener('abort', wake);
      ended.catch(() => undefined);
      stop.abort();
    }
  }
}

const failed = (message: string, outcome: 'none' | 'unknown'): AppError =>
  new AppError('etcd-failed', message, { retryable: true, details: { outcome } });
const refused = (why: string): AppError => failed(`etcd refused kv/txn: etcdserver: ${why}`, 'none');
