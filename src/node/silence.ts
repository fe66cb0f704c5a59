import { Transform } from 'node:stream';
import { AppError } from '../model/errors.ts';

/** Watches something that takes as long as it takes, but is never silent for long. */
export interface Silence {
  /** Aborts with `timeout` where nothing was heard for too long, and as the signal it was made with. */
  readonly signal: AbortSignal;
  heard(): void;
  /** The silence itself, where that is what the failure comes from. */
  causeOf(error: unknown): unknown;
  /** What was waited for is over. */
  end(): void;
}

/** `what` completes "cannot … on NODE". Counts from now. */
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

/** Passes bytes on; fails with `timeout` where none passes for too long, whichever end it is that waits. */
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
  new AppError('timeout', `cannot ${what} on "${node}": nothing came for ${Math.round(limitMs / 1000)} s`, {
    retryable: true,
  });
