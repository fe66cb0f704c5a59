/** A clock that moves only when every task sleeps (auto), or when the test moves it. */
export interface FakeClock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Moves the clock, waking sleepers in order and waiting until their work has settled. */
  advance(ms: number): Promise<void>;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Waits for all pending microtasks and the event loop's next turn. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `isHeld`: the clock stands still while it returns true. */
export function createClock(mode: 'auto' | 'manual' = 'auto', isHeld: () => boolean = () => false): FakeClock {
  let now = 1_000_000;
  let sleepers: Sleeper[] = [];
  let isTurning = false;

  const earliest = (): Sleeper | undefined => sleepers.toSorted((a, b) => a.at - b.at)[0];
  const wake = (sleeper: Sleeper): void => {
    sleepers = sleepers.filter((one) => one !== sleeper);
    now = Math.max(now, sleeper.at);
    sleeper.wake();
  };
  const turn = async (): Promise<void> => {
    if (isTurning) return;
    isTurning = true;
    for (let next = earliest(); next !== undefined; next = earliest()) {
      await settle();
      const still = earliest();
      if (still !== undefined && !isHeld()) wake(still);
    }
    isTurning = false;
  };

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = () => {
          sleepers = sleepers.filter((one) => one !== sleeper);
          reject(signal.reason);
        };
        const sleeper: Sleeper = {
          at: now + ms,
          wake: () => {
            signal.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        sleepers.push(sleeper);
        if (mode === 'auto') void turn();
      }),
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      for (let next = earliest(); next !== undefined && next.at <= until; next = earliest()) {
        wake(next);
        await settle();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}
