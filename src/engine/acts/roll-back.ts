import type { ClusterState, Volume } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { mountedElsewhere } from '../../model/foreign-mounts.ts';
import type { Action, Plan, Step } from '../../model/plan.ts';
import { createSemaphores } from '../../model/semaphore.ts';
import type { NodeClient } from '../node-client.ts';
import { execute } from '../run/execute.ts';
import { nodesToLock } from '../run/locks.ts';
import { planReturn } from '../run/recover.ts';
import { createTransferSlots, type RunContext } from '../run/step-context.ts';
import type { SnapshotRef } from '../types.ts';
import { type ActContext, cannot, explainLost, findOwned, lockNode, unusedMark, volumesOf } from './context.ts';

const keptMark = '-before-';

/**
 * The application goes on with the snapshot's content, in all of its volumes together. Up to the swap everything old is
 * in force, after it everything new, and the swap is one transaction: whatever ends this, the next apply brings the
 * application up on one of them. The container goes before the swap: an old one would be bound to the old dataset's
 * directory. Returns the datasets that have the present data.
 */
export async function rollBack(
  context: ActContext,
  app: AppName,
  ref: SnapshotRef,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { node } = ref;
  const volumes = findPresent(context, app, ref);
  checkUnmountable(context, node, volumes);
  const { client, guarded } = await lockNode(context, node, signal);
  const mark = await unusedMark(client, context.input.deps.now(), guarded);
  const swaps = volumes.map(({ volume }) => ({
    seen: { ...volume, role: 'frozen' as const },
    target: `${client.volumes.datasetName(volume.id, volume.application)}-${mark}`,
    retiredAs: `${volume.id}${keptMark}${mark}`,
  }));
  try {
    await client.volumes.checkSwap(guarded);
    for (const [index, { from }] of volumes.entries()) {
      const target = swaps[index]?.target ?? '';
      await client.volumes.clone(from.dataset, ref.snapshot, target, guarded);
    }
  } catch (error) {
    throw signal.aborted ? error : explainLost(context, node, error);
  }
  const ids = volumes.map(({ volume }) => volume.id);
  try {
    await run(context, stopPlan(app, node, ids), context.state, signal);
    // The very volumes that were seen: a swap that arrives after another run has taken one over is refused.
    await client.volumes.swap(swaps, guarded);
  } catch (error) {
    throw signal.aborted || isAbort(error) ? error : await afterFailure(context, app, node, error, signal);
  }
  await comeBack(context, app, node, signal);
  for (const id of ids) await retireOthers(context, node, id, mark, signal);
  return volumes.map(({ volume }) => volume.dataset);
}

/** A volume that is in force, and the dataset whose snapshot takes its place. */
interface Present {
  readonly volume: Volume;
  readonly from: Volume;
}

/** Found by the freeze, the application would have been stopped for it. */
function checkUnmountable(context: ActContext, node: NodeName, volumes: readonly Present[]): void {
  const seen = context.state.nodes[node];
  for (const { volume } of volumes) {
    const held = mountedElsewhere(seen?.status === 'reachable' ? seen.facts : undefined, volume.dataset);
    if (held === undefined) continue;
    throw cannot(context, `${held.who} keeps "${volume.dataset}" mounted on "${node}"`, held.hint, 'volume-busy');
  }
}

/**
 * Every volume of the application with its snapshot of that name; throws where the snapshot is not one of its own, or
 * of what they were before, and where the volumes do not have it from one moment.
 */
function findPresent(context: ActContext, app: AppName, ref: SnapshotRef): readonly Present[] {
  if (context.config.applications[app] === undefined) {
    throw cannot(context, 'the files do not have it', 'see `drover status`', 'usage');
  }
  const own = volumesOf(context, app);
  const asked = ref.volume.split(keptMark)[0] ?? ref.volume;
  if (!own.includes(asked)) {
    throw cannot(context, `volume "${ref.volume}" is not one of its volumes`, `see \`drover volumes ${app}\``, 'usage');
  }
  const generation = ref.volume.slice(asked.length);
  const found = own.map((id) => ({ id, ...findFrom(context, app, id, `${id}${generation}`, ref) }));
  const moment = found.find(({ id }) => id === asked)?.snapshot.createTxg;
  const other = found.find(({ snapshot }) => snapshot.createTxg !== moment);
  if (other === undefined) return found;
  const why = `"${other.from.dataset}@${ref.snapshot}" is of another moment than "${ref.dataset}@${ref.snapshot}"`;
  throw cannot(context, why, togetherHint(found, app, ref), 'usage');
}

/** Moves take a snapshot of each volume at a moment of its own; what a person takes is of all volumes at one moment. */
function togetherHint(found: readonly Present[], app: AppName, ref: SnapshotRef): string {
  const [first, ...others] = found;
  const whole = (first?.from.snapshots ?? []).filter((one) =>
    others.every(({ from }) =>
      from.snapshots.some(({ name, createTxg }) => name === one.name && createTxg === one.createTxg),
    ),
  );
  if (whole.length === 0) return cloneHint(app, ref);
  return `all of its volumes have from one moment: ${whole.map(({ name }) => `@${name}`).join(', ')}; ${cloneHint(app, ref)}`;
}

function findFrom(context: ActContext, app: AppName, id: VolumeId, version: VolumeId, ref: SnapshotRef) {
  const { node, volume } = findOwned(context, id);
  if (node !== ref.node) {
    const hint = `move it there first: drover move ${app} ${ref.node}`;
    throw cannot(context, `the snapshot is on "${ref.node}", its data on "${node}"`, hint, 'usage');
  }
  const seen = context.state.nodes[node];
  const copies = seen?.status === 'reachable' ? seen.facts.volumes : [];
  const isMeant = (copy: Volume): boolean =>
    copy.id === version && (version !== ref.volume || copy.dataset === ref.dataset);
  const from = copies.find(isMeant);
  const snapshot = from?.snapshots.find(({ name }) => name === ref.snapshot);
  if (from !== undefined && snapshot !== undefined) return { volume, from, snapshot };
  if (version === ref.volume) {
    const what = `"${ref.dataset}@${ref.snapshot}" is not there`;
    throw cannot(context, what, `see \`drover volumes ${app}\``, 'usage');
  }
  const what = `its volume "${volume.dataset}" has no snapshot "${ref.snapshot}", and volumes go back together`;
  throw cannot(context, what, cloneHint(app, ref), 'usage');
}

const cloneHint = (app: AppName, { dataset, snapshot }: SnapshotRef): string =>
  `\`drover clone ${app} ${dataset}@${snapshot}\` gives its content beside the volume`;

function stopPlan(app: AppName, node: NodeName, volumes: readonly VolumeId[]): Plan {
  const step = (id: string, action: Action, after: readonly string[]): Step => ({
    id,
    action,
    after,
    reason: 'it is rolled back',
    group: app,
  });
  const stop = step(`stop-container:${app}:${node}`, { kind: 'stop-container', node, app }, []);
  const freezes = volumes.map((volume) =>
    step(`freeze-volume:${volume}:${node}`, { kind: 'freeze-volume', node, volume }, [stop.id]),
  );
  return { revision: '', steps: [stop, ...freezes], blocked: [], notes: [] };
}

/** Steps of a plan without its events: they belong to no run. */
async function run(context: ActContext, plan: Plan, state: ClusterState, signal: AbortSignal): Promise<void> {
  const { config, cluster, input, locks } = context;
  await locks.take(nodesToLock(plan, state), signal);
  const shared: RunContext = {
    config,
    state,
    cluster,
    now: input.deps.now,
    sleep: input.deps.sleep,
    emit: () => undefined,
    transfers: createTransferSlots(),
    tables: createSemaphores(1),
    released: new Map(),
    sent: () => undefined,
  };
  const { outcomes } = await execute(plan, shared, { hard: signal, soft: never, lost: locks.lost });
  signal.throwIfAborted();
  for (const outcome of outcomes.values()) {
    if (outcome.result !== 'failed') continue;
    const { code, message, hint, retryable } = outcome.error;
    throw new AppError(code, message, { retryable, ...(hint === undefined ? {} : { hint }) });
  }
}

const never = new AbortController().signal;

/** The planner's own steps for a configuration that wants it where its data is. */
async function comeBack(context: ActContext, app: AppName, node: NodeName, signal: AbortSignal): Promise<void> {
  const state = await context.input.observe(context.config, signal);
  const plan = asItRan(context, app, planReturn(context.config, state, new Map([[app, node]])));
  const blocker = plan.blocked[0];
  if (blocker !== undefined && plan.steps.length === 0) throw cannot(context, blocker.reason, blocker.hint);
  await run(context, plan, state, signal);
}

/** With the container it had: what the files want otherwise by now is for a plan that somebody has seen. */
function asItRan({ state }: ActContext, app: AppName, plan: Plan): Plan {
  const containers = Object.values(state.nodes).flatMap((seen) =>
    seen.status === 'unreachable' ? [] : seen.facts.containers,
  );
  const spec = containers.find((one) => one.managed && one.application === app)?.spec;
  if (spec === undefined) return plan;
  const steps = plan.steps.map((step) =>
    step.action.kind === 'start-container' ? { ...step, action: { ...step.action, spec } } : step,
  );
  return { ...plan, steps };
}

/** What went wrong, once the application runs again with its present data, or with the word that it does not. */
async function afterFailure(
  context: ActContext,
  app: AppName,
  node: NodeName,
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const cause = explainLost(context, node, error);
  const ended = await comeBack(context, app, node, signal).then(
    () => undefined,
    () => `"${app}" is stopped`,
  );
  if (ended === undefined || !(cause instanceof AppError)) return cause;
  const hint = 'run `drover apply`, which starts it again';
  return new AppError(cause.code, `${cause.message}; ${ended}`, { hint, retryable: cause.retryable, cause });
}

/**
 * Copies on other nodes that the new content does not build on would be in the way of the next move. They are kept,
 * as what they are: copies of what was before. A node that is away keeps its copy until a plan says so.
 */
async function retireOthers(
  context: ActContext,
  owner: NodeName,
  id: VolumeId,
  mark: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const own = await (await context.cluster.node(owner, signal)).volumes.list(signal);
    const known = new Set(own.filter((one) => one.id === id).flatMap((one) => one.snapshots.map(({ guid }) => guid)));
    for (const [node, seen] of Object.entries(context.state.nodes)) {
      if (node === owner || seen.status === 'unreachable') continue;
      const copy = seen.facts.volumes.find((one) => one.id === id);
      const newest = copy?.snapshots.at(-1)?.guid;
      if (copy === undefined || copy.role === 'owner' || (newest !== undefined && known.has(newest))) continue;
      const { client, guarded } = await lockNode(context, node, signal);
      await retire(client, copy, `${id}${keptMark}${mark}`, guarded);
    }
  } catch {
    // The application runs on the new content; the next plan tells which copy is in its way.
  }
}

async function retire(client: NodeClient, copy: Volume, retiredAs: VolumeId, signal: AbortSignal): Promise<void> {
  await client.volumes.setProperties(copy, { role: 'retired', volume: retiredAs }, signal);
}
