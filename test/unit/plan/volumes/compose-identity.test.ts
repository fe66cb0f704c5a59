import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/config/load.ts';
import type { Container, NodeFacts, Volume } from '../../../../src/model/cluster.ts';
import type { Config } from '../../../../src/model/config.ts';
import { defaultVolumeId } from '../../../../src/model/names.ts';
import { findKnownIds } from '../../../../src/model/volume-identity.ts';
import { makePlan } from '../../../../src/plan/make-plan.ts';
import { aCluster, aContainer, aVolume, onNode, unreachable } from '../../../builders.ts';

const node = '10.0.0.1';

function read(text: string, name = 'shop'): Config {
  const apps = [...text.matchAll(/^ {2}(\w+):/gm)].map(([, app]) => app).filter((app) => !app?.startsWith('v_'));
  const result = loadConfig({
    application: { path: 'compose.yaml', text: `name: ${name}\n${text}` },
    deployment: {
      path: 'deployment.yml',
      text: `version: 1\nnodes:\n  ${node}: [${apps.join(', ')}]\n  10.0.0.2: []\n`,
    },
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const db = (volumes: string, service = 'db', rest = '') =>
  read(`services:\n  ${service}:\n    image: postgres:17\n    volumes: [${volumes}]\n${rest}`);

/** A copy on the node of what an earlier run has made. */
const there = (id: string, parts: Partial<Volume> = {}): Volume =>
  aVolume(id, { on: node, application: 'db', deployment: 'shop', ...parts });

const containerOf = (config: Config, ids: Readonly<Record<string, string>> = {}): Container => {
  const app = config.applications.db;
  if (app === undefined) throw new Error('no "db"');
  const volumes = app.volumes.map((volume) => ({ ...volume, id: ids[volume.mountpoint] ?? volume.id }));
  return { ...aContainer({ ...app, volumes }, node), deployment: 'shop' };
};

const planOf = (config: Config, volumes: readonly Volume[], containers: readonly Container[] = []) =>
  makePlan(config, aCluster(onNode(node, { volumes, containers }), onNode('10.0.0.2')));

const kindsOf = (plan: ReturnType<typeof makePlan>): readonly string[] => plan.steps.map(({ action }) => action.kind);

const legacy = defaultVolumeId('db');
const legacyLog = defaultVolumeId('db:/log');

describe('a named volume of a Compose file', () => {
  it('is created with its name, as Compose calls it', () => {
    const { steps, blocked } = planOf(db('pgdata:/data'), []);
    expect(blocked).toEqual([]);
    expect(steps.find(({ action }) => action.kind === 'create-volume')?.action).toMatchObject({
      volume: 'shop_pgdata',
      name: 'pgdata',
    });
  });

  it('keeps its data when its service gets another name', () => {
    const before = db('pgdata:/data');
    const volumes = [there('shop_pgdata', { name: 'pgdata' })];
    const plan = planOf(db('pgdata:/data', 'postgres'), volumes, [containerOf(before)]);
    expect(plan.blocked).toEqual([]);
    expect(kindsOf(plan)).toContain('start-container');
    expect(kindsOf(plan)).not.toContain('create-volume');
  });

  it('keeps its data when the volumes are listed in another order, or one is taken out', () => {
    const volumes = [there('shop_pgdata', { name: 'pgdata' }), there('shop_log', { name: 'log' })];
    const running = [containerOf(db('"pgdata:/data", "log:/log"'))];
    expect(planOf(db('"log:/log", "pgdata:/data"'), volumes, running)).toMatchObject({ steps: [], blocked: [] });
    const plan = planOf(db('log:/log'), volumes, running);
    expect(plan.blocked).toEqual([]);
    expect(kindsOf(plan)).not.toContain('create-volume');
  });

  it('is not the data of another volume at the same mountpoint: a new name blocks with the line that keeps the data', () => {
    const before = db('pgdata:/data');
    const plan = planOf(db('other:/data'), [there('shop_pgdata', { name: 'pgdata' })], [containerOf(before)]);
    expect(kindsOf(plan)).not.toContain('start-container');
    expect(plan.blocked).toMatchObject([{ hint: expect.stringContaining('write "name: shop_pgdata"') }]);
  });

  it('keeps the data of a deployment that got another name', () => {
    const volumes = [there('shop_pgdata', { name: 'pgdata' })];
    const files = read('services:\n  db:\n    image: postgres:17\n    volumes: ["pgdata:/data"]\n', 'store');
    const plan = planOf(files, volumes);
    expect(plan.blocked).toMatchObject([{ hint: expect.stringContaining('drover apply --take-over shop') }]);
    expect(findKnownIds({ ...files, takesOver: 'shop' }, aCluster(onNode(node, { volumes })))).toEqual({
      store_pgdata: 'shop_pgdata',
    });
    expect(kindsOf(planOf({ ...files, takesOver: 'shop' }, volumes))).not.toContain('create-volume');
    // Once it is taken over, its name is what leads to it.
    const taken = volumes.map((volume) => ({ ...volume, deployment: 'store' }));
    expect(kindsOf(planOf(files, taken))).not.toContain('create-volume');
  });

  it('does not take the data of another deployment that has a volume of the same name', () => {
    const volumes = [there('blog_pgdata', { name: 'pgdata', deployment: 'blog', application: 'blogdb' })];
    expect(kindsOf(planOf(db('pgdata:/data'), volumes))).toContain('create-volume');
  });
});

describe('data that an earlier version, or a file of another form, has made', () => {
  const marked = { shop_pgdata: legacy };

  it('is found in the container of its application, and gets its name', () => {
    const files = db('"log:/log", "pgdata:/data"');
    const volumes = [there(legacy), there(legacyLog)];
    const plan = planOf(files, volumes, [containerOf(files, { '/data': legacy, '/log': legacyLog })]);
    expect(plan).toMatchObject({ blocked: [], knownIds: { ...marked, shop_log: legacyLog } });
    expect(plan.steps.map(({ action }) => action)).toEqual([
      {
        kind: 'set-deployment',
        node,
        deployment: 'shop',
        apps: [],
        volumes: [legacy, legacyLog].toSorted(),
        names: { [legacy]: 'pgdata', [legacyLog]: 'log' },
      },
    ]);
  });

  it('is found without a container: further volumes by their mountpoint, the last one by its application', () => {
    const volumes = [there(legacy), there(legacyLog)];
    const plan = planOf(db('"pgdata:/data", "log:/log"'), volumes);
    expect(plan).toMatchObject({ blocked: [], knownIds: { ...marked, shop_log: legacyLog } });
    expect(kindsOf(plan)).not.toContain('create-volume');
    expect(planOf(db('/data'), [there(legacy)]).knownIds).toEqual({ [defaultVolumeId('db:/data')]: legacy });
  });

  it('is not guessed where two volumes are missing: the application is blocked', () => {
    const plan = planOf(db('"pgdata:/data", "log:/log"'), [there(legacy)]);
    expect(plan.knownIds).toBeUndefined();
    expect(kindsOf(plan)).not.toContain('create-volume');
    expect(plan.blocked.length).toBeGreaterThan(0);
  });

  it('stays that of its name once it has one, also after the service got another name', () => {
    const named = [there(legacy, { name: 'pgdata' })];
    const plan = planOf(db('pgdata:/data', 'postgres'), named, [containerOf(db('pgdata:/data'), { '/data': legacy })]);
    expect(plan).toMatchObject({ blocked: [], knownIds: marked });
    expect(kindsOf(plan)).not.toContain('create-volume');
  });

  it.each([
    ['is retired', [there(legacy, { role: 'retired' as const })], 'pgdata:/data', ''],
    ['has another name', [there(legacy, { name: 'other' })], 'pgdata:/data', ''],
    [
      'is what another volume of the file is',
      [there(legacy)],
      '"pgdata:/data", "old:/old"',
      `volumes: {old: {name: ${legacy}}}\n`,
    ],
    ['is used by the new id already', [there(legacy), there('shop_pgdata', { name: 'pgdata' })], 'pgdata:/data', ''],
  ])('is not taken where it %s', (_what, volumes, list, rest) => {
    expect(planOf(db(list, 'db', rest), volumes).knownIds).toBeUndefined();
  });

  it('never gives way to an id that the file gives', () => {
    const pinned = db('pgdata:/data', 'db', 'volumes: {pgdata: {name: fresh}}\n');
    const plan = planOf(pinned, [there(legacy)], [containerOf(pinned, { '/data': legacy })]);
    expect(plan.knownIds).toBeUndefined();
    expect(plan.blocked).toMatchObject([{ reason: expect.stringContaining('new, empty volume at /data') }]);
  });

  it('is never replaced by a new volume while a node is unreachable', () => {
    const files = db('pgdata:/data');
    const away = makePlan(files, aCluster(onNode(node), unreachable('10.0.0.2')));
    expect(kindsOf(away)).not.toContain('create-volume');
    expect(away.blocked).toMatchObject([{ reason: expect.stringContaining('may hold it and cannot be reached') }]);
    const seen = makePlan(files, aCluster(onNode(node, { volumes: [there(legacy)] }), unreachable('10.0.0.2')));
    expect(seen.knownIds).toEqual(marked);
  });
});

describe('a volume of Docker that Compose has made', () => {
  const planWith = (config: Config, dockerVolumes: NodeFacts['dockerVolumes'] = []) => {
    const state = aCluster(onNode(node), onNode('10.0.0.2'));
    const seen = state.nodes['10.0.0.2'];
    if (seen?.status !== 'reachable') throw new Error('it is not reachable');
    const there = { ...seen, facts: { ...seen.facts, dockerVolumes } };
    return makePlan(config, { nodes: { ...state.nodes, '10.0.0.2': there } });
  };
  const files = db('pgdata:/data');

  it.each([
    ['its name', [{ name: 'shop_pgdata' }]],
    ['its labels', [{ name: 'other', project: 'shop', key: 'pgdata' }]],
  ])('and that has %s blocks a new, empty one, wherever it is', (_what, volumes) => {
    const plan = planWith(files, volumes);
    expect(kindsOf(plan)).not.toContain('create-volume');
    expect(plan.blocked).toMatchObject([
      {
        reason: expect.stringContaining(`Docker on "10.0.0.2" has the volume "${volumes[0]?.name}"`),
        hint: expect.stringMatching(/drover import 10\.0\.0\.2.*; to start empty, give the volume another "name"/),
      },
    ]);
  });

  it('is not meant by another name, key or project', () => {
    const others = [
      { name: 'blog_pgdata', project: 'blog', key: 'pgdata' },
      { name: 'shop_log', project: 'shop', key: 'log' },
    ];
    expect(planWith(files, others).blocked).toEqual([]);
    const pinned = db('pgdata:/data', 'db', 'volumes: {pgdata: {name: fresh}}\n');
    const named = [{ name: 'shop_pgdata', project: 'shop', key: 'pgdata' }];
    expect(planWith(pinned, named).blocked).toEqual([]);
    expect(kindsOf(planWith(pinned, named))).toContain('create-volume');
  });
});

describe('the ids that the nodes know', () => {
  it('do not depend on ids that were found before', () => {
    const files = db('pgdata:/data');
    const state = aCluster(onNode(node, { volumes: [there(legacy)] }));
    const plan = makePlan(files, state);
    expect(makePlan({ ...files }, state)).toEqual(plan);
    const named = aCluster(onNode(node, { volumes: [there('shop_pgdata')] }));
    expect(findKnownIds(files, named)).toEqual({});
  });
});
