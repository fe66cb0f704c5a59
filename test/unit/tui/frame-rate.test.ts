import { describe, expect, it } from 'vitest';
import { averageCost, clockMs, distanceMs, isNews } from '../../../src/tui/frame-rate.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { aContainer, anApplication, aVolume, onNode, unreachable } from '../../builders.ts';
import { figuresOf } from './cluster-scenes.ts';
import { aView, aViewWithWork, tenOClock } from './update-parts.ts';

const nodesWith = (...nodes: readonly ReturnType<typeof onNode>[]): ClusterView => ({
  ...aView,
  nodes: { ...aView.nodes, ...Object.fromEntries(nodes) },
});
const app = anApplication('wiki');
const running = (health: 'starting' | 'healthy' = 'healthy') =>
  nodesWith(onNode('alpha', { containers: [aContainer(app, 'alpha', { health })] }));

describe('what is news', () => {
  it('are not figures, the trail and the commands', () => {
    expect(isNews(aView, { ...aView, figures: { alpha: figuresOf() } })).toBe(false);
    expect(isNews(aView, { ...aView, trail: [{ at: tenOClock, source: 'docker', text: 'health_status' }] })).toBe(
      false,
    );
    expect(isNews(aView, { ...aView, commands: [{ at: tenOClock, node: 'alpha', text: 'zfs list' }] })).toBe(false);
  });

  it('is not another look that sees the same, however full it is by now', () => {
    expect(isNews(running(), running())).toBe(false);
    const holding = (usedBytes: number) =>
      nodesWith(onNode('alpha', { volumes: [{ ...aVolume('v1', { on: 'alpha' }), usedBytes }] }));
    expect(isNews(holding(1), holding(2))).toBe(false);
    expect(isNews(aView, { ...aView, steps: {}, plan: { revision: 'r1', steps: [], blocked: [], notes: [] } })).toBe(
      false,
    );
  });

  it('is a container, a volume or a node that is not as it was', () => {
    expect(isNews(running('starting'), running('healthy'))).toBe(true);
    expect(isNews(running(), nodesWith(onNode('alpha', { containers: [] })))).toBe(true);
    expect(isNews(running(), nodesWith(unreachable('alpha')))).toBe(true);
    const owning = (role: 'owner' | 'replica') =>
      nodesWith(onNode('alpha', { volumes: [aVolume('v1', { on: 'alpha', role })] }));
    expect(isNews(owning('owner'), owning('replica'))).toBe(true);
    expect(isNews(aView, nodesWith(onNode('delta')))).toBe(true);
  });

  it('is a plan, a problem, a run, its steps and whatever waits for an answer', () => {
    const problem = { file: 'deployment.yml', line: 1, column: 1, path: 'nodes', message: 'must be a mapping' };
    expect(isNews(aView, aViewWithWork)).toBe(true);
    expect(isNews(aViewWithWork, { ...aViewWithWork, steps: { 'stop:wiki': { state: 'running' } } })).toBe(true);
    expect(isNews(aView, { ...aView, problems: [problem] })).toBe(true);
    expect(isNews(aView, { ...aView, running: true })).toBe(true);
    expect(isNews(aView, { ...aView, policy: 'ask' })).toBe(true);
    const approval = { revision: 'r1', because: 'policy', reason: 'asked' } as const;
    expect(isNews(aView, { ...aView, approval })).toBe(true);
    expect(isNews({ ...aView, approval }, aView)).toBe(true);
  });
});

describe('the distance between frames', () => {
  it('is a quarter of a second while nothing runs, less while something does', () => {
    expect(distanceMs(false, 0)).toBe(250);
    expect(distanceMs(true, 0)).toBe(200);
  });

  it('grows with what a frame costs, to the pace of the clock', () => {
    expect(distanceMs(false, 20)).toBe(500);
    expect(distanceMs(true, 30)).toBe(300);
    expect(distanceMs(false, 400)).toBe(clockMs);
  });

  it('follows a cost that stays, and hardly a single slow frame', () => {
    expect(averageCost(undefined, 8)).toBe(8);
    expect(averageCost(8, 400)).toBe(10);
    expect(averageCost(8, 4)).toBe(7);
    const slow = Array.from({ length: 20 }).reduce<number>((cost) => averageCost(cost, 40), 8);
    expect(slow).toBeGreaterThan(35);
  });
});
