import type { Config } from '../../../src/model/config.ts';
import type { StepOutcome } from '../../../src/model/events.ts';
import type { MoveForecast, Plan } from '../../../src/model/plan.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { ClusterView, StepView } from '../../../src/view/cluster-view.ts';
import { emptyView } from '../../../src/view/reduce.ts';
import { aCluster, aConfig, aContainer, aMount, anApplication, aVolume, onNode, snaps, tcp } from '../../builders.ts';

const MiB = 1024 * 1024;

const db = anApplication('db', {
  ports: [tcp(5432)],
  volumes: [aMount('vol-db', 1024 * MiB)],
  environment: { PASSWORD: 'hunter2' },
  restartPolicy: { name: 'always' },
});
const web = anApplication('web', {
  image: { repository: 'acme/web', tag: '2' },
  ports: [tcp(8080, 80)],
  links: [{ alias: 'database', localPort: 5432, remotePort: 5432 }],
});
const old = anApplication('old');

const oldWeb = { ...web, image: { repository: 'acme/web', tag: '1' } };

/** `db` moves from node1 to node2, `web` on node2 gets another image, `old` is placed nowhere any more. */
export const config: Config = aConfig([db, web, old], { node1: [], node2: ['db', 'web'] });

const cluster = aCluster(
  onNode('node1', {
    containers: [aContainer(db, 'node1', { startedAt: '2026-11-19T08:00:00Z' }), aContainer(old, 'node1')],
    volumes: [
      aVolume('vol-db', {
        on: 'node1',
        application: 'db',
        limitBytes: 1024 * MiB,
        referencedBytes: 14.2 * MiB,
        snapshots: snaps('a1 b2'),
      }),
    ],
    images: ['acme/db:1'],
  }),
  onNode('node2', { containers: [aContainer(oldWeb, 'node2')], images: ['acme/db:1', 'acme/web:2'] }),
);

/** As the planner makes it. */
export const plan: Plan = makePlan(config, cluster);

export const forecast: MoveForecast = {
  app: 'db',
  volume: 'vol-db',
  from: 'node1',
  to: 'node2',
  totalBytes: 14.2 * MiB,
  finalBytes: 4 * MiB,
  downtimeMs: 4200,
  basis: 'earlier moves',
};

/** Milliseconds of the run's begin. */
export const begun = 1_000_000;

/** Before anything is done. */
export function aView(overrides: Partial<ClusterView> = {}): ClusterView {
  const made = overrides.plan ?? plan;
  return {
    ...emptyView,
    config,
    nodes: cluster.nodes,
    plan: made,
    forecasts: [forecast],
    steps: Object.fromEntries(made.steps.map(({ id }) => [id, { state: 'waiting' as const }])),
    ...overrides,
  };
}

export const succeeded = (startedAt: number, durationMs: number): StepView => ({
  state: 'succeeded',
  startedAt,
  outcome: { result: 'succeeded', durationMs },
});

/** The steps of one application: the first `done` have succeeded, one second each, and the next one is `state`. */
export function runningView(app: string, done: number, state: StepView = { state: 'running' }): ClusterView {
  const own = plan.steps.filter(({ group }) => group === app);
  const steps = Object.fromEntries(
    own.map(({ id }, i): [string, StepView] => {
      const startedAt = begun + i * 1000;
      if (i < done) return [id, succeeded(startedAt, 1000)];
      return [id, i === done ? { startedAt, ...state } : { state: 'waiting' }];
    }),
  );
  const view = aView({ run: 7, running: true, runStartedAt: begun });
  return { ...view, steps: { ...view.steps, ...steps } };
}

/** Kinds of the application's steps, in the plan's order. */
export const kindsOf = (app: string): readonly string[] =>
  plan.steps.filter(({ group }) => group === app).map(({ action }) => action.kind);

export const failure: StepOutcome = {
  result: 'failed',
  durationMs: 500,
  error: {
    code: 'volume-busy',
    message: 'cannot unmount "drover/volumes/db" on "node1": pid 4711 (mongod) uses it',
    hint: 'stop what uses it, then apply again',
    retryable: false,
    causes: [],
  },
};
