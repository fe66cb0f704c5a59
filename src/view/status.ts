import {
  type ClusterState,
  type Container,
  freshFacts,
  lastFacts,
  type NodeFacts,
  type NodeState,
  type Volume,
  type WaitingVolume,
} from '../model/cluster.ts';
import { addTo } from '../model/collect.ts';
import {
  type Application,
  type AppName,
  type Config,
  type DeploymentName,
  type NodeName,
  nodeOf,
} from '../model/config.ts';
import { type ContainerVerdict, judgeContainer } from '../model/container/verdict.ts';
import { defined } from '../model/defined.ts';
import type { ErrorReport } from '../model/errors.ts';
import { printImage } from '../model/names.ts';
import type { Blocker, Plan } from '../model/plan.ts';
import { type StandbyState, standbyStates } from '../model/standby/states.ts';
import { type AppNames, appNames } from './app-names.ts';

/** The desired and the observed state, as printed in JSON. Lists are sorted by name, then node. */
export interface Status {
  readonly nodes: readonly NodeStatus[];
  readonly applications: readonly ApplicationStatus[];
  readonly volumes: readonly VolumeStatus[];
  readonly standbys: readonly StandbyState[];
  /** The deployment that the files describe. */
  readonly deployment: DeploymentName;
  /** Applications of other deployments, or of none, which drover leaves alone. */
  readonly others: readonly OtherApplication[];
  /** Containers that drover did not make and never touches. */
  readonly foreign: readonly { readonly node: NodeName; readonly container: string }[];
  readonly changes: number;
  readonly blocked: readonly Blocker[];
  readonly notes: readonly string[];
}

export interface OtherApplication {
  readonly application: AppName;
  /** Absent: an earlier version made it, and no deployment has adopted it. */
  readonly deployment?: DeploymentName;
  readonly node: NodeName;
  readonly state: Container['state'];
}

export interface NodeStatus {
  readonly node: NodeName;
  readonly name?: string;
  readonly reachable: boolean;
  readonly roundTripMs?: number;
  readonly pool?: {
    readonly name: string;
    readonly health: string;
    readonly sizeBytes: number;
    readonly usedPercent: number;
  };
  readonly versions?: NodeFacts['versions'];
  /** Why it cannot be reached, and since when (milliseconds since 1970). */
  readonly error?: ErrorReport;
  readonly since?: number;
}

/**
 * Of its container, where it has one on its node. missing: no container. elsewhere: on another node. unknown: its node
 * cannot be reached. idle: declared, on no node, and not running. unwanted: running, not placed.
 */
export type Verdict = ContainerVerdict | 'missing' | 'elsewhere' | 'unknown' | 'idle' | 'unwanted';

export interface ApplicationStatus {
  readonly application: AppName;
  readonly verdict: Verdict;
  readonly wanted?: NodeName;
  readonly image?: string;
  readonly ports: readonly number[];
  /** How others reach it by name; absent: no node reports it. */
  readonly names?: AppNames;
  readonly found: readonly FoundContainer[];
}

export interface FoundContainer {
  readonly node: NodeName;
  readonly state: Container['state'];
  readonly health?: Container['health'];
  readonly exit?: Container['exit'];
  /** A job that was done before its container moved here. */
  readonly isDone?: true;
  readonly startedAt?: string;
  readonly image: string;
}

export interface VolumeStatus {
  readonly volume: string;
  readonly application?: AppName;
  readonly deployment?: DeploymentName;
  readonly node: NodeName;
  readonly role: Volume['role'];
  readonly epoch: number;
  readonly mounted: boolean;
  readonly referencedBytes: number;
  readonly limitBytes?: number;
  readonly snapshots: number;
  readonly newestSnapshot?: string;
  /** It has not been mounted since its node booted, because these nodes may have taken it over or claim it. */
  readonly waiting?: { readonly why: WaitingVolume['why']; readonly nodes: readonly NodeName[] };
}

export function statusOf(config: Config, state: ClusterState, plan?: Plan): Status {
  const nodes = Object.entries(state.nodes).toSorted(([a], [b]) => compare(a, b));
  return {
    nodes: nodes.map(([node, each]) => nodeStatus(config, node, each)),
    applications: applicationStatuses(config, nodes),
    volumes: nodes.flatMap(([node, each]) => volumeStatuses(node, each, state)).toSorted(byApplication),
    standbys: standbyStates(state),
    deployment: config.name,
    others: nodes.flatMap(([node, each]) => othersOn(node, each)).toSorted(byDeployment),
    foreign: nodes.flatMap(([node, each]) =>
      (freshFacts(each)?.containers ?? []).filter(isForeign).map(({ name: container }) => ({ node, container })),
    ),
    changes: plan?.steps.length ?? 0,
    blocked: plan?.blocked ?? [],
    notes: plan?.notes ?? [],
  };
}

const isForeign = ({ managed, otherApplication }: Container): boolean => !managed && otherApplication === undefined;

function othersOn(node: NodeName, state: NodeState): OtherApplication[] {
  return (freshFacts(state)?.containers ?? []).flatMap(({ otherApplication: application, deployment, state: now }) =>
    application === undefined
      ? []
      : [{ application, ...(deployment === undefined ? {} : { deployment }), node, state: now }],
  );
}

const byDeployment = (a: OtherApplication, b: OtherApplication): number =>
  compare(a.deployment ?? '', b.deployment ?? '') || compare(a.application, b.application) || compare(a.node, b.node);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function nodeStatus(config: Config, node: NodeName, state: NodeState): NodeStatus {
  const name = config.nodes[node]?.name;
  const head = { node, ...(name === undefined ? {} : { name }) };
  if (state.status === 'unreachable') return { ...head, reachable: false, error: state.error, since: state.since };
  const { pool, roundTripMs, versions } = state.facts;
  const usedPercent = pool.sizeBytes === 0 ? 0 : Math.round(100 * (1 - pool.freeBytes / pool.sizeBytes));
  return {
    ...head,
    reachable: true,
    roundTripMs,
    pool: { name: pool.name, health: pool.health, sizeBytes: pool.sizeBytes, usedPercent },
    versions,
  };
}

function applicationStatuses(config: Config, nodes: readonly (readonly [NodeName, NodeState])[]): ApplicationStatus[] {
  const found = new Map<AppName, FoundContainer[]>();
  for (const [node, state] of nodes) {
    for (const container of freshFacts(state)?.containers ?? []) {
      if (!container.managed || container.application === undefined) continue;
      addTo(found, container.application, foundOn(node, container));
    }
  }
  const down = new Set(nodes.filter(([, state]) => state.status === 'unreachable').map(([node]) => node));
  const named = appNames({ nodes: Object.fromEntries(nodes) }, config.name);
  return [...new Set([...Object.keys(config.applications), ...found.keys()])].toSorted(compare).map((name) => ({
    ...applicationStatus(config, name, found.get(name) ?? [], down),
    ...defined({ names: named.get(name) }),
  }));
}

function foundOn(node: NodeName, { state, health, exit, startedAt, spec }: Container): FoundContainer {
  return {
    node,
    state,
    ...defined({ health, exit, isDone: spec.isDone, startedAt }),
    image: spec.image,
  };
}

function applicationStatus(
  config: Config,
  application: AppName,
  found: readonly FoundContainer[],
  down: ReadonlySet<NodeName>,
): ApplicationStatus {
  const declared = config.applications[application];
  const wanted = nodeOf(config, application);
  return {
    application,
    verdict: verdictOf(declared, wanted, found, down),
    ...(wanted === undefined ? {} : { wanted }),
    ...(declared === undefined ? {} : { image: printImage(declared.image) }),
    ports: declared?.ports.map(({ external }) => external) ?? [],
    found,
  };
}

/** The node where its container is or should be, and its state there. */
function verdictOf(
  app: Application | undefined,
  wanted: NodeName | undefined,
  found: readonly FoundContainer[],
  down: ReadonlySet<NodeName>,
): Verdict {
  if (wanted === undefined) return found.some(({ state }) => state === 'running') ? 'unwanted' : 'idle';
  if (down.has(wanted)) return 'unknown';
  const here = found.find(({ node }) => node === wanted);
  if (here === undefined) return found.length > 0 ? 'elsewhere' : 'missing';
  return judgeContainer(here, app);
}

function volumeStatuses(node: NodeName, state: NodeState, all: ClusterState): VolumeStatus[] {
  const facts = freshFacts(state);
  return (facts?.volumes ?? []).map((volume) => {
    const waits = facts && waitingOf(facts, volume);
    const newest = volume.snapshots.at(-1);
    return {
      volume: volume.id,
      ...defined({ application: volume.application, deployment: volume.deployment }),
      node,
      role: volume.role,
      epoch: volume.epoch,
      mounted: volume.mounted,
      referencedBytes: volume.referencedBytes,
      ...(volume.limitBytes === undefined ? {} : { limitBytes: volume.limitBytes }),
      snapshots: volume.snapshots.length,
      ...(newest === undefined ? {} : { newestSnapshot: newest.name }),
      ...(waits && { waiting: { why: waits.why, nodes: waits.peers.map((address) => nodeAt(all, address)) } }),
    };
  });
}

/** Undefined too after a person has decided: the volume is then mounted, or has another owner. */
export function waitingOf(facts: NodeFacts, { id, role, mounted }: Volume): WaitingVolume | undefined {
  return role === 'owner' && !mounted ? facts.boot?.waiting.find(({ volume }) => volume === id) : undefined;
}

/** Includes nodes that do not answer: their key often is their address. */
function nodeAt({ nodes }: ClusterState, address: string): NodeName {
  const known = Object.entries(nodes).find(([, state]) => {
    return lastFacts(state)?.meshAddress === address;
  });
  return known?.[0] ?? address;
}

function byApplication(a: VolumeStatus, b: VolumeStatus): number {
  return (
    compare(a.application ?? a.volume, b.application ?? b.volume) ||
    compare(a.volume, b.volume) ||
    compare(a.node, b.node)
  );
}
