import { freshFacts, type Volume } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { mountedElsewhere } from '../../model/foreign-mounts.ts';
import type { Action, Plan, Step } from '../../model/plan.ts';
import type { NodeClient } from '../node-client.ts';
import { runsWith } from '../run/perform-container.ts';
import { planReturn } from '../run/recover.ts';
import type { SnapshotRef } from '../types.ts';
import { type ActContext, cannot, explainLost, findOwned, lockNode, unusedMark, volumesOf } from './context.ts';
import { runPlan } from './run-plan.ts';

const keptMark = '-before-';

/**
 * Rolls all volumes of the application back to the snapshot together. The swap is one transaction: before it the old data
 * is in force, after it the content of the snapshot, so that after any interruption the next apply starts the
 * application on one of them. The container is removed before the swap, because it is bound to the old directory, and so
 * are those of the applications that share one of the volumes. Returns the datasets that have the present data.
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
  const users = usersOf(context, app, node, ids);
  try {
    await runPlan(context, stopPlan(app, node, users, ids), context.state, signal);
    // The node refuses the swap if a volume is not as it was seen, because another run has taken it over.
    await client.volumes.swap(swaps, guarded);
  } catch (error) {
    throw signal.aborted || isAbort(error) ? error : await afterFailure(context, app, users, node, error, signal);
  }
  await comeBack(context, users, node, signal);
  for (const id of ids) await retireOthers(context, node, id, mark, signal);
  return volumes.map(({ volume }) => volume.dataset);
}

/** A volume in force, and the dataset whose snapshot takes its place. */
interface Present {
  readonly volume: Volume;
  readonly from: Volume;
}

/** Refuses early what would make the freeze fail, after the application was stopped for it. */
function checkUnmountable(context: ActContext, node: NodeName, volumes: readonly Present[]): void {
  const seen = context.state.nodes[node];
  for (const { volume } of volumes) {
    const held = mountedElsewhere(freshFacts(seen), volume.dataset);
    if (held === undefined) continue;
    throw cannot(context, `${held.who} keeps "${volume.dataset}" mounted on "${node}"`, held.hint, 'volume-busy');
  }
}

/**
 * Every volume of the application with its snapshot of that name. Throws where the snapshot belongs neither to them nor
 * to their earlier datasets, or where the volumes do not have it from one moment.
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

/** The snapshots that all volumes have from one moment. Moves snapshot each volume separately, people all at once. */
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
  const copies = freshFacts(seen)?.volumes ?? [];
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
  `\`drover clone ${app} ${dataset}@${snapshot}\` copies its content into a new dataset`;

/** The application, and those with a running container on its volumes. */
function usersOf({ state }: ActContext, app: AppName, node: NodeName, ids: readonly VolumeId[]): readonly AppName[] {
  return [...new Set([app, ...Object.values(runsWith(state, node, app, ids)).flat()])];
}

function stopPlan(app: AppName, node: NodeName, users: readonly AppName[], volumes: readonly VolumeId[]): Plan {
  const step = (id: string, action: Action, after: readonly string[]): Step => ({
    id,
    action,
    after,
    reason: 'it is rolled back',
    group: app,
  });
  const stops = users.map((user) =>
    step(`stop-container:${user}:${node}`, { kind: 'stop-container', node, app: user }, []),
  );
  const stopped = stops.map(({ id }) => id);
  const freezes = volumes.map((volume) =>
    step(`freeze-volume:${volume}:${node}`, { kind: 'freeze-volume', node, volume }, stopped),
  );
  return { revision: '', steps: [...stops, ...freezes], blocked: [], notes: [] };
}

/** The planner's own steps for a configuration that wants them where their data is. */
async function comeBack(
  context: ActContext,
  apps: readonly AppName[],
  node: NodeName,
  signal: AbortSignal,
): Promise<void> {
  const state = await context.input.observe(context.config, signal);
  const back = new Map(apps.map((app) => [app, node] as const));
  const plan = asTheyRan(context, planReturn(context.config, state, back));
  const blocker = plan.blocked[0];
  if (blocker !== undefined && plan.steps.length === 0) throw cannot(context, blocker.reason, blocker.hint);
  await runPlan(context, plan, state, signal);
}

/** The plan with the containers as they were. Other changes in the files need a plan that a person has seen. */
function asTheyRan({ state }: ActContext, plan: Plan): Plan {
  const containers = Object.values(state.nodes).flatMap((seen) =>
    seen.status === 'unreachable' ? [] : seen.facts.containers,
  );
  const steps = plan.steps.map((step) => {
    if (step.action.kind !== 'start-container') return step;
    const { application } = step.action.spec;
    const spec = containers.find((one) => one.managed && one.application === application)?.spec;
    return spec === undefined ? step : { ...step, action: { ...step.action, spec } };
  });
  return { ...plan, steps };
}

/** Starts the applications again on their present data. Returns the error, with a note where one is still stopped. */
async function afterFailure(
  context: ActContext,
  app: AppName,
  users: readonly AppName[],
  node: NodeName,
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const cause = explainLost(context, node, error);
  const ended = await comeBack(context, users, node, signal).then(
    () => undefined,
    () => `"${app}" is stopped`,
  );
  if (ended === undefined || !(cause instanceof AppError)) return cause;
  const hint = 'run `drover apply`, which starts it again';
  return new AppError(cause.code, `${cause.message}; ${ended}`, { hint, retryable: cause.retryable, cause });
}

/**
 * Retires the copies on other nodes that have no common base with the new content and would block the next move. Their
 * data stays. A node that cannot be reached keeps its copy, which the next plan shows.
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
    // The application runs on the new content; the next plan shows the copy that blocks a move.
  }
}

async function retire(client: NodeClient, copy: Volume, retiredAs: VolumeId, signal: AbortSignal): Promise<void> {
  await client.volumes.setProperties(copy, { role: 'retired', volume: retiredAs }, signal);
}
