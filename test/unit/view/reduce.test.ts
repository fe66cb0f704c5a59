import { describe, expect, it } from 'vitest';
import type { NodeFigures } from '../../../src/model/cluster.ts';
import type { EngineEventBody } from '../../../src/model/events.ts';
import type { Plan } from '../../../src/model/plan.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { emptyView, reduce } from '../../../src/view/reduce.ts';
import { shownRun } from '../../../src/view/run/run-view.ts';
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
const aProblem = { file: 'deployment.yml', line: 3, column: 5, path: 'nodes', message: 'must be a mapping' };
const someFigures = (cpuPercent?: number) => ({
  at: 1,
  roundTripMs: 2,
  cores: 2,
  ...(cpuPercent === undefined ? {} : { cpuPercent }),
  load1: 0.5,
  memoryTotalBytes: 100,
  memoryUsedBytes: 50,
  pool: { name: 'drover', health: 'ONLINE', sizeBytes: 100, freeBytes: 90 },
  containers: {},
});
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
      s: {
        state: 'running',
        startedAt: 2,
        doneBytes: 5,
        totalBytes: 9,
        what: 'round 1',
        samples: [{ at: 3, doneBytes: 5 }],
      },
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

  it('keeps the last run that did something when observations make new plans', () => {
    const ended = viewAfter([
      started,
      made('s'),
      { type: 'step-finished', step: 's', outcome: succeeded },
      { type: 'run-finished', outcome: { result: 'converged', steps: 1 } },
      made(),
    ]);
    expect(ended.steps).toEqual({});
    expect(shownRun(ended)).toMatchObject({ steps: { s: { state: 'succeeded' } }, plan: { steps: [{ id: 's' }] } });
    const idle = viewAfter([started, { type: 'run-finished', outcome: { result: 'converged', steps: 0 } }], ended, 2);
    expect(shownRun(idle).steps.s?.state).toBe('succeeded');
    const next = viewAfter([made('t'), started], ended, 2);
    expect(Object.keys(shownRun(next).steps)).toEqual(['t']);
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

  it('keeps the last good configuration when a newer save has problems', () => {
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
    expect(viewAfter([{ type: 'step-output', step: 'unknown', line: 'x' }], view)).toBe(view);
    expect(viewAfter([{ type: 'approval-over' }], view)).toBe(view);
    expect(viewAfter([{ type: 'policy-changed', policy: 'on-save' }], view)).toBe(view);
  });

  it('says when the files in force were loaded, also after a save that changes nothing or was wrong', () => {
    const loaded = { type: 'config-loaded', config } as const;
    const other = { type: 'config-loaded', config: { ...config, revision: 'r2' } } as const;
    expect(viewAfter([loaded, loaded]).configLoadedAt).toBe(0);
    expect(viewAfter([loaded, other]).configLoadedAt).toBe(1);
    expect(viewAfter([loaded, { type: 'config-rejected', problems: [aProblem] }, loaded]).configLoadedAt).toBe(2);
  });

  it('says when the run began and ended', () => {
    const over: EngineEventBody = { type: 'run-finished', outcome: { result: 'cancelled' } };
    const view = viewAfter([made('s'), started, over]);
    expect(view).toMatchObject({ runStartedAt: 1, runEndedAt: 2 });
    expect(viewAfter([started], view, 2)).not.toHaveProperty('runEndedAt');
  });

  it('keeps one sample of the bytes per second, at most 60, and the newest 50 lines of output', () => {
    const at = (ms: number, body: EngineEventBody) => ({ at: ms, run: 1, ...body });
    let view = viewAfter([made('s')]);
    for (let ms = 0; ms <= 100_000; ms += 250) {
      view = reduce(view, at(ms, { type: 'step-progress', step: 's', doneBytes: ms }));
      view = reduce(view, at(ms, { type: 'step-output', step: 's', line: `\u001b[2Jline ${ms}` }));
    }
    const { samples = [], output = [] } = view.steps.s ?? {};
    expect(samples).toHaveLength(60);
    expect(samples.at(-1)).toEqual({ at: 100_000, doneBytes: 100_000 });
    expect(samples.at(-2)).toEqual({ at: 99_000, doneBytes: 99_000 });
    expect(output).toHaveLength(50);
    expect(output.at(-1)).toBe('line 100000');
  });

  it('keeps the newest figures of each node with the last 60 loads, and forgets nodes that are gone', () => {
    const figures = (cpuPercent?: number): EngineEventBody => ({
      type: 'figures',
      node: 'n1',
      figures: someFigures(cpuPercent),
    });
    const view = viewAfter([figures(), ...Array.from({ length: 70 }, (_, load) => figures(load))]);
    expect(view.figures.n1?.latest.cpuPercent).toBe(69);
    expect(view.figures.n1?.cpuHistory).toHaveLength(60);
    expect(view.figures.n1?.cpuHistory[0]).toBe(10);
    const without = aConfig([], { n2: [] });
    expect(viewAfter([{ type: 'config-loaded', config: without }], view).figures).toEqual({});
  });

  it('keeps the last figures of a container for some seconds after it is no longer measured', () => {
    const use = (cpuPercent: number) => ({ cpuPercent, memoryBytes: 1024 });
    const at = (at: number, containers: NodeFigures['containers']): EngineEventBody => ({
      type: 'figures',
      node: 'n1',
      figures: { ...someFigures(1), at, containers },
    });
    const seen = [at(1000, { db: use(5), web: use(7) }), at(2000, { web: use(8) })];
    const earlier = (...more: EngineEventBody[]) => viewAfter([...seen, ...more]).figures.n1?.earlier;
    expect(earlier()).toEqual({ db: { ...use(5), at: 1000 } });
    expect(earlier(at(31_000, {}))).toEqual({ db: { ...use(5), at: 1000 }, web: { ...use(8), at: 2000 } });
    expect(earlier(at(31_001, { web: use(1) }))).toBeUndefined();
    expect(earlier(at(3000, { db: use(1), web: use(1) }))).toBeUndefined();
  });

  it('keeps the newest 200 commands and 500 lines of the trail', () => {
    const command = (text: string): EngineEventBody => ({ type: 'command', node: 'n1', text });
    const act = (text: string): EngineEventBody => ({ type: 'act-finished', act: text });
    const view = viewAfter(Array.from({ length: 600 }, (_, n) => [command(`zfs ${n}`), act(`act ${n}`)]).flat());
    expect(view.commands).toHaveLength(200);
    expect(view.commands.at(-1)).toEqual({ at: 1198, node: 'n1', text: 'zfs 599' });
    expect(view.trail).toHaveLength(500);
    expect(view.trail.at(-1)).toEqual({ at: 1199, source: 'act', text: 'act 599', tone: 'ok' });
  });

  it('shows the policy and what waits for approval until that is over', () => {
    const approval = { revision: 'r1', because: 'policy', reason: '1 step waits' } as const;
    const view = viewAfter([
      { type: 'policy-changed', policy: 'ask' },
      { type: 'approval-wanted', approval },
    ]);
    expect(view).toMatchObject({ policy: 'ask', approval });
    expect(viewAfter([{ type: 'approval-over' }], view)).not.toHaveProperty('approval');
  });
});
