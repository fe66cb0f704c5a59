import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../../src/engine/node-client.ts';
import { commandsWhileDown, forecastMoves } from '../../../../src/engine/run/forecast.ts';
import type { ClusterState, NodeFacts } from '../../../../src/model/cluster.ts';
import type { MoveReceipt } from '../../../../src/model/events.ts';
import { makePlan } from '../../../../src/plan/make-plan.ts';
import { plannedMoves } from '../../../../src/plan/steps/move.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  onNode,
  snaps,
  tcp,
} from '../../../builders.ts';

const signal = new AbortController().signal;
const noCluster = { node: () => Promise.reject(new Error('not asked')) } as unknown as Cluster;
const apps = [
  anApplication('pg', { ports: [tcp(5432)], volumes: [aMount('pg-data')] }),
  anApplication('two', { volumes: [aMount('two-a'), aMount('two-b')] }),
];
const volume = (id: string, application: string, writtenBytes: number) =>
  aVolume(id, { on: 'n1', application, snapshots: snaps('a1'), writtenBytes, referencedBytes: writtenBytes });

function scene(facts: Partial<NodeFacts> = {}, writtenBytes = 1000) {
  const state = aCluster(
    onNode('n1', {
      containers: apps.map((app) => aContainer(app, 'n1')),
      volumes: [
        volume('pg-data', 'pg', writtenBytes),
        volume('two-a', 'two', writtenBytes),
        volume('two-b', 'two', writtenBytes),
      ],
    }),
    onNode('n2'),
  );
  const nodes: ClusterState['nodes'] = Object.fromEntries(
    Object.entries(state.nodes).map(([name, seen]) => [
      name,
      seen.status === 'reachable' ? { ...seen, facts: { ...seen.facts, ...facts } } : seen,
    ]),
  );
  const plan = makePlan(aConfig(apps, { n1: [], n2: ['pg', 'two'] }), { nodes });
  return { plan, moves: plannedMoves(plan), state: { nodes }, cluster: noCluster, belowBytes: 4 * 2 ** 20 };
}

const receipt = (app: string, downtimeMs: number, more: Partial<MoveReceipt> = {}): MoveReceipt => ({
  app,
  volume: `${app}-data`,
  from: 'n1',
  to: 'n2',
  startedAt: 0,
  rounds: 2,
  bytes: [1, 1],
  mode: 'direct',
  totalMs: 10 * downtimeMs,
  downtimeMs,
  ...more,
});

const ofPg = async (history: readonly MoveReceipt[], facts: Partial<NodeFacts> = {}, writtenBytes = 1000) =>
  (await forecastMoves({ ...scene(facts, writtenBytes), history }, signal)).find(({ app }) => app === 'pg');

describe('the forecast of a downtime', () => {
  it('counts the commands of this plan: volumes of one application are switched at the same time', () => {
    const { plan } = scene();
    expect(commandsWhileDown(plan, 'pg')).toBe(22);
    expect(commandsWhileDown(plan, 'two')).toBe(22);
    expect(commandsWhileDown(plan, 'none')).toBe(0);
  });

  it('takes them for as long as commands take on the slower node now, and says a range', async () => {
    expect(await ofPg([], { roundTripMs: 10, scriptMs: 90 })).toMatchObject({
      downtimeMs: 22 * 20 + 900,
      rangeMs: [670, 2_680],
      basis: 'round trips',
    });
  });

  it('is not known where most of it is the wire, whose rate nothing has measured', async () => {
    const large = await forecastMoves({ ...scene({}, 2 ** 30), history: [], belowBytes: 2 ** 30 }, signal);
    expect(large[0]).toMatchObject({ basis: 'unknown rate' });
    expect(large[0]).not.toHaveProperty('rangeMs');
  });

  it('is corrected by the application’s own last moves', async () => {
    const history = [90_000, 3_000, 5_000, 4_000, 4_200, 4_100].map((ms) => receipt('pg', ms));
    expect(await ofPg([receipt('two', 60_000), ...history])).toMatchObject({
      downtimeMs: 4_100,
      rangeMs: [2_400, 6_250],
      basis: 'earlier moves',
    });
  });

  it('is corrected by those of others in this cluster, killed ones and other clusters left out', async () => {
    const others = [
      receipt('two', 2_000),
      receipt('two', 30_000, { killed: true }),
      receipt('two', 99_000, { from: 'elsewhere' }),
    ];
    expect(await ofPg(others)).toMatchObject({ downtimeMs: 2_000, rangeMs: [1_340, 3_000], basis: 'earlier moves' });
  });
});
