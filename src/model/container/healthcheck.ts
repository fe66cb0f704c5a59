/** How Docker finds out whether a container works; durations are milliseconds. Absent parts are the image's own. */
export interface Healthcheck {
  /** As Docker has it: `CMD` and words, `CMD-SHELL` and one text, or `NONE` for no check. */
  readonly test?: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
}

export const noHealthcheck: Healthcheck = { test: ['NONE'] };

/** What the container has: the parts that the files leave out come from the image. `NONE` is only that. */
export function mergeHealthcheck(
  own: Healthcheck | undefined,
  image: Healthcheck | undefined,
): Healthcheck | undefined {
  const merged = own === undefined && image === undefined ? undefined : { ...image, ...own };
  return merged?.test?.[0] === 'NONE' ? noHealthcheck : merged;
}

/** True if Docker does the same for both. Docker before 25 knows no start interval, and reports none. */
export function isSameHealthcheck(wanted: Healthcheck | undefined, found: Healthcheck | undefined): boolean {
  if (wanted === found) return true;
  const parts = ({ test = [], intervalMs, timeoutMs, retries, startPeriodMs, startIntervalMs }: Healthcheck = {}) => [
    ...(test.length === 0 || test[0] === 'NONE' ? [] : [test, intervalMs, timeoutMs, retries, startPeriodMs]),
    ...(found?.startIntervalMs === undefined ? [] : [startIntervalMs]),
  ];
  return JSON.stringify(parts(wanted)) === JSON.stringify(parts(found));
}

/** `pg_isready, every 10 s, at most 5 s, 3 times, not in the first 30 s`. */
export function healthcheckText({ test = [], ...parts }: Healthcheck): string {
  if (test[0] === 'NONE') return 'none';
  const seconds = (ms: number): string => `${ms / 1000} s`;
  const said = (value: number | undefined, text: (value: number) => string): string[] =>
    value === undefined ? [] : [text(value)];
  return [
    test.length === 0 ? "the image's own" : test.slice(1).join(' '),
    ...said(parts.intervalMs, (ms) => `every ${seconds(ms)}`),
    ...said(parts.timeoutMs, (ms) => `at most ${seconds(ms)}`),
    ...said(parts.retries, (times) => `unhealthy after ${times} failures`),
    ...said(parts.startPeriodMs, (ms) => `starting for ${seconds(ms)}`),
    ...said(parts.startIntervalMs, (ms) => `every ${seconds(ms)} while it starts`),
  ].join(', ');
}
