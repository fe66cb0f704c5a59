import type { EngineDeps } from '../types.ts';

/** Where things happen all the time, looking at whether they matter takes at most one part in so many of the time… */
const looksShare = 10;
/** …but nothing goes unseen for longer than this. */
const longestPauseMs = 5_000;

/**
 * Keeps looks at a whole cluster apart, the more the longer they take: with a hundred nodes something happens all the
 * time. What comes in between is looked at after the pause.
 */
export function createPauses(
  { now, sleep }: Pick<EngineDeps, 'now' | 'sleep'>,
  lookAgain: () => void,
  over: AbortSignal,
) {
  let until = Number.NEGATIVE_INFINITY;
  let isDue = false;
  return {
    /** True where there is a pause; it will be looked then. */
    isOn: (): boolean => {
      const leftMs = until - now();
      if (leftMs <= 0) return false;
      if (isDue) return true;
      isDue = true;
      const end = (): void => {
        isDue = false;
      };
      void sleep(leftMs, over).then(() => {
        end();
        lookAgain();
      }, end);
      return true;
    },
    after: async <T>(look: () => Promise<T>): Promise<T> => {
      const began = now();
      const seen = await look();
      until = now() + Math.min(longestPauseMs, (now() - began) * (looksShare - 1));
      return seen;
    },
  };
}
