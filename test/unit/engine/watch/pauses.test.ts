import { describe, expect, it } from 'vitest';
import { createPauses } from '../../../../src/engine/watch/pauses.ts';

/** Pauses on a clock that moves when the test says so. */
function open() {
  let now = 1000;
  let wake: (() => void) | undefined;
  const asked: number[] = [];
  let looks = 0;
  const stop = new AbortController();
  const pauses = createPauses(
    {
      now: () => now,
      sleep: (ms) => {
        asked.push(ms);
        return new Promise((resolve) => {
          wake = resolve;
        });
      },
    },
    () => {
      looks += 1;
    },
    stop.signal,
  );
  return {
    pauses,
    asked,
    looks: () => looks,
    pass: (ms: number) => {
      now += ms;
    },
    wake: async () => {
      wake?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('pauses between looks', () => {
  it('are nine times as long as the look took', async () => {
    const { pauses, pass } = open();
    expect(pauses.isOn()).toBe(false);
    expect(await pauses.after(async () => pass(100))).toBeUndefined();
    pass(899);
    expect(pauses.isOn()).toBe(true);
    pass(1);
    expect(pauses.isOn()).toBe(false);
  });

  it('are never longer than five seconds, and none where the look took no time', async () => {
    const { pauses, pass } = open();
    await pauses.after(async () => pass(60_000));
    pass(4999);
    expect(pauses.isOn()).toBe(true);
    pass(1);
    expect(pauses.isOn()).toBe(false);
    await pauses.after(async () => undefined);
    expect(pauses.isOn()).toBe(false);
  });

  it('end with one look for everything that came in between', async () => {
    const { pauses, pass, asked, looks, wake } = open();
    await pauses.after(async () => pass(100));
    expect([pauses.isOn(), pauses.isOn(), pauses.isOn()]).toEqual([true, true, true]);
    expect(asked).toEqual([900]);
    pass(900);
    await wake();
    expect(looks()).toBe(1);
  });
});
