import type { NodeName } from '../model/config.ts';
import { createSemaphore, type Semaphore } from '../model/semaphore.ts';

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
