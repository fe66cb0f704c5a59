import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { statusOf } from '../../../src/view/status.ts';
import { aLargeCluster, drained, withNames } from '../../support/scale.ts';

/** Processor time of the quickest of three runs, in milliseconds: other processes of the machine do not count. */
function cpuMs(work: () => unknown): number {
  const times = [1, 2, 3].map(() => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

/**
 * Ten times the size costs at most so many times the time: what every node says about every port is ten times ten, and
 * cheap; a search for each application among all of them would cost a hundred times. The goal is 12 (`npm run bench:plan`);
 * the rest is for a machine that does something else as well.
 */
const most = 20;
/** A run of less than this is too short to be compared. */
const shortestMs = 3;

describe('ten times as many nodes and applications', () => {
  const small = aLargeCluster(100);
  const large = aLargeCluster(1000);
  const compare = (what: string, work: (scene: typeof small) => unknown): void => {
    const [few, many] = [cpuMs(() => work(small)), cpuMs(() => work(large))];
    console.log(`${what}: ${few.toFixed(0)} ms with 100 nodes, ${many.toFixed(0)} ms with 1,000`);
    expect(many).toBeLessThan(most * Math.max(few, shortestMs));
  };

  it('are planned in little more than ten times the time, with nothing to do', () => {
    expect(makePlan(large.config, large.state)).toMatchObject({ steps: [], blocked: [], notes: [] });
    compare('plan, nothing to do', ({ config, state }) => makePlan(config, state));
  });

  it('have nothing to do where all of them are reached by name', () => {
    const { config, state } = withNames(small);
    expect(makePlan(config, state)).toMatchObject({ steps: [], blocked: [], notes: [] });
  });

  it('are planned in little more than ten times the time, with a node to be drained', () => {
    const plan = makePlan(drained(small.config), small.state);
    expect(plan.blocked).toEqual([]);
    expect(plan.steps.length).toBeGreaterThan(100);
    compare('plan, one node drained', ({ config, state }) => makePlan(drained(config), state));
  });

  it('are shown in little more than ten times the time', () => {
    compare('status', ({ config, state }) => statusOf(config, state));
  });
});
