import { describe, expect, it } from 'vitest';
import type { ClusterState, Container, Volume } from '../../../src/model/cluster.ts';
import type { Config } from '../../../src/model/config.ts';
import { deploymentView } from '../../../src/plan/deployment-view.ts';
import { largeRemoval } from '../../../src/plan/large-removal.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { aCluster, aConfig, aContainer, aMount, anApplication, aVolume, onNode, tcp } from '../../builders.ts';
import { printPlan } from '../../support/print-plan.ts';

const web = anApplication('web', { ports: [tcp(80)] });
const db = anApplication('db', { ports: [tcp(5432)], volumes: [aMount('ds-db')] });
const of = (deployment: string, thing: Container): Container => ({ ...thing, deployment });
const unmarked = <T extends Container | Volume>({ deployment: _none, ...rest }: T): T => rest as T;
const shop = (overrides: Partial<Config> = {}, apps = [web], place = ['web']): Config =>
  aConfig(apps, { n1: place, n2: [] }, { name: 'shop', ...overrides });
const kinds = (config: Config, cluster: Parameters<typeof makePlan>[1]) =>
  makePlan(config, cluster).steps.map(({ action }) => action.kind);

describe('what another deployment has', () => {
  const other = of('blog', aContainer(db, 'n1'));
  const table = { open: [{ port: 5432, protocol: 'tcp', deployment: 'blog' }] } as const;
  const elsewhere = { proxies: [{ port: 5432, protocol: 'tcp', address: 'n1', deployment: 'blog' }] } as const;
  const cluster = aCluster(
    onNode('n1', {
      containers: [other, of('shop', aContainer(web, 'n1'))],
      volumes: [aVolume('ds-db', { on: 'n1', deployment: 'blog' })],
      network: { open: [{ port: 80, protocol: 'tcp', deployment: 'shop' }, ...table.open] },
    }),
    onNode('n2', {
      network: { proxies: [{ port: 80, protocol: 'tcp', address: 'n1', deployment: 'shop' }, ...elsewhere.proxies] },
    }),
  );

  it('is left alone: nothing is stopped, no forward is dropped, and the plan names its deployment', () => {
    const plan = makePlan(shop(), cluster);
    expect(plan.steps).toEqual([]);
    expect(plan.blocked).toEqual([]);
    expect(plan.notes).toEqual(['the deployment "blog" has "db" on "n1": left alone']);
  });

  it('keeps its forwards where this deployment changes its own', () => {
    const moved = aConfig([web], { n1: [], n2: ['web'] }, { name: 'shop' });
    const tables = makePlan(moved, cluster).steps.flatMap(({ action }) =>
      action.kind === 'replace-network' ? [[action.node, action.open, action.proxies] as const] : [],
    );
    expect(tables.length).toBeGreaterThan(1);
    for (const [node, open, proxies] of tables) {
      if (node === 'n1') expect(open).toContainEqual(table.open[0]);
      else expect(proxies).toContainEqual(elsewhere.proxies[0]);
    }
  });

  it('keeps the addresses at which its node forwards, where these files name none', () => {
    const { n1 } = cluster.nodes;
    if (n1?.status !== 'reachable') throw new Error('n1 is reachable');
    const network = { ...n1.facts.network, listen: ['192.0.2.1'] };
    const listening: ClusterState = { nodes: { ...cluster.nodes, n1: { ...n1, facts: { ...n1.facts, network } } } };
    expect(kinds(shop(), listening)).toEqual([]);
    const own = { ...network, open: network.open.filter(({ deployment }) => deployment === 'shop') };
    const alone: ClusterState = {
      nodes: { ...cluster.nodes, n1: { ...n1, facts: { ...n1.facts, containers: [], network: own } } },
    };
    expect(kinds(shop(), alone)).toContain('replace-network');
  });

  it('blocks who wants its port, its container’s name or its volume, and says whose it is', () => {
    const port = anApplication('mail', { ports: [tcp(5432)] });
    const text = printPlan(makePlan(shop({}, [port], ['mail']), cluster));
    expect(text).toContain('port 5432 (tcp) on "n1" is held by "db" of the deployment "blog"');
    expect(text).toContain('port 5432 (tcp) on "n2" is held by the deployment "blog"');
    const same = printPlan(makePlan(shop({}, [web, db], ['web', 'db']), cluster));
    expect(same).toContain('"db" there belongs to the deployment "blog"');
    expect(same).toContain(
      'cannot use the volume of "db" on "n1": it belongs to the deployment "blog", and these files describe "shop"',
    );
    expect(same).toContain('drover apply --take-over blog');
    // Its own ports would come with it.
    expect(same).not.toContain('choose another external port');
    expect(kinds(shop({}, [web, db], ['web', 'db']), cluster)).toEqual([]);
  });

  it('blocks a new volume that a container of it has, where no node has the data any more', () => {
    const lost = aCluster(onNode('n1', { containers: [other] }), onNode('n2'));
    const mail = anApplication('mail', { volumes: [aMount('ds-db')] });
    const plan = makePlan(shop({}, [mail], ['mail']), lost);
    expect(plan.steps.map(({ action }) => action.kind)).not.toContain('create-volume');
    expect(printPlan(plan)).toContain('the container of "db" on "n1" has volume "ds-db", and no node has its dataset');
    expect(printPlan(plan)).toContain('remove "db" from its own files first');
  });

  it('does not count for a large removal, and does not hide one', () => {
    const four = ['a', 'b', 'c', 'd'].map((name) => anApplication(name));
    const containers = [
      ...four.slice(0, 2).map((app) => of('shop', aContainer(app, 'n1'))),
      ...four.slice(2).map((app) => of('blog', aContainer(app, 'n1'))),
    ];
    const seen = aCluster(onNode('n1', { containers }));
    const config = aConfig([web], { n1: ['web'] }, { name: 'shop' });
    const view = deploymentView(config, seen);
    expect(largeRemoval(makePlan(config, view), view)?.apps).toEqual(['a', 'b']);
  });

  it('is adopted where the files describe it and the call says so, before everything else, and nothing restarts', () => {
    const config = shop({ takesOver: 'blog' }, [web, db], ['web', 'db']);
    const plan = makePlan(config, cluster);
    expect(plan.blocked).toEqual([]);
    expect(plan.steps[0]).toMatchObject({
      action: { kind: 'set-deployment', node: 'n1', deployment: 'shop', apps: ['db'], volumes: ['ds-db'] },
    });
    expect(new Set(plan.steps.map(({ action }) => action.kind))).toEqual(
      new Set(['set-deployment', 'replace-network']),
    );
    const rest = plan.steps.slice(1).filter(({ action }) => 'node' in action && action.node === 'n1');
    for (const step of rest) expect(step.after).toContain(plan.steps[0]?.id);
  });

  it('is not adopted by a take-over from a third one', () => {
    expect(makePlan(shop({ takesOver: 'third' }, [web, db], ['web', 'db']), cluster).blocked.length).toBeGreaterThan(0);
  });
});

/** Tables as an earlier version has written them. */
function withBareTables(state: ClusterState): ClusterState {
  const nodes = Object.entries(state.nodes).map(([node, seen]) => {
    if (seen.status !== 'reachable') return [node, seen] as const;
    const { network } = seen.facts;
    const [open, proxies] = [network.open, network.proxies].map((list) =>
      list.map(({ deployment: _none, ...key }) => key),
    );
    return [node, { ...seen, facts: { ...seen.facts, network: { ...network, open, proxies } } }] as const;
  });
  // Each entry has lost its deployment, nothing else.
  return { nodes: Object.fromEntries(nodes) } as ClusterState;
}

describe('what carries no deployment, because an earlier version made it', () => {
  const built = aCluster(
    onNode('n1', {
      containers: [unmarked(aContainer(web, 'n1')), unmarked(aContainer(db, 'n1'))],
      volumes: [unmarked(aVolume('ds-db', { on: 'n1' }))],
    }),
    onNode('n2', { volumes: [unmarked(aVolume('ds-db', { role: 'replica' }))] }),
  );
  const cluster = withBareTables(built);

  it('is adopted where the files describe it, without a restart', () => {
    const plan = makePlan(shop({}, [web, db], ['web', 'db']), cluster);
    expect(plan.steps.map(({ id }) => id).filter((id) => id.startsWith('set-'))).toEqual([
      'set-deployment:deployment:n1',
      'set-deployment:deployment:n2',
    ]);
    const kindsOf = new Set(plan.steps.map(({ action }) => action.kind));
    expect(kindsOf).toEqual(new Set(['set-deployment', 'replace-network']));
  });

  it('is left alone where no file describes it, with its port, until the call says that it goes', () => {
    const plan = makePlan(shop(), cluster);
    expect(plan.steps.some(({ action }) => action.kind === 'stop-container')).toBe(false);
    expect(plan.notes).toContainEqual(expect.stringMatching(/^"db" on "n1" belongs to no deployment.*--allow-removal/));
    for (const { action } of plan.steps) {
      if (action.kind === 'replace-network')
        expect([...action.open, ...action.proxies].map(({ port }) => port)).toContain(5432);
    }
    expect(kinds(shop({ removesUnmarked: true }), cluster)).toContain('stop-container');
  });
});

describe('a deployment that has its name from its folder', () => {
  const theirs = aCluster(onNode('n1', { containers: [of('app', aContainer(db, 'n1'))] }), onNode('n2'));

  it('stops nothing of another folder with the same name before a person has agreed', () => {
    const config = shop({ name: 'app', isNamedByFolder: true });
    const plan = makePlan(config, theirs);
    expect(largeRemoval(plan, theirs)?.reason).toContain('the files describe none of it');
    expect(largeRemoval(makePlan(shop({ name: 'app' }), theirs), theirs)).toBeUndefined();
  });

  it('says how to go on where the folder was renamed', () => {
    const config = shop({ name: 'app2', isNamedByFolder: true }, [db], ['db']);
    const marked = aCluster(
      onNode('n1', {
        containers: [of('app', aContainer(db, 'n1'))],
        volumes: [aVolume('ds-db', { on: 'n1', deployment: 'app' })],
      }),
      onNode('n2'),
    );
    const plan = makePlan(config, marked);
    expect(plan.steps).toEqual([]);
    expect(plan.blocked[0]?.hint).toContain('write "name: app" in drover.yml');
  });
});

describe('the view of a deployment', () => {
  it('keeps what earlier runs have seen of volumes', () => {
    const place = { volume: 'ds-db', node: 'n9', nodeId: 'id-n9', address: '10.0.0.9' };
    const seen = { ...aCluster(onNode('n1'), onNode('n2')), remembered: [place] };
    expect(deploymentView(shop(), seen).remembered).toEqual([place]);
    expect(kinds(shop({}, [db], ['db']), seen)).not.toContain('create-volume');
  });

  it('is the same when it is made twice, and is made again when the name changes', () => {
    const seen = aCluster(onNode('n1', { containers: [of('blog', aContainer(db, 'n1'))] }));
    const once = deploymentView(shop(), seen);
    expect(deploymentView(shop(), once)).toEqual(once);
    expect(deploymentView(shop({ name: 'blog' }), once)).toEqual(seen);
  });

  it('goes by the copies with the highest epoch: an older copy may still carry the name from before', () => {
    const cluster = aCluster(
      onNode('n1', {
        containers: [of('shop', aContainer(db, 'n1'))],
        volumes: [aVolume('ds-db', { on: 'n1', epoch: 3, deployment: 'shop' })],
        network: { open: [{ port: 5432, protocol: 'tcp', deployment: 'shop' }] },
      }),
      onNode('n2', {
        volumes: [aVolume('ds-db', { role: 'replica', epoch: 2, deployment: 'blog' })],
        network: { proxies: [{ port: 5432, protocol: 'tcp', address: 'n1', deployment: 'shop' }] },
      }),
    );
    const plan = makePlan(shop({}, [db], ['db']), cluster);
    expect(plan.blocked).toEqual([]);
    expect(plan.steps.map(({ id }) => id)).toContain('set-deployment:deployment:n2');
  });
});
