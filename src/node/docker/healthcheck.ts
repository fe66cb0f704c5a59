import type { Healthcheck } from '../../model/container/healthcheck.ts';
import { defined } from '../../model/defined.ts';
import { at, isRecord, numberAt, textsAt } from '../json.ts';

/** Docker has nanoseconds; what is left out comes from the image. */
export function healthcheckBody({
  test,
  intervalMs,
  timeoutMs,
  retries,
  startPeriodMs,
  startIntervalMs,
}: Healthcheck): Readonly<Record<string, unknown>> {
  const span = (ms: number | undefined): number | undefined => (ms === undefined ? ms : Math.round(ms * 1e6));
  return defined({
    Test: test,
    Interval: span(intervalMs),
    Timeout: span(timeoutMs),
    Retries: retries,
    StartPeriod: span(startPeriodMs),
    StartInterval: span(startIntervalMs),
  });
}

/** From Docker's report of a container or an image; undefined where it has none. */
export function readHealthcheck(inspected: unknown, place: readonly string[]): Healthcheck | undefined {
  const found = at(inspected, ...place);
  if (!isRecord(found)) return undefined;
  const span = (key: string): number | undefined => {
    const value = numberAt(found, key) || undefined;
    return value === undefined ? value : value / 1e6;
  };
  const test = textsAt(found, 'Test');
  const read = defined({
    test: test.length === 0 ? undefined : test,
    intervalMs: span('Interval'),
    timeoutMs: span('Timeout'),
    retries: numberAt(found, 'Retries') || undefined,
    startPeriodMs: span('StartPeriod'),
    startIntervalMs: span('StartInterval'),
  });
  return Object.keys(read).length === 0 ? undefined : read;
}
