import { addTo, cached, groupBy } from '../../model/collect.ts';
import type { AppName, Config, NodeName } from '../../model/config.ts';
import { plainText } from '../../model/plain-text.ts';
import { type ActionKind, type Blocker, nodesOf, type Plan, type PlannedMove, type Step } from '../../model/plan.ts';
import { stepKinds } from '../../model/step-kinds.ts';
import type { ClusterView, StepView } from '../cluster-view.ts';
import { formatBytes } from '../wording.ts';
import type { BoardNote } from './types.ts';

/** `app-2` before `app-10`. */
export const compareNames: (a: string, b: string) => number = new Intl.Collator('en', { numeric: true }).compare;

/** What the plan does with one application or one volume without application. */
export interface GroupPlan {
  readonly steps: readonly Step[];
  readonly moves: readonly PlannedMove[];
}

interface PlanIndex {
  readonly groups: ReadonlyMap<string, GroupPlan>;
  readonly blockedApps: ReadonlyMap<AppName, Blocker>;
  readonly blockedNodes: ReadonlyMap<NodeName, readonly string[]>;
}

const noPlan: PlanIndex = { groups: new Map(), blockedApps: new Map(), blockedNodes: new Map() };
const readPlan = cached((plan: Plan): PlanIndex => {
  const blockedNodes = new Map<NodeName, string[]>();
  for (const { app, node, reason } of plan.blocked) {
    if (app === undefined && node !== undefined) addTo(blockedNodes, node, plainText(reason));
  }
  return { groups: groupsOf(plan), blockedApps: blockedApps(plan), blockedNodes };
});

/** The plan by group, cached for each plan. */
export const indexPlan = (plan: Plan | undefined): PlanIndex => (plan === undefined ? noPlan : readPlan(plan));

function groupsOf(plan: Plan): ReadonlyMap<string, GroupPlan> {
  const steps = groupBy(plan.steps, ({ group }) => group);
  return new Map([...steps].map(([group, list]) => [group, { steps: list, moves: list.flatMap(moveOf) }]));
}

function moveOf({ action }: Step): readonly PlannedMove[] {
  return action.kind === 'acquire-volume' ? [{ volume: action.volume, from: action.from, to: action.to }] : [];
}

/** The reason of the first step of each application. */
function blockedApps(plan: Plan): ReadonlyMap<AppName, Blocker> {
  return new Map(plan.blocked.toReversed().flatMap((each) => (each.app === undefined ? [] : [[each.app, each]])));
}

/** The step of a group that runs or has failed, in words. */
export interface Activity {
  readonly group: string;
  readonly nodes: readonly NodeName[];
  readonly kind: ActionKind;
  readonly note: BoardNote;
}

/** The step of each group that runs or has failed; a failed step comes before a running one. */
export function activitiesOf({ plan, steps }: ClusterView): ReadonlyMap<string, readonly Activity[]> {
  const activities = new Map<string, readonly Activity[]>();
  for (const step of plan?.steps ?? []) {
    const view = steps[step.id];
    if (view === undefined || (view.state !== 'running' && view.state !== 'failed')) continue;
    const { group, action } = step;
    const activity = { group, nodes: nodesOf(action), kind: action.kind, note: activityNote(action.kind, view) };
    const others = activities.get(group) ?? [];
    activities.set(group, view.state === 'failed' ? [activity, ...others] : [...others, activity]);
  }
  return activities;
}

function activityNote(kind: ActionKind, view: StepView): BoardNote {
  if (view.outcome?.result === 'failed') {
    const full = plainText(view.outcome.error.message);
    return { kind: 'failed', text: afterColon(full), full };
  }
  return { kind: 'working', text: `${stepKinds[kind].short}${progressOf(kind, view)}` };
}

/** `cannot place "a" on "b": no answer` -> `no answer`; the row shows the rest. */
export const afterColon = (message: string): string => {
  const at = message.indexOf(': ');
  return at < 0 ? message : message.slice(at + 2);
};

function progressOf(kind: ActionKind, { doneBytes, totalBytes }: StepView): string {
  if (!stepKinds[kind].countsBytes || doneBytes === undefined || doneBytes === 0) return '';
  if (totalBytes === undefined || totalBytes <= 0) return ` ${formatBytes(doneBytes)}`;
  return ` ${Math.min(100, Math.floor((100 * doneBytes) / totalBytes))} %`;
}

interface ConfigIndex {
  readonly applications: Config['applications'];
  readonly placement: ReadonlyMap<AppName, NodeName>;
  /** The application (undefined: a bare volume) a volume is declared for, and where it is wanted. */
  readonly volumes: ReadonlyMap<string, { readonly app?: AppName; readonly wanted?: NodeName }>;
}

const noConfig: ConfigIndex = { applications: {}, placement: new Map(), volumes: new Map() };

/** Where everything is wanted; remembered for as long as the configuration is. */
export const indexConfig = (config: Config | undefined): ConfigIndex =>
  config === undefined ? noConfig : readConfig(config);

const readConfig = cached((config: Config): ConfigIndex => {
  const placement = new Map(
    Object.entries(config.deployment).flatMap(([node, apps]) => apps.map((app) => [app, node] as const)),
  );
  const volumes = new Map<string, { readonly app?: AppName; readonly wanted?: NodeName }>();
  for (const { id, node } of config.datasets ?? []) volumes.set(id, { wanted: node });
  for (const app of Object.values(config.applications)) {
    const wanted = placement.get(app.name);
    for (const { id } of app.volumes) volumes.set(id, { app: app.name, ...(wanted === undefined ? {} : { wanted }) });
  }
  return { applications: config.applications, placement, volumes };
});
