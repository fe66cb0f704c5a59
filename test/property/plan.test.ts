import { describe, expect, it } from 'vitest';
import type { ClusterState, ContainerSpec, NodeFacts } from '../../src/model/cluster.ts';
import type { Config } from '../../src/model/config.ts';
import { nodesOf, type Plan, type Step, type StepId } from '../../src/model/plan.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { nodeId } from '../builders.ts';
import { printPlan } from '../support/print-plan.ts';
import fc from '../support/random.ts';
import { applyAction } from './apply-plan.ts';
import { anyCluster, config, reversedKeys, soundCluster } from './arbitraries.ts';

const runs = { numRuns: 300 };

function reachable(state: ClusterState): Map<string, NodeFacts> {
  return new Map(
    Object.entries(state.nodes).flatMap(([node, seen]) => (seen.status === 'reachable' ? [[node, seen.facts]] : [])),
  );
}

/** Every step that has surely ended when this one begins. */
function ancestors(plan: Plan, step: Step): Step[] {
  const seen = new Set<StepId>();
  const walk = (id: StepId): void => {
    for (const earlier of plan.steps.find((one) => one.id === id)?.after ?? []) {
      if (!seen.has(earlier)) walk(earlier);
      seen.add(earlier);
    }
  };
  walk(step.id);
  return plan.steps.filter(({ id }) => seen.has(id));
}

const always = (property: (config: Config, state: ClusterState, plan: Plan) => void): void => {
  fc.assert(
    fc.property(config, anyCluster, (wanted, state) => property(wanted, state, makePlan(wanted, state))),
    runs,
  );
};

const isStateless = ({ mounts, ports }: ContainerSpec): boolean => mounts.length === 0 && ports.length > 0;
const isActive = (state: string): boolean => ['running', 'restarting', 'paused'].includes(state);

describe('any plan', () => {
  it('is in topological order, and every step is there once', () => {
    always((_config, _state, { steps }) => {
      const ids = steps.map((step) => step.id);
      expect(new Set(ids).size).toBe(ids.length);
      steps.forEach((step, index) => {
        for (const id of step.after) expect(ids.slice(0, index)).toContain(id);
      });
    });
  });

  it('has the same text whatever the order of the keys', () => {
    always((wanted, state, plan) => {
      expect(printPlan(makePlan(reversedKeys(wanted), reversedKeys(state)))).toBe(printPlan(plan));
    });
  });

  it('has no step for a node that cannot be reached', () => {
    always((_config, state, { steps }) => {
      const nodes = reachable(state);
      for (const { action } of steps) for (const node of nodesOf(action)) expect([...nodes.keys()]).toContain(node);
    });
  });

  it('creates no volume that a node may hold', () => {
    always((_config, state, { steps }) => {
      const nodes = reachable(state);
      for (const { action } of steps) {
        if (action.kind !== 'create-volume') continue;
        expect(nodes.size).toBe(Object.keys(state.nodes).length);
        for (const facts of nodes.values())
          expect(facts.volumes.map((volume) => volume.id)).not.toContain(action.volume);
      }
    });
  });

  it('acquires only what was released to that node', () => {
    always((_config, state, plan) => {
      const nodes = reachable(state);
      for (const step of plan.steps) {
        const { action } = step;
        if (action.kind !== 'acquire-volume') continue;
        const releases = ancestors(plan, step).some(({ action: earlier }) => {
          return earlier.kind === 'release-volume' && earlier.volume === action.volume && earlier.to === action.to;
        });
        const copies = nodes.get(action.from)?.volumes.filter((volume) => volume.id === action.volume) ?? [];
        const released = copies.some((copy) => copy.role === 'released' && copy.owner === nodeId(action.to));
        expect(releases || released).toBe(true);
      }
    });
  });

  it('starts an application only where its volumes are owned, or become so before', () => {
    always((_config, state, plan) => {
      const nodes = reachable(state);
      for (const step of plan.steps) {
        const { action } = step;
        if (action.kind !== 'start-container') continue;
        const earlier = ancestors(plan, step).map((one) => one.action);
        for (const { volume: id } of action.spec.mounts) {
          const gets = earlier.some((one) => {
            if (one.kind === 'acquire-volume') return one.volume === id && one.to === action.node;
            return (one.kind === 'create-volume' || one.kind === 'reclaim-volume') && one.volume === id;
          });
          const all = [...nodes].flatMap(([node, facts]) =>
            facts.volumes.filter((volume) => volume.id === id).map((volume) => ({ node, volume })),
          );
          const owners = all.filter(({ volume }) => volume.role === 'owner');
          const highest = Math.max(...owners.map(({ volume }) => volume.epoch));
          const right = owners.filter(({ volume }) => volume.epoch === highest).map(({ node }) => node);
          if (!gets) expect(right).toEqual([action.node]);
        }
      }
    });
  });

  it('never runs two copies of an application that has volumes or no ports', () => {
    always((_config, state, plan) => {
      for (const step of plan.steps) {
        const { action } = step;
        if (action.kind !== 'start-container' || isStateless(action.spec)) continue;
        const stopped = ancestors(plan, step).flatMap(({ action: one }) =>
          one.kind === 'stop-container' && one.app === action.spec.application ? [one.node] : [],
        );
        for (const [node, { containers }] of reachable(state)) {
          const copy = containers.find((c) => c.managed && c.application === action.spec.application);
          if (copy !== undefined && isActive(copy.state)) expect(stopped).toContain(node);
        }
      }
    });
  });

  it('freezes a volume only after everything that writes to it there has stopped', () => {
    always((_config, state, plan) => {
      for (const step of plan.steps) {
        const { action } = step;
        if (action.kind !== 'freeze-volume') continue;
        const stopped = ancestors(plan, step).flatMap(({ action: one }) =>
          one.kind === 'stop-container' && one.node === action.node ? [one.app] : [],
        );
        for (const container of reachable(state).get(action.node)?.containers ?? []) {
          const writes = container.spec.mounts.some((mount) => mount.volume === action.volume);
          if (container.managed && isActive(container.state) && writes)
            expect(stopped).toContain(container.application);
        }
      }
    });
  });

  it('never names anything foreign', () => {
    always((wanted, _state, { steps }) => {
      const declared = Object.keys(wanted.applications);
      for (const { action } of steps) {
        if ('app' in action && action.app !== undefined) expect(declared).toContain(action.app);
        expect(JSON.stringify(action)).not.toContain('foreign-');
      }
    });
  });

  it('does nothing to a former owner that came back', () => {
    always((_config, state, { steps }) => {
      const copies = [...reachable(state)].flatMap(([node, { volumes }]) =>
        volumes.map((volume) => ({ node, volume })),
      );
      for (const { action } of steps) {
        if (!('volume' in action) || !('node' in action)) continue;
        const own = copies.filter(({ volume }) => volume.id === action.volume);
        const here = own.find(({ node }) => node === action.node)?.volume;
        const highest = Math.max(
          ...own.filter(({ volume }) => volume.role === 'owner').map(({ volume }) => volume.epoch),
        );
        if (here?.role === 'owner') expect(here.epoch).toBe(highest);
      }
    });
  });
});

/** The steps in another order that the edges allow: `picks` chooses among those that are ready. */
function shuffled(steps: readonly Step[], picks: readonly number[]): Step[] {
  const waiting = [...steps];
  const done = new Set<StepId>();
  const order: Step[] = [];
  while (waiting.length > 0) {
    const ready = waiting.filter((step) => step.after.every((id) => done.has(id)));
    const next = ready[(picks[order.length % picks.length] ?? 0) % ready.length];
    if (next === undefined) throw new Error('a cycle');
    waiting.splice(waiting.indexOf(next), 1);
    done.add(next.id);
    order.push(next);
  }
  return order;
}

const picks = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 30 });

function carryOut(steps: readonly Step[], start: ClusterState): ClusterState {
  let state = start;
  for (const step of steps) {
    state = applyAction(state, step.action);
    expectOneOwner(state);
  }
  return state;
}

/** Whatever was left behind is finished within two plans: a copy given up earlier is settled by the second. */
function finish(wanted: Config, start: ClusterState): ClusterState {
  const once = carryOut(makePlan(wanted, start).steps, start);
  const twice = carryOut(makePlan(wanted, once).steps, once);
  expect(printPlan({ ...makePlan(wanted, twice), blocked: [], notes: [] })).toBe('nothing to do\n');
  return twice;
}

function expectOneOwner(state: ClusterState): void {
  const owned = [...reachable(state).values()].flatMap((facts) =>
    facts.volumes.filter((volume) => volume.role === 'owner').map((volume) => volume.id),
  );
  expect(new Set(owned).size).toBe(owned.length);
}

/** What runs where, and which node forwards to which, from the configuration alone. */
function expectAsConfigured(wanted: Config, state: ClusterState): void {
  const nodes = [...reachable(state)];
  const placed = Object.entries(wanted.deployment).flatMap(([node, apps]) => apps.map((app) => ({ node, app })));
  const running = nodes.flatMap(([node, { containers }]) =>
    containers.filter((c) => c.managed).map((c) => ({ node, app: c.application ?? '' })),
  );
  const text = ({ node, app }: { node: string; app: string }) => `${app}@${node}`;
  expect(running.map(text).sort()).toEqual(placed.map(text).sort());
  for (const [node, { network }] of nodes) {
    const ports = (here: boolean) =>
      placed
        .filter((place) => (place.node === node) === here)
        .flatMap((place) => wanted.applications[place.app]?.ports.map((p) => `${p.external}@${place.node}`) ?? []);
    expect(network.proxies.map((proxy) => `${proxy.port}@${proxy.address}`).sort()).toEqual(ports(false).sort());
    expect(network.open.map((key) => `${key.port}@${node}`).sort()).toEqual(ports(true).sort());
    expect(network.holds).toEqual([]);
  }
  expectNames(wanted, state);
}

/** One address for each application on every node, the same mesh ports, and the way to the node that runs it. */
function expectNames(wanted: Config, state: ClusterState): void {
  const byApp = new Map<string, string>();
  const meshPorts = new Map<string, string>();
  const nodes = [...reachable(state)];
  for (const [node, { network, containers }] of nodes) {
    const placed = Object.values(wanted.deployment).flat();
    if (network.names === undefined) continue;
    expect(network.names.entries.map(({ application }) => application)).toEqual(placed.sort());
    for (const { application, address, ports, at } of network.names.entries) {
      expect(byApp.get(application) ?? address).toBe(address);
      byApp.set(application, address);
      const home = Object.keys(wanted.deployment).find((one) => wanted.deployment[one]?.includes(application));
      const there = nodes.find(([one]) => one === home)?.[1];
      const names = there?.containers.find((one) => one.application === application)?.spec.names;
      // A node that is not set up for names keeps the containers that it has.
      if (there?.network.names === undefined) continue;
      if (names !== undefined) expect({ address, ports }).toEqual({ address: names.address, ports: names.ports });
      expect(at).toBe(node === home && names !== undefined ? undefined : home);
      for (const { port, protocol, meshPort } of ports) {
        const own = `${application} ${port}`;
        expect(meshPorts.get(`${meshPort}/${protocol}`) ?? own).toBe(own);
        meshPorts.set(`${meshPort}/${protocol}`, own);
      }
    }
    const servers = network.names.resolvers.map(({ address }) => address);
    for (const { managed, spec } of containers)
      if (managed && spec.names?.resolver !== undefined) expect(servers).toContain(spec.names.resolver);
  }
  expect(new Set(byApp.values()).size).toBe(byApp.size);
}

const carriedOut = { numRuns: 150 };

describe('a plan carried out', () => {
  const property = fc.property(config, soundCluster, picks, (wanted, state, order) => {
    const plan = makePlan(wanted, state);
    const end = carryOut(shuffled(plan.steps, order), state);
    if (plan.blocked.length > 0) return;
    expectAsConfigured(wanted, end);
    expect(printPlan({ ...makePlan(wanted, end), notes: [] })).toBe('nothing to do\n');
  });
  it('in any order that its edges allow makes the cluster as configured, never with two owners of a volume', () =>
    fc.assert(property, carriedOut));

  const crash = fc.property(config, soundCluster, picks, fc.nat({ max: 40 }), (wanted, state, order, stopAfter) => {
    const plan = makePlan(wanted, state);
    const left = carryOut(shuffled(plan.steps, order).slice(0, stopAfter), state);
    const end = finish(wanted, left);
    if (plan.blocked.length === 0) expectAsConfigured(wanted, end);
  });
  it('and cut off behind any step is finished by the next', () => fc.assert(crash, carriedOut));

  const change = fc.property(config, config, soundCluster, picks, fc.nat({ max: 40 }), (...parts) => {
    const [first, second, state, order, stopAfter] = parts;
    const left = carryOut(shuffled(makePlan(first, state).steps, order).slice(0, stopAfter), state);
    const blocked = makePlan(second, left).blocked.length > 0;
    const end = finish(second, left);
    if (!blocked) expectAsConfigured(second, end);
  });
  it('and cut off follows a change of mind', () => fc.assert(change, carriedOut));
});
