import { describe, expect, it } from 'vitest';
import type { ErrorReport } from '../../../src/model/errors.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { aCluster, aConfig, anApplication, onNode } from '../../builders.ts';

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
});
