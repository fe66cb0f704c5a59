import { describe, expect, it } from 'vitest';
import type { ErrorReport } from '../../../src/model/errors.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { aCluster, aConfig, aMount, anApplication, aVolume, nodeId, onNode, someFacts } from '../../builders.ts';

describe('a blocker of a node that cannot be used', () => {
  const blockerFor = (error: Omit<ErrorReport, 'causes'>) => {
    const state = aCluster(onNode('a'), ['b', { status: 'unreachable', since: 0, error: { ...error, causes: [] } }]);
    return makePlan(aConfig([anApplication('web')], { a: [], b: ['web'] }), state).blocked[0];
  };

  it('carries the reason and the hint of the node, as where its host key is not known', () => {
    const error = {
      code: 'host-key-unknown',
      message: 'cannot trust "b": its ssh-ed25519 key SHA256:abc is not known',
      hint: 'run "drover trust b --fingerprint SHA256:abc"',
      retryable: false,
    } as const;
    expect(blockerFor(error)).toEqual({
      app: 'web',
      node: 'b',
      reason: `cannot place application "web" on "b": the node cannot be reached: ${error.message}`,
      hint: error.hint,
    });
  });

  it('keeps its own hint where the node has none', () => {
    const error = { code: 'connection-failed', message: 'cannot connect to "b": timed out', retryable: true } as const;
    expect(blockerFor(error)).toMatchObject({
      reason: expect.stringContaining('cannot connect to "b": timed out'),
      hint: 'bring the node back',
    });
  });

  it('keeps a hint that says more, such as the command for a node that is lost for good', () => {
    const app = anApplication('db', { volumes: [aMount('v1')] });
    const copy = aVolume('v1', { on: 'a', role: 'released', owner: nodeId('b') });
    const error = {
      code: 'host-key-unknown',
      message: 'cannot trust "b": its key is not known',
      hint: 'run "drover trust b"',
      retryable: false,
      causes: [],
    } as const;
    const lastFacts = someFacts('b');
    const state = aCluster(onNode('a', { volumes: [copy] }), [
      'b',
      { status: 'unreachable', since: 0, error, lastFacts },
    ]);
    expect(makePlan(aConfig([app], { a: ['db'], b: [] }), state).blocked).toMatchObject([
      {
        reason: expect.stringMatching(/released it to "b", which cannot be reached: cannot trust "b"/),
        hint: expect.stringContaining('drover reclaim db --on a'),
      },
    ]);
  });
});
