import type { NodeFigures } from '../model/cluster.ts';
import type { Config } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import type { EngineEvent } from '../model/events.ts';
import { plainText } from '../model/plain-text.ts';
import type { Plan, StepId } from '../model/plan.ts';
import { withKnownIds } from '../model/volume-identity.ts';
import type { ClusterView, EarlierFigures, FiguresView, StepView } from './cluster-view.ts';
import { trailOf } from './event-log.ts';

/** The view before the first event. */
export const emptyView: ClusterView = {
  problems: [],
  nodes: {},
  forecasts: [],
  run: 0,
  running: false,
  steps: {},
  receipts: [],
  figures: {},
  policy: 'on-save',
  trail: [],
  commands: [],
};

const kept = { receipts: 100, trail: 500, commands: 200, samples: 60, output: 50 } as const;
const sampleEveryMs = 1000;

/** The view after an event; the same object if nothing that is shown changes. */
export function reduce(view: ClusterView, event: EngineEvent): ClusterView {
  const next = apply(view, event);
  const entries = trailOf(view, event);
  return entries.length === 0 ? next : { ...next, trail: [...next.trail, ...entries].slice(-kept.trail) };
}

function apply(view: ClusterView, event: EngineEvent): ClusterView {
  switch (event.type) {
    case 'config-loaded':
      return configLoaded(view, event.config, event.at);
    case 'config-rejected':
      return { ...view, problems: event.problems };
    case 'node-observed':
      return { ...view, nodes: { ...view.nodes, [event.node]: event.state } };
    case 'plan-made':
      return planMade(withVolumesOf(view, event.plan), event);
    case 'run-started':
      return runStarted(view, event.run, event.at);
    case 'step-started':
      return changeStep(view, event.step, { state: 'running', startedAt: event.at });
    case 'step-progress':
      return progressed(view, event);
    case 'step-finished':
      return changeStep(view, event.step, { state: event.outcome.result, outcome: event.outcome });
    case 'step-output':
      return printed(view, event.step, event.line);
    case 'move-finished':
      return { ...view, receipts: [...view.receipts, event.receipt].slice(-kept.receipts) };
    case 'run-finished':
      return runFinished({ ...view, running: false, outcome: event.outcome, runEndedAt: event.at });
    case 'figures': {
      const figures = { ...view.figures, [event.node]: addFigures(view.figures[event.node], event.figures) };
      return { ...view, figures };
    }
    case 'command': {
      const command = { at: event.at, node: event.node, text: plainText(event.text) };
      return { ...view, commands: [...view.commands, command].slice(-kept.commands) };
    }
    case 'policy-changed':
      return view.policy === event.policy ? view : { ...view, policy: event.policy };
    case 'approval-wanted':
      return { ...view, approval: event.approval };
    case 'approval-over':
      return approvalOver(view);
    case 'container-event':
    case 'act-finished':
    case 'retrying':
      return view;
  }
}

/** Nodes that are no longer named in the files are no longer shown. */
function configLoaded(view: ClusterView, config: Config, at: number): ClusterView {
  const isNew = view.config?.revision !== config.revision || view.problems.length > 0;
  return {
    ...view,
    config,
    problems: [],
    nodes: knownNodes(view.nodes, config),
    figures: knownNodes(view.figures, config),
    configLoadedAt: isNew ? at : (view.configLoadedAt ?? at),
  };
}

function knownNodes<T>(byNode: Readonly<Record<string, T>>, config: Config): Readonly<Record<string, T>> {
  const entries = Object.entries(byNode);
  const known = entries.filter(([node]) => config.nodes[node] !== undefined || config.deployment[node] !== undefined);
  return known.length === entries.length ? byNode : Object.fromEntries(known);
}

/** The configuration has the volumes with the ids that the nodes know. */
function withVolumesOf(view: ClusterView, { knownIds = {} }: Plan): ClusterView {
  const config = view.config === undefined ? undefined : withKnownIds(view.config, knownIds);
  return config === undefined || config === view.config ? view : { ...view, config };
}

/** The last pass of a run has an empty plan; the screen keeps showing what the run did. */
function planMade(view: ClusterView, event: Extract<EngineEvent, { type: 'plan-made' }>): ClusterView {
  const hasWorked = Object.values(view.steps).some((step) => step.state !== 'waiting');
  const keepsSteps = view.running && event.plan.steps.length === 0 && hasWorked;
  if (keepsSteps && view.plan !== undefined) {
    const plan = { ...view.plan, blocked: event.plan.blocked, notes: event.plan.notes };
    return { ...view, plan, forecasts: event.forecasts };
  }
  if (isStillNothing(view, event.plan)) return view;
  return { ...view, plan: event.plan, forecasts: event.forecasts, steps: waitingSteps(event.plan) };
}

/** An empty plan after an empty plan keeps the old object, so that caches stay valid. */
function isStillNothing({ plan, steps, forecasts }: ClusterView, next: Plan): boolean {
  if (plan === undefined || plan.revision !== next.revision || plan.steps.length + next.steps.length > 0) return false;
  const saysSame = JSON.stringify([plan.blocked, plan.notes]) === JSON.stringify([next.blocked, next.notes]);
  return saysSame && Object.keys(steps).length + forecasts.length === 0;
}

function runStarted(view: ClusterView, run: number, at: number): ClusterView {
  const { outcome: _earlier, runEndedAt: _end, ...rest } = view;
  const steps = view.plan === undefined ? {} : waitingSteps(view.plan);
  return { ...rest, run, running: true, runStartedAt: at, steps };
}

/** The next observation makes a new plan; the steps of this run stay visible. */
function runFinished(view: ClusterView): ClusterView {
  const { plan, steps, forecasts } = view;
  const hasWorked = Object.values(steps).some((step) => step.state !== 'waiting');
  return hasWorked && plan !== undefined ? { ...view, lastRun: { plan, steps, forecasts } } : view;
}

function approvalOver(view: ClusterView): ClusterView {
  if (view.approval === undefined) return view;
  const { approval: _over, ...rest } = view;
  return rest;
}

function changeStep(view: ClusterView, step: StepId, change: Partial<StepView>): ClusterView {
  const before: StepView = view.steps[step] ?? { state: 'waiting' };
  return { ...view, steps: { ...view.steps, [step]: { ...before, ...change } } };
}

function progressed(view: ClusterView, event: Extract<EngineEvent, { type: 'step-progress' }>): ClusterView {
  const { at, doneBytes, totalBytes, what } = event;
  const samples = view.steps[event.step]?.samples ?? [];
  const last = samples.at(-1);
  const isDue = last === undefined || at - last.at >= sampleEveryMs;
  return changeStep(view, event.step, {
    doneBytes,
    ...defined({ totalBytes, what }),
    samples: isDue ? [...samples, { at, doneBytes }].slice(-kept.samples) : samples,
  });
}

/** Output of an unknown step is dropped. */
function printed(view: ClusterView, step: StepId, text: string): ClusterView {
  const before = view.steps[step];
  if (before === undefined) return view;
  return changeStep(view, step, { output: [...(before.output ?? []), plainText(text)].slice(-kept.output) });
}

function waitingSteps(plan: Plan): ClusterView['steps'] {
  return Object.fromEntries(plan.steps.map((step) => [step.id, { state: 'waiting' as const }]));
}

/** Points of a node's graph. */
const keptPoints = 60;

/** How long to show the last figures of a container that is no longer measured. */
const earlierLastMs = 30_000;

/** Adds new figures of a node; keeps those of containers that are no longer measured for some seconds. */
function addFigures(before: FiguresView | undefined, latest: NodeFigures): FiguresView {
  const history = before?.cpuHistory ?? [];
  const { cpuPercent } = latest;
  const earlier = earlierOf(before, latest);
  return {
    latest,
    cpuHistory: cpuPercent === undefined ? history : [...history, cpuPercent].slice(-keptPoints),
    ...(earlier.length === 0 ? {} : { earlier: Object.fromEntries(earlier) }),
  };
}

function earlierOf(
  before: FiguresView | undefined,
  latest: NodeFigures,
): readonly (readonly [string, EarlierFigures])[] {
  if (before === undefined) return [];
  const { at, containers } = before.latest;
  const isGone = (name: string): boolean => latest.containers[name] === undefined;
  const isWorth = (each: EarlierFigures): boolean => latest.at - each.at <= earlierLastMs;
  return [
    ...Object.entries(before.earlier ?? {}).filter(([name, each]) => isGone(name) && isWorth(each)),
    ...Object.entries(containers).flatMap(([name, each]) => (isGone(name) ? [[name, { ...each, at }] as const] : [])),
  ];
}
