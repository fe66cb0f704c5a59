import type { ContainerSpec } from '../../model/cluster.ts';
import type { Application } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { NamedPort } from '../../model/name-table.ts';
import { printImage } from '../../model/names.ts';
import type { StepId } from '../../model/plan.ts';
import { sharersOf } from '../../model/shared-volumes.ts';
import { isAwaited } from '../dependencies.ts';
import type { GroupDecision } from '../group-decision.ts';
import { sorted } from '../lists.ts';
import { containerPorts, meshChecks } from '../names/desired.ts';
import { containersOf, type PlanInput } from '../plan-input.ts';
import { externalPorts, portText } from '../ports.ts';
import { nodesWithImage } from '../volumes/image-volumes.ts';
import { quote } from '../wording.ts';
import { prepareVolume, switchVolume } from './move.ts';
import { rank, type StepBuilder, stepId } from './step-builder.ts';

/**
 * Adds the steps of one decision up to the application that answers. Returns the last ones: network tables and settling
 * wait for them.
 */
export function planPlacement(builder: StepBuilder, input: PlanInput, decision: GroupDecision): StepId[] {
  const { group, tasks, stops, start, checks } = decision;
  const isAtRest = tasks.length === 0 && stops.length === 0 && start === undefined && !checks;
  if (isAtRest || decision.blockers.length > 0) return [];
  const pulled = decision.start === undefined ? [] : pullImage(builder, input, decision);
  const prepared = tasks.map((task) => ({ task, ids: prepareVolume({ builder, group, task }) }));
  const moving = prepared.flatMap(({ task, ids }) => (task.work.kind === 'move' ? ids : []));
  const gate = [...pulled, ...moving];
  const held = decision.hold ? holdPorts(builder, input, decision, gate) : [];
  const own = prepared.flatMap(({ task, ids }) => (task.work.kind === 'move' ? [] : ids));
  const calm = held.length > 0 ? held : gate;
  const stopped = decision.startsFirst ? [] : stopContainers(builder, decision, calm, own);
  const quiet = [...(stopped.length > 0 ? stopped : calm), ...stopsOfOthers(decision)];
  const ready = tasks.flatMap((task) => switchVolume({ builder, group, task }, quiet));
  const last = [...(ready.length > 0 ? ready : quiet), ...(stopsHere(decision) ? [] : own)];
  if (decision.start !== undefined) return startContainer(builder, input, decision, last);
  return decision.checks ? [checkAgain(builder, input, decision, last)] : last;
}

/** The application runs and has not answered yet: network tables and settling wait for the check. */
function checkAgain(
  builder: StepBuilder,
  input: PlanInput,
  { group, node, app }: GroupDecision,
  after: readonly StepId[],
): StepId {
  const ports = app === undefined ? [] : externalPorts(app);
  const here = containersOf(input, group).find((one) => one.node === node)?.container;
  const named = here === undefined ? [] : declaredNames(app, here.spec);
  const until = untilDone(input, group);
  const asked = { ports, ...(named.length === 0 ? {} : { named }), ...until };
  const action = { kind: 'check-container', node, app: group, ...asked } as const;
  const reason = 'until' in until ? othersWait : 'it has not answered since it was started';
  return builder.add({ action, after, reason, group });
}

const othersWait = 'other applications wait until it is done';

const untilDone = (input: PlanInput, app: string): { readonly until?: 'done' } =>
  isAwaited(input, app) ? { until: 'done' } : {};

/**
 * No step if the node has the image. Otherwise the step names a node to copy it from, the old node first. If the
 * application runs elsewhere, the step names its image by id: the same name may mean another image on this node.
 */
function pullImage(builder: StepBuilder, input: PlanInput, decision: GroupDecision): StepId[] {
  const { app, node, group } = decision;
  if (app === undefined) return [];
  const name = printImage(app.image);
  const has = (candidate: string) => input.reachable.get(candidate)?.images[name] !== undefined;
  const runs = runningImage(input, decision);
  const isOther = runs !== undefined && has(node) && input.reachable.get(node)?.images[name] !== runs.id;
  const pullsAgain = app.pullPolicy === 'always' && isNewHere(input, decision);
  if (has(node) && !isOther && !pullsAgain) return [];
  const places = [
    ...decision.stops.map((stop) => stop.node),
    ...decision.tasks.flatMap((task) => (task.work.kind === 'move' ? [task.work.from] : [])),
    ...nodesWithImage(input, name),
  ];
  const from = runs?.from ?? places.find((place) => place !== node && has(place));
  const mountpoints = app.volumes.map(({ mountpoint }) => mountpoint);
  const action = {
    kind: 'pull-image',
    node,
    image: app.image,
    ...(from === undefined ? {} : { from }),
    ...(runs === undefined ? {} : { id: runs.id }),
    ...(app.pullPolicy === 'never' || pullsAgain ? { policy: app.pullPolicy } : {}),
    ...(mountpoints.length === 0 ? {} : { mountpoints }),
  } as const;
  const reason = isOther
    ? `${quote(name)} is another image on ${quote(node)} than the one that ${quote(group)} runs with`
    : has(node)
      ? `${quote(group)} gets a new container, and its pull policy is always`
      : `${quote(node)} does not have it`;
  return [builder.add({ action, reason, group })];
}

/** True for a container that is made, and not for one that is started again or that comes from another node. */
const isNewHere = (input: PlanInput, decision: GroupDecision): boolean => {
  const own = containersOf(input, decision.group);
  return own.every(({ node }) => node === decision.node) && (own.length === 0 || stopsHere(decision));
};

/** The image that it runs with on another node of the same architecture, if the file names that image. */
function runningImage(
  input: PlanInput,
  { app, node }: GroupDecision,
): { readonly id: string; readonly from: string } | undefined {
  if (app === undefined || app.image.digest !== undefined) return undefined;
  const arch = input.reachable.get(node)?.versions.arch;
  const own = containersOf(input, app.name);
  if (own.some((seen) => seen.node === node)) return undefined;
  const found = own.find(
    (seen) =>
      seen.container.spec.image === printImage(app.image) && input.reachable.get(seen.node)?.versions.arch === arch,
  );
  return found === undefined ? undefined : { id: found.container.imageId, from: found.node };
}

function holdPorts(builder: StepBuilder, input: PlanInput, decision: GroupDecision, gate: readonly StepId[]): StepId[] {
  const { group } = decision;
  const ports = [...decision.ports, ...decision.names];
  return [...input.reachable.keys()].map((node) => {
    const reason = `${quote(group)} changes its place: new connections wait`;
    return builder.add({ action: { kind: 'hold-ports', node, ports }, after: gate, reason, group });
  });
}

/**
 * Stops the old container of an application that started first, after the new one answers and the clients have
 * followed: its stop waits for the connections that are still open.
 */
export function stopReplaced(builder: StepBuilder, decision: GroupDecision, after: readonly StepId[]): StepId[] {
  return decision.startsFirst ? stopContainers(builder, decision, after, []) : [];
}

/** A stop that belongs to a restart waits for everything that the new container needs, which shortens the downtime. */
function stopContainers(
  builder: StepBuilder,
  decision: GroupDecision,
  gate: readonly StepId[],
  needed: readonly StepId[],
): StepId[] {
  return decision.stops.map(({ node, app, reason, unlessReleased }) => {
    const restart = node === decision.node;
    const needsGate = decision.start !== undefined || decision.startsFirst;
    const after = [...(needsGate ? gate : []), ...(restart ? needed : [])];
    const keep = unlessReleased === undefined ? {} : { unlessReleased };
    const drains = decision.startsFirst ? { drains: true as const } : {};
    const action = { kind: 'stop-container', node, app, ...keep, ...drains } as const;
    return builder.add({ action, after, reason, group: decision.group, ...(restart ? { rank: rank.restart } : {}) });
  });
}

const stopsHere = (decision: GroupDecision): boolean => decision.stops.some((stop) => stop.node === decision.node);

function stopsOfOthers(decision: GroupDecision): StepId[] {
  return sorted(decision.stopFirst.map(({ node, app }) => stepId({ kind: 'stop-container', node, app }, app)));
}

function startContainer(
  builder: StepBuilder,
  input: PlanInput,
  decision: GroupDecision,
  after: readonly StepId[],
): StepId[] {
  const { group, node, start } = decision;
  if (start === undefined) return [];
  const { spec, reason, asksPorts } = start;
  const sharers = sharersOf(input.config, group);
  const shared = Object.keys(sharers).length === 0 ? undefined : sharers;
  const starting = { kind: 'start-container', node, spec, ...defined({ asksPorts, shared }) } as const;
  const started = builder.add({ action: starting, after, reason, group });
  if (spec.isDone === true) return [started];
  const named = checkedNames(decision, spec);
  const until = untilDone(input, group);
  const ports = { ports: externalPorts(spec), ...(named.length === 0 ? {} : { named }), ...until };
  const action = { kind: 'check-container', node, app: spec.application, ...ports } as const;
  const why = 'until' in until ? othersWait : 'it must answer before clients are sent there';
  return [builder.add({ action, after: [started], reason: why, group })];
}

/**
 * The ports that answer only by name: those that the file exposes, and when it changes its place those of its image too,
 * because clients wait for the ones that answered before.
 */
const checkedNames = ({ app, hold }: GroupDecision, spec: ContainerSpec): readonly NamedPort[] =>
  hold ? meshChecks(spec) : declaredNames(app, spec);

function declaredNames(app: Application | undefined, spec: ContainerSpec): readonly NamedPort[] {
  const declared = new Set(app === undefined ? [] : containerPorts(app).map(portText));
  return meshChecks(spec).filter((port) => declared.has(portText(port)));
}
