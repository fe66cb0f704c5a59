import { lastFacts } from '../../model/cluster.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { ActionKind, Step } from '../../model/plan.ts';
import type { ClusterView, StepView } from '../cluster-view.ts';
import { formatDuration, namesOf } from '../wording.ts';
import { type PlanGroup, planGroups } from './plan-groups.ts';

/**
 * How far an application's change has come. before: nothing done that it could notice. held: new connections wait.
 * stopped: down, the data still where it was. released: given up by the old node, without an owner yet. acquired: the new node
 * has the data, the application is still down. started: it has yet to answer. arrived: it answers; forwards and the old
 * copy are left. done: everything is.
 */
export type Phase = 'before' | 'held' | 'stopped' | 'released' | 'acquired' | 'started' | 'arrived' | 'done';

export interface RunStatus {
  readonly app: AppName;
  readonly phase: Phase;
  readonly isUp: boolean;
  /** The node where it runs or has its data; absent while its data has no owner. */
  readonly node?: NodeName;
  /** From the stop to the answer, or until now. */
  readonly downtimeMs?: number;
  readonly plannedMs?: number;
  /** safe: nothing would be left half done. reversible: down, but the old owner takes it back. goes-on: forwards only. */
  readonly stopping: 'safe' | 'reversible' | 'goes-on';
  readonly hasFailed: boolean;
  /** One sentence for people. */
  readonly text: string;
}

/** Undefined if the plan has no steps for the application. `now` in milliseconds since 1970. */
export function runStatusOf(view: ClusterView, app: AppName, now: number): RunStatus | undefined {
  const group = view.plan && planGroups(view.plan, view.forecasts).find((one) => one.group === app);
  return group && runStatusOfGroup(view, group, now);
}

/** The same for a known group. */
export function runStatusOfGroup(view: ClusterView, group: PlanGroup, now: number): RunStatus {
  const progress = progressOf(view, group);
  const phase = phaseOf(group, progress);
  const seen = view.running || phase === 'done' ? undefined : runsAt(view, group);
  const isUp = seen !== undefined || isUpIn(view, group, phase);
  const node = seen ?? nodeIn(group, phase);
  const downtimeMs = downtimeOf(view, group, now);
  const facts = {
    app: group.group,
    phase,
    isUp,
    ...defined({ node, downtimeMs, plannedMs: group.downtimeMs }),
    stopping: stoppingIn(phase),
    hasFailed: group.steps.some(({ id }) => view.steps[id]?.state === 'failed'),
  } as const;
  return { ...facts, text: sentence(view, group, facts) };
}

interface GroupProgress {
  /** Some step of this kind has begun; it may have had an effect. */
  readonly begun: (kind: ActionKind) => boolean;
  /** The plan has such steps, and all have succeeded. */
  readonly done: (kind: ActionKind) => boolean;
  readonly has: (kind: ActionKind) => boolean;
}

function progressOf(view: ClusterView, { steps }: PlanGroup): GroupProgress {
  const of = (kind: ActionKind): readonly (StepView | undefined)[] =>
    steps.filter(({ action }) => action.kind === kind).map(({ id }) => view.steps[id]);
  return {
    begun: (kind) => of(kind).some(hasBegun),
    done: (kind) => of(kind).length > 0 && of(kind).every((step) => step?.state === 'succeeded'),
    has: (kind) => of(kind).length > 0,
  };
}

/** Skipped steps never begin; cancelled ones only where a start was seen. */
function hasBegun(step: StepView | undefined): boolean {
  if (step === undefined || step.state === 'waiting' || step.state === 'skipped') return false;
  return step.state !== 'cancelled' || step.startedAt !== undefined;
}

function phaseOf(group: PlanGroup, { begun, done, has }: GroupProgress): Phase {
  const all = (kind: ActionKind): boolean => !has(kind) || done(kind);
  const works = has('check-container') ? done('check-container') : done('start-container');
  const arrived = has('start-container') ? works : has('acquire-volume') && done('acquire-volume');
  if (arrived) return all('replace-network') && all('settle-volume') ? 'done' : 'arrived';
  if (done('start-container')) return 'started';
  if (done('acquire-volume')) return 'acquired';
  if (begun('release-volume') || begun('acquire-volume')) return 'released';
  if (begun('stop-container')) return group.kind === 'stop' && done('stop-container') ? 'done' : 'stopped';
  return begun('hold-ports') ? 'held' : has('start-container') || has('stop-container') ? 'before' : bare(begun, done);
}

/** Volumes without an application: nothing is ever down. */
function bare(begun: GroupProgress['begun'], done: GroupProgress['done']): Phase {
  const kinds = ['create-volume', 'resize-volume', 'retire-volume', 'settle-volume', 'replace-network'] as const;
  return kinds.some(done) && !kinds.some((kind) => begun(kind) && !done(kind)) ? 'done' : 'before';
}

function isUpIn(view: ClusterView, group: PlanGroup, phase: Phase): boolean {
  if (phase === 'before' || phase === 'held') return runsOn(view, group.group, group.from);
  if (phase === 'arrived' || phase === 'done') return group.kind !== 'stop';
  return false;
}

/** As last observed; during a run a node may not have been looked at since. */
function runsOn(view: ClusterView, app: AppName, node: NodeName | undefined): boolean {
  const state = node === undefined ? undefined : view.nodes[node];
  const facts = lastFacts(state);
  return facts?.containers.some((one) => one.application === app && one.state === 'running') ?? false;
}

/** After a run the observed state counts: a failed move has been undone, so the application is where its data is. */
function runsAt(view: ClusterView, { group, from, to }: PlanGroup): NodeName | undefined {
  return [to, from].find((node) => node !== undefined && runsOn(view, group, node));
}

function nodeIn({ from, to }: PlanGroup, phase: Phase): NodeName | undefined {
  if (phase === 'released') return undefined;
  return phase === 'before' || phase === 'held' || phase === 'stopped' ? (from ?? to) : (to ?? from);
}

const stoppingIn = (phase: Phase): RunStatus['stopping'] =>
  phase === 'stopped'
    ? 'reversible'
    : phase === 'released' || phase === 'acquired' || phase === 'started'
      ? 'goes-on'
      : 'safe';

/** From the stop to the answer (the start, where nothing is asked). */
function downtimeOf(view: ClusterView, group: PlanGroup, now: number): number | undefined {
  const at = (kinds: readonly ActionKind[]): Step | undefined =>
    group.steps.findLast(({ action }) => kinds.includes(action.kind));
  const stop = group.steps.find(({ action }) => action.kind === 'stop-container');
  const begunAt = stop === undefined ? undefined : view.steps[stop.id]?.startedAt;
  if (begunAt === undefined || group.kind === 'stop') return undefined;
  const end = at(['check-container']) ?? at(['start-container']);
  const ended = end === undefined ? undefined : endOf(view.steps[end.id]);
  return Math.max(0, (ended ?? (view.running ? now : (view.runEndedAt ?? now))) - begunAt);
}

function endOf(step: StepView | undefined): number | undefined {
  if (step?.outcome?.result !== 'succeeded' || step.startedAt === undefined) return undefined;
  return step.startedAt + step.outcome.durationMs;
}

type Facts = Omit<RunStatus, 'text'>;

function sentence(view: ClusterView, group: PlanGroup, facts: Facts): string {
  const { node } = namesOf(view.config);
  const parts = [place(group, facts, node), downtimeText(facts), outlook(view, group, facts, node)];
  return parts.filter((part) => part !== '').join(' · ');
}

function place(
  { group, kind, from, to }: PlanGroup,
  { phase, isUp, node }: Facts,
  name: (node: NodeName) => string,
): string {
  const app = `"${group}"`;
  const at = (node: NodeName | undefined): string => (node === undefined ? '' : ` on ${name(node)}`);
  if (kind === 'volume' || kind === 'network')
    return phase === 'done' ? `${group}: done` : `${group}: nothing stops for it`;
  switch (phase) {
    case 'before':
      return isUp ? `${app} is UP${at(node)}` : `${app} is not running${at(from ?? to)}`;
    case 'held':
      return `${app} ${isUp ? 'is UP' : 'is not running'}${at(from)}, and new connections to it wait`;
    case 'started':
      return isUp ? `${app} is UP${at(node)}, and has yet to answer` : `${app} is starting${at(to)}`;
    case 'arrived':
      return `${app} is UP${at(to)}`;
    case 'done':
      return kind === 'stop' ? `${app} is stopped, as the files say` : `${app} is UP${at(to)}`;
    default:
      if (isUp) return `${app} is UP${at(node)}`;
      return kind === 'stop' ? `${app} is being stopped${at(from)}` : `${app} is DOWN`;
  }
}

function downtimeText({ phase, downtimeMs, plannedMs }: Facts): string {
  const planned = plannedMs === undefined ? '' : ` (planned about ${formatDuration(plannedMs)})`;
  if (downtimeMs === undefined) return planned === '' || phase === 'done' ? '' : `no downtime so far${planned}`;
  const over = phase === 'arrived' || phase === 'done';
  return `${over ? 'downtime was' : 'downtime so far'} ${formatDuration(downtimeMs)}${planned}`;
}

function outlook(view: ClusterView, group: PlanGroup, facts: Facts, name: (node: NodeName) => string): string {
  if (facts.phase === 'done') return 'everything is done';
  if (!view.running) return facts.phase === 'before' ? '' : '`apply` goes on from here';
  if (facts.hasFailed) return afterFailure(group, facts, name);
  const left = leaves(group, facts, name);
  switch (facts.stopping) {
    case 'safe':
      return `stopping now is safe: ${left}`;
    case 'reversible':
      return `if it ended here, ${left}`;
    case 'goes-on':
      return `it must go on: ${left}`;
  }
}

/** The state that would remain if drover stopped now. */
function leaves({ kind, from, to, steps }: PlanGroup, { phase }: Facts, name: (node: NodeName) => string): string {
  const old = from === undefined ? 'the old node' : name(from);
  const fresh = to === undefined ? 'the new node' : name(to);
  const copies = steps.some(({ action }) => action.kind === 'sync-volume');
  switch (phase) {
    case 'before':
      return `nothing is changed${from === undefined ? '' : ` on ${old}`}${copies ? ', and the copy goes on later where it ended' : ''}`;
    case 'held':
      return `nothing is changed on ${old}, and the connections that wait are let in`;
    case 'stopped':
      if (kind === 'move') return `${old} would take it back, and nothing is lost`;
      return `the next apply would ${kind === 'stop' ? 'finish this' : 'start it again'}`;
    case 'released':
      return `${old} has given the data up to ${fresh}; the next apply would finish it`;
    case 'acquired':
      return `${fresh} has the data and does not run it yet; the next apply would start it`;
    case 'started':
      return kind === 'move' ? `clients are not sent to ${fresh} before it answers there` : 'it has yet to answer';
    default:
      return 'only forwards and the old copy are left to be set in order';
  }
}

function afterFailure({ from, to }: PlanGroup, { phase }: Facts, name: (node: NodeName) => string): string {
  const back = from === undefined ? 'it' : `it back to ${name(from)}`;
  if (phase === 'before' || phase === 'held') return 'a step failed; nothing is changed where it runs';
  if (phase === 'stopped') return `a step failed: drover brings ${back}`;
  if (phase === 'arrived') return 'a step failed after it answered; the next apply does the rest';
  return `a step failed: its data belongs to ${to === undefined ? 'its new node' : name(to)}, and the next apply goes on`;
}
