import type { Walk } from './event-kit.ts';
import type { Controller, Gate } from './harness.ts';

interface Waiting {
  readonly controller: Controller;
  go(): Promise<void>;
}

/** Waits until nothing more can happen without another call. */
const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
};

/**
 * Runs two controllers at once, call by call, in random order. Sometimes one of them is delayed for more than 30 s: the
 * nodes give up its locks, and it does not notice.
 */
export async function interleave(walk: Walk): Promise<void> {
  const { world, random, first, second } = walk;
  const waiting: Waiting[] = [];
  const gateOf =
    (controller: Controller): Gate =>
    (_call, go) =>
      new Promise((resolve, reject) => {
        const answer = async (): Promise<void> => {
          await go().then(resolve, reject);
        };
        waiting.push({ controller, go: answer });
      });
  first.gate = gateOf(first);
  second.gate = gateOf(second);
  const calls = { isSlow: false };
  const release = world.holdTime(() => waiting.length > 0 && !calls.isSlow);
  let left = 2;
  const done = () => {
    walk.disturb();
    left -= 1;
  };
  const runs = [walk.run(first).finally(done)];
  for (let head = random.whole(60); head > 0 && left > 0; head -= 1) await step(waiting, calls, random.whole);
  runs.push(walk.run(second).finally(done));
  let stalled: Controller | undefined;
  let stalledFor = 0;
  while (left > 0) {
    // The outcome of one is true only until the other's next call.
    walk.disturb();
    await settle();
    if (stalledFor > 0) stalledFor -= 1;
    else stalled = undefined;
    if (stalled === undefined && random.oneIn(80)) {
      stalled = random.pick([first, second]);
      stalledFor = 40 + random.whole(200);
      for (const node of Object.keys(stalled.config.nodes)) loseLock(walk, node, stalled.who);
    }
    const ready = waiting.filter(({ controller }) => controller !== stalled || left < 2);
    if (ready.length === 0) stalledFor = Math.min(stalledFor, 1);
    await step(waiting, calls, random.whole, ready);
  }
  await Promise.all(runs);
  release();
}

/** Lets one of the calls happen. Time stands still until it ends, unless the call itself waits for time to pass: `isSlow`. */
async function step(
  waiting: Waiting[],
  calls: { isSlow: boolean },
  whole: (below: number) => number,
  ready = waiting,
): Promise<void> {
  if (ready === waiting) await settle();
  const next = ready[whole(Math.max(1, ready.length))];
  if (next === undefined) return;
  waiting.splice(waiting.indexOf(next), 1);
  let isOver = false;
  const call = next.go().finally(() => {
    isOver = true;
  });
  for (let turns = 0; turns < 20 && !isOver; turns += 1) await settle();
  calls.isSlow = !isOver;
  await call;
  calls.isSlow = false;
}

function loseLock({ world }: Walk, node: string, who: string): void {
  const { lock } = world.cluster.machine(node);
  if (lock?.owner === who) world.cluster.stealLock(node);
}
