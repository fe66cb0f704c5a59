/** The reason of the stop signal when a newer request is waiting. */
export const superseded = 'superseded';

/** At most one run at a time; the newest request wins. */
export interface SingleFlight<T> {
  /**
   * Runs `input`, now or after the present run. If the present run has another key, its signal aborts with the reason
   * `superseded`; if it has the same key, it goes on, and one more run follows it.
   */
  request(input: T): void;
  /** Aborts the present run with this reason, and drops the request that waits. */
  cancel(reason: unknown): void;
  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void>;
}

export interface SingleFlightOptions<T> {
  readonly key: (input: T) => string;
  /** Must settle after its signal; never throws. */
  readonly run: (input: T, stop: AbortSignal) => Promise<void>;
}

/**
 * Invariants:
 * 1. at most one `run` is in progress;
 * 2. a run starts only after the one before it has settled, however it was stopped;
 * 3. after the last request a run with that request's input starts, unless cancelled;
 * 4. of several requests that wait only the newest is kept.
 */
export function createSingleFlight<T>({ key, run }: SingleFlightOptions<T>): SingleFlight<T> {
  let current: { readonly key: string; readonly stop: AbortController } | undefined;
  let waiting: { readonly input: T } | undefined;
  let done: Promise<void> = Promise.resolve();

  const loop = async (): Promise<void> => {
    while (waiting !== undefined) {
      const { input } = waiting;
      waiting = undefined;
      const stop = new AbortController();
      current = { key: key(input), stop };
      try {
        await run(input, stop.signal);
      } finally {
        current = undefined;
      }
    }
  };

  return {
    request: (input) => {
      waiting = { input };
      if (current === undefined) done = done.then(loop);
      else if (current.key !== key(input)) current.stop.abort(superseded);
    },
    cancel: (reason) => {
      waiting = undefined;
      current?.stop.abort(reason);
    },
    idle: () => done,
  };
}
