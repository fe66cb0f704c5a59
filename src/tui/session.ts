import type { Engine } from '../engine/types.ts';
import { isAbort } from '../model/errors.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import type { TuiDeps } from './deps.ts';

export type Leaving = 'now' | 'after-safe-point' | 'again';

/** What runs behind the screen: it monitors the nodes and watches the files until the screen is left. */
export interface Session {
  /** Resolves when everything has stopped. Rejects where it cannot go on. */
  readonly run: () => Promise<Leaving>;
  /** May be called again: the second time it does not wait any longer. */
  readonly leave: (how: Leaving) => void;
}

export function createSession({ engine, files, stages }: Pick<TuiDeps, 'engine' | 'files' | 'stages'>): Session {
  const hard = new AbortController();
  const soft = new AbortController();
  for (const { signal } of [hard, soft]) allowManyListeners(signal);
  let how: Leaving = 'now';
  const leave = (next: Leaving): void => {
    const isAgain = soft.signal.aborted;
    if (!isAgain) how = next;
    soft.abort();
    if (next === 'now' || (isAgain && next === 'after-safe-point')) hard.abort();
  };
  return {
    leave,
    run: async () => {
      void stages?.ended.then(() => leave('again'));
      const left = new Promise<void>((resolve) =>
        soft.signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      try {
        // Before the lab is up there is nothing to watch.
        if (files === undefined || stages !== undefined) await left;
        else await watchAndMonitor(engine, hard, soft.signal);
      } finally {
        hard.abort();
      }
      return how;
    },
  };
}

/** The soft signal ends the watching after the running steps; until then the nodes are monitored. */
async function watchAndMonitor(engine: Engine, hard: AbortController, soft: AbortSignal): Promise<void> {
  const monitoring = engine.monitor(hard.signal).catch((error: unknown) => {
    if (!isAbort(error) && !hard.signal.aborted) throw error;
  });
  const watching = engine.watch(hard.signal, soft).finally(() => hard.abort());
  await Promise.all([watching, monitoring]);
}
