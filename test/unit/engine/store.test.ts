import { describe, expect, it } from 'vitest';
import { createStore } from '../../../src/engine/store.ts';
import type { EngineEvent } from '../../../src/model/events.ts';

const progress = (at: number, doneBytes: number, step = 's'): EngineEvent => ({
  at,
  run: 1,
  type: 'step-progress',
  step,
  doneBytes,
});

describe('the store', () => {
  it('passes progress of one step on ten times a second, and always the last one before its end', () => {
    const store = createStore();
    const seen: number[] = [];
    store.onEvent((event) => event.type === 'step-progress' && event.step === 's' && seen.push(event.doneBytes));
    for (let ms = 0; ms <= 1000; ms += 10) store.accept(progress(ms, ms));
    expect(seen).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    store.accept(progress(1010, 1010));
    store.accept(progress(1020, 1020, 'other'));
    expect(seen.at(-1)).toBe(1000);
    store.accept({ at: 1030, run: 1, type: 'step-finished', step: 's', outcome: { result: 'cancelled' } });
    expect(seen.at(-1)).toBe(1010);
    expect(store.getSnapshot().steps.s).toMatchObject({ state: 'cancelled', doneBytes: 1010 });
  });

  it('calls subscribers after changes only, until they leave', () => {
    const store = createStore();
    let calls = 0;
    const leave = store.subscribe(() => {
      calls += 1;
    });
    const before = store.getSnapshot();
    store.accept({ at: 1, run: 0, type: 'step-output', step: 'unknown', line: 'x' });
    expect(store.getSnapshot()).toBe(before);
    expect(calls).toBe(0);
    store.accept({ at: 1, run: 0, type: 'config-rejected', problems: [] });
    expect(calls).toBe(1);
    leave();
    store.accept({ at: 1, run: 0, type: 'config-rejected', problems: [] });
    expect(calls).toBe(1);
  });
});
