import { describe, expect, it } from 'vitest';
import type { Config, NodeName } from '../../../src/model/config.ts';
import { defined } from '../../../src/model/defined.ts';
import { AppError } from '../../../src/model/errors.ts';
import type { MemoryImage, MemorySeed } from '../../../src/simulation/memory/types.ts';
import { aConfig, aMount, anApplication, noNames, tcp } from '../../builders.ts';
import { createScene, signal } from '../../fakes/scene.ts';

const nodes = ['n1', 'n2', 'n3'] as const;
const port = { port: 5432, protocol: 'tcp' } as const;

/** A client on every node, and a database that only they reach: its image exposes the port. */
const clients = nodes.map((node) => anApplication(`client-${node}`));
const db = anApplication('db', { volumes: [aMount('ds-db')] });
const stranger = anApplication('stranger', { networks: [{ network: 'other', aliases: [] }] });

function dbOn(node: NodeName): Config {
  const on = (one: NodeName) => [
    `client-${one}`,
    ...(one === node ? ['db'] : []),
    ...(one === 'n1' ? ['stranger'] : []),
  ];
  const deployment = Object.fromEntries(nodes.map((one) => [one, on(one)]));
  return aConfig([...clients, db, stranger], deployment, { revision: `on-${node}` });
}

const image = { defaults: { environment: {}, command: [], entrypoint: [], exposes: [port] }, acceptsAfterMs: 2_000 };
const seed: MemorySeed = {
  nodes: Object.fromEntries(nodes.map((node) => [node, { network: { names: noNames } }])),
  registry: {
    'acme/db:1': image,
    'acme/stranger:1': {},
    ...Object.fromEntries(nodes.map((node) => [`acme/client-${node}:1`, {}])),
  },
};

describe('an application that is reached by name alone', () => {
  it('answers from every node before, during and after a move, is held while it is down, and keeps its address', async () => {
    const scene = createScene({ seed, config: dbOn('n1') });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const seen = () => nodes.map((node) => scene.cluster.connectByName(node, `client-${node}`, 'db', port));
    const addressOn = (node: NodeName) =>
      scene.cluster.facts(node).network.names?.entries.find(({ application }) => application === 'db')?.address;
    // What only the image exposes is not waited for at the first start: the program may not open it at all.
    await scene.clock.sleep(2_000, signal);
    expect(seen()).toEqual(['accepted', 'accepted', 'accepted']);
    const address = addressOn('n1');
    expect(nodes.map(addressOn)).toEqual([address, address, address]);

    const clientIds = () =>
      nodes.map((node) => scene.cluster.facts(node).containers.find((one) => one.name.includes('client'))?.id);
    const before = clientIds();
    scene.setConfig(dbOn('n2'));
    const during = new Set<string>();
    scene.cluster.intercept(() => {
      for (const answer of seen()) during.add(answer);
    });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    scene.cluster.intercept(undefined);
    expect([...during].sort()).toEqual(['accepted', 'held']);
    expect(seen()).toEqual(['accepted', 'accepted', 'accepted']);
    expect(nodes.map(addressOn)).toEqual([address, address, address]);
    expect(clientIds()).toEqual(before);
  });

  it('is never held where its file exposes the port and it has no volume: it starts before it stops', async () => {
    const page = anApplication('db', { exposes: [port] });
    const on = (node: NodeName) => {
      const placed = nodes.map((one) => [one, [`client-${one}`, ...(one === node ? ['db'] : [])]] as const);
      return aConfig([...clients, page], Object.fromEntries(placed), { revision: `page-on-${node}` });
    };
    const scene = createScene({ seed, config: on('n1') });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    scene.setConfig(on('n2'));
    const during = new Set<string>();
    scene.cluster.intercept(() => {
      for (const node of nodes) during.add(scene.cluster.connectByName(node, `client-${node}`, 'db', port));
    });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    scene.cluster.intercept(undefined);
    expect([...during]).toEqual(['accepted']);
    expect(scene.cluster.facts('n1').containers.some(({ application }) => application === 'db')).toBe(false);
  });

  it('is unknown to an application that shares no network with it', async () => {
    const scene = createScene({ seed, config: dbOn('n1') });
    await scene.engine.converge(signal);
    expect(scene.cluster.connectByName('n1', 'stranger', 'db', port)).toBe('unknown');
    expect(scene.cluster.connectByName('n1', 'client-n1', 'stranger', port)).toBe('unknown');
  });
});

describe('an application that is reached by name alone, and whose new volume cannot be had', () => {
  it('is waited for at its ports when it goes back to its earlier container', async () => {
    const scene = createScene({ seed, config: dbOn('n1') });
    await scene.engine.converge(signal);
    const more = { ...db, volumes: [aMount('ds-db'), aMount('ds-new')] };
    const config = dbOn('n1');
    scene.setConfig({ ...config, revision: 'more', applications: { ...config.applications, db: more } });
    let isStopped = false;
    scene.cluster.intercept(({ operation, phase, node }) => {
      if (operation === 'containers.stop' && node === 'n1' && phase === 'after') isStopped = true;
      // The new container never comes: the one before does.
      if (operation === 'containers.create' && phase === 'before' && isStopped) {
        isStopped = false;
        throw new AppError('docker-failed', 'cannot create "drover-db"');
      }
    });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'failed' });
    const checks = scene.events.flatMap((event) =>
      event.type === 'plan-made'
        ? event.plan.steps.flatMap(({ action }) => (action.kind === 'check-container' ? [action] : []))
        : [],
    );
    expect(checks.at(-1)).toMatchObject({ app: 'db', named: [{ port: 5432 }] });
    expect(scene.cluster.connectByName('n2', 'client-n2', 'db', port)).toBe('accepted');
  });
});

describe('nodes that get names', () => {
  it('restart nothing: what ran before is reached at its external ports, and looks up names when it is made again', async () => {
    const web = anApplication('web', { ports: [tcp(80, 8080)] });
    const config = aConfig([web, ...clients.slice(1)], { n1: ['web'], n2: ['client-n2'], n3: ['client-n3'] });
    const older = Object.fromEntries(nodes.map((node) => [node, {}]));
    const scene = createScene({ seed: { nodes: older }, config });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    const before = scene.cluster.facts('n1').containers.map(({ id }) => id);
    for (const node of nodes) {
      const machine = scene.cluster.machine(node);
      machine.table = { ...machine.table, names: noNames };
    }
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.facts('n1').containers.map(({ id }) => id)).toEqual(before);
    const entry = scene.cluster.facts('n2').network.names?.entries.find(({ application }) => application === 'web');
    expect(entry).toMatchObject({ at: scene.cluster.facts('n1').meshAddress, ports: [{ port: 8080, meshPort: 80 }] });
  });
});

describe('a port that only the program knows', () => {
  const page = anApplication('page', { volumes: [aMount('ds-page')] });
  const [caller, worker] = [anApplication('caller'), anApplication('worker')];
  const hidden = { port: 8000, protocol: 'tcp' } as const;
  const place = (node: NodeName): Config =>
    aConfig(
      [page, caller, worker],
      { n1: ['worker'], n2: [], n3: ['caller'], [node]: [...(node === 'n1' ? ['worker'] : []), 'page'] },
      { revision: `page-on-${node}` },
    );
  const withPage = (listens: MemoryImage['listens'], acceptsAfterMs = 3_000): MemorySeed => ({
    nodes: seed.nodes,
    registry: {
      'acme/page:1': { ...defined({ listens }), acceptsAfterMs },
      'acme/caller:1': {},
      'acme/worker:1': {},
    },
  });

  it('is reached from other nodes after the first run, which does not end before; the next run has nothing to do', async () => {
    const scene = createScene({ seed: withPage([hidden]), config: place('n1') });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.connectByName('n3', 'caller', 'page', hidden)).toBe('accepted');
    const before = scene.cluster.facts('n1').containers.map(({ id }) => id);
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged', steps: 0 });
    expect(scene.cluster.facts('n1').containers.map(({ id }) => id)).toEqual(before);
  });

  it('is held during a move, waited for, and known before the program opens it on the new node', async () => {
    const scene = createScene({ seed: withPage([hidden]), config: place('n1') });
    await scene.engine.converge(signal);
    scene.setConfig(place('n2'));
    const seen: string[] = [];
    scene.cluster.intercept(() => seen.push(scene.cluster.connectByName('n3', 'caller', 'page', hidden)));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    scene.cluster.intercept(undefined);
    expect([...new Set(seen)].sort()).toEqual(['accepted', 'held']);
    expect(scene.cluster.connectByName('n3', 'caller', 'page', hidden)).toBe('accepted');
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged', steps: 0 });
  });

  it('never keeps a run from its end: a program may open others all the time, and no more than 16 are learned', async () => {
    let next = 30_000;
    const restless = {
      get listens() {
        next += 1;
        return [{ port: next, protocol: 'tcp' as const }];
      },
    };
    const scene = createScene({
      seed: { ...withPage([]), registry: { 'acme/page:1': restless, 'acme/caller:1': {}, 'acme/worker:1': {} } },
      config: place('n1'),
    });
    for (let run = 0; run < 20; run += 1)
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged', steps: 0 });
    const entry = scene.cluster.facts('n3').network.names?.entries.find(({ application }) => application === 'page');
    expect(entry?.ports).toHaveLength(16);
  });
});
