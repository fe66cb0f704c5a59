/** Bounded concurrency: the task that has waited longest gets the next free place. */
export interface Semaphore {
  /**
   * Resolves with the function that gives the place back; calling it twice does no harm. Rejects with the signal's
   * reason.
   */
  take(signal: AbortSignal): Promise<() => void>;
  /** Runs the task in a place of its own. Rejects with the signal's reason while it waits for one. */
  use<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** True where the next `take` would wait. */
  isFull(): boolean;
}

/** A semaphore with this many places. */
export function createSemaphore(places: number): Semaphore {
  let free = places;
  const waiting: (() => void)[] = [];

  const occupy = (): (() => void) => {
    let isGivenBack = false;
    return () => {
      if (isGivenBack) return;
      isGivenBack = true;
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    };
  };
  const take = async (signal: AbortSignal): Promise<() => void> => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return occupy();
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.push(enter);
    });
    return occupy();
  };
  return {
    take,
    use: async (task, signal) => {
      const giveBack = await take(signal);
      try {
        return await task();
      } finally {
        giveBack();
      }
    },
    isFull: () => free === 0,
  };
}

/** One semaphore for each key, created when it is first asked for. */
export function createSemaphores(places: number): (key: string) => Semaphore {
  const byKey = new Map<string, Semaphore>();
  return (key) => {
    const semaphore = byKey.get(key) ?? createSemaphore(places);
    byKey.set(key, semaphore);
    return semaphore;
  };
}
