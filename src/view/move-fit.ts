import { lastFacts, type NodeFacts, type NodeState, type Volume } from '../model/cluster.ts';
import { type AppName, type NodeName, nodeOf } from '../model/config.ts';
import { plainText } from '../model/plain-text.ts';
import { poolOf } from './capacity.ts';
import type { ClusterView } from './cluster-view.ts';
import { formatBytes, formatDuration, listNames } from './wording.ts';

/** Whether some applications can run on a node, and what speaks for or against it. */
export interface Fit {
  readonly node: NodeName;
  /** Those that are already on the node. */
  readonly present: readonly AppName[];
  /** Why they cannot go there; absent: they can. */
  readonly against?: string;
  /** Warnings, which do not prevent the move. */
  readonly warnings: readonly string[];
  readonly freeBytes?: number;
  /** Bytes to send at most. */
  readonly neededBytes: number;
  /** Size of the data of all of them, on whichever node. */
  readonly dataBytes: number;
}

/** ZFS becomes slow above this use of a pool. */
const tightShare = 0.8;

/** Every node of the configuration in its order. `now` in milliseconds since 1970. */
export function fitsOf(view: ClusterView, apps: readonly AppName[], now: number): readonly Fit[] {
  return Object.keys(view.config?.nodes ?? {}).map((node) => fitOf(view, apps, node, now));
}

function fitOf(view: ClusterView, apps: readonly AppName[], node: NodeName, now: number): Fit {
  const { config } = view;
  const present = apps.filter((app) => config !== undefined && nodeOf(config, app) === node);
  const coming = apps.filter((app) => !present.includes(app));
  const state = view.nodes[node];
  const facts = lastFacts(state);
  const volumes = dataOf(view, coming);
  const neededBytes = volumes.reduce((sum, volume) => sum + missingOn(facts, volume), 0);
  const freeBytes = poolOf(view, node)?.freeBytes;
  const base = {
    node,
    present,
    neededBytes,
    dataBytes: dataOf(view, apps).reduce((sum, { referencedBytes }) => sum + referencedBytes, 0),
    ...(freeBytes === undefined ? {} : { freeBytes }),
  };
  const against = obstacle(view, state, coming, base, now);
  if (against !== undefined || facts === undefined) return { ...base, warnings: [], against: against ?? 'never seen' };
  return { ...base, warnings: warningsOf(view, coming, node, facts, base) };
}

type Sum = Pick<Fit, 'neededBytes' | 'freeBytes' | 'present'>;

function obstacle(
  view: ClusterView,
  state: NodeState | undefined,
  coming: readonly AppName[],
  { neededBytes, freeBytes }: Sum,
  now: number,
): string | undefined {
  if (coming.length === 0) return 'here now';
  if (state === undefined) return 'was not looked at yet';
  if (state.status === 'unreachable') {
    return `not reachable since ${formatDuration(Math.max(0, now - state.since))}: ${plainText(state.error.message)}`;
  }
  const [taken] = portsTaken(view, coming, state.facts);
  if (taken !== undefined) return taken;
  if (freeBytes !== undefined && neededBytes > freeBytes) {
    return `does not fit: needs ${formatBytes(neededBytes)}, has ${formatBytes(freeBytes)}`;
  }
  return undefined;
}

function portsTaken({ config }: ClusterView, apps: readonly AppName[], facts: NodeFacts): readonly string[] {
  return apps.flatMap((app) =>
    (config?.applications[app]?.ports ?? []).flatMap(({ external, protocol }) => {
      const listener = facts.listeners.find((each) => each.port === external && each.protocol === protocol);
      if (listener === undefined) return [];
      const by = listener.process === undefined ? 'another program' : `"${plainText(listener.process)}"`;
      return [`port ${external}/${protocol} of "${app}" is taken by ${by}`];
    }),
  );
}

/** The owners' copies of their volumes, each once, including those on nodes that do not answer. */
function dataOf({ nodes, config }: ClusterView, apps: readonly AppName[]): readonly Volume[] {
  const ids = new Set(apps.flatMap((app) => config?.applications[app]?.volumes ?? []).map(({ id }) => id));
  return Object.values(nodes).flatMap(
    (state) => lastFacts(state)?.volumes.filter(({ id, role }) => ids.has(id) && role === 'owner') ?? [],
  );
}

/** An older copy on the target reduces what is sent. The exact size is known only when it is sent. */
function missingOn(facts: NodeFacts | undefined, { id, referencedBytes }: Volume): number {
  const copy = facts?.volumes.find((each) => each.id === id);
  return Math.max(0, referencedBytes - (copy?.referencedBytes ?? 0));
}

function warningsOf(
  view: ClusterView,
  coming: readonly AppName[],
  node: NodeName,
  facts: NodeFacts,
  { neededBytes, freeBytes, present }: Sum,
): readonly string[] {
  const pool = poolOf(view, node);
  const used = pool === undefined || freeBytes === undefined ? 0 : pool.sizeBytes - freeBytes + neededBytes;
  const percent = pool === undefined || pool.sizeBytes === 0 ? 0 : Math.round((100 * used) / pool.sizeBytes);
  return [
    ...foreignArch(view, coming, facts),
    ...(pool === undefined || pool.health === 'ONLINE' ? [] : [`its pool is ${plainText(pool.health)}`]),
    ...(neededBytes > 0 && percent > 100 * tightShare
      ? [`its pool would be ${percent}% full, where ZFS gets slow`]
      : []),
    ...(present.length === 0 ? [] : [`${listNames(present)} ${present.length === 1 ? 'is' : 'are'} there already`]),
  ];
}

/** The image must exist for the processor of the target. */
function foreignArch(view: ClusterView, apps: readonly AppName[], facts: NodeFacts): readonly string[] {
  const { arch } = facts.versions;
  const others = apps.flatMap((app) => {
    const from = view.config === undefined ? undefined : nodeOf(view.config, app);
    const state = from === undefined ? undefined : view.nodes[from];
    const other = lastFacts(state)?.versions.arch;
    return other === undefined || other === arch ? [] : [{ app, other }];
  });
  const first = others[0];
  if (first === undefined) return [];
  const names = listNames(others.map(({ app }) => app));
  return [
    `its processor is ${plainText(arch)}, not ${plainText(first.other)}: the image of ${names} must exist for it`,
  ];
}
