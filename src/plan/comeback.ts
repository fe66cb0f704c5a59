import type { Container } from '../model/cluster.ts';
import type { Application } from '../model/config.ts';
import { judgeContainer } from '../model/container-verdict.ts';

/** The ends of an application's container in a row, none of them after it had stayed up for a while. */
export interface Ends {
  readonly count: number;
  /** When the last one was seen; milliseconds, the clock of whoever watches. */
  readonly lastAt: number;
  /** It had been seen up before the last one. */
  readonly wasUp: boolean;
}

/** What becomes of a container that has ended, while somebody watches. */
export type Comeback =
  | { readonly kind: 'now' }
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** Its work is done; nothing is wrong. */
  | { readonly kind: 'finished' }
  /** `never`: the file says so. `given-up`: Docker has started it again as often as the file says. */
  | { readonly kind: 'stays'; readonly because: 'never' | 'given-up' };

const firstWaitMs = 10_000;
const longestWaitMs = 300_000;
/** A container that has been up for so long has started well: what comes next is counted anew. */
export const steadyMs = 120_000;

/**
 * The file wants the application to run, so whatever ended is started again: at once the first time, if it was up
 * before, then after 20 s, 40 s and so on up to five minutes. Not where the file says never, nor where on-failure
 * (Docker's own counting) has come to its end, well or not.
 */
export function comebackOf(app: Application, container: Container, ends: Ends): Comeback {
  const { restartPolicy: policy } = app;
  if (app.staysDown === true) return { kind: 'stays', because: 'never' };
  if (judgeContainer(container, app) === 'finished') return { kind: 'finished' };
  if (policy.name === 'on-failure') {
    const { maximumRetryCount: most } = policy;
    if (most !== undefined && (container.restarts ?? 0) >= most) return { kind: 'stays', because: 'given-up' };
  }
  if (ends.count <= 1 && ends.wasUp) return { kind: 'now' };
  const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (Math.max(1, ends.count) - 1));
  return { kind: 'wait', untilMs: ends.lastAt + waitMs };
}
