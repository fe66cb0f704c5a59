import type { Container, ContainerSpec, PortKey } from '../model/cluster.ts';
import type { Application, AppName, NodeName } from '../model/config.ts';
import { printImage } from '../model/names.ts';
import { findObstacles } from './blockers.ts';
import { bareVolumes, decideVolume } from './classify-bare.ts';
import { classifyVolume, type VolumeTask } from './classify-volume.ts';
import { settleConflicts } from './conflicts.ts';
import { desiredSpec, differences } from './container-spec.ts';
import type { ContainerStart, ContainerStop, Decision } from './decision.ts';
import { checkImageVolumes } from './image-volumes.ts';
import { checkNewVolumes } from './new-volumes.ts';
import { blockWithoutRoom } from './room.ts';
import { problemBlocker, warningsOf } from './stale-owners.ts';
import {
  containersOf,
  externalPorts,
  isActive,
  listenOf,
  meshAddress,
  portText,
  quote,
  type SeenContainer,
  sameItems,
  uniquePorts,
  usersOfWantedPort,
  type World,
} from './world.ts';

/** One decision for each placed application and each bare volume, by name. */
export function decide(world: World): Decision[] {
  const drafts = [
    ...[...world.placement].map(([name, node]) => decideApplication(world, containersOf(world, name), name, node)),
    ...bareVolumes(world).map((volume) => decideVolume(world, volume)),
  ];
  const found = drafts.flatMap((draft) => draft ?? []);
  return settleConflicts(world, blockWithoutRoom(world, found));
}

function decideApplication(
  world: World,
  own: readonly SeenContainer[],
  name: AppName,
  node: NodeName,
): Decision | undefined {
  const app = world.config.applications[name];
  if (app === undefined) return undefined;
  const volumes = app.volumes.map(({ id, mountpoint, maximumSizeBytes: limitBytes }) => {
    const title =
      app.volumes.length === 1 ? `the volume of ${quote(name)}` : `volume ${quote(mountpoint)} of ${quote(name)}`;
    return classifyVolume(world, { id, title, node, ...(limitBytes === undefined ? {} : { limitBytes }) });
  });
  const tasks = volumes.flatMap((volume) => ('task' in volume ? [volume.task] : []));
  const problems = volumes.flatMap((volume) => ('problem' in volume ? [problemBlocker(volume.problem, name)] : []));
  const containers = world.reachable.has(node) ? decideContainers(world, app, node, own, tasks) : { stops: [] };
  const checks = containers.start === undefined && owesCheck(own, node, tasks);
  const fresh = checkNewVolumes(world, app, node, own, tasks);
  const image = checkImageVolumes(world, app, node, own, containers.start !== undefined);
  const obstacles = findObstacles(world, app, node, containers.start !== undefined);
  return {
    group: name,
    node,
    app,
    tasks,
    ...containers,
    stopFirst: [],
    startsFirst: false,
    ...decidePorts(world, app, node, own, tasks, containers.start !== undefined),
    checks,
    // A node that cannot be reached explains whatever is unclear about its volumes.
    blockers: obstacles.decisive
      ? obstacles.blockers
      : [...obstacles.blockers, ...problems, ...fresh.problems, ...image.problems],
    warnings: tasks.flatMap((task) => warningsOf(world, task, name)),
    notes: [...image.notes, ...newerImage(world, app, node, own)],
    keeps: fresh.keeps,
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
  const spec = desiredSpec(app, meshAddress(world, node) ?? node, {
    ordered: world.reachable.get(node)?.boot !== undefined,
    listen: listenOf(world, node),
    deployment: world.config.name,
  });
  const here = own.find((container) => container.node === node)?.container;
  const away = own.filter((container) => container.node !== node);
  const stops = away.map((other): ContainerStop => {
    const reason = `${quote(app.name)} is wanted on ${quote(node)}`;
    const stop = { node: other.node, app: app.name, reason };
    return canReturn(other, tasks) ? { ...stop, unlessReleased: tasks.map(({ id }) => id) } : stop;
  });
  const image = world.reachable.get(node)?.images[printImage(app.image)];
  const different = here === undefined ? [] : changesOf(spec, here, image);
  const changes = here === undefined ? [] : [...different, ...volumeReasons(tasks)];
  const reasons = here === undefined ? [arrival(app.name, node, away, tasks)] : [...changes, ...stateReasons(here)];
  if (here === undefined || reasons.length === 0) {
    return reasons.length === 0 ? { stops } : { stops, start: { spec, reason: reasons.join('; ') } };
  }
  const reason = reasons.join('; ');
  const isDown = here.state === 'exited' || here.state === 'created';
  const canJustStart = isDown && different.length === 0 && tasks.every(isSameData);
  if (!canJustStart) stops.push({ node, app: app.name, reason });
  return { stops, start: { spec, reason } };
}

/**
 * What is not as wanted. That the image's name means another image by now counts only beside something else: a pull
 * by hand restarts nothing.
 */
function changesOf(spec: ContainerSpec, here: Container, image: string | undefined): string[] {
  return differences(spec, here).length === 0 ? [] : differences(spec, here, image);
}

function newerImage(world: World, app: Application, node: NodeName, own: readonly SeenContainer[]): string[] {
  const name = printImage(app.image);
  const here = own.find((seen) => seen.node === node)?.container;
  const id = world.reachable.get(node)?.images[name];
  if (here === undefined || id === undefined || here.spec.image !== name || here.imageId === id) return [];
  return [
    `${quote(name)} is another image on ${quote(node)} than ${quote(app.name)} runs with: a new container gets it`,
  ];
}

/**
 * A move that is not settled, a health check that has not succeeded, or another container of it that still runs in its
 * old place: it may never have answered here.
 */
function owesCheck(own: readonly SeenContainer[], node: NodeName, tasks: readonly VolumeTask[]): boolean {
  const here = own.find((seen) => seen.node === node)?.container;
  if (here === undefined || !isActive(here)) return false;
  const runsElsewhere = own.some((seen) => seen.node !== node && isActive(seen.container));
  const hasUnsettled = tasks.some(({ settle }) => settle.length > 0);
  return here.health === 'unhealthy' || here.health === 'starting' || runsElsewhere || hasUnsettled;
}

/** Everything it uses is still this node's, and leaves it in this plan: until then it can be started again there. */
function canReturn({ node, container }: SeenContainer, tasks: readonly VolumeTask[]): boolean {
  const used = container.spec.mounts.map(({ volume }) => volume);
  return (
    used.length > 0 &&
    used.every((volume) => tasks.some(({ id }) => id === volume)) &&
    tasks.every(({ work }) => work.kind === 'move' && work.from === node && work.stage !== 'acquire')
  );
}

/** A container that a move has stopped goes on with what it had; kept, the node can start it by itself meanwhile. */
function isSameData(task: VolumeTask): boolean {
  return task.work.kind === 'reclaim' || volumeReasons([task]).length === 0;
}

function arrival(name: AppName, node: NodeName, away: readonly SeenContainer[], tasks: readonly VolumeTask[]): string {
  const moved = tasks.flatMap((task) => (task.work.kind === 'move' ? [task.work.from] : []));
  const from = moved[0] ?? away[0]?.node;
  if (from !== undefined) return `${quote(name)} moves from ${quote(from)} to ${quote(node)}`;
  const isFirst = tasks.length > 0 && tasks.every(({ work }) => work.kind === 'create');
  return `${quote(name)} is wanted on ${quote(node)}${isFirst ? ', for the first time: it begins with no data' : ''}`;
}

/** A container must not run on while its volume is given its place, its mount or its limit. */
function volumeReasons(tasks: readonly VolumeTask[]): string[] {
  return tasks.flatMap(({ id, work }) => {
    if (work.kind === 'create') return [`volume "${id}" is new and empty`];
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
  const changed = before.length > 0 && !sameItems(before.map(portText), wanted.map(portText));
  const owes = !starts && owesCheck(own, node, tasks);
  return { ports, hold, switches: hold || (starts && changed) || (owes && ports.length > 0) };
}

const isWantedByOther = (world: World, name: AppName, key: PortKey): boolean =>
  usersOfWantedPort(world, key).some((other) => other !== name);
