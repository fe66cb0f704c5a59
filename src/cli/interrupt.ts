import { allowManyListeners } from '../model/many-listeners.ts';
import { printed } from './style.ts';
import type { World } from './world.ts';

export interface Stops {
  /** Aborts at the second Ctrl-C, with `prompt` at the first. */
  readonly hard: AbortSignal;
  /** Aborts at the first Ctrl-C. */
  readonly soft: AbortSignal;
}

/**
 * Runs `work` and handles Ctrl-C: the first one lets running steps finish (`gentle`) or stops at once (`prompt`), the
 * second one always stops at once. At the third, main.ts exits.
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
      world.terminal.err(printed`finishing the running steps … (press Ctrl-C again to stop now)\n`);
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
