import {
  type ClusterState,
  type Container,
  type ContainerSpec,
  type ImageDefaults,
  isActive,
  type NodeFacts,
  type PortKey,
} from '../model/cluster.ts';
import type { AppName, Config, NodeName, VolumeId } from '../model/config.ts';
import { isDone } from '../model/container/verdict.ts';
import { defined } from '../model/defined.ts';
import type { HeldPort } from '../model/name-table.ts';
import type { Blocker } from '../model/plan.ts';
import { settleConflicts, usersBefore } from './conflicts.ts';
import { desiredSpec, differences } from './container-spec.ts';
import { bareVolumes, decideBareVolume } from './decide-bare-volume.ts';
import { blockUnmet, isAwaited, restartsIn } from './dependencies.ts';
import type { ContainerStart, ContainerStop, GroupDecision } from './group-decision.ts';
import { sameItems, sorted } from './lists.ts';
import { desiredNames, heldNames, heldText, meshPortOf, nameNotes } from './names/desired.ts';
import { findObstacles } from './obstacles.ts';
import { type PlacedApp, placedApp } from './placed-app.ts';
import { indexInput, listenOf, type PlanInput, type SeenContainer, usersOfWantedPort } from './plan-input.ts';
import { blockWithoutSpace } from './pool-space.ts';
import { comparePorts, externalPorts, portText, uniquePorts } from './ports.ts';
import { checkImageVolumes } from './volumes/image-volumes.ts';
import { blockRefused, checkNewVolumes } from './volumes/new-volumes.ts';
import { findVolumeTask, type VolumeTask } from './volumes/volume-task.ts';
import { problemBlocker, warningsOf } from './volumes/volume-warnings.ts';
import { quote } from './wording.ts';

/** One decision for each placed application and each bare volume, by name. */
export function decide(input: PlanInput): readonly GroupDecision[] {
  let restarts: ReadonlyMap<AppName, string> = new Map();
  for (;;) {
    const decisions = decideAll(input, restarts);
    // What restarts is replaced as well, and others may restart with it.
    const next = new Map([...restartsIn(input, decisions), ...restarts]);
    if (next.size === restarts.size) return decisions;
    restarts = next;
  }
}

/** `restarts`: the applications that restart with another one, each with the reason. */
function decideAll(input: PlanInput, restarts: ReadonlyMap<AppName, string>): readonly GroupDecision[] {
  const drafts: GroupDecision[] = [];
  for (const [name, node] of input.placement) {
    const app = input.config.applications[name];
    if (app !== undefined) drafts.push(decideApplication(input, placedApp(input, app, node), restarts.get(name)));
  }
  for (const volume of bareVolumes(input)) drafts.push(decideBareVolume(input, volume));
  let decisions: readonly GroupDecision[] = settleConflicts(input, blockWithoutSpace(input, blockRefused(drafts)));
  for (;;) {
    const next = blockUnmet(input, decisions);
    if (next === decisions) return decisions;
    decisions = settleConflicts(input, next);
  }
}

function decideApplication(input: PlanInput, placed: PlacedApp, restart: string | undefined): GroupDecision {
  const { app, node } = placed;
  const { name } = app;
  const { tasks, problems } = decideVolumes(input, placed);
  const { stops, start } = decideContainers(input, placed, tasks, restart);
  const starts = start !== undefined;
  const checks = !starts && owesCheck(input, placed, tasks);
  const fresh = checkNewVolumes(input, placed, tasks);
  const image = checkImageVolumes(input, placed, starts);
  const obstacles = findObstacles(input, app, node, starts);
  const ports = decidePorts(input, placed, tasks, { start, checks });
  const users = usersBefore(input, name, tasks, start);
  return {
    group: name,
    node,
    app,
    tasks,
    stops,
    ...(start === undefined ? {} : { start }),
    stopFirst: users.stopFirst,
    startsFirst: false,
    ...(restart === undefined ? {} : { restarts: true }),
    ports: ports.ports,
    names: ports.names,
    hold: ports.hold,
    switches: ports.switches || users.takesPorts,
    checks,
    // If the node cannot be reached, that is the reason for every problem of its volumes.
    blockers: obstacles.decisive
      ? obstacles.blockers
      : [...obstacles.blockers, ...problems, ...fresh.problems, ...image.problems],
    warnings: tasks.flatMap((task) => warningsOf(input, task, name)),
    notes: [...image.notes, ...staysBehind(placed), ...newerImage(placed), ...nameNotes(input, placed, starts)],
    keeps: fresh.keeps,
    refuses: fresh.refused,
    portsTaken: obstacles.portsTaken,
  };
}

const noVolumes = { tasks: [], problems: [] };

/** What has to happen to each of its volumes, and why a volume cannot be used. */
function decideVolumes(
  input: PlanInput,
  { app, node }: PlacedApp,
): { readonly tasks: readonly VolumeTask[]; readonly problems: readonly Blocker[] } {
  if (app.volumes.length === 0) return noVolumes;
  const tasks: VolumeTask[] = [];
  const problems: Blocker[] = [];
  const seen = new Set<VolumeId>();
  for (const { id, name, mountpoint, maximumSizeBytes: limitBytes } of app.volumes) {
    // It may have a volume at several mountpoints.
    if (seen.has(id)) continue;
    seen.add(id);
    const title =
      app.volumes.length === 1
        ? `the volume of ${quote(app.name)}`
        : `volume ${quote(mountpoint)} of ${quote(app.name)}`;
    const found = findVolumeTask(input, { id, title, node, ...defined({ name, limitBytes }) });
    if ('task' in found) tasks.push(found.task);
    else problems.push(problemBlocker(found.problem, app.name));
  }
  return { tasks, problems };
}

/**
 * Which containers of an application stop, and why one starts. Both are empty if the right container runs, or has done
 * its work. `restart`: why it has to restart.
 */
function decideContainers(
  input: PlanInput,
  placed: PlacedApp,
  tasks: readonly VolumeTask[],
  restart: string | undefined,
): { readonly stops: readonly ContainerStop[]; readonly start?: ContainerStart } {
  const { app, node, facts, here, elsewhere, image, imageId } = placed;
  if (facts === undefined) return { stops: [] };
  const specWith = (exposes: ImageDefaults['exposes']) => specOn(input, placed, node, facts, exposes);
  // A move takes the image along that the application runs with.
  const moved = elsewhere.find(({ container }) => container.spec.image === image)?.container.imageDefaults.exposes;
  const fresh = (): ContainerStart['spec'] => specWith(moved ?? facts.imagePorts?.[imageId ?? '']);
  const asksPorts = imageId === undefined && facts.network.names !== undefined ? { asksPorts: true as const } : {};
  const stops = elsewhere.map((other): ContainerStop => {
    const reason = `the deployment places ${quote(app.name)} on ${quote(node)}`;
    const stop = { node: other.node, app: app.name, reason };
    // A job that is stopped would look like one that is done if it exits with 0.
    const isKept = !isAwaited(input, app.name) && canReturn(other, tasks);
    return isKept ? { ...stop, unlessReleased: tasks.map(({ id }) => id) } : stop;
  });
  if (here === undefined) {
    const done = doneElsewhere(input, placed, tasks);
    if (done === undefined) {
      const reason = arrival(app.name, node, elsewhere, tasks);
      return { stops, start: { spec: fresh(), reason, ...asksPorts } };
    }
    const reason = `${quote(app.name)} has done its work on ${quote(done)}: it moves and is not started again`;
    return { stops, start: { spec: { ...fresh(), isDone: true }, reason, ...asksPorts } };
  }
  // Its image decides, until it is recreated for another reason.
  const spec = specWith(here.imageDefaults.exposes);
  if (isDone(here, app) && isStillDone(spec, here, imageId, tasks)) return { stops };
  const different = changesOf(spec, here, imageId);
  const because = restart === undefined ? [] : [restart];
  const reasons = [...different, ...volumeReasons(tasks), ...stateReasons(here), ...because];
  if (reasons.length === 0) return { stops };
  const reason = reasons.join('; ');
  const isDown = here.state === 'exited' || here.state === 'created';
  const canJustStart = isDown && different.length === 0 && tasks.every(isSameData);
  if (canJustStart) return { stops, start: { spec: withOwnNames(spec, here), reason } };
  stops.push({ node, app: app.name, reason });
  return { stops, start: { spec: fresh(), reason, ...asksPorts } };
}

/**
 * A container that is started again keeps the names that it was made with, or has none if it was made without: the
 * tables must not send clients to an address that it does not have.
 */
const withOwnNames = ({ names: _desired, ...spec }: ContainerSpec, here: Container): ContainerSpec => ({
  ...spec,
  ...defined({ names: here.spec.names }),
});

function specOn(
  input: PlanInput,
  { app, image }: PlacedApp,
  node: NodeName,
  facts: NodeFacts,
  exposes: ImageDefaults['exposes'],
): ContainerSpec {
  const names = desiredNames(input, app, node, exposes);
  const [ordered, listen] = [facts.boot !== undefined, listenOf(input, node)];
  return desiredSpec(app, facts.meshAddress, { image, ordered, listen, names, deployment: input.config.name });
}

/** True if neither its definition nor its image has changed since it did its work, and its data is still there. */
const isStillDone = (
  spec: ContainerSpec,
  container: Container,
  imageId: string | undefined,
  tasks: readonly VolumeTask[],
): boolean => differences(spec, container, imageId).length === 0 && tasks.every(({ work }) => work.kind !== 'create');

/** The node where a job has done its work, if it moves and need not do it again. */
function doneElsewhere(input: PlanInput, placed: PlacedApp, tasks: readonly VolumeTask[]): NodeName | undefined {
  const { app, elsewhere, image } = placed;
  const [only, another] = elsewhere;
  if (only === undefined || another !== undefined || !isAwaited(input, app.name)) return undefined;
  const { node, container } = only;
  const facts = input.reachable.get(node);
  if (facts === undefined || !isDone(container, app)) return undefined;
  const spec = specOn(input, placed, node, facts, container.imageDefaults.exposes);
  return isStillDone(spec, container, facts.images[image], tasks) ? node : undefined;
}

/**
 * How the container differs from the desired one. That the image's name has come to mean another image counts only
 * together with another difference: a manual `docker pull` restarts nothing.
 */
function changesOf(spec: ContainerSpec, here: Container, imageId: string | undefined): string[] {
  const found = differences(spec, here);
  return found.length === 0 ? found : differences(spec, here, imageId);
}

function newerImage({ app, node, here, image, imageId }: PlacedApp): string[] {
  if (here === undefined || imageId === undefined || here.spec.image !== image || here.imageId === imageId) return [];
  return [
    `${quote(image)} is another image on ${quote(node)} than ${quote(app.name)} runs with: a new container gets it`,
  ];
}

/** What every node has of its own, and what no one takes for data of the application. */
const nodesOwn = /^\/(?:$|(?:dev|proc|sys|run|var\/run|etc\/(?:localtime|timezone|machine-id))(?:\/|$))/;

/** Files of the node that an application leaves behind when it moves. */
function staysBehind({ app, node, elsewhere }: PlacedApp): string[] {
  const [away] = elsewhere;
  const sources = app.binds?.flatMap(({ source }) => (nodesOwn.test(source) ? [] : [source])) ?? [];
  if (away === undefined || sources.length === 0) return [];
  return [
    `${quote(app.name)} uses ${sources.join(', ')} of its node: that stays on ${quote(away.node)}, and ${quote(node)} must have its own`,
  ];
}

/**
 * True if the running container may never have answered: a move is not settled, its health check has not succeeded, or
 * another container of the application still runs on the old node. Others wait for a job that runs.
 */
function owesCheck(input: PlanInput, { app, here, elsewhere }: PlacedApp, tasks: readonly VolumeTask[]): boolean {
  if (here === undefined || !isActive(here)) return false;
  if (isAwaited(input, app.name)) return true;
  const runsElsewhere = elsewhere.some(({ container }) => isActive(container));
  const hasUnsettled = tasks.some(({ settle }) => settle.length > 0);
  return here.health === 'unhealthy' || here.health === 'starting' || runsElsewhere || hasUnsettled;
}

/** True if its node owns all its volumes and releases them in this plan: until then the node can start it again. */
function canReturn({ node, container }: SeenContainer, tasks: readonly VolumeTask[]): boolean {
  const used = container.spec.mounts.map(({ volume }) => volume);
  return (
    used.length > 0 &&
    used.every((volume) => tasks.some(({ id }) => id === volume)) &&
    tasks.every(({ work }) => work.kind === 'move' && work.from === node && work.stage !== 'acquire')
  );
}

/**
 * True if the container can use the volume without being replaced: it is unchanged, or a move that stopped is undone.
 */
function isSameData(task: VolumeTask): boolean {
  return task.work.kind === 'reclaim' || volumeReasons([task]).length === 0;
}

function arrival(
  name: AppName,
  node: NodeName,
  elsewhere: readonly SeenContainer[],
  tasks: readonly VolumeTask[],
): string {
  const moved = tasks.flatMap((task) => (task.work.kind === 'move' ? [task.work.from] : []));
  const from = moved[0] ?? elsewhere[0]?.node;
  if (from !== undefined) return `${quote(name)} moves from ${quote(from)} to ${quote(node)}`;
  const isFirst = tasks.length > 0 && tasks.every(({ work }) => work.kind === 'create');
  return `the deployment places ${quote(name)} on ${quote(node)}${isFirst ? ', for the first time: it starts without data' : ''}`;
}

/** Why the container must not run while its volumes change. */
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
  input: PlanInput,
  { app, node, own }: PlacedApp,
  tasks: readonly VolumeTask[],
  { start, checks }: { readonly start: ContainerStart | undefined; readonly checks: boolean },
): Pick<GroupDecision, 'ports' | 'names' | 'hold' | 'switches'> {
  const starts = start !== undefined;
  const active = own.filter(({ container }) => isActive(container));
  const wanted = externalPorts(app);
  const before = uniquePorts(active.flatMap(({ container }) => externalPorts(container.spec)));
  const ports = uniquePorts([...wanted, ...before.filter((key) => !isWantedByOther(input, app.name, key))]);
  const leaves = active.some((container) => container.node !== node);
  const underWay = tasks.some(({ work, settle }) => {
    return settle.length > 0 || work.kind === 'reclaim' || (work.kind === 'move' && work.stage !== 'sync');
  });
  const named = decideNames(input, active, start);
  const isReached = ports.length > 0 || named.names.length > 0;
  const hold = starts && isReached && (leaves || underWay);
  const changed = before.length > 0 && !sameItems(before.map(portText), wanted.map(portText));
  const switches = hold || (starts && (changed || named.changed)) || (checks && isReached);
  return { ports, names: named.names, hold, switches };
}

/** Its ports at its virtual address, before and after the plan; whether a running container of it has other ones. */
function decideNames(
  input: PlanInput,
  active: readonly SeenContainer[],
  start: ContainerStart | undefined,
): { readonly names: readonly HeldPort[]; readonly changed: boolean } {
  const specs = [...active.map(({ container }) => container.spec), ...(start === undefined ? [] : [start.spec])];
  const held = specs.map((spec) => heldNames(input, spec));
  const texts = held.map((ports) => ports.map(heldText));
  const names = new Map(held.flat().map((port) => [heldText(port), port]));
  const changed = active.length > 0 && texts.some((own) => !sameItems(own, texts[0] ?? []));
  return { names: sorted(names.keys()).flatMap((text) => names.get(text) ?? []), changed };
}

const isWantedByOther = (input: PlanInput, name: AppName, key: PortKey): boolean =>
  usersOfWantedPort(input, key).some((other) => other !== name);

/** One input for each state: what is assigned to an application of a plan is taken for the others. */
const inputs = new WeakMap<ClusterState, PlanInput>();

/**
 * The spec with the ports that its image exposes, which the plan did not know. `state` is the one that the plan was made
 * from.
 */
export function withImagePorts(
  config: Config,
  state: ClusterState,
  spec: ContainerSpec,
  exposes: readonly PortKey[],
): ContainerSpec {
  const { names, application } = spec;
  if (names === undefined || names.networks?.length === 0) return spec;
  const known = new Set(names.ports.map(portText));
  const late = exposes.filter((port) => !known.has(portText(port)));
  if (late.length === 0) return spec;
  const input = inputs.get(state) ?? indexInput(config, state);
  // Assigns again what the plan has assigned.
  if (!inputs.has(state)) decide(input);
  inputs.set(state, input);
  const added = late.flatMap(({ port, protocol }) => {
    const meshPort = meshPortOf(input, application, spec, { port, protocol });
    return meshPort === undefined ? [] : [{ port, protocol, meshPort }];
  });
  return { ...spec, names: { ...names, ports: [...names.ports, ...added].sort(comparePorts) } };
}
