import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withSignals } from '../../../src/model/with-signals.ts';

const listenersOf = (...signals: readonly AbortSignal[]): readonly number[] =>
  signals.map((signal) => getEventListeners(signal, 'abort').length);

const untilAborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });

describe('a task under two signals', () => {
  it('is aborted by either of them, with its reason', async () => {
    for (const index of [0, 1]) {
      const two = [new AbortController(), new AbortController()];
      const task = withSignals(
        two.map(({ signal }) => signal),
        untilAborted,
      );
      two[index]?.abort(`number ${index}`);
      expect(await task).toBe(`number ${index}`);
    }
  });

  it('begins with an aborted signal where one of them is', async () => {
    const live = new AbortController();
    const reason = await withSignals([live.signal, AbortSignal.abort('before')], untilAborted);
    expect(reason).toBe('before');
    expect(listenersOf(live.signal)).toEqual([0]);
  });

  it('removes its listeners, however it ends', async () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const during = await withSignals([a.signal, b.signal], async () => listenersOf(a.signal, b.signal));
    expect(during).toEqual([1, 1]);
    const failed = withSignals([a.signal, b.signal], async () => {
      throw new Error('on purpose');
    });
    await expect(failed).rejects.toThrow('on purpose');
    expect(listenersOf(a.signal, b.signal)).toEqual([0, 0]);
  });
});
