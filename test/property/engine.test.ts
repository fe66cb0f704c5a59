import { describe, expect, it } from 'vitest';
import type { Application, Config, NodeName } from '../../src/model/config.ts';
import { aConfig, aMount, anApplication, tcp } from '../builders.ts';
import { createScene, signal } from '../fakes/scene.ts';
import fc from '../support/random.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
const names = ['a', 'b', 'c', 'd'] as const;

/** An application with a port and with or without data; `version` changes its container. */
const anyApplication = (name: string): fc.Arbitrary<Application> =>
  fc.record({ hasVolume: fc.constant(name !== 'c'), version: fc.integer({ min: 0, max: 1 }) }).map((drawn) =>
    anApplication(name, {
      ports: [tcp(7000 + name.charCodeAt(0))],
      environment: { VERSION: `${drawn.version}` },
      volumes: drawn.hasVolume ? [aMount(`vol-${name}`, undefined, '/data')] : [],
    }),
  );

const anyConfig: fc.Arbitrary<Config> = fc
  .tuple(
    fc.tuple(...names.map(anyApplication)),
    fc.tuple(...names.map(() => fc.constantFrom<NodeName | undefined>(...nodes, undefined))),
  )
  .map(([applications, places]) => {
    const deployment = Object.fromEntries(
      nodes.map((node) => [node, names.filter((_, index) => places[index] === node)]),
    );
    const placed = applications.filter((_, index) => places[index] !== undefined);
    return aConfig(placed, deployment, { revision: JSON.stringify([placed, deployment]) });
  });

const seed = { nodes: { n1: {}, n2: {}, n3: {} } };
/** What is removed is meant. */
const deps = { allowsRemoval: true };

describe('any series of configurations', () => {
  it('is reached each time; then nothing is left to do, nothing was lost, no volume had two owners', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyConfig, { minLength: 1, maxLength: 4 }), async (configs) => {
        const [first] = configs;
        if (first === undefined) return;
        const scene = createScene({ seed, config: first, deps });
        const written = new Map<string, string>();
        for (const config of configs) {
          scene.setConfig(config);
          expect((await scene.engine.converge(signal)).result).toBe('converged');
          for (const node of nodes) {
            const facts = scene.cluster.facts(node);
            const running = facts.containers.filter(({ state }) => state === 'running');
            expect(running.map(({ application }) => application).toSorted()).toEqual(config.deployment[node]);
            for (const { id } of running.flatMap(({ spec }) => spec.mounts.map(({ volume }) => ({ id: volume })))) {
              const content = scene.cluster.content(node, id);
              if (written.has(id)) expect(content?.version).toBe(written.get(id));
              scene.cluster.write(node, id, 1_000);
              written.set(id, scene.cluster.content(node, id)?.version ?? '');
            }
          }
          const writes = scene.cluster.writes();
          expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
          expect(scene.cluster.writes()).toBe(writes);
        }
        expect(scene.cluster.violations()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('ends in one place also when the controller dies in the middle of each', async () => {
    await fc.assert(
      fc.asyncProperty(anyConfig, anyConfig, fc.integer({ min: 1, max: 60 }), async (from, to, k) => {
        const scene = createScene({ seed, config: from, deps });
        await scene.engine.converge(signal);
        const until = scene.cluster.writes() + k;
        const stop = new AbortController();
        scene.cluster.intercept(() => {
          if (scene.cluster.writes() < until) return;
          stop.abort();
          throw new Error('the controller is dead');
        });
        scene.setConfig(to);
        await scene.engine.converge(stop.signal);
        scene.cluster.intercept(undefined);
        await scene.restart();
        expect((await scene.engine.converge(signal)).result).toBe('converged');
        for (const node of nodes) {
          const running = scene.cluster.facts(node).containers.filter(({ state }) => state === 'running');
          expect(running.map(({ application }) => application).toSorted()).toEqual(to.deployment[node]);
          for (const { external } of Object.values(to.applications).flatMap(({ ports }) => ports)) {
            expect(scene.cluster.connect(node, { port: external, protocol: 'tcp' })).toBe('accepted');
          }
        }
        expect(scene.cluster.violations()).toEqual([]);
      }),
      { numRuns: 80 },
    );
  });
});
