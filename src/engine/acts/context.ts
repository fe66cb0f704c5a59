import {
  type ClusterState,
  type Container,
  isActive,
  lastFacts,
  type NodeFacts,
  type Volume,
} from '../../model/cluster.ts';
import type { AppName, Config, NodeName, VolumeId } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { EngineEventBody } from '../../model/events.ts';
import { runIdOf } from '../../model/history.ts';
import { withKnownVolumes } from '../../model/volume-identity.ts';
import { volumesOfOthers } from '../../plan/deployment-view.ts';
import { notOurs } from '../../plan/deployments.ts';
import { withNodeReason } from '../../plan/node-reasons.ts';
import type { Cluster, NodeClient } from '../node-client.ts';
import { createRunLocks, lockLost, type RunLocks } from '../run/locks.ts';
import type { EngineDeps } from '../types.ts';

/** What acts need of the engine. */
export interface ActsInput {
  readonly deps: Pick<EngineDeps, 'owner' | 'now' | 'sleep' | 'runHere'>;
  /** The configuration in force: of the files, or the last good one. Throws AppError where there is none. */
  readonly config: () => Promise<Config>;
  readonly clusterOf: (config: Config) => Cluster;
  /** Observes every node and reports the results. */
  readonly observe: (config: Config, signal: AbortSignal) => Promise<ClusterState>;
  readonly emit: (event: EngineEventBody) => void;
  /** Plans leave the application alone until it is resumed, or the files change. */
  readonly pauseApp: (app: AppName) => void;
  readonly resumeApp: (app: AppName) => void;
}

/** The configuration of the files, or the last good one. Throws `usage` where there is none. */
export async function configInForce(load: EngineDeps['load'], last: () => Config | undefined): Promise<Config> {
  const loaded = await load();
  const config = loaded.ok ? loaded.config : last();
  if (config !== undefined) return config;
  throw new AppError('usage', 'cannot act on the nodes: the files are wrong', {
    hint: 'correct them; `drover validate` names each place',
  });
}

/** One act in progress: the state that was observed when it began, and the locks that it has taken. */
export interface ActContext {
  readonly input: ActsInput;
  readonly config: Config;
  readonly cluster: Cluster;
  readonly state: ClusterState;
  readonly locks: RunLocks;
  /** Completes "cannot …": `restart "db"`. */
  readonly what: string;
}

/** Observes, does the work, and releases the locks. */
export async function withContext<T>(
  input: ActsInput,
  what: string,
  signal: AbortSignal,
  work: (context: ActContext) => Promise<T>,
): Promise<T> {
  const files = await input.config();
  const cluster = input.clusterOf(files);
  const state = await input.observe(files, signal);
  const config = withKnownVolumes(files, state);
  const note = { run: runIdOf(input.deps.now()), deployment: config.name, verb: what };
  const locks = createRunLocks(cluster, input.deps.owner, note);
  let result = 'failed';
  try {
    const done = await work({ input, config, cluster, state, locks, what });
    result = 'done';
    return done;
  } finally {
    await locks.release(result);
  }
}

/** Takes the node's lock. `guarded` aborts when the lock is lost. */
export async function lockNode(
  { cluster, locks }: ActContext,
  node: NodeName,
  signal: AbortSignal,
): Promise<{ readonly client: NodeClient; readonly guarded: AbortSignal }> {
  await locks.take([node], signal);
  const lost = locks.lost(node);
  const client = await cluster.node(node, signal);
  return { client, guarded: lost === undefined ? signal : AbortSignal.any([signal, lost]) };
}

/** The error of an act; an abort because of a lost lock becomes `connection-failed`. */
export function explainLost({ locks }: ActContext, node: NodeName, error: unknown): unknown {
  return locks.lost(node)?.aborted === true ? lockLost(error) : error;
}

/** Where an application's container is. */
export interface Seat {
  readonly node: NodeName;
  readonly facts: NodeFacts;
  readonly container: Container;
}

/** The error of this act: "cannot …: why". */
export function cannot(
  { what }: Pick<ActContext, 'what'>,
  why: string,
  hint?: string,
  code: 'usage' | 'connection-failed' | 'docker-failed' | 'volume-conflict' | 'volume-busy' = 'docker-failed',
): AppError {
  const retryable = code === 'connection-failed';
  return new AppError(code, `cannot ${what}: ${why}`, { retryable, ...(hint === undefined ? {} : { hint }) });
}

/** As `cannot`, with the reason and the hint of the node. */
function cannotReach(context: ActContext, node: NodeName, why: string): AppError {
  const { reason, hint } = withNodeReason(context.state, { node, reason: why });
  return cannot(context, reason, hint, 'connection-failed');
}

/** The application's container. Throws where there is none, or where it may be on a node that cannot be reached. */
export function findSeat(context: ActContext, app: AppName): Seat {
  const seats = seatsOf(context, app);
  const running = seats.filter(({ container }) => isActive(container));
  if (running.length > 1) {
    const nodes = running.map(({ node }) => `"${node}"`).join(' and ');
    throw cannot(context, `it runs on ${nodes}`, 'run `drover apply`');
  }
  const away = awayWith(context, app);
  const seat = running[0] ?? (away === undefined ? seats[0] : undefined);
  if (seat !== undefined) return seat;
  if (away !== undefined) throw cannotReach(context, away, `node "${away}" cannot be reached`);
  throw cannot(context, 'it has no container', 'run `drover apply`, which creates it');
}

function seatsOf({ state }: ActContext, app: AppName): Seat[] {
  return Object.entries(state.nodes).flatMap(([node, seen]) =>
    seen.status === 'unreachable'
      ? []
      : seen.facts.containers
          .filter((one) => one.managed && one.application === app)
          .map((container) => ({ node, facts: seen.facts, container })),
  );
}

/** A node that cannot be reached and where the application may run: the files place it there, or it was seen there. */
function awayWith({ config, state }: ActContext, app: AppName): NodeName | undefined {
  return Object.keys(state.nodes).find((node) => {
    if (state.nodes[node]?.status !== 'unreachable') return false;
    const wasThere = lastFacts(state.nodes[node])?.containers.some((one) => one.managed && one.application === app);
    return wasThere === true || config.deployment[node]?.includes(app) === true;
  });
}

/** The owner's copy of a volume, and its node. */
export interface OwnedVolume {
  readonly node: NodeName;
  readonly volume: Volume;
}

/** Throws `volume-conflict` where another deployment has the volume. */
export function refuseOthers(context: ActContext, id: VolumeId): void {
  const other = volumesOfOthers(context.config, context.state).get(id);
  if (other === undefined) return;
  const { problem, hint } = notOurs(context.config, other);
  throw cannot(context, `volume "${id}": ${problem}`, hint, 'volume-conflict');
}

/** The owner's copy. Throws where no node, or more than one, can be the owner. */
export function findOwned(context: ActContext, id: VolumeId): OwnedVolume {
  refuseOthers(context, id);
  const nodes = Object.entries(context.state.nodes);
  const owned = nodes.flatMap(([node, seen]) =>
    seen.status === 'unreachable'
      ? []
      : seen.facts.volumes
          .filter((one) => one.id === id && one.role === 'owner' && one.owner === seen.facts.nodeId)
          .map((volume) => ({ node, volume })),
  );
  const [first, second] = owned.toSorted((a, b) => b.volume.epoch - a.volume.epoch);
  if (first !== undefined && second?.volume.epoch !== first.volume.epoch) return first;
  if (first !== undefined)
    throw cannot(context, `several nodes claim volume "${id}"`, 'see `drover plan`', 'volume-conflict');
  const away = nodes.flatMap(([node, { status }]) => (status === 'unreachable' ? [node] : []));
  if (away[0] !== undefined) {
    const why = `no node that can be reached owns volume "${id}", and "${away[0]}" cannot be reached`;
    throw cannotReach(context, away[0], why);
  }
  throw cannot(context, `no node owns volume "${id}"`, 'run `drover apply`', 'volume-conflict');
}

/** Ids of the application's volumes, from the files or else from its container. */
export function volumesOf(context: ActContext, app: AppName): readonly VolumeId[] {
  const declared = context.config.applications[app]?.volumes.map(({ id }) => id);
  return declared ?? seatsOf(context, app)[0]?.container.spec.mounts.map(({ volume }) => volume) ?? [];
}

/** `20250131-094512`, UTC: for names that sort by time. */
export function timeMark(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** The time mark of this second, with a number where a dataset of the node has that mark already. */
export async function unusedMark(client: NodeClient, at: number, signal: AbortSignal): Promise<string> {
  const names = (await client.volumes.details(signal)).flatMap(({ name, volume = '' }) => [name, volume]);
  const mark = timeMark(at);
  const isUsed = (one: string): boolean => names.some((name) => name.endsWith(`-${one}`));
  let next = mark;
  for (let number = 2; isUsed(next); number += 1) next = `${mark}-${number}`;
  return next;
}
