import type { AppName, PlacedVolume } from '../../model/config.ts';
import type { Blocker, StepId } from '../../model/plan.ts';
import { appsOnVolume } from '../../model/shared-volumes.ts';
import { notOurs } from '../deployments.ts';
import { compareText } from '../lists.ts';
import { managedContainers, type PlanInput, type SeenContainer, usersOfVolume } from '../plan-input.ts';
import { copiesOf, ownershipOf } from '../volumes/ownership.ts';
import { quote, titleOf } from '../wording.ts';
import { orderRemovals } from './order.ts';
import { type StepBuilder, stepId } from './step-builder.ts';

/**
 * Stops the applications that the files do not place any more, on every reachable node; their volumes are kept. `kept`
 * keep running: another application may be meant to have their data.
 */
export function planRemovals(builder: StepBuilder, input: PlanInput, kept: ReadonlySet<AppName>): void {
  const removed = undeclared(input).flatMap(({ node, app, container }) => {
    if (kept.has(app)) return [];
    const reason = `${quote(app)} is not in the deployment`;
    const stop = builder.add({ action: { kind: 'stop-container', node, app }, reason, group: app });
    const declared = input.config.applications[app]?.dependsOn?.map((one) => one.app);
    return [{ stop, app, needs: declared ?? container.spec.after ?? [] }];
  });
  orderRemovals(builder, removed);
}

function isDeclared(input: PlanInput, app: AppName): boolean {
  return input.placement.has(app) && input.config.applications[app] !== undefined;
}

function undeclared(input: PlanInput): SeenContainer[] {
  return managedContainers(input).filter(({ app }) => !isDeclared(input, app));
}

/** Retires the volumes that the files declare deleted. Returns a blocker for each that cannot be retired now. */
export function planRetirements(builder: StepBuilder, input: PlanInput, kept: ReadonlySet<AppName>): Blocker[] {
  const datasets = input.config.datasets?.filter((dataset) => dataset.deleted === true) ?? [];
  return [...datasets]
    .sort((a, b) => compareText(a.id, b.id))
    .flatMap((dataset) => retire(builder, input, kept, dataset));
}

function retire(builder: StepBuilder, input: PlanInput, kept: ReadonlySet<AppName>, { id }: PlacedVolume): Blocker[] {
  const [user] = appsOnVolume(input.config, id);
  const cannot = `cannot retire volume "${id}"`;
  if (user !== undefined) return [{ app: user, reason: `${cannot}: application ${quote(user)} is declared to use it` }];
  const other = input.others.get(id);
  if (other !== undefined) {
    const { problem, hint } = notOurs(input.config, other);
    return [{ reason: `${cannot}: ${problem}`, hint }];
  }
  const ownership = ownershipOf(input, id);
  if (ownership.kind === 'absent') return [];
  if (ownership.kind === 'owned' || ownership.kind === 'frozen') {
    const { node } = ownership.at;
    const stops = stopsOfUsers(input, kept, id);
    if (stops === undefined) return [{ node, reason: `${cannot}: an application still uses it` }];
    const older = ownership.kind === 'owned' ? ownership.released : [];
    const settled = older.map((copy) =>
      builder.add({
        action: { kind: 'settle-volume', from: copy.node, to: node, volume: id },
        reason: `${quote(node)} owns it; the copy on ${quote(copy.node)} stays as a replica`,
        group: id,
      }),
    );
    const after = [...stops, ...settled];
    const reason = 'declared deleted; kept on disk';
    builder.add({ action: { kind: 'retire-volume', node, volume: id }, after, reason, group: id });
    return [];
  }
  if (ownership.kind === 'released') {
    const { node } = ownership.at;
    return [
      { node, reason: `${cannot}: ${quote(node)} released it to ${quote(ownership.to)}, which has not taken it` },
    ];
  }
  if (isRetired(input, id)) return [];
  const { problem, node, hint } = ownership;
  const place = { ...(node === undefined ? {} : { node }), ...(hint === undefined ? {} : { hint }) };
  return [{ reason: `${cannot}: ${problem}`, ...place }];
}

/** True if its last owner is retired, whatever an unreachable node has. */
function isRetired(input: PlanInput, id: string): boolean {
  const copies = copiesOf(input, id);
  return (
    copies.some(({ volume }) => volume.role === 'retired') && !copies.some(({ volume }) => volume.role === 'owner')
  );
}

/** The stops of the volume's users; undefined if one of them keeps running or is declared. */
function stopsOfUsers(input: PlanInput, kept: ReadonlySet<AppName>, id: string): StepId[] | undefined {
  const users = usersOfVolume(input, id);
  if (users.some(({ app }) => isDeclared(input, app) || kept.has(app))) return undefined;
  return users.map(({ node, app }) => stepId({ kind: 'stop-container', node, app }, app));
}

/**
 * A line for each thing that is left alone: volumes that no declared application uses, and containers without a name.
 */
export function describeLeftovers(input: PlanInput): string[] {
  const wanted = new Set([
    ...[...input.placement.keys()].flatMap(
      (name) => input.config.applications[name]?.volumes.map((volume) => volume.id) ?? [],
    ),
    ...(input.config.datasets?.map((dataset) => dataset.id) ?? []),
  ]);
  return [...input.reachable].flatMap(([node, facts]) => {
    const volumes = facts.volumes
      .filter(({ id, role }) => !wanted.has(id) && !input.others.has(id) && role !== 'retired')
      .map((volume) => {
        return `${titleOf(volume)} is kept on ${quote(node)} with role ${volume.role}: nothing declared uses it`;
      });
    const nameless = facts.containers
      .filter((container) => container.managed && container.application === undefined)
      .map((container) => `container ${quote(container.name)} on ${quote(node)} has no application label: left alone`);
    return [...volumes, ...nameless].sort(compareText);
  });
}
