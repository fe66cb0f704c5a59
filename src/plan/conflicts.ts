import { isActive } from '../model/cluster.ts';
import type { Application, AppName } from '../model/config.ts';
import type { Blocker } from '../model/plan.ts';
import { appsOnVolume } from '../model/shared-volumes.ts';
import type { ContainerStart, GroupDecision } from './group-decision.ts';
import { compareText } from './lists.ts';
import { type PlanInput, type SeenContainer, usersOfPort, usersOfVolume } from './plan-input.ts';
import { externalPorts, sharePort } from './ports.ts';
import type { VolumeTask } from './volumes/volume-task.ts';
import { quote } from './wording.ts';

/**
 * Containers that have the ports or volumes of a decision must stop first. A decision is blocked if one of them does
 * not stop in this plan.
 */
export function settleConflicts(input: PlanInput, drafts: readonly GroupDecision[]): GroupDecision[] {
  let decisions = drafts;
  for (;;) {
    const blocked = withoutHolder(input, decisions);
    if (blocked === decisions) return decisions.map(inOrder(decisions));
    decisions = blocked;
  }
}

/** Blocks the decisions that wait for a container which does not stop. Returns the same list if there are none. */
function withoutHolder(input: PlanInput, decisions: readonly GroupDecision[]): readonly GroupDecision[] {
  const waits = ({ stopFirst, blockers }: GroupDecision): boolean => stopFirst.length > 0 && blockers.length === 0;
  if (!decisions.some(waits)) return decisions;
  const willStop = stopping(input, decisions);
  const next = decisions.map((decision) => {
    const holder = waits(decision) ? decision.stopFirst.find((user) => !willStop(user)) : undefined;
    return holder === undefined ? decision : { ...decision, blockers: [heldBy(decision, holder)] };
  });
  return next.every((decision, at) => decision === decisions[at]) ? decisions : next;
}

/**
 * An application with ports and without volumes starts on its new node before it stops on the old one, so it is never
 * down. There are three exceptions: another application waits for one of its ports; it waits for a port itself (two
 * that swap would wait for each other); its file names no ports, since it may be a worker of which only one may run.
 * The ports of its image do not count: a worker often has the image of the server.
 */
function inOrder(all: readonly GroupDecision[]): (decision: GroupDecision) => GroupDecision {
  const awaited = new Set(all.flatMap(({ stopFirst }) => stopFirst.map(({ app }) => app)));
  return (decision) => {
    const { app, tasks, start, checks, stops, stopFirst, node } = decision;
    if (app === undefined || tasks.length > 0 || !isServer(app)) return decision;
    const isFree = stopFirst.length === 0 && !awaited.has(app.name);
    const leaves = stops.length > 0 && stops.every((stop) => stop.node !== node);
    if (!isFree || !leaves || (start === undefined && !checks)) return decision;
    return { ...decision, startsFirst: true, hold: false, switches: decision.hold || decision.switches };
  };
}

const isServer = (app: Application): boolean => app.ports.length > 0 || (app.exposes ?? []).length > 0;

/**
 * The containers of other applications that have its ports or volumes now and have to stop first. `takesPorts`: one of
 * them has one of its ports.
 */
export function usersBefore(
  input: PlanInput,
  app: AppName | undefined,
  tasks: readonly VolumeTask[],
  start: ContainerStart | undefined,
): { readonly stopFirst: readonly SeenContainer[]; readonly takesPorts: boolean } {
  const others = (users: readonly SeenContainer[]): readonly SeenContainer[] =>
    [...new Set(users)]
      .filter((user) => user.app !== app)
      .sort((a, b) => compareText(a.node, b.node) || compareText(a.app, b.app));
  const passes = start === undefined ? [] : others(externalPorts(start.spec).flatMap((key) => usersOfPort(input, key)));
  const changed = tasks.filter(({ work }) => work.kind !== 'in-place' || start !== undefined);
  // A stopped container has to be removed too: its node may start it again.
  const shares = others(
    changed.flatMap((task) => usersOfVolume(input, task.id).filter((user) => !mayStay(input, task, user))),
  );
  const takesPorts = passes.length > 0;
  return { stopFirst: takesPorts ? [...new Set([...passes, ...shares])] : shares, takesPorts };
}

/**
 * True if the other application shares the volume and is on its node: it has the volume at the same time. It runs on
 * while nothing happens to the volume.
 */
function mayStay(input: PlanInput, { id, node, work }: VolumeTask, user: SeenContainer): boolean {
  if (user.node !== node || !appsOnVolume(input.config, id).includes(user.app)) return false;
  return !isActive(user.container) || (work.kind === 'in-place' && !work.mount);
}

/** Returns whether a container stops if these decisions are carried out. */
function stopping(input: PlanInput, decisions: readonly GroupDecision[]): (user: SeenContainer) => boolean {
  const kept = keptApps(decisions);
  const byApp = new Map(decisions.map((decision) => [decision.app?.name, decision]));
  return (user) => {
    if (kept.has(user.app)) return false;
    if (!input.placement.has(user.app) || input.config.applications[user.app] === undefined) return true;
    const own = byApp.get(user.app);
    return own?.blockers.length === 0 && own.stops.some((stop) => stop.node === user.node);
  };
}

/** Applications that no file describes any more and that keep running. */
export function keptApps(decisions: readonly GroupDecision[]): ReadonlySet<AppName> {
  return new Set(decisions.flatMap(({ keeps }) => keeps));
}

function heldBy(decision: GroupDecision, user: SeenContainer): Blocker {
  const wanted = decision.start === undefined ? [] : externalPorts(decision.start.spec);
  const port = sharePort(wanted, externalPorts(user.container.spec));
  const isUsing = isActive(user.container) ? 'uses' : 'still has a container on';
  const what = port === undefined ? `${isUsing} its volume` : `uses port ${port.port} (${port.protocol})`;
  const thing = decision.app === undefined ? 'volume' : 'application';
  return {
    ...(decision.app === undefined ? {} : { app: decision.app.name }),
    node: user.node,
    reason: `cannot place ${thing} ${quote(decision.group)} on ${quote(decision.node)}: ${quote(user.app)} ${what} on ${quote(user.node)} and does not stop now`,
  };
}
