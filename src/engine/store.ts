import type { ApplyPolicy, EngineEvent } from '../model/events.ts';
import type { StepId } from '../model/plan.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { emptyView, reduce } from '../view/reduce.ts';
import type { Store } from './types.ts';

/** Progress of one step is passed on at most 10 times a second. */
const progressEveryMs = 100;

/** The view made from events, and the listeners of both. */
export interface EventStore extends Store<ClusterView> {
  accept(event: EngineEvent): void;
  onEvent(listener: (event: EngineEvent) => void): () => void;
}

type Progress = Extract<EngineEvent, { type: 'step-progress' }>;

/** A store that coalesces progress events; the last one of a step is always passed on, before the end of the step. */
export function createStore(policy: ApplyPolicy = emptyView.policy): EventStore {
  let view: ClusterView = { ...emptyView, policy };
  const listeners = new Set<() => void>();
  const eventListeners = new Set<(event: EngineEvent) => void>();
  const passedAt = new Map<StepId, number>();
  const held = new Map<StepId, Progress>();

  const pass = (event: EngineEvent): void => {
    const next = reduce(view, event);
    const changed = next !== view;
    view = next;
    for (const listener of [...eventListeners]) listener(event);
    if (changed) for (const listener of [...listeners]) listener();
  };

  const acceptProgress = (event: Progress): void => {
    const last = passedAt.get(event.step);
    if (last !== undefined && event.at - last < progressEveryMs) {
      held.set(event.step, event);
      return;
    }
    held.delete(event.step);
    passedAt.set(event.step, event.at);
    pass(event);
  };

  return {
    getSnapshot: () => view,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onEvent: (listener) => {
      eventListeners.add(listener);
      return () => eventListeners.delete(listener);
    },
    accept: (event) => {
      if (event.type === 'step-progress') return acceptProgress(event);
      if (event.type === 'step-finished') {
        const last = held.get(event.step);
        held.delete(event.step);
        passedAt.delete(event.step);
        if (last !== undefined) pass(last);
      }
      pass(event);
    },
  };
}
