/** Bounded concurrency: `take` resolves with the function that gives the slot back (safe to call twice). */
export interface Slots {
  /** Rejects with the signal's reason when it aborts while waiting. */
  take(signal?: AbortSignal): Promise<() => void>;
}

/** At most `limit` slots are out at once; waiters are served in order. */
export function createSlots(limit: number): Slots {
  let free = limit;
  const waiting: (() => void)[] = [];

  const give = (): (() => void) => {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    };
  };

  return {
    async take(signal) {
      signal?.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return give();
      }
      await new Promise<void>((resolve, reject) => {
        const serve = (): void => {
          signal?.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          waiting.splice(waiting.indexOf(serve), 1);
          reject(signal?.reason);
        };
        waiting.push(serve);
        signal?.addEventListener('abort', leave, { once: true });
      });
      return give();
    },
  };
}
