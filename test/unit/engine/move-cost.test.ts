import { describe, expect, it } from 'vitest';
import type { Cluster, NodeClient } from '../../../src/engine/node-client.ts';
import { movingScene, runningOn, signal, threeNodes, volumeId } from '../../fakes/scene.ts';

// Each operation of a node's client is one command there, or one request to its Docker: test/unit/node/one-command.test.ts.

interface Call {
  readonly node: string;
  readonly operation: string;
  readonly at: number;
  end: number;
}

/** Every call to a node takes this long, in milliseconds. */
const roundTripMs = 1_000;
/** Operations that do not go to the node. */
const local = new Set(['datasetName', 'logs', 'events']);

function counted(cluster: Cluster, now: () => number, calls: Call[]): Cluster {
  const note = async <T>(node: string, operation: string, result: Promise<T>): Promise<T> => {
    const call = { node, operation, at: now(), end: Number.POSITIVE_INFINITY };
    calls.push(call);
    return result.finally(() => {
      call.end = now();
    });
  };
  const part = <T extends object>(node: string, prefix: string, target: T): T =>
    new Proxy(target, {
      get: (inner, key) => {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== 'function' || local.has(String(key))) return value;
        return (...args: unknown[]) => note(node, `${prefix}${String(key)}`, Reflect.apply(value, inner, args));
      },
    });
  const client = (name: string, inner: NodeClient): NodeClient => ({
    ...inner,
    observe: (signal) => note(name, 'observe', inner.observe(signal)),
    containers: part(name, 'containers.', inner.containers),
    volumes: part(name, 'volumes.', inner.volumes),
    network: part(name, 'network.', inner.network),
    mutex: part(name, 'mutex.', inner.mutex),
    deadMan: part(name, 'deadMan.', inner.deadMan),
  });
  return {
    ...cluster,
    node: async (name, signal) => client(name, await cluster.node(name, signal)),
    transfer: (request, progress, signal) => {
      const sent = cluster.transfer(request, progress, signal);
      void note(request.from, 'send', sent);
      return note(request.to, 'receive', sent);
    },
  };
}

/** The longest row of calls of which each began when the one before it had ended. */
function depthOf(calls: readonly Call[]): number {
  let [depth, until] = [0, 0];
  for (const { at, end } of calls.toSorted((a, b) => a.end - b.end)) {
    if (at < until) continue;
    depth += 1;
    until = end;
  }
  return depth;
}

/** A move of pg from n1 to n2, three nodes, with all its calls. */
async function traced(options: Parameters<typeof movingScene>[0] = {}) {
  const scene = await movingScene({ ...options, seed: { ...threeNodes, ...options.seed, roundTripMs } });
  const calls: Call[] = [];
  await scene.restart({ openCluster: () => counted(scene.cluster.session(), scene.clock.now, calls) });
  let isWriting = true;
  scene.engine.onEvent((event) => {
    // Until it is stopped.
    if (event.type === 'step-started' && event.step.startsWith('stop-container') && isWriting) {
      isWriting = false;
      scene.cluster.write('n1', volumeId, 64 * 1024);
    }
  });
  expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
  expect(runningOn(scene.cluster)).toEqual(['n2']);
  expect(scene.cluster.violations()).toEqual([]);
  const held = calls.find(({ operation }) => operation === 'network.hold')?.at ?? 0;
  const loaded = calls.findLast(({ operation }) => operation === 'network.replace')?.at ?? 0;
  return { scene, calls, window: calls.filter(({ at }) => at >= held && at <= loaded) };
}

describe('what a move asks of the nodes', () => {
  it('is at most ten things one after the other while new connections wait, and only what must be', async () => {
    const { window } = await traced();
    const operations = window.map(({ node, operation }) => `${operation} ${node}`);
    expect(operations.toSorted()).toEqual([
      'containers.condition n2',
      'containers.createOnData n2',
      'containers.start n2',
      'containers.stop n1',
      'network.closedPorts n2',
      'network.hold n1',
      'network.hold n2',
      'network.hold n3',
      'network.replace n1',
      'network.replace n2',
      'network.replace n3',
      'receive n2',
      'send n1',
      'volumes.acquire n2',
      'volumes.confirm n2',
      'volumes.freeze n1',
      'volumes.setProperties n1',
    ]);
    expect(depthOf(window)).toBeLessThanOrEqual(10);
  });

  it('is reported separately: how long the application was down, and how long new connections waited', async () => {
    const { scene, window } = await traced();
    const [receipt] = scene.receipts;
    const at = (operation: string) => window.find((call) => call.operation === operation);
    const held = at('network.hold')?.at ?? 0;
    const loaded = window.findLast(({ operation }) => operation === 'network.replace')?.end ?? 0;
    expect(receipt?.waitedMs).toBe(loaded - held);
    const answered = Math.max(at('network.closedPorts')?.end ?? 0, at('containers.condition')?.end ?? 0);
    expect(receipt?.downtimeMs).toBe(answered - (at('containers.stop')?.at ?? 0));
  });

  it('is one look and one command to tidy up on each node once the new place is served', async () => {
    const { calls } = await traced();
    const loaded = calls.findLast(({ operation }) => operation === 'network.replace')?.end ?? 0;
    const settling = calls.filter(({ at, operation }) => at >= loaded && operation.startsWith('volumes.'));
    expect(settling.map(({ node, operation }) => `${operation} ${node}`)).toEqual([
      'volumes.list n2',
      'volumes.list n1',
      'volumes.setProperties n1',
      'volumes.tidy n1',
      'volumes.tidy n2',
    ]);
  });

  it('is not more than it was', async () => {
    // One of them watches the program that is going to be stopped: that saves more than it costs.
    expect((await traced()).calls.length).toBeLessThanOrEqual(64);
  });
});
