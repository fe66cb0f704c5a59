import { describe, expect, it } from 'vitest';
import { createSingleFlight, superseded } from '../../../src/engine/single-flight.ts';
import { createClock } from '../../fakes/clock.ts';
import fc from '../../support/random.ts';

function recorded(runMs = 100) {
  const clock = createClock('manual');
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const flight = createSingleFlight<string>({
    key: (input) => input[0] ?? '',
    run: async (input, stop) => {
      running += 1;
      most = Math.max(most, running);
      log.push(`start ${input}`);
      await clock.sleep(runMs, stop).catch(() => undefined);
      log.push(stop.aborted ? `stopped ${input}: ${stop.reason}` : `end ${input}`);
      running -= 1;
    },
  });
  return { clock, log, flight, most: () => most };
}

describe('single flight', () => {
  it('stops an older run for a newer one and starts that after it has settled', async () => {
    const { clock, log, flight } = recorded();
    flight.request('a');
    await clock.advance(10);
    flight.request('b');
    await clock.advance(200);
    expect(log).toEqual(['start a', `stopped a: ${superseded}`, 'start b', 'end b']);
  });

  it('runs once more after a run that serves the same, without stopping it', async () => {
    const { clock, log, flight } = recorded();
    flight.request('a1');
    await clock.advance(10);
    flight.request('a2');
    flight.request('a3');
    await clock.advance(300);
    expect(log).toEqual(['start a1', 'end a1', 'start a3', 'end a3']);
  });

  it('forgets what waits when it is cancelled', async () => {
    const { clock, log, flight } = recorded();
    flight.request('a');
    await clock.advance(10);
    flight.request('a');
    flight.cancel('enough');
    await clock.advance(300);
    await flight.idle();
    expect(log).toEqual(['start a', 'stopped a: enough']);
  });

  it('never runs two at once, and always ends with the newest request', async () => {
    const request = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 150 }));
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
        const { clock, log, flight, most } = recorded();
        for (const [index, [key, waitMs]] of requests.entries()) {
          flight.request(`${key}${index}`);
          await clock.advance(waitMs);
        }
        await clock.advance(1000);
        expect(most()).toBe(1);
        const newest = `${requests.at(-1)?.[0]}${requests.length - 1}`;
        expect(log.at(-1)).toBe(`end ${newest}`);
      }),
      { numRuns: 50 },
    );
  });
});
