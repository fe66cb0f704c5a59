import { underEither } from '../model/either-signal.ts';
import { AppError } from '../model/errors.ts';
import type { EngineDeps } from './types.ts';

/**
 * The task, or a `timeout` after so many milliseconds, whether or not the task heeds its signal by then; its late end
 * goes unnoticed. `what` completes "cannot …: no answer within N s".
 */
export async function withTimeout<T>(
  deps: Pick<EngineDeps, 'sleep'>,
  what: string,
  limitMs: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  const working = underEither([signal, late.signal], task);
  working.catch(() => undefined);
  const limit = underEither([signal, done.signal], (over) => deps.sleep(limitMs, over)).then(
    () => {
      const message = `cannot ${what}: no answer within ${(limitMs / 1000).toFixed(1)} s`;
      const error = new AppError('timeout', message, { retryable: true });
      late.abort(error);
      throw error;
    },
    // The task says why it ended, where it was not its time that did.
    () => working,
  );
  try {
    return await Promise.race([working, limit]);
  } finally {
    done.abort();
    limit.catch(() => undefined);
  }
}
