import type { Config } from '../model/config.ts';
import type { EngineEvent } from '../model/events.ts';
import type { Plan, StepId } from '../model/plan.ts';
import type { ClusterView, StepView } from './cluster-view.ts';

/** Before anything has happened. */
export const emptyView: ClusterView = {
  problems: [],
  nodes: {},
  forecasts: [],
  run: 0,
  running: false,
  steps: {},
  receipts: [],
};

const keptReceipts = 100;

/** The view after one more event; returns the same object where the event changes nothing that is shown. */
export function reduce(view: ClusterView, event: EngineEvent): ClusterView {
  switch (event.type) {
    case 'config-loaded':
      return { ...view, config: event.config, problems: [], nodes: knownNodes(view, event.config) };
    case 'config-rejected':
      return { ...view, problems: event.problems };
    case 'node-observed':
      return { ...view, nodes: { ...view.nodes, [event.node]: event.state } };
    case 'plan-made':
      return planMade(view, event);
    case 'run-started':
      return runStarted(view, event.run);
    case 'step-started':
      return changeStep(view, event.step, { state: 'running', startedAt: event.at });
    case 'step-progress':
      return changeStep(view, event.step, {
        doneBytes: event.doneBytes,
        ...(event.totalBytes === undefined ? {} : { totalBytes: event.totalBytes }),
        ...(event.what === undefined ? {} : { what: event.what }),
      });
    case 'step-finished':
      return changeStep(view, event.step, { state: event.outcome.result, outcome: event.outcome });
    case 'move-finished':
      return { ...view, receipts: [...view.receipts, event.receipt].slice(-keptReceipts) };
    case 'run-finished':
      return { ...view, running: false, outcome: event.outcome };
    case 'step-output':
    case 'retrying':
      return view;
  }
}

/** The last pass of a run finds nothing to do; what the run did stays on the screen. */
function planMade(view: ClusterView, event: Extract<EngineEvent, { type: 'plan-made' }>): ClusterView {
  const hasWorked = Object.values(view.steps).some((step) => step.state !== 'waiting');
  const keepsSteps = view.running && event.plan.steps.length === 0 && hasWorked;
  if (keepsSteps && view.plan !== undefined) {
    const plan = { ...view.plan, blocked: event.plan.blocked, notes: event.plan.notes };
    return { ...view, plan, forecasts: event.forecasts };
  }
  return { ...view, plan: event.plan, forecasts: event.forecasts, steps: waitingSteps(event.plan) };
}

function runStarted(view: ClusterView, run: number): ClusterView {
  const { outcome: _earlier, ...rest } = view;
  return { ...rest, run, running: true, steps: view.plan === undefined ? {} : waitingSteps(view.plan) };
}

function changeStep(view: ClusterView, step: StepId, change: Partial<StepView>): ClusterView {
  const before: StepView = view.steps[step] ?? { state: 'waiting' };
  return { ...view, steps: { ...view.steps, [step]: { ...before, ...change } } };
}

function waitingSteps(plan: Plan): ClusterView['steps'] {
  return Object.fromEntries(plan.steps.map((step) => [step.id, { state: 'waiting' as const }]));
}

/** Nodes that are no longer named in the files are no longer shown. */
function knownNodes(view: ClusterView, config: Config): ClusterView['nodes'] {
  return Object.fromEntries(Object.entries(view.nodes).filter(([node]) => config.nodes[node] !== undefined));
}
