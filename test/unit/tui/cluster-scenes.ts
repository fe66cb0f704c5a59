import type { Container, NodeFigures } from '../../../src/model/cluster.ts';
import type { Application, Config, NodeName } from '../../../src/model/config.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { actions } from '../../../src/tui/actions/actions.ts';
import { unicodeGlyphs } from '../../../src/tui/frame/glyphs.ts';
import type { Row, Size } from '../../../src/tui/frame/rows.ts';
import type { ScreenInput } from '../../../src/tui/screen.ts';
import type { UiState } from '../../../src/tui/state.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { emptyView } from '../../../src/view/reduce.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aForeignContainer,
  aMount,
  anApplication,
  aVolume,
  type BuiltNode,
  onNode,
  someFacts,
  tcp,
} from '../../builders.ts';

// The clock in the header is this machine's.
process.env.TZ = 'UTC';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
export const now = Date.UTC(2025, 10, 22, 14, 8, 5);
const ago = (ms: number): string => new Date(now - ms).toISOString();
const GiB = 2 ** 30;

export function figuresOf(overrides: Partial<NodeFigures> = {}): ClusterView['figures'][string] {
  const latest: NodeFigures = {
    at: now - 1000,
    roundTripMs: 4,
    cores: 4,
    cpuPercent: 18,
    load1: 0.7,
    memoryTotalBytes: 8 * GiB,
    memoryUsedBytes: 5.7 * GiB,
    pool: { name: 'tank', health: 'ONLINE', sizeBytes: 2000 * GiB, freeBytes: 380 * GiB },
    containers: {},
    ...overrides,
  };
  return { latest, cpuHistory: [10, 20, 35, 18, 9, 12, 25, 18] };
}

const app = (name: string, tag = '1', data?: string) =>
  anApplication(name, {
    image: { repository: `acme/${name}`, tag },
    ...(data === undefined ? {} : { volumes: [aMount(data)] }),
  });

const wiki: Application = { ...app('wiki', '2.3', 'ds-wiki'), ports: [tcp(443, 8443)] };
const grafana = app('grafana', '1', 'ds-grafana');
const db = app('db', '9', 'ds-db');
const mail = app('mail', '1', 'ds-mail');
const registry = app('registry', '2.9');
const media = app('media', '1', 'ds-media');
const web = app('web');

/** Three nodes, one of them lost; an application that moves, one that changes, one that died, one that is new. */
export function sampleView(): ClusterView {
  const config: Config = aConfig(
    [wiki, grafana, db, mail, registry, media, web],
    { alpha: ['db', 'grafana', 'media'], beta: ['mail', 'registry', 'web', 'wiki'], gamma: [] },
    {
      nodes: { alpha: { host: '10.0.0.11' }, beta: { host: '10.0.0.12' }, gamma: { host: '10.0.0.13' } },
    },
  );
  const up = (of: Application, node: NodeName, ms: number, more: Partial<Container> = {}) =>
    aContainer(of, node, { startedAt: ago(ms), ...more });
  const died = aContainer(db, 'alpha', { state: 'exited', exit: { code: 137, oomKilled: true } });
  const data = (id: string, on: NodeName, bytes: number, snapshots: readonly string[] = []) =>
    aVolume(id, {
      on,
      referencedBytes: bytes,
      snapshots: snapshots.map((name, i) => ({ name, guid: `${i}`, createTxg: `${i}` })),
    });
  const nodes: BuiltNode[] = [
    onNode('alpha', {
      containers: [up(grafana, 'alpha', 12 * day), up(wiki, 'alpha', 3 * day), died],
      volumes: [
        data('ds-grafana', 'alpha', 1.2 * GiB, ['drover-e1-1', 'drover-e1-2']),
        data('ds-wiki', 'alpha', 14.2 * GiB, ['user-20251122T140000Z']),
        data('ds-db', 'alpha', 96.4 * GiB),
        data('ds-old', 'alpha', 3 * GiB),
      ],
    }),
    onNode('beta', {
      pool: { sizeBytes: 2000 * GiB, freeBytes: 1400 * GiB },
      containers: [
        up(mail, 'beta', 40 * day),
        up(app('registry', '2.8'), 'beta', 9 * day),
        aForeignContainer('old-blog'),
      ],
      volumes: [data('ds-mail', 'beta', 88 * GiB)],
    }),
    [
      'gamma',
      {
        status: 'unreachable',
        since: now - 9000,
        error: {
          code: 'connection-failed',
          message: 'cannot connect to "gamma": no answer within 15 s',
          retryable: true,
          causes: [],
        },
        lastFacts: someFacts('gamma', {
          containers: [up(media, 'gamma', 8 * day)],
          volumes: [data('ds-media', 'gamma', 611 * GiB)],
        }),
      },
    ],
  ];
  const state = aCluster(...nodes);
  const plan = makePlan(config, state);
  const use = (cpuPercent: number, memoryMiB: number) => ({ cpuPercent, memoryBytes: memoryMiB * 2 ** 20 });
  return {
    ...emptyView,
    config,
    configLoadedAt: now - 6 * minute,
    nodes: state.nodes,
    plan,
    figures: {
      alpha: figuresOf({ containers: { 'drover-grafana': use(1, 210), 'drover-wiki': use(12, 512) } }),
      beta: figuresOf({
        roundTripMs: 6,
        cpuPercent: 4,
        memoryUsedBytes: 2.6 * GiB,
        pool: { name: 'tank', health: 'ONLINE', sizeBytes: 2000 * GiB, freeBytes: 1400 * GiB },
        containers: { 'drover-mail': use(3, 900), 'drover-registry': use(1, 80) },
      }),
    },
  };
}

/** Hostile names: wide characters, control characters, 63 letters, sequences that move the cursor. */
export function hostileView(): ClusterView {
  const names = [
    '日本語のアプリケーション',
    'e\u0301tude\u202edlrow',
    'a\u001b[2Jb\u0007c\td',
    'n'.repeat(63),
    '한국',
    '-',
  ];
  const apps = names.map((name) => anApplication(name));
  const nodes = { ノード一号機: names.slice(0, 3), ['long'.repeat(16)]: names.slice(3) };
  const config = aConfig(apps, nodes, {
    nodes: { ノード一号機: { name: 'ノード\u001b]0;owned\u0007' }, ['long'.repeat(16)]: {} },
  });
  const state = aCluster(
    onNode('ノード一号機', {
      containers: [
        ...apps.slice(0, 3).map((each) => aContainer(each, 'ノード一号機')),
        aForeignContainer('evil\r\n\u001b[31mred'),
      ],
    }),
    onNode('long'.repeat(16), { containers: apps.slice(3, 5).map((each) => aContainer(each, 'long'.repeat(16))) }),
  );
  return { ...emptyView, config, nodes: state.nodes, plan: makePlan(config, state) };
}

/** `nodes` nodes with `apps` applications on each, all of them well unless `change` says otherwise. */
export function bigView(nodes: number, apps: number): ClusterView {
  const names = Array.from({ length: nodes }, (_, i) => `node-${String(i + 1).padStart(3, '0')}`);
  const appsOf = (node: string) => Array.from({ length: apps }, (_, i) => `${node.replace('node', 'app')}-${i + 1}`);
  const config = aConfig(
    names.flatMap(appsOf).map((name) => anApplication(name)),
    Object.fromEntries(names.map((node) => [node, appsOf(node)])),
  );
  const state = Object.fromEntries(
    names.map((node) =>
      onNode(node, {
        containers: appsOf(node).map((name) => aContainer(anApplication(name), node, { startedAt: ago(day) })),
      }),
    ),
  );
  return { ...emptyView, config, nodes: state };
}

export function uiOf(size: Size, overrides: Partial<UiState> = {}): UiState {
  return {
    size,
    focus: 'cluster',
    zoomed: false,
    arrangement: 'auto',
    cursor: {},
    marks: new Set(),
    filter: '',
    filtering: false,
    faultsOnly: false,
    sort: 'node',
    detailTab: 'summary',
    offsets: { cluster: 0, plan: 0, detail: 0, events: 0 },
    planCursor: 0,
    theme: 'auto',
    mouse: false,
    hasTerminalFocus: true,
    overlays: [],
    busy: [],
    ...overrides,
  };
}

export function inputOf(view: ClusterView, ui: UiState, overrides: Partial<ScreenInput> = {}): ScreenInput {
  return {
    view,
    ui,
    now,
    glyphs: unicodeGlyphs,
    about: {
      version: '0.1.0',
      isReadOnly: false,
      files: { application: 'application.yml', deployment: 'deployment.yml' },
      folder: '/work',
      keyOf: (action) => actions.find(({ id }) => id === action)?.keys[0],
    },
    ...overrides,
  };
}

export const textOf = (row: Row): string => row.map(({ text }) => text).join('');
