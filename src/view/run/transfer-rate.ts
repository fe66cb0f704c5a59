import { defined } from '../../model/defined.ts';
import type { StepView } from '../cluster-view.ts';

/** The rates of a transfer, in bytes a second. What is unknown is absent. */
export interface TransferRate {
  readonly doneBytes: number;
  /** Absent if the size is unknown, or larger than estimated. */
  readonly totalBytes?: number;
  /** 0 to 1; only with `totalBytes`. */
  readonly share?: number;
  /** Over the last 5 s, weighted. */
  readonly nowRate?: number;
  /** Over the samples of this round that are kept. */
  readonly averageRate?: number;
  readonly leftMs?: number;
  /** Difference of the two rates in time left: `leftMs` plus or minus this. */
  readonly spreadMs?: number;
  /** Rates between the samples, oldest first. */
  readonly history: readonly number[];
}

interface Sample {
  readonly at: number;
  readonly doneBytes: number;
}

/** Time constant of the present rate: after it, an old rate counts for a third. */
const memoryMs = 5000;
/** Samples come every second; a longer pause counts as a stall. */
const silenceMs = 1500;

/** Undefined before the first bytes. `now` in milliseconds since 1970, for stalls. */
export function transferRate(step: StepView, now: number): TransferRate | undefined {
  if (step.doneBytes === undefined) return undefined;
  const { doneBytes } = step;
  const samples = thisRound(step, doneBytes, now);
  const spans = spansOf(samples);
  const nowRate = presentRate(spans);
  const averageRate = wholeRate(samples);
  const known = step.totalBytes !== undefined && step.totalBytes > 0 && doneBytes <= step.totalBytes;
  const sized = known ? { totalBytes: step.totalBytes, share: doneBytes / step.totalBytes } : {};
  return {
    doneBytes,
    ...sized,
    ...defined({ nowRate, averageRate }),
    ...(sized.totalBytes === undefined ? {} : timeLeft(sized.totalBytes - doneBytes, nowRate, averageRate)),
    history: spans.map(({ rate }) => rate),
  };
}

/** A new round counts its bytes from zero: only later samples belong to it. */
function thisRound(step: StepView, doneBytes: number, now: number): readonly Sample[] {
  const all = step.samples ?? [];
  const restarted = all.findLastIndex((sample, i) => sample.doneBytes < (all[i - 1]?.doneBytes ?? 0));
  const round = all.slice(Math.max(0, restarted));
  const last = round.at(-1);
  if (last === undefined || doneBytes < last.doneBytes) return [];
  return now - last.at > silenceMs && step.state === 'running' ? [...round, { at: now, doneBytes }] : round;
}

interface RateSpan {
  readonly ms: number;
  readonly rate: number;
}

function spansOf(samples: readonly Sample[]): readonly RateSpan[] {
  return samples.flatMap((sample, i) => {
    const before = samples[i - 1];
    const ms = before === undefined ? 0 : sample.at - before.at;
    if (before === undefined || ms <= 0) return [];
    return [{ ms, rate: ((sample.doneBytes - before.doneBytes) * 1000) / ms }];
  });
}

/** Exponentially weighted by time, so that uneven samples count for as long as they lasted. */
function presentRate(spans: readonly RateSpan[]): number | undefined {
  return spans.reduce<number | undefined>((rate, span) => {
    if (rate === undefined) return span.rate;
    const keep = Math.exp(-span.ms / memoryMs);
    return rate * keep + span.rate * (1 - keep);
  }, undefined);
}

function wholeRate(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at <= first.at) return undefined;
  return ((last.doneBytes - first.doneBytes) * 1000) / (last.at - first.at);
}

function timeLeft(
  bytes: number,
  nowRate: number | undefined,
  averageRate: number | undefined,
): Pick<TransferRate, 'leftMs' | 'spreadMs'> {
  if (nowRate === undefined || averageRate === undefined) return {};
  // A stalled transfer has no end in sight, however fast it was before.
  if (nowRate < averageRate / 100) return {};
  const [slow, fast] = [Math.min(nowRate, averageRate), Math.max(nowRate, averageRate)];
  if (slow <= 0) return {};
  const leftMs = (bytes * 1000) / ((slow + fast) / 2);
  return { leftMs, spreadMs: ((bytes * 1000) / slow - (bytes * 1000) / fast) / 2 };
}
