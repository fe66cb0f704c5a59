import type { NodeName } from '../model/config.ts';

/** Bounded concurrency: `use` waits for a free place, first come, first served. */
export interface Semaphore {
  use<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** A semaphore with so many places; a wait ends with the signal's reason. */
export function createSemaphore(places: number): Semaphore {
  let free = places;
  const waiting: (() => void)[] = [];
  const take = (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.push(enter);
    });
  };
  const give = () => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return {
    use: async (task, signal) => {
      await take(signal);
      try {
        return await task();
      } finally {
        give();
      }
    },
  };
}

/** One semaphore for each key, made when first asked for. */
export function createSemaphores(places: number): (key: string) => Semaphore {
  const byKey = new Map<string, Semaphore>();
  return (key) => {
    const semaphore = byKey.get(key) ?? createSemaphore(places);
    byKey.set(key, semaphore);
    return semaphore;
  };
}

/** One transfer at a time out of a node, and one into it. */
export interface TransferSlots {
  use<T>(from: NodeName, to: NodeName, task: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** Always the outgoing side first: whoever holds an incoming one has everything, so nobody waits in a circle. */
export function createTransferSlots(): TransferSlots {
  const slot = createSemaphores(1);
  return {
    use: (from, to, task, signal) => slot(`out ${from}`).use(() => slot(`in ${to}`).use(task, signal), signal),
  };
}
