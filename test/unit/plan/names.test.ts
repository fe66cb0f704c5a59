import { describe, expect, it } from 'vitest';
import type { Container, ContainerSpec } from '../../../src/model/cluster.ts';
import type { Application } from '../../../src/model/config.ts';
import type { NameTable } from '../../../src/model/name-table.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  noNames,
  onNode,
  snaps,
  tcp,
} from '../../builders.ts';
import { expectPlan } from './golden.ts';

const ready = { network: { names: noNames } };
const port = { port: 5432, protocol: 'tcp' } as const;
const web = anApplication('web', { ports: [tcp(80, 8080)], nicknames: { database: 'db' } });
const db = anApplication('db', { exposes: [port], volumes: [aMount('v1')] });
const v1 = aVolume('v1', { on: 'a', application: 'db', snapshots: snaps('a1') });

/** The spec that the plan for a fresh cluster starts this application with. */
function specOf(app: Application, node = 'a'): ContainerSpec {
  const images = [`acme/${app.name}:1`];
  const cluster = aCluster(onNode('a', { ...ready, images }), onNode('b', { ...ready, images }));
  const { steps } = makePlan(aConfig([app], { a: [], b: [], [node]: [app.name] }), cluster);
  const start = steps.flatMap(({ action }) => (action.kind === 'start-container' ? [action.spec] : []))[0];
  if (start === undefined) throw new Error(`${app.name} does not start`);
  return start;
}

const named = (app: Application, overrides: Partial<Container> = {}): Container =>
  aContainer(app, 'a', { spec: specOf(app), ...overrides });

describe('names', () => {
  it('reach every node before an application starts, with its name server', () => {
    const images = ['acme/web:1', 'acme/db:1'];
    const state = aCluster(onNode('a', { ...ready, images, volumes: [v1] }), onNode('b', { ...ready, images }));
    expectPlan('names-place', aConfig([web, db], { a: ['db'], b: ['web'] }), state);
  });

  it('are held while an application moves, and lead to its new node only after it answers there', () => {
    const state = aCluster(
      onNode('a', { ...ready, containers: [named(db)], volumes: [v1] }),
      onNode('b', { ...ready, images: ['acme/db:1'] }),
    );
    expectPlan('names-move', aConfig([db], { a: [], b: ['db'] }), state);
  });

  it('restart nothing when the nodes get them; a note says what does not work yet', () => {
    const state = aCluster(onNode('a', { ...ready, containers: [aContainer(web, 'a')] }), onNode('b', ready));
    expectPlan('names-upgrade', aConfig([web], { a: ['web'], b: [] }), state);
  });

  it('lead to the external ports of a container that was made without names and is started again', () => {
    const [running, stopped] = ['running', 'exited'].map((state) => {
      const containers = [aContainer(web, 'a', { state: state as Container['state'] })];
      return makePlan(aConfig([web], { a: ['web'], b: [] }), aCluster(onNode('a', { ...ready, containers })));
    });
    const entries = (plan: typeof running) =>
      plan?.steps.flatMap(({ action }) => (action.kind === 'replace-network' ? (action.names?.entries ?? []) : []));
    expect(stopped?.steps.some(({ action }) => action.kind === 'start-container')).toBe(true);
    expect(entries(stopped)).toEqual(entries(running));
    expect(entries(stopped)?.[0]?.at).toBe('a');
  });

  it('lead to the address of a container with names also where the node is no longer set up for them', () => {
    const stopped = aCluster(onNode('a', { containers: [named(web, { state: 'exited' })] }), onNode('b', ready));
    const config = aConfig([web], { a: ['web'], b: [] });
    const running = aCluster(onNode('a', { containers: [named(web)] }), onNode('b', ready));
    const [before, after] = [stopped, running].map((state) =>
      makePlan(config, state).steps.flatMap(({ action }) =>
        action.kind === 'replace-network' ? (action.names?.entries ?? []) : [],
      ),
    );
    expect(before?.length).toBeGreaterThan(0);
    expect(before).toEqual(after);
  });

  it('are the same on nodes that do not have them, where nothing is planned', () => {
    const state = aCluster(onNode('a', { containers: [named(web)] }), onNode('b'));
    const { steps } = makePlan(aConfig([web], { a: ['web'], b: [] }), state);
    expect(steps).toEqual([]);
  });

  it('keep the address of a container, whatever the hash says, and give way to another deployment', () => {
    const address = '198.18.9.9';
    const plain = anApplication('web', { ports: [tcp(80, 8080)] });
    const container = named(plain);
    const moved = {
      ...container,
      spec: { ...container.spec, names: { ...specOf(plain).names, address } },
    } as Container;
    const other = { deployment: 'other', application: 'x', networks: [], ports: [] };
    const names = { ...noNames, entries: [{ ...other, address: specOf(db).names?.address ?? '' }] };
    const state = aCluster(
      onNode('a', { network: { names }, containers: [moved], volumes: [v1], images: ['acme/db:1'] }),
      onNode('b', ready),
    );
    const { steps } = makePlan(aConfig([plain, db], { a: ['db', 'web'], b: [] }), state);
    const started = steps.flatMap(({ action }) => (action.kind === 'start-container' ? [action.spec] : []));
    expect(started.map(({ application }) => application)).toEqual(['db']);
    expect(started[0]?.names?.address).not.toBe(specOf(db).names?.address);
    const tables = steps.flatMap(({ action }) => (action.kind === 'replace-network' ? [action.names?.entries] : []));
    expect(tables.at(-1)?.find(({ application }) => application === 'web')?.address).toBe(address);
    expect(tables[0]?.some(({ deployment }) => deployment === 'other')).toBe(true);
  });

  it('lead to a port that only the program knows, by a change of the tables alone', () => {
    const hidden = { port: 8000, protocol: 'tcp' } as const;
    const config = aConfig([web], { a: ['web'], b: [] });
    const before = makePlan(config, aCluster(onNode('a', { ...ready, containers: [named(web)] }), onNode('b', ready)));
    const tableOf = (plan: typeof before, node: string) =>
      plan.steps.flatMap(({ action }) =>
        action.kind === 'replace-network' && action.node === node ? [action.names] : [],
      )[0];
    const listening = [named(web, { listens: [{ port: 8080, protocol: 'tcp' }, hidden] })];
    const nodesWith = (names: (node: string) => NameTable | undefined) =>
      aCluster(
        onNode('a', { network: { names: names('a') ?? noNames }, containers: listening }),
        onNode('b', { network: { names: names('b') ?? noNames } }),
      );
    const plan = makePlan(
      config,
      nodesWith((node) => tableOf(before, node)),
    );
    expect(plan.steps.map(({ action }) => action.kind)).toEqual(['replace-network', 'replace-network']);
    expect(tableOf(plan, 'b')?.entries[0]?.ports).toEqual([
      { ...hidden, meshPort: expect.any(Number), isLearned: true },
      { port: 8080, protocol: 'tcp', meshPort: 80 },
    ]);
    // It stays when the program has closed it for a moment.
    listening[0] = named(web);
    const after = makePlan(
      config,
      nodesWith((node) => tableOf(plan, node)),
    );
    expect(after.steps).toEqual([]);
    // A new container has it from the start, and Docker publishes it.
    const elsewhere = makePlan(
      { ...config, deployment: { a: [], b: ['web'] } },
      nodesWith((node) => tableOf(plan, node)),
    );
    const started = elsewhere.steps.flatMap(({ action }) =>
      action.kind === 'start-container' ? [action.spec] : [],
    )[0];
    expect(started?.names?.ports[0]).toEqual(tableOf(plan, 'b')?.entries[0]?.ports[0]);
    // What a container has learned is no reason to replace it, nor what the files name of it since.
    const moved = aContainer(web, 'b', { spec: started as ContainerSpec });
    const exposed = { ...web, exposes: [hidden] };
    const there = aCluster(onNode('a', ready), onNode('b', { ...ready, containers: [moved] }));
    for (const app of [web, exposed]) {
      const { steps } = makePlan(aConfig([app], { a: [], b: ['web'] }), there);
      expect(steps.filter(({ action }) => action.kind === 'stop-container')).toEqual([]);
    }
  });

  it('lead to no port of a program that a single node has, and to at most 16 that only programs know', () => {
    const listens = Array.from({ length: 40 }, (_, at) => ({ port: 9000 + at, protocol: 'tcp' as const }));
    const containers = [named(web, { listens })];
    const entriesOf = (...nodes: ReturnType<typeof onNode>[]) =>
      makePlan(aConfig([web], { a: ['web'] }), aCluster(...nodes)).steps.flatMap(({ action }) =>
        action.kind === 'replace-network' ? (action.names?.entries ?? []) : [],
      );
    expect(entriesOf(onNode('a', { ...ready, containers }))[0]?.ports).toHaveLength(1);
    expect(entriesOf(onNode('a', { ...ready, containers }), onNode('b', ready))[0]?.ports).toHaveLength(17);
  });

  it('say in plain words why a container is made again', () => {
    const front = { ...web, networks: [{ network: 'front', aliases: [] }], exposes: [port] };
    const state = aCluster(onNode('a', { ...ready, containers: [named(web)] }), onNode('b', ready));
    const { steps } = makePlan(aConfig([front], { a: ['web'], b: [] }), state);
    const reason = steps.find(({ action }) => action.kind === 'stop-container')?.reason;
    expect(reason).toBe('its ports for names changed; it joins the network "front"; it leaves the network "default"');
  });
});
