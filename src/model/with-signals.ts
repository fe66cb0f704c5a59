/**
 * The task, with a signal that aborts with the first of these; once the task has ended, nothing of it is left on them.
 * `AbortSignal.any` leaves something on every signal it was made from for as long as that lives: too much for what is
 * done every second under a signal that lives as long as the program.
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
