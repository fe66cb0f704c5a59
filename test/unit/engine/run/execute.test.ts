import { describe, expect, it } from 'vitest';
import { execute } from '../../../../src/engine/run/execute.ts';
import type { RunContext } from '../../../../src/engine/run/step-context.ts';
import { createTransferSlots } from '../../../../src/engine/run/step-context.ts';
import { AppError } from '../../../../src/model/errors.ts';
import type { EngineEventBody } from '../../../../src/model/events.ts';
import type { Action, Plan, Step } from '../../../../src/model/plan.ts';
import { createSemaphores } from '../../../../src/model/semaphore.ts';
import { createMemoryCluster } from '../../../../src/simulation/memory/cluster.ts';
import { createClock } from '../../../fakes/clock.ts';
import { pgOn } from '../../../fakes/scene.ts';

const never = new AbortController().signal;
const hold = (node: string): Action => ({ kind: 'hold-ports', node, ports: [{ port: 1, protocol: 'tcp' }] });

function step(id: string, action: Action, after: readonly string[] = []): Step {
  return { id, action, after, reason: 'test', group: id };
}
const planOf = (...steps: readonly Step[]): Plan => ({ revision: 'r', steps, blocked: [], notes: [] });

async function setUp() {
  const clock = createClock();
  const cluster = createMemoryCluster({ nodes: { n1: {}, n2: {} }, clock, roundTripMs: 10 });
  const events: EngineEventBody[] = [];
  const state = { nodes: {} };
  const context: RunContext = {
    config: pgOn('n1'),
    state,
    cluster,
    now: clock.now,
    sleep: clock.sleep,
    emit: (event) => events.push(event),
    transfers: createTransferSlots(),
    tables: createSemaphores(1),
    fills: createSemaphores(1),
    released: new Map(),
    sent: () => undefined,
  };
  return { cluster, events, context };
}

describe('execute', () => {
  it('skips everything behind a failure and goes on elsewhere', async () => {
    const { cluster, context } = await setUp();
    cluster.fail('n1', 'network.hold', new AppError('network-failed', 'no table'));
    const plan = planOf(
      step('a', hold('n1')),
      step('b', hold('n2'), ['a']),
      step('c', hold('n2'), ['b']),
      step('d', hold('n2')),
    );
    const { outcomes, started } = await execute(plan, context, { hard: never, soft: never });
    expect(outcomes.get('a')).toMatchObject({ result: 'failed', error: { code: 'network-failed' } });
    expect(outcomes.get('b')).toEqual({ result: 'skipped', because: 'a' });
    expect(outcomes.get('c')).toEqual({ result: 'skipped', because: 'a' });
    expect(outcomes.get('d')?.result).toBe('succeeded');
    expect(started).toEqual(['a', 'd']);
  });

  it('keeps the order of the edges and runs at most four commands at once on a node', async () => {
    const { context, cluster, events } = await setUp();
    let now = 0;
    let most = 0;
    const node: typeof cluster.node = async (name, signal) => {
      const client = await cluster.node(name, signal);
      const hold: typeof client.network.hold = async (...args) => {
        now += 1;
        most = Math.max(most, now);
        await client.network.hold(...args);
        now -= 1;
      };
      return { ...client, network: { ...client.network, hold } };
    };
    const steps = Array.from({ length: 10 }, (_, index) => step(`s${index}`, hold('n1')));
    const last = step(
      'last',
      hold('n2'),
      steps.map(({ id }) => id),
    );
    await execute(planOf(...steps, last), { ...context, cluster: { ...cluster, node } }, { hard: never, soft: never });
    expect(most).toBe(4);
    expect(events.findIndex((event) => event.type === 'step-started' && event.step === 'last')).toBe(20);
  });

  it('starts nothing after a soft stop, and finishes what is running', async () => {
    const { context, events } = await setUp();
    const soft = new AbortController();
    const emit = (event: EngineEventBody) => {
      events.push(event);
      if (event.type === 'step-started') soft.abort();
    };
    const plan = planOf(step('a', hold('n1')), step('b', hold('n2'), ['a']));
    const { outcomes } = await execute(plan, { ...context, emit }, { hard: never, soft: soft.signal });
    expect(outcomes.get('a')?.result).toBe('succeeded');
    expect(outcomes.get('b')).toEqual({ result: 'cancelled' });
  });

  it('fails what runs on a node whose lock is lost, and nothing else', async () => {
    const { context } = await setUp();
    const lost = AbortSignal.abort();
    const plan = planOf(step('a', hold('n1')), step('b', hold('n2')));
    const signals = { hard: never, soft: never, lost: (node: string) => (node === 'n1' ? lost : undefined) };
    const { outcomes } = await execute(plan, context, signals);
    expect(outcomes.get('a')).toMatchObject({
      result: 'failed',
      error: { code: 'connection-failed', retryable: true },
    });
    expect(outcomes.get('b')?.result).toBe('succeeded');
  });

  it('cancels everything at once on a hard stop', async () => {
    const { context, cluster } = await setUp();
    const hard = new AbortController();
    hard.abort();
    const { outcomes, started } = await execute(planOf(step('a', hold('n1'))), context, {
      hard: hard.signal,
      soft: never,
    });
    expect(outcomes.get('a')).toEqual({ result: 'cancelled' });
    expect(started).toEqual([]);
    expect(cluster.writes()).toBe(0);
  });
});
