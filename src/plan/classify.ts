import type { Container, ContainerSpec, PortKey } from '../model/cluster.ts';
import type { Application, AppName, NodeName } from '../model/config.ts';
import { printImage } from '../model/names.ts';
import type { Blocker } from '../model/plan.ts';
import { findObstacles } from './blockers.ts';
import { classifyVolume, type VolumeProblem, type VolumeTask } from './classify-volume.ts';
import { desiredSpec, differences } from './container-spec.ts';
import { evidence } from './volume-standing.ts';
import {
  externalPorts,
  isActive,
  managedContainers,
  meshAddress,
  quote,
  type SeenContainer,
  sharePort,
  uniquePorts,
  type World,
} from './world.ts';

/** What is to be done for one application, or for one volume without an application. */
export interface Decision {
  /** The application's name, or the volume's id. */
  readonly group: string;
  /** Where it is wanted. */
  readonly node: NodeName;
  readonly app?: Application;
  readonly tasks: readonly VolumeTask[];
  /** Its own containers that have to go. */
  readonly stops: readonly ContainerStop[];
  readonly start?: ContainerStart;
  /** Containers of others that use its ports or volumes now and stop in the same plan. */
  readonly stopFirst: readonly SeenContainer[];
  /** Ports whose entries in the nodes' tables change with this application. */
  readonly ports: readonly PortKey[];
  /** New connections wait while it changes its place. */
  readonly hold: boolean;
  /** The tables change only after it answers in its new place. */
  readonly switches: boolean;
  /** If any, nothing is done. */
  readonly blockers: readonly Blocker[];
  /** Told, and in nobody's way. */
  readonly warnings: readonly Blocker[];
  /** Its ports are somebody else's on some node: no table may take them. */
  readonly portsTaken: boolean;
}

export interface ContainerStop {
  readonly node: NodeName;
  readonly app: AppName;
  readonly reason: string;
}

export interface ContainerStart {
  readonly spec: ContainerSpec;
  readonly reason: string;
}

/** One decision for each placed application and each bare volume, by name. */
export function decide(world: World): Decision[] {
  const seen = managedContainers(world);
  const drafts = [
    ...[...world.placement].map(([name, node]) => decideApplication(world, seen, name, node)),
    ...bareVolumes(world).map((volume) => decideVolume(world, volume)),
  ];
  return settleConflicts(
    world,
    seen,
    drafts.flatMap((draft) => draft ?? []),
  );
}

function decideApplication(
  world: World,
  seen: readonly SeenContainer[],
  name: AppName,
  node: NodeName,
): Decision | undefined {
  const app = world.config.applications[name];
  if (app === undefined) return undefined;
  const own = seen.filter((container) => container.app === name);
  const volumes = app.volumes.map(({ id, maximumSizeBytes }) =>
    classifyVolume(world, { id, node, ...(maximumSizeBytes === undefined ? {} : { limitBytes: maximumSizeBytes }) }),
  );
  const tasks = volumes.flatMap((volume) => ('task' in volume ? [volume.task] : []));
  const problems = volumes.flatMap((volume) => ('problem' in volume ? [blocker(volume.problem, name)] : []));
  const containers = world.reachable.has(node) ? decideContainers(world, app, node, own, tasks) : { stops: [] };
  const obstacles = findObstacles(world, app, node, containers.start !== undefined);
  return {
    group: name,
    node,
    app,
    tasks,
    ...containers,
    stopFirst: [],
    ...decidePorts(world, app, node, own, tasks, containers.start !== undefined),
    // A node that cannot be reached explains whatever is unclear about its volumes.
    blockers: obstacles.decisive ? obstacles.blockers : [...obstacles.blockers, ...problems],
    warnings: tasks.flatMap((task) => staleOwners(world, task, name)),
    portsTaken: obstacles.portsTaken,
  };
}

/** Which containers of an application go, and why one is started; nothing where all is right. */
function decideContainers(
  world: World,
  app: Application,
  node: NodeName,
  own: readonly SeenContainer[],
  tasks: readonly VolumeTask[],
): { readonly stops: ContainerStop[]; readonly start?: ContainerStart } {
  const spec = desiredSpec(app, meshAddress(world, node) ?? node);
  const here = own.find((container) => container.node === node)?.container;
  const away = own.filter((container) => container.node !== node);
  const stops = away.map((other) => ({
    node: other.node,
    app: app.name,
    reason: `${quote(app.name)} is wanted on ${quote(node)}`,
  }));
  const image = world.reachable.get(node)?.images[printImage(app.image)];
  const changes = here === undefined ? [] : [...differences(spec, here, image), ...volumeReasons(tasks)];
  const reasons = here === undefined ? [arrival(app.name, node, away, tasks)] : [...changes, ...stateReasons(here)];
  if (here === undefined || reasons.length === 0) {
    return reasons.length === 0 ? { stops } : { stops, start: { spec, reason: reasons.join('; ') } };
  }
  const reason = reasons.join('; ');
  const canJustStart = changes.length === 0 && (here.state === 'exited' || here.state === 'created');
  if (!canJustStart) stops.push({ node, app: app.name, reason });
  return { stops, start: { spec, reason } };
}

function arrival(name: AppName, node: NodeName, away: readonly SeenContainer[], tasks: readonly VolumeTask[]): string {
  const moved = tasks.flatMap((task) => (task.work.kind === 'move' ? [task.work.from] : []));
  const from = moved[0] ?? away[0]?.node;
  return from === undefined
    ? `${quote(name)} is wanted on ${quote(node)}`
    : `${quote(name)} moves from ${quote(from)} to ${quote(node)}`;
}

/** A container must not run on while its volume is given its place, its mount or its limit. */
function volumeReasons(tasks: readonly VolumeTask[]): string[] {
  return tasks.flatMap(({ id, work }) => {
    if (work.kind === 'create') return [`volume "${id}" is new`];
    if (work.kind === 'move') return [`volume "${id}" comes from ${quote(work.from)}`];
    if (work.kind === 'reclaim') return [`volume "${id}" comes back`];
    return [
      ...(work.mount ? [`volume "${id}" is not mounted`] : []),
      ...(work.resize ? [`limit of volume "${id}" changed`] : []),
    ];
  });
}

function stateReasons(container: Container): string[] {
  if (container.state === 'running') return [];
  const exit = container.exit === undefined ? '' : ` with code ${container.exit.code}`;
  return [`container is ${container.state}${container.state === 'exited' ? exit : ''}`];
}

function decidePorts(
  world: World,
  app: Application,
  node: NodeName,
  own: readonly SeenContainer[],
  tasks: readonly VolumeTask[],
  starts: boolean,
): Pick<Decision, 'ports' | 'hold' | 'switches'> {
  const active = own.filter(({ container }) => isActive(container));
  const wanted = externalPorts(app);
  const before = uniquePorts(active.flatMap(({ container }) => externalPorts(container.spec)));
  const ports = uniquePorts([...wanted, ...before.filter((key) => !isWantedByOther(world, app.name, key))]);
  const leaves = active.some((container) => container.node !== node);
  const underWay = tasks.some(({ work, settle }) => {
    return settle.length > 0 || work.kind === 'reclaim' || (work.kind === 'move' && work.stage !== 'sync');
  });
  const hold = starts && ports.length > 0 && (leaves || underWay);
  const changed = before.length > 0 && JSON.stringify(before) !== JSON.stringify(wanted);
  return { ports, hold, switches: hold || (starts && changed) };
}

function isWantedByOther(world: World, name: AppName, key: PortKey): boolean {
  return [...world.placement.keys()].some((other) => {
    const app = other === name ? undefined : world.config.applications[other];
    return app !== undefined && sharePort([key], externalPorts(app)) !== undefined;
  });
}

/** Datasets wanted without an application; an application that declares the volume decides for it. */
function bareVolumes(world: World) {
  const used = new Set(
    [...world.placement.keys()].flatMap(
      (name) => world.config.applications[name]?.volumes.map((volume) => volume.id) ?? [],
    ),
  );
  const wanted = world.config.datasets?.filter((dataset) => dataset.deleted !== true && !used.has(dataset.id)) ?? [];
  return [...wanted].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function decideVolume(world: World, dataset: ReturnType<typeof bareVolumes>[number]): Decision {
  const { id, node, maximumSizeBytes } = dataset;
  const result = classifyVolume(world, {
    id,
    node,
    ...(maximumSizeBytes === undefined ? {} : { limitBytes: maximumSizeBytes }),
  });
  const away = !world.reachable.has(node);
  const unreachable = { node, reason: `cannot place volume "${id}" on ${quote(node)}: the node cannot be reached` };
  const problems = 'problem' in result ? [blocker(result.problem)] : [];
  return {
    group: id,
    node,
    tasks: 'task' in result ? [result.task] : [],
    stops: [],
    stopFirst: [],
    ports: [],
    hold: false,
    switches: false,
    blockers: away ? [unreachable] : problems,
    warnings: 'task' in result ? staleOwners(world, result.task) : [],
    portsTaken: false,
  };
}

function blocker(problem: VolumeProblem, app?: AppName): Blocker {
  return { ...problem, ...(app === undefined ? {} : { app }) };
}

function staleOwners(world: World, task: VolumeTask, app?: AppName): Blocker[] {
  return task.stale.map((copy) =>
    blocker(
      {
        node: copy.node,
        reason:
          `cannot use the copy of volume "${task.id}" on ${quote(copy.node)}: ` +
          `another node took over later: ${evidence(world, copiesWith(world, task, copy))}`,
        hint: `look at "${copy.volume.dataset}" on ${quote(copy.node)} and destroy it there when nothing in it is missed`,
      },
      app,
    ),
  );
}

function copiesWith(world: World, task: VolumeTask, stale: VolumeTask['stale'][number]) {
  const owner = [...world.reachable].flatMap(([node, facts]) =>
    facts.volumes
      .filter((volume) => volume.id === task.id && volume.role === 'owner' && volume.epoch > stale.volume.epoch)
      .map((volume) => ({ node, volume })),
  );
  return [stale, ...owner];
}

/** Whoever uses a decision's ports or volumes now must stop first; where that will not happen, the decision waits. */
function settleConflicts(world: World, seen: readonly SeenContainer[], drafts: readonly Decision[]): Decision[] {
  let decisions = drafts.map((decision) => ({ ...decision, ...withUsers(seen, decision) }));
  for (;;) {
    const next = decisions.map((decision) => {
      const holder = decision.stopFirst.find(
        (user) => decision.blockers.length === 0 && !willStop(world, decisions, user),
      );
      return holder === undefined ? decision : { ...decision, blockers: [heldBy(decision, holder)] };
    });
    if (next.every((decision, index) => decision === decisions[index])) return next;
    decisions = next;
  }
}

function withUsers(seen: readonly SeenContainer[], decision: Decision): Pick<Decision, 'stopFirst' | 'switches'> {
  const volumes = new Set(
    decision.tasks.filter((task) => task.work.kind !== 'in-place' || decision.start).map((task) => task.id),
  );
  const wanted = decision.start === undefined ? [] : externalPorts(decision.start.spec);
  const others = seen.filter(({ app, container }) => app !== decision.app?.name && isActive(container));
  const passes = others.filter(({ container }) => sharePort(wanted, externalPorts(container.spec)) !== undefined);
  const shares = others.filter(({ container }) => container.spec.mounts.some((mount) => volumes.has(mount.volume)));
  return { stopFirst: [...new Set([...passes, ...shares])], switches: decision.switches || passes.length > 0 };
}

function willStop(world: World, decisions: readonly Decision[], user: SeenContainer): boolean {
  if (!world.placement.has(user.app) || world.config.applications[user.app] === undefined) return true;
  const own = decisions.find((decision) => decision.app?.name === user.app);
  return own?.blockers.length === 0 && own.stops.some((stop) => stop.node === user.node);
}

function heldBy(decision: Decision, user: SeenContainer): Blocker {
  const wanted = decision.start === undefined ? [] : externalPorts(decision.start.spec);
  const port = sharePort(wanted, externalPorts(user.container.spec));
  const what = port === undefined ? 'its volume' : `port ${port.port} (${port.protocol})`;
  const thing = decision.app === undefined ? 'volume' : 'application';
  return {
    ...(decision.app === undefined ? {} : { app: decision.app.name }),
    node: user.node,
    reason: `cannot place ${thing} ${quote(decision.group)} on ${quote(decision.node)}: ${quote(user.app)} uses ${what} on ${quote(user.node)} and does not stop now`,
  };
}
