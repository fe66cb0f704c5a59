import { describe, expect, it } from 'vitest';
import type { Config, NodeName } from '../../src/model/config.ts';
import type { ApplyPolicy } from '../../src/model/events.ts';
import type { StepId } from '../../src/model/plan.ts';
import { aConfig, aMount, anApplication } from '../builders.ts';
import { createClock } from '../fakes/clock.ts';
import { createScene, type Scene } from '../fakes/scene.ts';
import fc from '../support/random.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
const names = ['a', 'b', 'c'] as const;
type Places = readonly (NodeName | undefined)[];

const configOf = (places: Places): Config => {
  const placed = names.filter((_, index) => places[index] !== undefined);
  const deployment = Object.fromEntries(
    nodes.map((node) => [node, names.filter((_, index) => places[index] === node)]),
  );
  const applications = placed.map((name) =>
    anApplication(name, name === 'a' ? { volumes: [aMount('vol-a', undefined, '/data')] } : {}),
  );
  return aConfig(applications, deployment, { revision: JSON.stringify(deployment) });
};

type Move =
  | { readonly kind: 'save'; readonly places: Places }
  | { readonly kind: 'policy'; readonly policy: ApplyPolicy }
  | { readonly kind: 'approve' | 'decline' | 'apply' | 'refresh' }
  | { readonly kind: 'crash'; readonly app: string; readonly node: NodeName };

const anyPlaces: fc.Arbitrary<Places> = fc.tuple(
  ...names.map(() => fc.constantFrom<NodeName | undefined>(...nodes, undefined)),
);
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: anyPlaces.map((places): Move => ({ kind: 'save', places })) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<ApplyPolicy>('ask', 'on-save').map((policy): Move => ({ kind: 'policy', policy })),
  },
  { weight: 4, arbitrary: fc.constant<Move>({ kind: 'approve' }) },
  { weight: 2, arbitrary: fc.constantFrom<Move>({ kind: 'decline' }, { kind: 'apply' }, { kind: 'refresh' }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...nodes))
      .map(([app, node]): Move => ({ kind: 'crash', app, node })),
  },
);
/** Some moves come in the middle of what the one before has begun. */
const anyPause = fc.constantFrom(0, 20, 300, 700, 1_500, 40_000);
const story = fc.array(fc.tuple(anyMove, anyPause), { minLength: 1, maxLength: 12 });

interface Observed {
  /** Steps begun in a run that began under `ask`, outside of what was approved for it. */
  readonly unapproved: string[];
}

function observeRuns(scene: Scene, approved: () => ReadonlySet<StepId>): Observed {
  const unapproved: string[] = [];
  let allowed: ReadonlySet<StepId> | undefined;
  scene.engine.onEvent((event) => {
    const { policy } = scene.engine.store.getSnapshot();
    if (event.type === 'run-started') allowed = policy === 'ask' ? approved() : undefined;
    if (event.type !== 'step-started' || allowed === undefined) return;
    // After a failure a run may finish what it began with other steps; here nothing fails.
    if (!allowed.has(event.step)) unapproved.push(event.step);
  });
  return { unapproved };
}

describe('any story of saves, answers, policies and drift', () => {
  it('runs nothing under `ask` that was not approved, and ends with the newest configuration once all is approved', async () => {
    await fc.assert(
      fc.asyncProperty(
        story,
        fc.constantFrom<ApplyPolicy>('ask', 'on-save'),
        fc.boolean(),
        async (moves, policy, monitors) => {
          let changed = () => {};
          const clock = createClock('manual');
          let newest = configOf(['n1', 'n2', 'n3']);
          const scene = createScene({
            seed: { nodes: { n1: {}, n2: {}, n3: {} }, roundTripMs: 10 },
            config: newest,
            clock,
            deps: {
              policy,
              asks: true,
              watchFiles: (callback, inner) => {
                changed = callback;
                return new Promise((resolve) => inner.addEventListener('abort', () => resolve()));
              },
            },
          });
          let approved: ReadonlySet<StepId> = new Set();
          const observed = observeRuns(scene, () => approved);
          const view = () => scene.engine.store.getSnapshot();
          const approve = (): void => {
            const { plan } = view();
            if (plan === undefined) return;
            approved = new Set(plan.steps.map(({ id }) => id));
            scene.engine.send({ type: 'approve', revision: plan.revision });
          };
          const stop = new AbortController();
          const ended = [scene.engine.watch(stop.signal), ...(monitors ? [scene.engine.monitor(stop.signal)] : [])];
          await clock.advance(3_000);
          const act = (move: Move): void => {
            if (move.kind === 'save') {
              newest = configOf(move.places);
              scene.setConfig(newest);
              changed();
            } else if (move.kind === 'policy') scene.engine.send({ type: 'policy', policy: move.policy });
            else if (move.kind === 'approve') approve();
            else if (move.kind === 'crash') scene.cluster.crash(move.node, move.app, { code: 1, oomKilled: false });
            else scene.engine.send({ type: move.kind });
          };
          for (const [move, pauseMs] of moves) {
            act(move);
            await clock.advance(pauseMs);
          }
          await clock.advance(60_000);
          expect(observed.unapproved).toEqual([]);

          scene.engine.send({ type: 'apply' });
          await clock.advance(10_000);
          for (let round = 0; round < 3 && view().approval !== undefined; round += 1) {
            expect(view().approval?.revision).toBe(newest.revision);
            approve();
            await clock.advance(30_000);
          }
          expect(view().approval).toBeUndefined();
          const running = Object.fromEntries(
            nodes.map((node) => {
              const facts = scene.cluster.facts(node);
              const apps = facts.containers.flatMap(({ application, state }) =>
                state === 'running' ? [application] : [],
              );
              return [node, apps.toSorted()];
            }),
          );
          expect(running).toEqual(newest.deployment);
          expect(observed.unapproved).toEqual([]);
          expect(scene.cluster.violations()).toEqual([]);
          stop.abort();
          await clock.advance(100);
          await Promise.all(ended);
        },
      ),
      { numRuns: 60 },
    );
  });
});
