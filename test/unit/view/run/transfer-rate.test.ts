import { describe, expect, it } from 'vitest';
import type { StepView } from '../../../../src/view/cluster-view.ts';
import { transferRate } from '../../../../src/view/run/transfer-rate.ts';
import fc from '../../../support/random.ts';

const MB = 1_000_000;

/** One sample a second from time 0, each with so many bytes more. */
function step(perSecond: readonly number[], overrides: Partial<StepView> = {}): StepView {
  let doneBytes = 0;
  const samples = [{ at: 0, doneBytes }];
  for (const [i, bytes] of perSecond.entries()) {
    doneBytes += bytes;
    samples.push({ at: (i + 1) * 1000, doneBytes });
  }
  return { state: 'running', doneBytes, samples, ...overrides };
}

const steady = (seconds: number): number[] => Array.from({ length: seconds }, () => 10 * MB);

describe('the rate of a transfer', () => {
  it('is that of the samples where it is steady, with no spread', () => {
    const rate = transferRate(step(steady(20), { totalBytes: 400 * MB }), 20_000);
    expect(rate).toMatchObject({ share: 0.5, totalBytes: 400 * MB });
    expect(rate?.nowRate).toBeCloseTo(10 * MB);
    expect(rate?.averageRate).toBeCloseTo(10 * MB);
    expect(rate?.leftMs).toBeCloseTo(20_000);
    expect(rate?.spreadMs).toBeCloseTo(0);
    expect(rate?.history).toHaveLength(20);
  });

  it('follows a change within seconds, while the average lags, and says how unsure it is', () => {
    const rate = transferRate(
      step([...steady(20), 2 * MB, 2 * MB, 2 * MB, 2 * MB, 2 * MB], { totalBytes: 400 * MB }),
      25_000,
    );
    expect(rate?.nowRate).toBeGreaterThan(2 * MB);
    expect(rate?.nowRate).toBeLessThan(6 * MB);
    expect(rate?.averageRate).toBeCloseTo((210 * MB) / 25, -3);
    expect(rate?.spreadMs).toBeGreaterThan(5000);
  });

  it('falls while nothing arrives, and then has no end in sight', () => {
    const stalled = step(steady(20), { totalBytes: 400 * MB });
    expect(transferRate(stalled, 25_000)?.nowRate).toBeLessThan(5 * MB);
    expect(transferRate(stalled, 120_000)).not.toHaveProperty('leftMs');
  });

  it('has neither a share nor a time left where the size is not known', () => {
    const rate = transferRate(step(steady(5)), 5000);
    expect(rate).toMatchObject({ doneBytes: 50 * MB });
    expect(rate).not.toHaveProperty('share');
    expect(rate).not.toHaveProperty('leftMs');
  });

  it('gives the share up where more came than was estimated', () => {
    expect(transferRate(step(steady(5), { totalBytes: 40 * MB }), 5000)).not.toHaveProperty('share');
  });

  it('starts again with a new round, which counts from zero', () => {
    const samples = [
      { at: 0, doneBytes: 0 },
      { at: 1000, doneBytes: 100 * MB },
      { at: 2000, doneBytes: 1 * MB },
      { at: 3000, doneBytes: 2 * MB },
    ];
    const rate = transferRate({ state: 'running', doneBytes: 2 * MB, samples }, 3000);
    expect(rate?.averageRate).toBeCloseTo(MB);
    expect(rate?.history).toHaveLength(1);
  });

  it('is not known before two samples, and nothing at all before the first byte', () => {
    expect(transferRate({ state: 'running', doneBytes: 5 }, 0)).toEqual({ doneBytes: 5, history: [] });
    expect(transferRate({ state: 'running' }, 0)).toBeUndefined();
  });

  it('is never negative, infinite or not a number, whatever was counted', () => {
    const sample = fc.record({ at: fc.nat(100_000), doneBytes: fc.nat() });
    const samples = fc.array(sample, { maxLength: 60 }).map((all) => all.toSorted((a, b) => a.at - b.at));
    fc.assert(
      fc.property(
        samples,
        fc.nat(),
        fc.option(fc.nat(), { nil: undefined }),
        fc.nat(200_000),
        (list, doneBytes, total, now) => {
          const rate = transferRate(
            { state: 'running', doneBytes, samples: list, ...(total === undefined ? {} : { totalBytes: total }) },
            now,
          );
          const { history = [], ...numbers } = rate ?? {};
          for (const value of [...Object.values(numbers), ...history]) {
            expect(Number.isFinite(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(0);
          }
        },
      ),
    );
  });
});
