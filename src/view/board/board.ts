import { lastFacts, type NodeFacts, type NodeState } from '../../model/cluster.ts';
import { addTo, cached } from '../../model/collect.ts';
import type { AppName, Config, NodeName, VolumeId } from '../../model/config.ts';
import { plainText } from '../../model/plain-text.ts';
import type { Plan } from '../../model/plan.ts';
import type { ClusterView, FiguresView } from '../cluster-view.ts';
import { type Activity, activitiesOf, indexConfig, indexPlan } from './plan.ts';
import { rowsOf } from './rows.ts';
import type { Board, BoardNode, BoardPool } from './types.ts';

/** Figures older than this are not shown, because people would take them for current ones. */
export const figuresLastMs = 15_000;

/** The inputs of a cached result. */
type Key = readonly unknown[];
const remembered = new WeakMap<ClusterView['nodes'], { readonly key: Key; readonly board: Board }>();
const rememberedNodes = new WeakMap<object, { readonly key: Key; readonly node: BoardNode }>();

/**
 * The desired and the observed state of every node, in the order of the files. A node that has not changed is the same
 * object as before, and so is the board, so every frame may ask for it.
 */
export function boardOf(view: ClusterView, now: number): Board {
  const names = nodeNames(view);
  const fresh = names.map((node) => isFresh(view.figures[node], now)).join();
  const key = [view.config, view.plan, view.steps, view.figures, fresh];
  const known = remembered.get(view.nodes);
  if (known !== undefined && isSame(known.key, key)) return known.board;
  const common = commonOf(view);
  const board = { nodes: names.map((node) => nodeFor(view, common, node, now)), idle: idleApps(view, common) };
  remembered.set(view.nodes, { key, board });
  return board;
}

const isSame = (a: Key, b: Key): boolean => a.length === b.length && a.every((each, i) => Object.is(each, b[i]));

const isFresh = (figures: FiguresView | undefined, now: number): boolean =>
  figures !== undefined && now - figures.latest.at <= figuresLastMs;

/** The applications of the files in their order, then the others that nodes report. */
function nodeNames({ config, nodes }: ClusterView): readonly NodeName[] {
  return [
    ...new Set([...Object.keys(config?.deployment ?? {}), ...Object.keys(config?.nodes ?? {}), ...Object.keys(nodes)]),
  ];
}

interface Common {
  readonly activities: ReadonlyMap<NodeName, readonly Activity[]>;
  /** The finished steps of the plan, by node. */
  readonly finished: ReadonlyMap<NodeName, readonly string[]>;
  readonly whereabouts: ReadonlyMap<AppName, readonly NodeName[]>;
  /** Applications on nodes where the files do not place them. */
  readonly strays: ReadonlyMap<NodeName, readonly AppName[]>;
}

function commonOf(view: ClusterView): Common {
  const activities = new Map<NodeName, Activity[]>();
  for (const each of [...activitiesOf(view).values()].flat()) {
    for (const node of each.nodes) addTo(activities, node, each);
  }
  const finished = new Map<NodeName, string[]>();
  for (const { id, action } of view.plan?.steps ?? []) {
    if (view.steps[id]?.state === 'succeeded' && 'node' in action) addTo(finished, action.node, id);
  }
  const at = whereaboutsOf(view.nodes);
  const { placement } = indexConfig(view.config);
  const strays = new Map<NodeName, AppName[]>();
  for (const [app, nodes] of at) {
    for (const node of nodes) if (placement.get(app) !== node) addTo(strays, node, app);
  }
  return { activities, finished, whereabouts: at, strays };
}

/** The nodes on which each application has a container, from the last facts of each node. */
const whereaboutsOf = cached((nodes: ClusterView['nodes']): ReadonlyMap<AppName, readonly NodeName[]> => {
  const found = new Map<AppName, NodeName[]>();
  for (const [node, state] of Object.entries(nodes)) {
    for (const { managed, application } of lastFacts(state)?.containers ?? []) {
      if (managed && application !== undefined) addTo(found, application, node);
    }
  }
  return found;
});

/** The key of the cache for nodes that were never observed. */
function nodeFor(view: ClusterView, common: Common, node: NodeName, now: number): BoardNode {
  const state = view.nodes[node];
  const figures = isFresh(view.figures[node], now) ? view.figures[node] : undefined;
  const activities = common.activities.get(node) ?? [];
  const finished = common.finished.get(node) ?? [];
  const { config, plan } = view;
  const place = placeOf(config, node, common);
  const key = [node, config, plan, figures, textOf(activities), finished.join(), place];
  const known = state === undefined ? undefined : rememberedNodes.get(state);
  if (known !== undefined && isSame(known.key, key)) return known.node;
  const made = makeNode({ node, state, figures, config, plan, activities, finished, whereabouts: common.whereabouts });
  if (state !== undefined) rememberedNodes.set(state, { key, node: made });
  return made;
}

const textOf = (activities: readonly Activity[]): string =>
  activities.map(({ group, kind, note }) => `${group} ${kind} ${note.kind} ${note.text}`).join('\n');

function idleApps({ config }: ClusterView, { whereabouts }: Common): readonly AppName[] {
  const { placement } = indexConfig(config);
  return Object.keys(config?.applications ?? {}).filter((app) => !placement.has(app) && !whereabouts.has(app));
}

/** The other nodes of this node's applications: all that its rows need from other nodes. */
function placeOf(config: Config | undefined, node: NodeName, { whereabouts, strays }: Common): string {
  const own = [...(config?.deployment[node] ?? []), ...(strays.get(node) ?? [])];
  return own.map((app) => whereabouts.get(app)?.join(' ') ?? '-').join();
}

interface NodeParts {
  readonly node: NodeName;
  readonly state: NodeState | undefined;
  readonly figures: FiguresView | undefined;
  readonly config: Config | undefined;
  readonly plan: Plan | undefined;
  readonly activities: readonly Activity[];
  readonly finished: readonly string[];
  readonly whereabouts: Common['whereabouts'];
}

function makeNode(parts: NodeParts): BoardNode {
  const { node, state, figures, config } = parts;
  const status = state?.status ?? 'unseen';
  const facts = lastFacts(state);
  const live = status === 'reachable' ? figures?.latest : undefined;
  const plan = indexPlan(parts.plan);
  const pool = live?.pool ?? facts?.pool;
  return {
    node,
    ...titles(config, node),
    status,
    ...troubleOf(state),
    isStale: status !== 'reachable',
    ...roundTrip(live?.roundTripMs ?? (status === 'reachable' ? facts?.roundTripMs : undefined)),
    ...(live === undefined ? {} : { measuredAt: live.at }),
    ...(live?.cpuPercent === undefined ? {} : { cpuPercent: live.cpuPercent }),
    cpuHistory: live === undefined ? [] : (figures?.cpuHistory ?? []),
    ...(live === undefined || live.memoryTotalBytes <= 0
      ? {}
      : { memoryPercent: Math.round((100 * live.memoryUsedBytes) / live.memoryTotalBytes) }),
    ...(pool === undefined ? {} : { pool: poolOf(pool) }),
    blocked: plan.blockedNodes.get(node) ?? [],
    rows: rowsOf({
      ...parts,
      status,
      facts,
      figures: live === undefined ? undefined : figures,
      config: indexConfig(config),
      plan,
      wantedApps: config?.deployment[node] ?? [],
      wantedVolumes: wantedVolumes(config, node),
      finished: new Set(parts.finished),
      titleOf: (other) => titles(config, other).title,
    }),
  };
}

const roundTrip = (ms: number | undefined) => (ms === undefined ? {} : { roundTripMs: ms });

function wantedVolumes(config: Config | undefined, node: NodeName): readonly VolumeId[] {
  return (config?.datasets ?? []).flatMap((each) => (each.node === node && each.deleted !== true ? [each.id] : []));
}

function titles(config: Config | undefined, node: NodeName): { readonly title: string; readonly address?: string } {
  const { name, host } = config?.nodes[node] ?? {};
  const title = plainText(name ?? node);
  const address = plainText(name === undefined || name === node ? (host ?? node) : node);
  return address === title ? { title } : { title, address };
}

function troubleOf(state: NodeState | undefined): Pick<BoardNode, 'problem' | 'hint' | 'since'> {
  if (state?.status !== 'unreachable') return {};
  const { message, hint } = state.error;
  return { problem: plainText(message), ...(hint === undefined ? {} : { hint: plainText(hint) }), since: state.since };
}

function poolOf({ name, health, sizeBytes, freeBytes }: NodeFacts['pool']): BoardPool {
  const usedBytes = Math.max(0, sizeBytes - freeBytes);
  const usedPercent = sizeBytes <= 0 ? 0 : Math.round((100 * usedBytes) / sizeBytes);
  return { name: plainText(name), health: plainText(health), sizeBytes, usedBytes, usedPercent };
}
