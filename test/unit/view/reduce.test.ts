import { describe, expect, it } from 'vitest';
import type { EngineEventBody } from '../../../src/model/events.ts';
import type { Plan } from '../../../src/model/plan.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { emptyView, reduce } from '../../../src/view/reduce.ts';
import { aConfig, anApplication, onNode } from '../../builders.ts';

const viewAfter = (bodies: readonly EngineEventBody[], view: ClusterView = emptyView, run = 1): ClusterView =>
  bodies.reduce((seen, body, index) => reduce(seen, { at: index, run, ...body }), view);

const plan = (...ids: readonly string[]): Plan => ({
  revision: 'r1',
  steps: ids.map((id) => ({
    id,
    action: { kind: 'stop-container', node: 'n1', app: 'a' },
    after: [],
    reason: 'test',
    group: 'a',
  })),
  blocked: [],
  notes: [],
});
const made = (...ids: readonly string[]): EngineEventBody => ({ type: 'plan-made', plan: plan(...ids), forecasts: [] });
const started: EngineEventBody = { type: 'run-started', revision: 'r1' };
const config = aConfig([anApplication('a')], { n1: ['a'], n2: [] });
const succeeded = { result: 'succeeded', durationMs: 3 } as const;

describe('the view', () => {
  it('shows every step of a plan as waiting, then as it goes', () => {
    const view = viewAfter([
      started,
      made('s', 't'),
      { type: 'step-started', step: 's' },
      { type: 'step-progress', step: 's', doneBytes: 5, totalBytes: 9, what: 'round 1' },
    ]);
    expect(view.steps).toEqual({
      s: { state: 'running', startedAt: 2, doneBytes: 5, totalBytes: 9, what: 'round 1' },
      t: { state: 'waiting' },
    });
    const end = viewAfter([{ type: 'step-finished', step: 's', outcome: succeeded }], view);
    expect(end.steps.s).toMatchObject({ state: 'succeeded', outcome: succeeded, doneBytes: 5 });
  });

  it('keeps what a run has done on the screen when its last plan is empty', () => {
    const view = viewAfter([
      started,
      made('s'),
      { type: 'step-started', step: 's' },
      { type: 'step-finished', step: 's', outcome: succeeded },
      made(),
      { type: 'run-finished', outcome: { result: 'converged', steps: 1 } },
    ]);
    expect(view.steps.s?.state).toBe('succeeded');
    expect(view.plan?.steps).toHaveLength(1);
    expect(view).toMatchObject({ running: false, run: 1, outcome: { result: 'converged' } });
  });

  it('shows an empty plan where nothing was done', () => {
    const view = viewAfter([made('s'), started, made()]);
    expect(view.steps).toEqual({});
    expect(view.plan?.steps).toEqual([]);
  });

  it('forgets the earlier outcome when a run starts', () => {
    const view = viewAfter([started, { type: 'run-finished', outcome: { result: 'cancelled' } }]);
    expect(viewAfter([started], view, 2)).toMatchObject({ run: 2, running: true });
    expect(viewAfter([started], view, 2)).not.toHaveProperty('outcome');
  });

  it('keeps the last good configuration beside the problems of a newer save', () => {
    const problems = [{ file: 'deployment.yml', path: '', message: 'must be a mapping' }];
    const view = viewAfter([
      { type: 'config-loaded', config },
      { type: 'config-rejected', problems },
    ]);
    expect(view).toMatchObject({ config, problems });
    expect(viewAfter([{ type: 'config-loaded', config }], view).problems).toEqual([]);
  });

  it('shows only nodes the configuration knows', () => {
    const [, state] = onNode('n1');
    const seen = viewAfter([
      { type: 'node-observed', node: 'n1', state },
      { type: 'node-observed', node: 'gone', state },
      { type: 'config-loaded', config },
    ]);
    expect(Object.keys(seen.nodes)).toEqual(['n1']);
  });

  it('never changes an earlier view, and returns the same one where nothing is shown', () => {
    const view = viewAfter([started, made('s')]);
    const copy = structuredClone(view);
    viewAfter([{ type: 'step-started', step: 's' }], view);
    expect(view).toEqual(copy);
    expect(viewAfter([{ type: 'step-output', step: 's', line: 'x' }], view)).toBe(view);
  });
});
