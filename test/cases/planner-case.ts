import type { ClusterState, NetworkTable } from '../../src/model/cluster.ts';
import {
  type Application,
  type Config,
  defaultSettings,
  type ImageRef,
  type NodeName,
} from '../../src/model/config.ts';
import type { RestartPolicy } from '../../src/model/container/fields.ts';
import { defaultDeployment } from '../../src/model/names.ts';
import type { Action, Plan } from '../../src/model/plan.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { mergeNetwork } from '../../src/plan/steps/network-tables.ts';
import { aContainer, aVolume, nodeId, someFacts } from '../builders.ts';

export interface PlannerCase {
  readonly id: string;
  readonly what: string;
  readonly current: Readonly<Record<NodeName, CaseNode>>;
  readonly desired: Readonly<Record<NodeName, CaseNode>>;
  /** Phases of actions for each node of `current`. */
  readonly expect: Readonly<Record<NodeName, readonly (readonly CaseAction[])[]>>;
}

interface CaseNode {
  readonly apps?: readonly CaseApp[];
  readonly datasets?: readonly CaseDataset[];
  readonly proxies?: readonly CaseProxy[];
  readonly open_ports?: readonly number[];
}

interface CaseApp {
  readonly name: string;
  readonly image: string;
  readonly running?: boolean;
  readonly ports?: readonly { readonly internal: number; readonly external: number }[];
  readonly links?: readonly { readonly alias: string; readonly local_port: number; readonly remote_port: number }[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volume?: (CaseDataset & { readonly mountpoint: string }) | null;
  readonly mem_limit?: number | null;
  readonly cpu_shares?: number | null;
  readonly restart_policy?: { readonly name: string; readonly maximum_retry_count?: number | null } | null;
}

interface CaseDataset {
  readonly dataset_id: string;
  readonly maximum_size?: number | null;
  readonly deleted?: boolean;
}

interface CaseProxy {
  readonly ip: string;
  readonly port: number;
}

interface CaseAction {
  readonly do: string;
  readonly app?: string;
  readonly dataset_id?: string;
  readonly to?: NodeName;
  readonly maximum_size?: number | null;
  readonly proxies?: readonly CaseProxy[];
  readonly ports?: readonly number[];
  readonly optional?: boolean;
}

/** Plans a case and says how the actions differ from what is expected, a line each; empty where they do not. */
export function runPlannerCase(kase: unknown): string[] {
  if (!isPlannerCase(kase)) return ['not a planner case: current, desired and expect must map nodes'];
  const state = stateOf(kase);
  const plan = makePlan(configOf(kase), state);
  const blocked = plan.blocked.map((blocker) => `blocked: ${blocker.reason}`);
  const compared = Object.keys(kase.current).flatMap((node) => {
    return compareNode(node, actionsOn(node, plan, state), kase.expect[node] ?? []);
  });
  return [...blocked, ...compared];
}

/** Looks at the frame only: what is wrong further in throws, or shows as a difference. */
function isPlannerCase(value: unknown): value is PlannerCase {
  if (!isMapping(value)) return false;
  return isMapping(value['current']) && isMapping(value['desired']) && isMapping(value['expect']);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The desired half as a configuration. */
function configOf({ current, desired }: PlannerCase): Config {
  const nodes = Object.entries(desired);
  const datasets = nodes.flatMap(([node, { datasets = [] }]) =>
    datasets.map((dataset) => ({
      id: dataset.dataset_id,
      node,
      ...limitOf(dataset),
      ...(dataset.deleted === undefined ? {} : { deleted: dataset.deleted }),
    })),
  );
  const apps = nodes.flatMap(([, { apps = [] }]) => apps.map((app) => [app.name, applicationOf(app)] as const));
  return {
    revision: 'case',
    name: defaultDeployment,
    format: 'flocker',
    applications: Object.fromEntries(apps),
    deployment: Object.fromEntries(nodes.map(([node, { apps = [] }]) => [node, apps.map((app) => app.name)])),
    datasets,
    nodes: Object.fromEntries([...Object.keys(current), ...Object.keys(desired)].map((node) => [node, {}])),
    settings: defaultSettings,
  };
}

/** The current half as observed; a node that is only desired can be reached and is empty. */
function stateOf({ current, desired }: PlannerCase): ClusterState {
  const names = [...new Set([...Object.keys(current), ...Object.keys(desired)])];
  const nodes = names.map((node) => {
    const { apps = [], datasets = [], proxies = [], open_ports = [] } = current[node] ?? {};
    const mounted = apps.flatMap((app) => (app.volume ? [volumeOf(app.volume, node, app.name)] : []));
    const facts = someFacts(node, {
      containers: apps.map((app) =>
        aContainer(applicationOf(app), node, { state: app.running === false ? 'exited' : 'running' }),
      ),
      volumes: [...mounted, ...datasets.map((dataset) => volumeOf(dataset, node))],
      network: {
        proxies: proxies.map(({ ip, port }) => ({ port, protocol: 'tcp', address: ip })),
        open: open_ports.map((port) => ({ port, protocol: 'tcp' })),
        peers: names.filter((other) => other !== node),
      },
    });
    return [node, { status: 'reachable', observedAt: 0, facts }] as const;
  });
  return { nodes: Object.fromEntries(nodes) };
}

function volumeOf(dataset: CaseDataset, node: NodeName, application?: string) {
  const { maximumSizeBytes } = limitOf(dataset);
  return aVolume(dataset.dataset_id, {
    owner: nodeId(node),
    ...(application === undefined ? {} : { application }),
    ...(maximumSizeBytes === undefined ? {} : { limitBytes: maximumSizeBytes }),
  });
}

function limitOf({ maximum_size }: CaseDataset): { readonly maximumSizeBytes?: number } {
  return maximum_size === undefined || maximum_size === null ? {} : { maximumSizeBytes: maximum_size };
}

function applicationOf(app: CaseApp): Application {
  return {
    name: app.name,
    image: imageOf(app.image),
    ports: (app.ports ?? []).map((port) => ({ ...port, protocol: 'tcp' })),
    links: (app.links ?? []).map((link) => ({
      alias: link.alias,
      localPort: link.local_port,
      remotePort: link.remote_port,
    })),
    environment: app.environment ?? {},
    volumes: app.volume
      ? [{ id: app.volume.dataset_id, mountpoint: app.volume.mountpoint, ...limitOf(app.volume) }]
      : [],
    ...(app.mem_limit ? { memoryLimitBytes: app.mem_limit } : {}),
    ...(app.cpu_shares ? { cpuShares: app.cpu_shares } : {}),
    restartPolicy: policyOf(app),
  };
}

function imageOf(text: string): ImageRef {
  const colon = text.lastIndexOf(':');
  return colon > text.lastIndexOf('/')
    ? { repository: text.slice(0, colon), tag: text.slice(colon + 1) }
    : { repository: text, tag: 'latest' };
}

function policyOf({ restart_policy }: CaseApp): RestartPolicy {
  const { name = 'never', maximum_retry_count } = restart_policy ?? {};
  if (name === 'on-failure') {
    return { name, ...(maximum_retry_count ? { maximumRetryCount: maximum_retry_count } : {}) };
  }
  if (name === 'never' || name === 'always' || name === 'unless-stopped') return { name };
  throw new Error(`unknown restart policy ${name}`);
}

/** One of our actions in Flocker's words, and its place in the plan. */
interface Found {
  readonly text: string;
  readonly position: number;
}

function actionsOn(node: NodeName, plan: Plan, state: ClusterState): Found[] {
  const { steps } = plan;
  const restarted = (app: string) => {
    const existed = observedApps(state, node).has(app);
    return existed && steps.some(({ action }) => isStart(action, node, app));
  };
  const found = steps.flatMap(({ action }, position) => {
    const text = inFlockersWords(action, node, restarted);
    return text === undefined ? [] : [{ text, position }];
  });
  return [...found, ...networkChanges(node, plan, state)];
}

function isStart(action: Action, node: NodeName, app: string): boolean {
  return action.kind === 'start-container' && action.node === node && action.spec.application === app;
}

function observedApps(state: ClusterState, node: NodeName): Set<string> {
  const seen = state.nodes[node];
  const containers = seen?.status === 'reachable' ? seen.facts.containers : [];
  return new Set(containers.flatMap((container) => container.application ?? []));
}

/** Undefined for what Flocker has no word for, and for the first half of a restart. */
function inFlockersWords(action: Action, node: NodeName, restarted: (app: string) => boolean): string | undefined {
  switch (action.kind) {
    case 'create-volume':
      return action.node === node ? `create ${action.volume} ${action.limitBytes ?? 'null'}` : undefined;
    case 'resize-volume':
      return action.node === node ? `resize ${action.volume} ${action.limitBytes ?? 'null'}` : undefined;
    case 'retire-volume':
      return action.node === node ? `delete ${action.volume}` : undefined;
    case 'sync-volume':
      return action.from === node ? `push ${action.volume} to ${action.to}` : undefined;
    case 'release-volume':
      return action.from === node ? `handoff ${action.volume} to ${action.to}` : undefined;
    case 'acquire-volume':
      return action.to === node ? `wait ${action.volume}` : undefined;
    case 'stop-container':
      return action.node === node && !restarted(action.app) ? `stop ${action.app}` : undefined;
    case 'start-container': {
      if (action.node !== node) return undefined;
      const app = action.spec.application;
      return restarted(app) ? `restart ${app}` : `start ${app}`;
    }
    default:
      return undefined;
  }
}

/** The table after the last step against the one observed. */
function networkChanges(node: NodeName, plan: Plan, state: ClusterState): Found[] {
  const seen = state.nodes[node];
  if (seen?.status !== 'reachable') return [];
  const before = seen.facts.network;
  let table: NetworkTable = before;
  for (const { action } of plan.steps) {
    if (action.kind === 'replace-network' && action.node === node) table = { ...table, ...mergeNetwork(table, action) };
  }
  const changes = [
    ...(proxiesText(table) === proxiesText(before) ? [] : [`set_proxies ${proxiesText(table)}`]),
    ...(openText(table) === openText(before) ? [] : [`set_open_ports ${openText(table)}`]),
  ];
  return changes.map((text) => ({ text, position: -1 }));
}

const proxiesText = ({ proxies }: NetworkTable): string => setText(proxies.map((p) => `${p.address}:${p.port}`));
const openText = ({ open }: NetworkTable): string => setText(open.map(({ port }) => String(port)));
const setText = (texts: readonly string[]): string => `{${[...texts].sort().join(' ')}}`;

function expectedText(action: CaseAction): string {
  const limit = action.maximum_size ?? 'null';
  switch (action.do) {
    case 'set_proxies':
      return `set_proxies ${setText((action.proxies ?? []).map(({ ip, port }) => `${ip}:${port}`))}`;
    case 'set_open_ports':
      return `set_open_ports ${setText((action.ports ?? []).map(String))}`;
    case 'create':
    case 'resize':
      return `${action.do} ${action.dataset_id} ${limit}`;
    case 'push':
    case 'handoff':
      return `${action.do} ${action.dataset_id} to ${action.to}`;
    case 'wait':
    case 'delete':
      return `${action.do} ${action.dataset_id}`;
    case 'start':
    case 'stop':
    case 'restart':
      return `${action.do} ${action.app}`;
    default:
      throw new Error(`unknown action ${action.do}`);
  }
}

function compareNode(node: NodeName, found: readonly Found[], phases: readonly (readonly CaseAction[])[]): string[] {
  const expected = phases.flatMap((phase, index) =>
    phase.map((action) => ({ text: expectedText(action), phase: index, optional: action.optional === true })),
  );
  const missing = expected
    .filter(({ text, optional }) => !optional && !found.some((action) => action.text === text))
    .map(({ text }) => `${node}: missing: ${text}`);
  const extra = found
    .filter(({ text }) => !expected.some((action) => action.text === text))
    .map(({ text }) => `${node}: not expected: ${text}`);
  const placed = found.flatMap(({ text, position }) => {
    const phase = expected.find((action) => action.text === text)?.phase;
    return phase === undefined || text.startsWith('set_') ? [] : [{ text, position, phase }];
  });
  const disorder = placed.flatMap((early) =>
    placed
      .filter((late) => early.phase < late.phase && early.position > late.position)
      .map((late) => `${node}: ${late.text} comes before ${early.text}`),
  );
  return [...missing, ...extra, ...disorder];
}
