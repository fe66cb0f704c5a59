/**
 * Runs the task with a signal that aborts with the first of these, and removes its listeners when the task ends.
 * `AbortSignal.any` keeps an entry on each of its signals as long as that lives. That leaks memory for a task that runs
 * every second under a signal that lives as long as the program.
 */
export async function withSignals<T>(
  signals: readonly AbortSignal[],
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const listeners = signals.map((signal) => {
    const abort = (): void => either.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    return { signal, abort };
  });
  try {
    return await task(either.signal);
  } finally {
    for (const { signal, abort } of listeners) signal.removeEventListener('abort', abort);
  }
}
