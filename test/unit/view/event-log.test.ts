import { describe, expect, it } from 'vitest';
import type { EngineEventBody } from '../../../src/model/events.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { describeChanges } from '../../../src/view/event-log.ts';
import { emptyView, reduce } from '../../../src/view/reduce.ts';
import { aConfig, anApplication, onNode, unreachable } from '../../builders.ts';

const textsOf = (bodies: readonly EngineEventBody[], view: ClusterView = emptyView, run = 0): string[] =>
  bodies
    .reduce((seen, body, index) => reduce(seen, { at: index * 1000, run, ...body }), view)
    .trail.map(({ source, node, text }) => [source, node, text].filter((part) => part).join(' | '));

const [db, web, wiki] = [anApplication('db'), anApplication('web'), anApplication('wiki')];
const first = aConfig([db, web, wiki], { n1: ['db', 'web'], n2: ['wiki'] });
const load = (config: typeof first): EngineEventBody => ({ type: 'config-loaded', config });
const container = (action: string, exitCode?: number): EngineEventBody => ({
  type: 'container-event',
  node: 'n1',
  container: 'drover-db',
  application: 'db',
  action,
  ...(exitCode === undefined ? {} : { exitCode }),
});
const failure = { code: 'timeout', message: 'cannot stop "db"', retryable: true, causes: [] } as const;

describe('the trail', () => {
  it('says what a save has changed, and that the files are wrong, and right again', () => {
    const changed = { ...web, environment: { A: '1' } };
    const second = aConfig([db, changed], { n1: ['web'], n2: ['db'] }, { revision: 'r2' });
    const problem = { file: 'deployment.yml', line: 3, column: 5, path: 'nodes', message: 'must be a mapping' };
    expect(
      textsOf([load(first), load(first), load(second), { type: 'config-rejected', problems: [problem] }, load(second)]),
    ).toEqual([
      'file | the files are read: 3 applications on 2 nodes',
      'file | saved: "db" n1 → n2, "web" changed, "wiki" removed from n2',
      'file | 1 problem, nothing is applied: deployment.yml:3:5 must be a mapping',
      'file | the files are right again, and as they were before',
    ]);
  });

  it('cuts a long list of changes', () => {
    const apps = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => anApplication(name));
    const names = apps.map(({ name }) => name);
    const before = aConfig(apps, { n1: names, n2: [] });
    const after = aConfig(apps, { n1: [], n2: names }, { revision: 'r2' });
    expect(describeChanges(before, after)).toBe('"a" n1 → n2, "b" n1 → n2, "c" n1 → n2, "d" n1 → n2 and 2 more');
    expect(describeChanges(before, { ...before, revision: 'r3' })).toBe('nodes or settings changed, no application');
  });

  it('says once that a node is lost and once that it is back', () => {
    const [, lost] = unreachable('n1');
    const [, there] = onNode('n1');
    const see = (state: typeof lost): EngineEventBody => ({ type: 'node-observed', node: 'n1', state });
    expect(
      textsOf([see(there), see({ ...lost, since: 1000 } as typeof lost), see(lost), see(there), see(there)]),
    ).toEqual(['node | n1 | cannot connect to "n1": no answer', 'node | n1 | answers again after 3.0 s']);
  });

  it('says that a pool fills up when a mark is passed, and that its health changed', () => {
    const fill = (percent: number): EngineEventBody => ({
      type: 'figures',
      node: 'n1',
      figures: {
        at: 1,
        roundTripMs: 1,
        cores: 1,
        load1: 0,
        memoryTotalBytes: 1,
        memoryUsedBytes: 1,
        pool: { name: 'drover', health: 'ONLINE', sizeBytes: 100, freeBytes: 100 - percent },
        containers: {},
      },
    });
    expect(textsOf([fill(70), fill(81), fill(82), fill(79), fill(96), fill(97)])).toEqual([
      'node | n1 | pool "drover" is 81 % full, 19 B free',
      'node | n1 | pool "drover" is 96 % full, 4 B free',
    ]);
    const [, state] = onNode('n1');
    if (state.status !== 'reachable') throw new Error('not reachable');
    const degraded = { ...state, facts: { ...state.facts, pool: { ...state.facts.pool, health: 'DEGRADED' } } };
    const see = (one: typeof state): EngineEventBody => ({ type: 'node-observed', node: 'n1', state: one });
    expect(textsOf([see(state), see(degraded)])).toEqual(['node | n1 | pool "drover" is DEGRADED']);
  });

  it('says how a container ended outside of a run, and in a run only what no step does', () => {
    expect(
      textsOf(['kill', 'oom'].map((action) => container(action)).concat(container('die', 137), container('start'))),
    ).toEqual([
      'docker | n1 | "db" out of memory: the kernel killed a process in this container',
      'docker | n1 | "db" exited with code 137 (killed)',
      'docker | n1 | "db" started',
    ]);
    const running = { ...emptyView, running: true };
    expect(textsOf([container('die', 143), container('start'), container('destroy')], running)).toEqual([]);
    expect(textsOf([container('die', 1), container('health_status: unhealthy')], running)).toEqual([
      'docker | n1 | "db" exited with code 1',
      'docker | n1 | "db" is unhealthy',
    ]);
  });

  it('shows a plan outside of a run when it is another one, failures of steps, runs, acts and approvals', () => {
    const step = {
      id: 's',
      action: { kind: 'stop-container', node: 'n1', app: 'db' },
      after: [],
      reason: 'r',
      group: 'db',
    } as const;
    const plan: EngineEventBody = {
      type: 'plan-made',
      plan: { revision: 'r1', steps: [step], blocked: [], notes: [] },
      forecasts: [],
    };
    const approval = { revision: 'r1', because: 'policy', reason: '1 step' } as const;
    expect(
      textsOf([
        plan,
        plan,
        { type: 'approval-wanted', approval },
        { type: 'run-started', revision: 'r1' },
        { type: 'step-finished', step: 's', outcome: { result: 'failed', durationMs: 1, error: failure } },
        { type: 'run-finished', outcome: { result: 'failed', failed: ['s'], error: failure } },
        { type: 'act-finished', act: 'restart "db"' },
        { type: 'act-finished', act: 'stop "db"', error: failure },
        { type: 'policy-changed', policy: 'ask' },
        { type: 'policy-changed', policy: 'ask' },
      ]),
    ).toEqual([
      'plan | 1 step to do',
      'plan | waits for approval: 1 step',
      'apply | stop "db" on n1: cannot stop "db"',
      'apply | failed after 2.0 s: cannot stop "db"',
      'act | restart "db"',
      'act | stop "db": cannot stop "db"',
      'apply | from now on nothing is applied before it is approved',
    ]);
  });

  it('lets nothing through that could move the cursor', () => {
    expect(textsOf([{ type: 'act-finished', act: 'restart "\u001b[2Jdb\u0007"' }])).toEqual(['act | restart "db"']);
  });
});
