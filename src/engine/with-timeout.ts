import { AppError } from '../model/errors.ts';
import { withSignals } from '../model/with-signals.ts';
import type { EngineDeps } from './types.ts';

/**
 * Runs the task with a time limit in milliseconds. Throws `timeout` when the time is over, even if the task ignores its
 * signal; its later result is dropped. `what` completes "cannot …: no answer within N s".
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
  const working = withSignals([signal, late.signal], task);
  working.catch(() => undefined);
  const limit = withSignals([signal, done.signal], (over) => deps.sleep(limitMs, over)).then(
    () => {
      const message = `cannot ${what}: no answer within ${(limitMs / 1000).toFixed(1)} s`;
      const error = new AppError('timeout', message, { retryable: true });
      late.abort(error);
      throw error;
    },
    () => working,
  );
  try {
    return await Promise.race([working, limit]);
  } finally {
    done.abort();
    limit.catch(() => undefined);
  }
}
