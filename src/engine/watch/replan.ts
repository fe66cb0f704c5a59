import type { ClusterState } from '../../model/cluster.ts';
import type { Config } from '../../model/config.ts';
import type { MoveForecast, Plan } from '../../model/plan.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { plannedMoves } from '../../plan/steps/move.ts';
import type { EngineContext } from '../engine-context.ts';
import { observedNodes } from '../observe.ts';
import { forecastAll } from '../observe-and-report.ts';
import { withTimeout } from '../with-timeout.ts';

const forecastLimitMs = 5_000;

export interface Replanned {
  readonly plan: Plan;
  readonly state: ClusterState;
  /** The plan differs from the one before it, and was emitted. */
  readonly isNew: boolean;
  /** How long the planning took, without the forecasts. */
  readonly tookMs: number;
}

/**
 * Plans from memory, without observing a node, and emits the plan where it is a new one. Undefined where a node was
 * never observed, or where something newer came up while the moves were forecast.
 */
export async function replan(
  context: EngineContext,
  config: Config,
  signal: AbortSignal,
): Promise<Replanned | undefined> {
  const state = context.memory.stateOf(observedNodes(config));
  if (state === undefined) return undefined;
  const before = context.lastPlan();
  const begin = context.deps.now();
  const plan = context.refine(config, makePlan(config, state), state);
  const isNew = JSON.stringify(before) !== JSON.stringify(plan);
  const replanned = { plan, state, isNew, tookMs: context.deps.now() - begin };
  if (!isNew) return replanned;
  const forecasts = await forecastsOf(context, config, plan, state, signal);
  if (signal.aborted || context.isBusy() || context.lastPlan() !== before) return undefined;
  if (context.store.getSnapshot().config?.revision !== config.revision) return undefined;
  context.emitOutside({ type: 'plan-made', plan, forecasts });
  return replanned;
}

/** Those of the last plan where the moves are still the same. */
async function forecastsOf(
  context: EngineContext,
  config: Config,
  plan: Plan,
  state: ClusterState,
  signal: AbortSignal,
): Promise<readonly MoveForecast[]> {
  const moves = plannedMoves(plan);
  if (moves.length === 0) return [];
  const before = context.lastPlan();
  const { forecasts } = context.store.getSnapshot();
  const isSame = before !== undefined && JSON.stringify(plannedMoves(before)) === JSON.stringify(moves);
  if (isSame && forecasts.length === moves.length) return forecasts;
  const input = context.inputFor(config, 0);
  return await withTimeout(context.deps, 'forecast the moves', forecastLimitMs, signal, (inner) =>
    forecastAll(input, plan, state, inner),
  ).catch(() => []);
}
