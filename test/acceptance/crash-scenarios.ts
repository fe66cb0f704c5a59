import { onNode } from './crash-nodes.ts';
import type { Files, Scenario } from './crash-play.ts';
import { node1, node2 } from './lab.ts';

/** The line protocol's port of each application that writes. */
export const writers = { writer: 8001, pair: 8101, a: 8201, b: 8301, fresh: 8401 } as const;
/** Has no volume. */
export const stateless = 'drover-page';

interface Variant {
  readonly tag?: string;
  readonly mode?: string;
  readonly size?: string;
  /** `fresh` with a snapshot each day. */
  readonly isKept?: boolean;
  /** `a` and `b` with each other's volume. */
  readonly isExchanged?: boolean;
}

const writer = (name: keyof typeof writers, volume: string, { tag = '1', mode = 'x' }: Variant = {}): string => {
  const line = writers[name];
  return `  ${name}:
    image: drover/writer:${tag}
    ports: [{internal: ${line - 1}, external: ${line - 1}}, {internal: ${line}, external: ${line}}]
    ${volume}
    command: [/writer, -port, "${line - 1}"]
    environment: {RATE: "10", MODE: ${mode}}
    restart_policy: {name: always}
`;
};

function application(variant: Variant = {}): string {
  const size = variant.size === undefined ? '' : `, maximum_size: "${variant.size}"`;
  const kept = variant.isKept === true ? ', snapshots: {daily: 1}' : '';
  const [a, b] = variant.isExchanged === true ? ['vol-b', 'vol-a'] : ['vol-a', 'vol-b'];
  return `version: 1
applications:
${writer('writer', `volume: {mountpoint: /data${size}}`, variant)}${writer('pair', 'volumes: [{mountpoint: /data}, {mountpoint: /more}]')}${writer('a', `volume: {mountpoint: /data, dataset_id: ${a}}`)}${writer('b', `volume: {mountpoint: /data, dataset_id: ${b}}`)}${writer('fresh', `volume: {mountpoint: /data${kept}}`)}  page:
    image: drover/busybox:1
    ports: [{internal: 80, external: 8080}]
    command: [sh, -c, "mkdir -p /www; echo page >/www/index.html; exec httpd -f -p 80 -h /www"]
    restart_policy: {name: always}
`;
}

const files = (on1: readonly string[], on2: readonly string[], variant?: Variant): Files => ({
  application: application(variant),
  placement: { [node1]: on1, [node2]: on2 },
});

/** The image `drover/writer:2` on node1 alone: what it has that the other lacks is a label. */
const newImage = `docker image inspect drover/writer:2 >/dev/null 2>&1 || {
  id=$(docker create drover/writer:1) && docker commit --change 'LABEL version=2' "$id" drover/writer:2 && docker rm "$id"; } >/dev/null`;

const onlyOn1 = async (): Promise<void> => {
  await onNode(node1, newImage);
  await onNode(node2, 'docker rmi -f drover/writer:2 >/dev/null 2>&1 || true');
};

/** The mounted dataset of an application, in a shell on the node. */
const datasetOf = (app: string): string =>
  `$(zfs list -H -o name,mounted -r drover/volumes | grep '/${app}-.*yes$' | cut -f 1)`;

/** As a person does who stops an application and unmounts its volume to look at it. */
const unmounted = (app: string) => async (): Promise<void> => {
  await onNode(node1, `docker stop -t 5 drover-${app} && zfs unmount "${datasetOf(app)}"`);
};

export const move: Scenario = { name: 'move', before: files(['writer'], []), goal: files([], ['writer']) };
export const moveBack: Scenario = { name: 'move back', before: move.goal, goal: move.before };
export const twoVolumes: Scenario = { name: 'two volumes', before: files(['pair'], []), goal: files([], ['pair']) };
export const twoBack: Scenario = { name: 'two volumes back', before: twoVolumes.goal, goal: twoVolumes.before };
export const swap: Scenario = { name: 'swap', before: files(['a'], ['b']), goal: files(['b'], ['a']) };
export const swapBack: Scenario = { name: 'swap back', before: swap.goal, goal: swap.before };
export const exchange: Scenario = {
  name: 'exchange of volumes',
  before: files(['a'], ['b']),
  goal: files(['a'], ['b'], { isExchanged: true }),
};
export const newImageAndMove: Scenario = {
  name: 'new image and move',
  before: files(['writer'], []),
  goal: files([], ['writer'], { tag: '2' }),
  prepare: onlyOn1,
};
export const newEnvironment: Scenario = {
  name: 'new environment',
  before: files(['writer'], []),
  goal: files(['writer'], [], { mode: 'y' }),
};
export const resize: Scenario = {
  name: 'resize',
  before: files(['writer'], []),
  goal: files(['writer'], [], { size: '64M' }),
};
export const resizeAndMove: Scenario = {
  name: 'resize and move',
  before: resize.goal,
  goal: files([], ['writer'], { size: '128M' }),
};
export const removal: Scenario = { name: 'removal', before: files(['writer'], []), goal: files([], []) };
export const page: Scenario = { name: 'stateless', before: files(['page'], []), goal: files([], ['page']) };
export const pageBack: Scenario = { name: 'stateless back', before: page.goal, goal: page.before };
export const firstStart: Scenario = { name: 'first start', before: files([], []), goal: files(['fresh'], []) };
export const mounting: Scenario = {
  name: 'stopped and unmounted by hand',
  before: files(['fresh'], []),
  goal: files(['fresh'], []),
  prepare: unmounted('fresh'),
};
export const bootRules: Scenario = {
  name: 'boot rules lost',
  before: files(['fresh'], []),
  goal: files(['fresh'], []),
  prepare: async () => {
    await onNode(node2, 'rm /etc/drover/boot-peers');
  },
};
export const standbyRules: Scenario = {
  name: 'rules of standbys lost',
  before: files(['fresh'], [], { isKept: true }),
  goal: files(['fresh'], [], { isKept: true }),
  prepare: async () => {
    await onNode(node1, 'rm /etc/drover/standby');
  },
};
/** As an earlier version of drover left it: the dataset names no deployment. */
export const unnamed: Scenario = {
  name: 'without a deployment',
  before: files(['fresh'], []),
  goal: files(['fresh'], []),
  prepare: async () => {
    await onNode(node1, `zfs inherit drover:deployment "${datasetOf('fresh')}"`);
  },
};
/** A move was killed after its release, and the files of before are applied again. */
export const takenBack: Scenario = {
  name: 'taken back',
  before: files(['writer'], []),
  goal: files(['writer'], []),
  prepare: (kill) => kill(files([], ['writer']), 'release-volume'),
};
/** The data goes back to what it was in the snapshot, or stays as it is: one of both. */
export const rollBack = (snapshot: string): Scenario => ({
  name: 'roll back',
  before: files(['fresh'], []),
  goal: files(['fresh'], []),
  prepare: async () => {
    await onNode(node1, `zfs snapshot "${datasetOf('fresh')}@user-${snapshot}"`);
  },
  act: ['rollback', 'fresh', snapshot, '--yes'],
  goesBack: 'fresh',
});
