import { Transform } from 'node:stream';
import { AppError } from '../model/errors.ts';

/** Watches a task that may take any time, but must not be silent for long. */
export interface Silence {
  /** Aborts with `timeout` when the task has been silent for too long, and with the caller's signal. */
  readonly signal: AbortSignal;
  heard(): void;
  /** The `timeout` where the silence has caused this error, else the error itself. */
  causeOf(error: unknown): unknown;
  /** Stops watching. */
  end(): void;
}

/** `what` completes "cannot … on NODE". The silence counts from now. */
export function createSilence(node: string, what: string, limitMs: number, signal: AbortSignal): Silence {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(saidNothing(node, what, limitMs)), limitMs);
  timer.unref();
  return {
    signal: AbortSignal.any([signal, late.signal]),
    heard: () => void timer.refresh(),
    causeOf: (error) => (late.signal.aborted && !signal.aborted ? late.signal.reason : error),
    end: () => clearTimeout(timer),
  };
}

/** Passes bytes on; fails with `timeout` where none passes for `limitMs`, whichever side is slow. */
export function createFlowGuard(node: string, what: string, limitMs: number): Transform {
  const guard = new Transform({
    transform(chunk, _encoding, done) {
      timer.refresh();
      done(null, chunk);
    },
  });
  const timer = setTimeout(() => guard.destroy(saidNothing(node, what, limitMs)), limitMs);
  timer.unref();
  guard.once('close', () => clearTimeout(timer));
  return guard;
}

const saidNothing = (node: string, what: string, limitMs: number): AppError =>
  new AppError('timeout', `cannot ${what} on "${node}": no data for ${Math.round(limitMs / 1000)} s`, {
    retryable: true,
  });
