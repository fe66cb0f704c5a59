import { AppError } from '../model/errors.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { lostConnection } from './ssh/errors.ts';

/** One connection to one node, opened when it is first needed and again after it was lost. */
export interface ConnectionSource {
  /**
   * The live connection, or a new one. After a failure the next attempt waits (0.5 s, doubling to 10 s, with jitter);
   * each call makes one attempt at most. Commands that ran on a lost connection have failed and are not repeated.
   */
  get(signal: AbortSignal): Promise<NodeConnection>;
  close(): Promise<void>;
}

/** What reconnecting needs from outside. */
export interface ReconnectDeps {
  readonly connect: (signal: AbortSignal) => Promise<NodeConnection>;
  readonly now: () => number;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** Rejects when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const firstPauseMs = 500;
const longestPauseMs = 10_000;

/** Pause in ms after this many failures in a row: exponential and capped, of which `random` takes up to half. */
export function pauseMs(failures: number, random: number): number {
  const full = Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
  return Math.round(full * (0.5 + random / 2));
}

/**
 * Callers that ask at the same time share one attempt, which is cancelled when all of them have cancelled. A refused
 * login or host key delays the next attempt like any failure, because OpenSSH 9.8 penalises the address.
 */
export function createConnectionSource(node: string, deps: ReconnectDeps): ConnectionSource {
  let live: NodeConnection | undefined;
  let attempt: SharedAttempt | undefined;
  let failures = 0;
  let notBefore = 0;
  let ended = false;

  const connectOnce = async (signal: AbortSignal): Promise<NodeConnection> => {
    const waitMs = notBefore - deps.now();
    if (waitMs > 0) await deps.sleep(waitMs, signal);
    try {
      const connection = await deps.connect(signal);
      failures = 0;
      notBefore = deps.now() + firstPauseMs;
      if (ended) {
        await connection.close();
        throw lostConnection(node);
      }
      live = connection;
      return connection;
    } catch (error) {
      if (!signal.aborted) {
        failures += 1;
        notBefore = deps.now() + pauseMs(failures, deps.random());
      }
      throw error;
    }
  };

  return {
    async get(signal) {
      if (ended) throw new AppError('cancelled', `cannot use "${node}": its connection was closed`);
      if (live !== undefined && !live.closed.aborted) return live;
      if (attempt === undefined) {
        const started = shareAttempt(connectOnce);
        attempt = started;
        const forget = (): void => {
          if (attempt === started) attempt = undefined;
        };
        started.result.then(forget, forget);
        started.onAbandoned(forget);
      }
      return attempt.join(signal);
    },
    async close() {
      ended = true;
      attempt?.abandon();
      await live?.close();
    },
  };
}

interface SharedAttempt {
  readonly result: Promise<NodeConnection>;
  join(signal: AbortSignal): Promise<NodeConnection>;
  abandon(): void;
  onAbandoned(listener: () => void): void;
}

/** One promise for several callers. Each may cancel its own wait; the last one to do so cancels the attempt. */
function shareAttempt(begin: (signal: AbortSignal) => Promise<NodeConnection>): SharedAttempt {
  const controller = new AbortController();
  const result = begin(controller.signal);
  let waiting = 0;
  return {
    result,
    join(signal) {
      waiting += 1;
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          waiting -= 1;
          if (waiting === 0) controller.abort(signal.reason);
          reject(new AppError('cancelled', 'cannot wait for the connection: cancelled', { cause: signal.reason }));
        };
        if (signal.aborted) {
          leave();
          return;
        }
        signal.addEventListener('abort', leave, { once: true });
        const settled = (): void => signal.removeEventListener('abort', leave);
        result.then(resolve, reject).finally(settled);
      });
    },
    abandon: () => controller.abort(),
    onAbandoned: (listener) => controller.signal.addEventListener('abort', listener, { once: true }),
  };
}
