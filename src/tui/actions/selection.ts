import { actOfAction } from '../../model/acts.ts';
import { type Container, lastFacts, type NodeFacts } from '../../model/cluster.ts';

import { type AppName, type NodeName, nodeOf, type VolumeId } from '../../model/config.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import { count, formatDuration, namesOf } from '../../view/wording.ts';
import type { ScreenInput } from '../screen.ts';
import type { ActionId } from './actions.ts';

/** Where an application is: the node of its container, else of its data, else the one the files say. */
export interface Whereabouts {
  readonly node: NodeName;
  readonly container?: Container;
  readonly hasVolume: boolean;
}

/** Where an application is; undefined where that is unknown. The last facts of lost nodes count. */
export function whereIs(view: ClusterView, app: AppName): Whereabouts | undefined {
  const own = new Set(view.config?.applications[app]?.volumes.map(({ id }) => id));
  const found = Object.entries(view.nodes).map(([node, state]) => ({ node, ...partsOn(lastFacts(state), app, own) }));
  const hasVolume = found.some((each) => each.hasVolume);
  const best =
    found.find((each) => each.container?.state === 'running') ??
    found.find((each) => each.container !== undefined) ??
    found.find((each) => each.hasVolume);
  const node = best?.node ?? (view.config === undefined ? undefined : nodeOf(view.config, app));
  if (node === undefined) return undefined;
  return { node, hasVolume, ...(best?.container === undefined ? {} : { container: best.container }) };
}

function partsOn(facts: NodeFacts | undefined, app: AppName, own: ReadonlySet<VolumeId>) {
  const container = facts?.containers.find((each) => each.managed && each.application === app);
  const hasVolume =
    facts?.volumes.some((each) => each.role === 'owner' && (each.application === app || own.has(each.id))) ?? false;
  return { hasVolume, ...(container === undefined ? {} : { container }) };
}

/** True where its container is up, or about to be. */
export const isUp = (where: Whereabouts | undefined): boolean =>
  where?.container?.state === 'running' || where?.container?.state === 'restarting';

/** The applications an action is for: the marked ones where it can have several, else the one under the cursor. */
export function selectedApps({ ui }: ScreenInput, action: ActionId): readonly AppName[] {
  const several = action === 'move' || action === 'logs';
  if (several && ui.marks.size > 0) return [...ui.marks].sort();
  return ui.cursor.app === undefined ? [] : [ui.cursor.app];
}

/** `node2 has been unreachable for 12 s`; undefined for a node that answers, or was never asked. */
export function unreachableReason({ view, now }: ScreenInput, node: NodeName): string | undefined {
  const state = view.nodes[node];
  if (state?.status !== 'unreachable') return undefined;
  return `${namesOf(view.config).node(node)} has been unreachable for ${formatDuration(now - state.since)}`;
}

/** Why an action on applications cannot be done now; undefined where it can. */
export function selectionReason(input: ScreenInput, action: ActionId): string | undefined {
  const apps = selectedApps(input, action);
  const node = input.ui.cursor.node;
  if (apps.length > 0) return apps.map((app) => appReason(input, action, app)).find((reason) => reason !== undefined);
  if (action === 'zfs' && node !== undefined) return unreachableReason(input, node);
  if (action === 'edit') return input.about.files === undefined ? 'this folder has no files' : undefined;
  if (action === 'copy' && Object.keys(input.ui.cursor).length > 0) return undefined;
  return 'no application is under the cursor';
}

/** Why an action on this application cannot be done now. */
export function appReason(input: ScreenInput, action: ActionId, app: AppName): string | undefined {
  // The file of an application on a lost node is at hand all the same, and editing it may be the way out.
  if (action === 'edit') return isDeclared(input, app) ? undefined : `"${app}" is not in the files`;
  if (action === 'copy') return undefined;
  const where = whereIs(input.view, app);
  if (where === undefined) return `"${app}" is on no node`;
  return unreachableReason(input, where.node) ?? partReason(input, action, app, where);
}

const isDeclared = ({ view }: ScreenInput, app: AppName): boolean => view.config?.applications[app] !== undefined;

function partReason(input: ScreenInput, action: ActionId, app: AppName, where: Whereabouts): string | undefined {
  if (action === 'move') return isDeclared(input, app) ? undefined : `"${app}" is not in the files`;
  const act = actOfAction(action);
  const needs = action === 'logs' ? 'container' : act?.needs;
  if (needs === 'volume' && !where.hasVolume) return `"${app}" has no volume`;
  const needsContainer = needs === 'container' || needs === 'running container';
  if (needsContainer && where.container === undefined) return `"${app}" has no container: an apply makes it`;
  if (needs === 'running container' && !isUp(where)) return `"${app}" is not running`;
  return act?.effect === 'interrupts' && input.view.running ? 'a run is in progress' : undefined;
}

/** `1 change`, `3 changes`: what the plan would do, by application. */
export function changesOf(view: ClusterView): string {
  // After a run its plan stays until something else is to be done.
  const left = view.plan?.steps.filter(({ id }) => view.steps[id]?.state !== 'succeeded') ?? [];
  return count(new Set(left.map(({ group }) => group)).size, 'change');
}
