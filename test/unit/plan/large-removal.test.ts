import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/model/plan.ts';
import { largeRemoval, stoppedForGood } from '../../../src/plan/large-removal.ts';
import { aCluster, aContainer, anApplication, onNode, unreachable } from '../../builders.ts';

const container = (name: string, state: 'running' | 'exited' = 'running') =>
  aContainer(anApplication(name), '10.0.0.1', { state });

function stops(...places: readonly (readonly [app: string, node: string])[]): Plan {
  const steps = places.map(([app, node]) => ({
    id: `stop-container:${app}:${node}`,
    action: { kind: 'stop-container', node, app } as const,
    after: [],
    reason: '',
    group: app,
  }));
  return { revision: 'r', steps, blocked: [], notes: [] };
}

describe('what a plan stops for good', () => {
  it('is what runs and is stopped wherever it runs', () => {
    const state = aCluster(
      onNode('a', { containers: [container('web'), container('db')] }),
      onNode('b', { containers: [container('web')] }),
    );
    expect(stoppedForGood(stops(['web', 'a'], ['db', 'a']), state)).toEqual(['db']);
    expect(stoppedForGood(stops(['web', 'a'], ['web', 'b'], ['db', 'a']), state)).toEqual(['db', 'web']);
  });

  it('has nothing to do with a container that is kept on the old node of an application that has moved', () => {
    const names = ['one', 'two', 'three'];
    const state = aCluster(
      onNode('a', { containers: names.map((name) => container(name, 'exited')) }),
      onNode('b', { containers: names.map((name) => container(name)) }),
    );
    const kept = stops(['one', 'a'], ['two', 'a'], ['three', 'a']);
    expect([stoppedForGood(kept, state), largeRemoval(kept, state)]).toEqual([[], undefined]);
    const gone = stops(['one', 'a'], ['two', 'a'], ['two', 'b'], ['three', 'b']);
    expect(largeRemoval(gone, state)?.reason).toBe('this would stop 2 of the 3 applications that run: "three", "two"');
  });

  it('does not rely on what ran on a node that cannot be reached now', () => {
    const state = aCluster(
      onNode('a', { containers: [container('one'), container('two')] }),
      unreachable('b', { containers: [container('one'), container('two')] }),
    );
    expect(largeRemoval(stops(['one', 'a'], ['two', 'a']), state)?.apps).toEqual(['one', 'two']);
  });
});
