import { allowManyListeners } from '../model/many-listeners.ts';
import { printed } from './style.ts';
import type { World } from './world.ts';

export interface Stops {
  /** Aborts at the second Ctrl-C, or at once where there is nothing to finish. */
  readonly hard: AbortSignal;
  /** Aborts at the first. */
  readonly soft: AbortSignal;
}

/**
 * Runs `work` with Ctrl-C under control: the first one lets steps that are under way finish (`gentle`) or stops at
 * once (`prompt`), the second one always stops. A third is not needed: main.ts leaves when nothing is left to do.
 */
export async function withInterrupts<T>(
  world: Pick<World, 'onInterrupt' | 'terminal'>,
  manner: 'gentle' | 'prompt',
  work: (stops: Stops) => Promise<T>,
): Promise<T> {
  const hard = new AbortController();
  const soft = new AbortController();
  for (const { signal } of [hard, soft]) allowManyListeners(signal);
  const forget = world.onInterrupt(() => {
    if (manner === 'gentle' && !soft.signal.aborted) {
      world.terminal.err(printed`finishing the steps under way … (Ctrl-C again to stop now)\n`);
    } else {
      hard.abort();
    }
    soft.abort();
  });
  try {
    return await work({ hard: hard.signal, soft: soft.signal });
  } finally {
    forget();
  }
}
