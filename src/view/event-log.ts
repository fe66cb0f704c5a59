import type { NodeFacts, NodeState } from '../model/cluster.ts';
import { type AppName, type Config, nodeOf } from '../model/config.ts';
import type { EngineEvent, EngineEventBody, RunOutcome } from '../model/events.ts';
import { plainText } from '../model/plain-text.ts';
import type { ClusterView, TrailEntry } from './cluster-view.ts';
import type { Tone } from './lines.ts';
import { planSummary } from './run/plan-lines.ts';
import {
  count,
  describeAction,
  describeOutcome,
  formatBytes,
  formatDuration,
  namesOf,
  noteSentences,
} from './wording.ts';

type EventOf<T extends EngineEventBody['type']> = Extract<EngineEvent, { type: T }>;
type Said = Omit<TrailEntry, 'at'>;

/** Use of a pool that is worth a line, in percent. */
const poolMarks = [80, 90, 95] as const;

/** The lines of the event log for this event; `view` is the view before it. */
export function trailOf(view: ClusterView, event: EngineEvent): readonly TrailEntry[] {
  return entriesOf(view, event).map((said) => ({ at: event.at, ...said, text: plainText(said.text) }));
}

function entriesOf(view: ClusterView, event: EngineEvent): readonly Said[] {
  switch (event.type) {
    case 'config-loaded':
      return loaded(view, event.config);
    case 'config-rejected':
      return rejected(event);
    case 'node-observed':
      return observed(view.nodes[event.node], event);
    case 'figures':
      return poolFilled(view, event);
    case 'container-event':
      return containerLines(view, event);
    case 'plan-made':
      return planned(view, event);
    case 'step-finished':
      return stepFailed(view, event);
    case 'move-finished':
      return [moved(view, event)];
    case 'retrying':
      return [say('apply', `tries again in ${formatDuration(event.inMs)}: ${event.error.message}`, 'warning')];
    case 'run-finished':
      return [ended(view, event)];
    case 'act-finished':
      return [acted(event)];
    case 'policy-changed':
      return view.policy === event.policy ? [] : [say('apply', policies[event.policy])];
    case 'approval-wanted':
      return [say('plan', `waits for approval: ${event.approval.reason}`, 'warning')];
    case 'approval-over':
    case 'run-started':
    case 'step-started':
    case 'step-progress':
    case 'step-output':
    case 'command':
      return [];
  }
}

const policies = {
  'on-save': 'from now on every save is applied at once',
  ask: 'from now on nothing is applied before it is approved',
} as const;

const say = (source: Said['source'], text: string, tone?: Tone): Said => ({
  source,
  text,
  ...(tone === undefined ? {} : { tone }),
});

function loaded(view: ClusterView, config: Config): readonly Said[] {
  const before = view.config;
  if (before === undefined) {
    const placed = Object.values(config.deployment).flat().length;
    const nodes = count(Object.keys(config.deployment).length, 'node');
    return [say('file', `the files are read: ${count(placed, 'application')} on ${nodes}`), ...noted(config)];
  }
  if (before.revision !== config.revision)
    return [say('file', `saved: ${describeChanges(before, config)}`), ...noted(config)];
  return view.problems.length === 0 ? [] : [say('file', 'the files are right again, and as they were before', 'ok')];
}

const noted = (config: Config): readonly Said[] => noteSentences(config).map((text) => say('file', text, 'warning'));

/** Longer lists are shortened; the plan has all entries. */
const changesTold = 4;

/** What a new configuration changes: `"wiki" node1 → node2, "mail" removed`. */
export function describeChanges(before: Config, after: Config): string {
  const names = [...new Set([...Object.keys(before.applications), ...Object.keys(after.applications)])].toSorted();
  const changes = names.flatMap((app) => changeOf(app, before, after) ?? []);
  if (changes.length === 0) return 'nodes or settings changed, no application';
  const rest = changes.length - changesTold;
  return `${changes.slice(0, changesTold).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function changeOf(app: AppName, before: Config, after: Config): string | undefined {
  const [from, to] = [nodeOf(before, app), nodeOf(after, app)];
  const node = namesOf(after).node;
  if (from !== to) {
    if (from === undefined && to !== undefined) return `"${app}" on ${node(to)}`;
    if (to === undefined && from !== undefined) return `"${app}" removed from ${node(from)}`;
    return `"${app}" ${node(from ?? '')} → ${node(to ?? '')}`;
  }
  if (to === undefined) return undefined;
  const isSame =
    JSON.stringify(before.applications[app]) === JSON.stringify(after.applications[app]) &&
    hasSameFiles(app, before, after);
  return isSame ? undefined : `"${app}" changed`;
}

/** Contents do not show in JSON. */
function hasSameFiles(app: AppName, before: Config, after: Config): boolean {
  const [old, fresh] = [before.applications[app]?.files ?? [], after.applications[app]?.files ?? []];
  return old.every(({ content }, index) => fresh[index]?.content.equals(content) === true);
}

function rejected({ problems }: EventOf<'config-rejected'>): readonly Said[] {
  const [first] = problems;
  const place = first === undefined ? '' : [first.file, first.line, first.column].filter((part) => part).join(':');
  const text = `${count(problems.length, 'problem')}, nothing is applied${first === undefined ? '' : `: ${place} ${first.message}`}`;
  return [say('file', text, 'fault')];
}

function observed(before: NodeState | undefined, { node, state, at }: EventOf<'node-observed'>): readonly Said[] {
  if (state.status === 'unreachable') {
    if (before?.status === 'unreachable') return [];
    return [{ ...say('node', state.error.message, 'fault'), node }];
  }
  if (before?.status === 'unreachable') {
    return [{ ...say('node', `answers again after ${formatDuration(at - before.since)}`, 'ok'), node }];
  }
  const { pool } = state.facts;
  const health = before?.facts.pool.health;
  if (health === undefined || health === pool.health) return [];
  const tone = pool.health === 'ONLINE' ? 'ok' : 'fault';
  return [{ ...say('node', `pool "${pool.name}" is ${pool.health}`, tone), node }];
}

const usedPercent = ({ sizeBytes, freeBytes }: NodeFacts['pool']): number =>
  sizeBytes === 0 ? 0 : (100 * (sizeBytes - freeBytes)) / sizeBytes;

/** Said when a mark is passed upwards. */
function poolFilled(view: ClusterView, { node, figures: { pool } }: EventOf<'figures'>): readonly Said[] {
  const before = view.figures[node]?.latest.pool;
  const [was, is] = [before === undefined ? 0 : usedPercent(before), usedPercent(pool)];
  const mark = poolMarks.findLast((each) => is >= each);
  if (mark === undefined || was >= mark) return [];
  const text = `pool "${pool.name}" is ${Math.floor(is)} % full, ${formatBytes(pool.freeBytes)} free`;
  return [{ ...say('node', text, mark >= 90 ? 'fault' : 'warning'), node }];
}

/** 128 + the number of SIGKILL and of SIGTERM. */
const signalled: Readonly<Record<number, string>> = { 137: ' (killed)', 143: ' (terminated)' };

/** Events of containers, without those that a step of the run causes. */
function containerLines(view: ClusterView, event: EventOf<'container-event'>): readonly Said[] {
  const { node, application, container, action, exitCode } = event;
  const who = `"${application ?? container}"`;
  const of = { node, ...(application === undefined ? {} : { app: application }) };
  const line = (text: string, tone?: Tone): Said[] => [{ ...say('docker', `${who} ${text}`, tone), ...of }];
  if (action === 'oom') return line('out of memory: the kernel killed a process in this container', 'fault');
  if (action.startsWith('health_status')) {
    const health = action.replace(/^health_status:?\s*/, '');
    return line(`is ${health}`, health === 'healthy' ? 'ok' : 'fault');
  }
  const byStep = view.running && application !== undefined;
  if (action === 'die') {
    if (exitCode === undefined) return byStep ? [] : line('has ended', 'warning');
    const isFine = exitCode === 0 || (byStep && exitCode in signalled);
    return byStep && isFine
      ? []
      : line(`exited with code ${exitCode}${signalled[exitCode] ?? ''}`, isFine ? 'warning' : 'fault');
  }
  if (byStep) return [];
  const text = deeds[action];
  return text === undefined ? [] : line(text);
}

const deeds: Readonly<Record<string, string>> = {
  start: 'started',
  pause: 'is paused',
  unpause: 'goes on',
  destroy: 'is removed',
  rename: 'has another name',
};

function planned(view: ClusterView, { plan, run }: EventOf<'plan-made'>): readonly Said[] {
  if (run !== 0) return [];
  const text = planSummary(plan);
  const hadNothing = view.plan === undefined || planSummary(view.plan) === text;
  const isSame = view.plan?.revision === plan.revision && planText(view.plan) === planText(plan);
  if (isSame || (plan.steps.length === 0 && plan.blocked.length === 0 && hadNothing)) return [];
  return [say('plan', text, plan.blocked.length > 0 ? 'warning' : undefined)];
}

const planText = (plan: ClusterView['plan']): string =>
  [...(plan?.steps ?? []).map(({ id }) => id), ...(plan?.blocked ?? []).map(({ reason }) => reason)].join('\n');

function stepFailed(view: ClusterView, { step, outcome }: EventOf<'step-finished'>): readonly Said[] {
  if (outcome.result !== 'failed') return [];
  const action = view.plan?.steps.find(({ id }) => id === step)?.action;
  const what = action === undefined ? step : describeAction(action, namesOf(view.config));
  return [say('apply', `${what}: ${outcome.error.message}`, 'fault')];
}

function moved(view: ClusterView, { receipt }: EventOf<'move-finished'>): Said {
  const names = namesOf(view.config);
  const what = receipt.app === undefined ? names.volume(receipt.volume) : `"${receipt.app}"`;
  const down = receipt.downtimeMs === undefined ? '' : `, ${formatDuration(receipt.downtimeMs)} of downtime`;
  const way = `from ${names.node(receipt.from)} to ${names.node(receipt.to)}`;
  const text = `${what} moved ${way} in ${formatDuration(receipt.totalMs)}${down}`;
  return { ...say('apply', text, 'ok'), ...(receipt.app === undefined ? {} : { app: receipt.app }) };
}

const tones: Readonly<Record<RunOutcome['result'], Tone>> = {
  converged: 'ok',
  blocked: 'warning',
  failed: 'fault',
  locked: 'fault',
  rejected: 'fault',
  superseded: 'faint',
  cancelled: 'warning',
};

function ended(view: ClusterView, { at, outcome }: EventOf<'run-finished'>): Said {
  return say('apply', describeOutcome(outcome, at - (view.runStartedAt ?? at)), tones[outcome.result]);
}

function acted({ act, error }: EventOf<'act-finished'>): Said {
  return error === undefined ? say('act', act, 'ok') : say('act', `${act}: ${error.message}`, 'fault');
}
