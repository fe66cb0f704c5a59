import { loadConfig } from '../../src/config/load.ts';
import type { Application, AppName, Config, NodeName, PlacedVolume, VolumeId } from '../../src/model/config.ts';
import type { MemoryCluster } from '../../src/simulation/memory/cluster.ts';
import { aConfig, aMount, anApplication, tcp } from '../builders.ts';

export const MiB = 1024 * 1024;
export const nodes: readonly NodeName[] = ['n1', 'n2', 'n3'];

/** What runs at the beginning, and what the files ask for next. */
export interface Scenario {
  readonly name: string;
  /** Applied one after the other before the case begins. */
  readonly before: readonly Config[];
  /** The files of the first run. */
  readonly goal: Config;
  /** The first run rolls this application back instead, to a snapshot taken before. */
  readonly rollsBack?: AppName;
  /** The files after the repair; default: the goal. */
  readonly end?: Config;
  /** True where drover may refuse the goal. */
  readonly mayRefuse?: true;
  /** The applications of each volume that has several. */
  readonly shared?: Readonly<Record<VolumeId, readonly AppName[]>>;
  /** New name of an application, and the old one. */
  readonly oldNames?: Readonly<Record<AppName, AppName>>;
  /** Another deployment on the same nodes, applied before `before`. Its applications and data are never touched. */
  readonly neighbour?: Config;
  /** The files of the move after the end; default: the last of `before`. */
  readonly next?: Config;
  /** Changes the nodes after everything in `before` has been applied. */
  readonly prepare?: (cluster: MemoryCluster) => void;
}

/** The applications of the scenarios. */
const pg = anApplication('pg', {
  image: { repository: 'acme/pg', tag: '1' },
  ports: [tcp(5432)],
  volumes: [aMount('ds-pg', undefined, '/data')],
  restartPolicy: { name: 'always' },
});
const worker = anApplication('worker', {
  volumes: [aMount('ds-w', undefined, '/data')],
  restartPolicy: { name: 'always' },
});
const es = anApplication('es', {
  ports: [tcp(9200)],
  volumes: [aMount('ds-e1', undefined, '/a'), aMount('ds-e2', undefined, '/b')],
});
const web = anApplication('web', {
  ports: [tcp(80)],
  links: [{ alias: 'db', localPort: 5432, remotePort: 5432 }],
  dependsOn: [{ app: 'pg', until: 'started' }],
});
/** A job that needs the database, and a page that needs both. */
const job = anApplication('job', { mayEnd: 'job', dependsOn: [{ app: 'pg', until: 'healthy' }] });
const needy = anApplication('web', {
  ports: [tcp(80)],
  dependsOn: [
    { app: 'pg', until: 'healthy', restarts: true },
    { app: 'job', until: 'done' },
  ],
});
const page = anApplication('page', { ports: [tcp(8080)] });

/** They share a volume, and the second one has one of its own. */
const site = anApplication('web', {
  ports: [tcp(80)],
  volumes: [aMount('ds-site', undefined, '/srv')],
  restartPolicy: { name: 'always' },
});
const cron = anApplication('cron', {
  volumes: [aMount('ds-site', undefined, '/var/www'), aMount('ds-cron', undefined, '/log')],
  restartPolicy: { name: 'always' },
});
const shared = { 'ds-site': ['web', 'cron'] };
const sharing = [site, cron];

type Places = Partial<Record<'n1' | 'n2' | 'n3', readonly AppName[]>>;

/** Files with these applications in these places. */
export function files(
  apps: readonly Application[],
  places: Places,
  more: { readonly datasets?: readonly PlacedVolume[] } = {},
): Config {
  const deployment = { n1: [], n2: [], n3: [], ...places };
  return aConfig(apps, deployment, { revision: JSON.stringify([apps, deployment, more]), ...more });
}

const limited = (bytes: number): Application => ({ ...pg, volumes: [aMount('ds-pg', bytes, '/data')] });
const tagged = (tag: string): Application => ({ ...pg, image: { repository: 'acme/pg', tag } });

/** The same files after another edit: every application on a node where it neither was nor should be. */
export function elsewhere({ before, goal }: Scenario): Config {
  const placed = Object.values(goal.deployment).flat();
  const used = (app: AppName) => [before.at(-1), goal].flatMap((config) => placeOf(config, app) ?? []);
  const places: Record<NodeName, AppName[]> = { n1: [], n2: [], n3: [] };
  for (const app of placed) places[nodes.find((node) => !used(app).includes(node)) ?? 'n3']?.push(app);
  return withDeployment(goal, places);
}

/** The same files with nothing placed anywhere. */
export const removed = ({ goal }: Scenario): Config => withDeployment(goal, { n1: [], n2: [], n3: [] });

/** The same files with the first volume declared deleted, and what uses it gone. */
export function deleted(scenario: Scenario): Config {
  const { goal } = scenario;
  const [app] = Object.values(goal.applications).filter(({ volumes }) => volumes.length > 0);
  const id = app?.volumes[0]?.id;
  const node = placeOf(goal, app?.name ?? '');
  const config = removed(scenario);
  if (id === undefined || node === undefined) return config;
  return { ...config, revision: `${config.revision} deleted`, datasets: [{ id, node, deleted: true }] };
}

function withDeployment(config: Config, deployment: Config['deployment']): Config {
  const known = { ...Object.fromEntries(Object.keys(deployment).map((node) => [node, {}])), ...config.nodes };
  return { ...config, deployment, nodes: known, revision: `${config.revision} ${JSON.stringify(deployment)}` };
}

const placeOf = (config: Config | undefined, app: AppName): NodeName | undefined =>
  Object.keys(config?.deployment ?? {}).find((node) => config?.deployment[node]?.includes(app));

const onN1 = files([pg], { n1: ['pg'] });
const onN2 = files([pg], { n2: ['pg'] });
const onN3 = files([pg], { n3: ['pg'] });
const both = [pg, worker];
const es1 = { ...es, volumes: es.volumes.slice(0, 1) };
const worker2 = { ...worker, volumes: [...worker.volumes, aMount('ds-e2', undefined, '/b')] };
const renamed: Application = { ...pg, name: 'pg2' };
const oldNames = { pg2: 'pg' };

/** One-volume applications of the exchange: each gets the other's volume. */
const holder = (name: AppName, port: number, volume: string): Application =>
  anApplication(name, { ports: [tcp(port)], volumes: [aMount(volume, undefined, '/data')] });
const ab = [holder('a', 1001, 'vol-a'), holder('b', 1002, 'vol-b')];
const ba = [holder('a', 1001, 'vol-b'), holder('b', 1002, 'vol-a')];

/** Files as text, for edits that may change the identity of volumes. */
function read(application: string, placed: string): Config {
  const result = loadConfig({
    application: { path: 'application.yml', text: `version: 1\napplications:\n  ${application}\n` },
    deployment: { path: 'deployment.yml', text: `version: 1\nnodes:\n  n1: [${placed}]\n  n2: []\n  n3: []\n` },
  });
  if (!result.ok) throw new Error(`cannot read the files of a scenario: ${JSON.stringify(result.problems)}`);
  return result.config;
}
const one = read("db: {image: 'acme/db:1', volume: {mountpoint: /data}}", 'db');
const listed = read("db: {image: 'acme/db:1', volumes: [{mountpoint: /data}, {mountpoint: /backup}]}", 'db');
const oneListed = read("db: {image: 'acme/db:1', volumes: [{mountpoint: /data}]}", 'db');
const otherPath = read("db: {image: 'acme/db:1', volumes: [{mountpoint: /data/18}]}", 'db');
const otherName = read("store: {image: 'acme/db:1', volume: {mountpoint: /data}}", 'store');

function withoutNode(config: Config, node: NodeName): Config {
  const { [node]: _gone, ...deployment } = config.deployment;
  const { [node]: _settings, ...known } = config.nodes;
  return { ...config, deployment, nodes: known, revision: `${config.revision} without ${node}` };
}

/** The volume is filled to a little more than its limit, as OpenZFS lets a program do. */
function overfill(cluster: MemoryCluster): void {
  for (const dataset of cluster.machine('n1').datasets.values()) {
    const limit = dataset.limitBytes ?? 0;
    cluster.write('n1', dataset.properties.volume ?? '', Math.max(0, limit - dataset.content.bytes - 1));
    cluster.write('n1', dataset.properties.volume ?? '', 300_000);
  }
}

/** n2 pulled the tag long ago and has another image under it. */
function oldPull(cluster: MemoryCluster): void {
  const image = cluster.machine('n1').images.get('acme/pg:1')?.image ?? {};
  cluster.machine('n2').images.set('acme/pg:1', { id: 'sha256:an-older-pull', image });
}

/** The state that a version of drover without deployments has left. */
function withoutDeployments(cluster: MemoryCluster): void {
  for (const node of nodes) {
    const machine = cluster.machine(node);
    for (const dataset of machine.datasets.values()) delete dataset.properties.deployment;
    for (const [name, container] of machine.containers) {
      const { deployment: _label, ...spec } = container.spec;
      machine.containers.set(name, { ...container, spec });
    }
    const bare = <T extends { readonly deployment?: string }>({ deployment: _none, ...entry }: T) => entry;
    const { table } = machine;
    machine.table = { ...table, proxies: table.proxies.map(bare), open: table.open.map(bare) };
  }
}

const named = (name: string, config: Config): Config => ({ ...config, name, revision: `${config.revision} ${name}` });
const takenOver = (config: Config): Config => ({ ...config, takesOver: 'other' });

const linked = [pg, web];
const three = [pg, worker, es];

export const scenarios: readonly Scenario[] = [
  { name: 'first-start', before: [files([pg], {})], goal: onN1 },
  { name: 'first-start-no-ports', before: [files([worker], {})], goal: files([worker], { n2: ['worker'] }) },
  { name: 'move', before: [onN1], goal: onN2 },
  { name: 'move-back', before: [onN1, onN2], goal: onN1 },
  { name: 'third-node', before: [onN1, onN2], goal: onN3 },
  { name: 'round', before: [onN1, onN2, onN3], goal: onN1 },
  { name: 'no-ports', before: [files([worker], { n1: ['worker'] })], goal: files([worker], { n2: ['worker'] }) },
  { name: 'two-volumes', before: [files([es], { n1: ['es'] })], goal: files([es], { n2: ['es'] }) },
  {
    name: 'two-volumes-back',
    before: [files([es], { n1: ['es'] }), files([es], { n2: ['es'] })],
    goal: files([es], { n1: ['es'] }),
  },
  {
    name: 'swap',
    before: [files(both, { n1: ['pg'], n2: ['worker'] })],
    goal: files(both, { n1: ['worker'], n2: ['pg'] }),
  },
  {
    name: 'rotate',
    before: [files(three, { n1: ['pg'], n2: ['worker'], n3: ['es'] })],
    goal: files(three, { n1: ['es'], n2: ['pg'], n3: ['worker'] }),
  },
  {
    name: 'linked',
    before: [files(linked, { n1: ['pg', 'web'] })],
    goal: files(linked, { n2: ['pg', 'web'] }),
  },
  {
    name: 'linked-one',
    before: [files(linked, { n1: ['pg', 'web'] })],
    goal: files(linked, { n2: ['pg'], n1: ['web'] }),
  },
  {
    name: 'depending',
    before: [files([pg, job, needy], { n1: ['pg'], n2: ['job', 'web'] })],
    goal: files([pg, job, needy], { n2: ['pg', 'job'], n3: ['web'] }),
  },
  {
    name: 'depending-update',
    before: [files([pg, job, needy], { n1: ['pg'], n2: ['job', 'web'] })],
    goal: files([tagged('2'), job, needy], { n1: ['pg', 'job'], n2: ['web'] }),
  },
  {
    name: 'shared',
    shared,
    before: [files(sharing, { n1: ['web', 'cron'] })],
    goal: files(sharing, { n2: ['web', 'cron'] }),
  },
  {
    name: 'shared-back',
    shared,
    before: [files(sharing, { n1: ['web', 'cron'] }), files(sharing, { n2: ['web', 'cron'] })],
    goal: files(sharing, { n1: ['web', 'cron'] }),
  },
  {
    name: 'shared-third',
    shared,
    before: [files(sharing, { n1: ['web', 'cron'] }), files(sharing, { n2: ['web', 'cron'] })],
    goal: files([{ ...site, environment: { MODE: 'b' } }, cron], { n3: ['web', 'cron'] }),
  },
  {
    name: 'shared-first-start',
    shared,
    before: [files(sharing, {})],
    goal: files(sharing, { n1: ['web', 'cron'] }),
  },
  {
    name: 'shared-joins-and-moves',
    shared,
    before: [files([site], { n1: ['web'] })],
    goal: files(sharing, { n2: ['web', 'cron'] }),
  },
  {
    name: 'shared-leaves-and-moves',
    shared,
    before: [files(sharing, { n1: ['web', 'cron'] })],
    goal: files(sharing, { n2: ['web'] }),
    next: files(sharing, { n1: ['web'] }),
  },
  {
    name: 'shared-split',
    shared,
    before: [files(sharing, { n1: ['web', 'cron'] })],
    goal: files(sharing, { n1: ['web'], n2: ['cron'] }),
    end: files(sharing, { n2: ['web', 'cron'] }),
    mayRefuse: true,
  },
  {
    name: 'shared-roll-back',
    shared,
    before: [files(sharing, { n2: ['web', 'cron'] }), files(sharing, { n1: ['web', 'cron'] })],
    goal: files(sharing, { n1: ['web', 'cron'] }),
    rollsBack: 'web',
  },
  {
    name: 'shared-no-more',
    shared,
    before: [files(sharing, { n1: ['web', 'cron'] })],
    goal: files([site, { ...cron, volumes: cron.volumes.slice(1) }], { n1: ['web'], n2: ['cron'] }),
    mayRefuse: true,
  },
  { name: 'stateless', before: [files([page], { n1: ['page'] })], goal: files([page], { n2: ['page'] }) },
  { name: 'new-image', before: [onN1], goal: files([tagged('2')], { n1: ['pg'] }) },
  { name: 'new-image-and-move', before: [onN1], goal: files([tagged('2')], { n2: ['pg'] }) },
  { name: 'same-tag', before: [onN1], goal: onN2, prepare: oldPull },
  {
    name: 'new-environment',
    before: [files(linked, { n1: ['pg'], n2: ['web'] })],
    goal: files([{ ...pg, environment: { MODE: 'b' } }, web], { n1: ['pg'], n2: ['web'] }),
  },
  {
    name: 'resize',
    before: [files([limited(64 * MiB)], { n1: ['pg'] })],
    goal: files([limited(128 * MiB)], { n1: ['pg'] }),
  },
  {
    name: 'resize-and-move',
    before: [files([limited(64 * MiB)], { n1: ['pg'] })],
    goal: files([limited(128 * MiB)], { n2: ['pg'] }),
  },
  {
    name: 'full-and-move',
    before: [files([limited(64 * MiB)], { n1: ['pg'] })],
    goal: files([limited(64 * MiB)], { n2: ['pg'] }),
    prepare: overfill,
    end: files([limited(128 * MiB)], { n2: ['pg'] }),
  },
  {
    name: 'old-limit',
    before: [
      files([limited(32 * MiB)], { n1: ['pg'] }),
      files([limited(32 * MiB)], { n2: ['pg'] }),
      files([limited(8192 * MiB)], { n2: ['pg'] }),
    ],
    goal: files([limited(8192 * MiB)], { n1: ['pg'] }),
    prepare: (cluster) => cluster.write('n2', 'ds-pg', 2048 * MiB),
  },
  { name: 'roll-back', before: [onN2, onN1], goal: onN1, rollsBack: 'pg' },
  { name: 'remove', before: [onN1], goal: files([pg], {}) },
  {
    name: 'delete',
    before: [onN1],
    goal: files([], {}, { datasets: [{ id: 'ds-pg', node: 'n1', deleted: true }] }),
    mayRefuse: true,
  },
  { name: 'rename', before: [onN1], goal: files([renamed], { n1: ['pg2'] }), oldNames },
  { name: 'rename-and-move', before: [onN1], goal: files([renamed], { n2: ['pg2'] }), oldNames },
  {
    name: 'hand-over',
    before: [files([es, worker], { n1: ['es', 'worker'] })],
    goal: files([es1, worker2], { n1: ['es', 'worker'] }),
  },
  {
    name: 'hand-over-and-move',
    before: [files([es, worker], { n1: ['es'], n2: ['worker'] })],
    goal: files([es1, worker2], { n1: ['es'], n2: ['worker'] }),
  },
  { name: 'exchange', before: [files(ab, { n1: ['a'], n2: ['b'] })], goal: files(ba, { n1: ['a'], n2: ['b'] }) },
  { name: 'exchange-here', before: [files(ab, { n1: ['a', 'b'] })], goal: files(ba, { n1: ['a', 'b'] }) },
  {
    name: 'add-volume-and-move',
    before: [files([es1], { n1: ['es'] })],
    goal: files([es], { n2: ['es'] }),
  },
  {
    name: 'bare-volume',
    before: [files([], {}, { datasets: [{ id: 'ds-bare', node: 'n1' }] })],
    goal: files([], {}, { datasets: [{ id: 'ds-bare', node: 'n2' }] }),
  },
  {
    name: 'beside-another',
    neighbour: named('other', files([worker, page], { n1: ['worker'], n2: ['page'] })),
    before: [onN1],
    goal: onN2,
  },
  {
    name: 'beside-another-swap',
    neighbour: named('other', files([es, page], { n1: ['es'], n2: ['page'] })),
    before: [files(both, { n1: ['pg'], n2: ['worker'] })],
    goal: files(both, { n1: ['worker'], n2: ['pg'] }),
  },
  { name: 'take-over', before: [named('other', onN1)], goal: takenOver(onN1), next: takenOver(onN2) },
  { name: 'take-over-and-move', before: [named('other', onN1)], goal: takenOver(onN2), next: takenOver(onN1) },
  { name: 'adopt', before: [onN2, onN1], goal: onN1, prepare: withoutDeployments },
  { name: 'adopt-and-move', before: [onN2, onN1], goal: onN2, prepare: withoutDeployments },
  { name: 'node-left-out', before: [onN1], goal: withoutNode(onN2, 'n1'), end: onN2, mayRefuse: true },
  { name: 'volume-as-list', before: [one], goal: listed, mayRefuse: true },
  { name: 'other-mountpoint', before: [oneListed], goal: otherPath, end: oneListed, mayRefuse: true },
  { name: 'other-name', before: [one], goal: otherName, end: one, oldNames: { store: 'db' }, mayRefuse: true },
];
