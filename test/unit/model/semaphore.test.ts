import { describe, expect, it } from 'vitest';
import { createSemaphore } from '../../../src/model/semaphore.ts';

const { signal } = new AbortController();

describe('a semaphore', () => {
  it('gives its places in order, and none to a wait that is cancelled', async () => {
    const semaphore = createSemaphore(1);
    const order: string[] = [];
    let finish = () => {};
    const first = semaphore.use(() => new Promise<void>((resolve) => (finish = resolve)), signal);
    const stop = new AbortController();
    const second = semaphore.use(async () => order.push('second'), stop.signal);
    const third = semaphore.use(async () => order.push('third'), signal);
    stop.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    finish();
    await Promise.all([first, third]);
    await semaphore.use(async () => order.push('fourth'), signal);
    expect(order).toEqual(['third', 'fourth']);
  });

  it('gives a place back once, however often it is asked to', async () => {
    const semaphore = createSemaphore(1);
    const giveBack = await semaphore.take(signal);
    giveBack();
    giveBack();
    const order: string[] = [];
    const taken = await semaphore.take(signal);
    const waits = semaphore.use(async () => order.push('waited'), signal);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(order).toEqual([]);
    taken();
    await waits;
    expect(order).toEqual(['waited']);
  });
});
