import type { NodeName } from '../../src/model/config.ts';
import { away, killAfter, killBefore, maybeWait, runBoth, type Walk } from './event-kit.ts';
import { atWrite, beforeCall, type Call, killed } from './harness.ts';
import { interleave } from './interleave.ts';
import { nodes } from './scenarios.ts';

/** The k-th write is on its way when its controller dies; it arrives just before the m-th call of the second run. */
export async function late(walk: Walk): Promise<void> {
  const { first, second, m } = walk;
  let held: Call | undefined;
  const arrive = async (): Promise<void> => {
    const call = held;
    held = undefined;
    if (call === undefined) return;
    walk.disturb();
    // The controller that made the call does not get the answer.
    await call.deliver().catch(() => undefined);
  };
  first.gate = atWrite(walk.k, async (call) => {
    held = call;
    first.kill();
    throw killed();
  });
  await walk.run(first);
  await first.close();
  await maybeWait(walk);
  // One second run in three is killed soon after the late call, so that no later step repairs what the call did.
  const isKilled = walk.random.oneIn(3);
  let after = Number.POSITIVE_INFINITY;
  let calls = 0;
  const arriving = beforeCall(m, arrive);
  second.gate = async (call, go) => {
    calls += 1;
    const result = await arriving(call, go);
    if (calls === m && isKilled) after = 1 + walk.random.whole(4);
    else if (call.isWrite) after -= 1;
    if (after > 0) return result;
    second.kill();
    throw killed();
  };
  await walk.run(second);
  await second.close();
  await arrive();
}

/** The connection to one node hangs: its calls wait until the second run has ended, and then fail. */
export async function silent(walk: Walk): Promise<void> {
  const { world, first, second } = walk;
  let node: NodeName | undefined;
  let others: Promise<void> | undefined;
  const count = atWrite(walk.k, async (call, go) => {
    const result = await go();
    node = call.node;
    walk.disturb();
    return result;
  });
  first.gate = async (call, go) => {
    if (node === undefined || call.node !== node) return await count(call, go);
    // The node gives up the lock of a run that it has not heard of for 30 s.
    world.cluster.stealLock(node);
    others ??= walk.run(second);
    await others;
    throw away(node);
  };
  await walk.run(first);
  await first.close();
  await second.close();
}

export async function twoAtOnce(walk: Walk): Promise<void> {
  walk.disturb();
  await interleave(walk);
  await walk.first.close();
  await walk.second.close();
}

/** The node gives up the lock of a run that sleeps, and its dead-man acts; the run wakes up and goes on. */
export const asleep = (walk: Walk): Promise<void> =>
  runBoth(walk, async (call, go) => {
    walk.disturb();
    for (const node of nodes) {
      if (node !== call.node && walk.random.oneIn(2)) continue;
      walk.world.cluster.stealLock(node);
      walk.world.cluster.elapse(node);
      walk.world.cluster.facts(node);
    }
    return await go();
  });

/** Killed, and the second run killed as well, at its m-th call. */
export const killedTwice = (walk: Walk): Promise<void> => {
  const dies = beforeCall(walk.m, async () => {
    walk.second.kill();
    throw killed();
  });
  return runBoth(walk, walk.random.oneIn(2) ? killBefore(walk.first) : killAfter(walk.first), dies);
};

/** Killed; the time of the dead-man is over before the m-th call of the second run. */
export const deadMan = (walk: Walk): Promise<void> => {
  const over = beforeCall(walk.m, async () => {
    walk.disturb();
    for (const node of nodes) walk.world.cluster.elapse(node);
  });
  return runBoth(walk, walk.random.oneIn(2) ? killBefore(walk.first) : killAfter(walk.first), over);
};
