import { groupBy } from '../../model/collect.ts';
import type { NodeName } from '../../model/config.ts';
import type { ActionKind, MoveForecast, Plan, Step } from '../../model/plan.ts';
import { nodesOf } from '../../model/plan.ts';

/** The change of an application, or of a volume without one, in one word. */
export type ChangeKind = 'move' | 'replace' | 'start' | 'stop' | 'volume' | 'network';

/** The steps that the screen shows together, in the plan's order. */
export interface PlanGroup {
  /** An application, a volume without one, or `network`. */
  readonly group: string;
  readonly kind: ChangeKind;
  readonly from?: NodeName;
  readonly to?: NodeName;
  readonly steps: readonly Step[];
  readonly forecasts: readonly MoveForecast[];
  /** The reasons of the plan; names in quotation marks. */
  readonly reason: string;
  /** Bytes that still have to be sent; absent if there are none, or the number is unknown. */
  readonly totalBytes?: number;
  readonly finalBytes?: number;
  /** A forecast; absent if nothing stops, or the rate is unknown. */
  readonly downtimeMs?: number;
}

/** A cache for each plan, because a screen asks several times for each frame. */
const known = new WeakMap<
  Plan,
  { readonly forecasts: readonly MoveForecast[]; readonly groups: readonly PlanGroup[] }
>();

/** The plan by application, in the order of their first steps. */
export function planGroups(plan: Plan, forecasts: readonly MoveForecast[]): readonly PlanGroup[] {
  const earlier = known.get(plan);
  if (earlier?.forecasts === forecasts) return earlier.groups;
  const groups = groupPlan(plan, forecasts);
  known.set(plan, { forecasts, groups });
  return groups;
}

function groupPlan(plan: Plan, forecasts: readonly MoveForecast[]): readonly PlanGroup[] {
  const byGroup = groupBy(plan.steps, ({ group }) => group);
  const moves = groupBy(forecasts, ({ app, volume }) => app ?? volume);
  return [...byGroup].map(([group, steps]) => groupOf(group, steps, moves.get(group) ?? []));
}

function groupOf(group: string, steps: readonly Step[], forecasts: readonly MoveForecast[]): PlanGroup {
  const known = forecasts.filter(({ basis }) => basis !== 'unknown rate');
  return {
    group,
    ...changeOf(steps),
    steps,
    forecasts,
    reason: reasonOf(steps),
    ...(forecasts.length === 0 ? {} : { totalBytes: sum(forecasts, 'totalBytes') }),
    ...(forecasts.length === 0 ? {} : { finalBytes: sum(forecasts, 'finalBytes') }),
    // Volumes of one application switch together: its downtime is that of the slowest.
    ...(known.length === 0 || known.length < forecasts.length
      ? {}
      : { downtimeMs: Math.max(...known.map(({ downtimeMs }) => downtimeMs)) }),
  };
}

const sum = (moves: readonly MoveForecast[], key: 'totalBytes' | 'finalBytes'): number =>
  moves.reduce((total, move) => total + move[key], 0);

function changeOf(steps: readonly Step[]): Pick<PlanGroup, 'kind' | 'from' | 'to'> {
  const stop = actionOf(steps, 'stop-container');
  const start = actionOf(steps, 'start-container');
  const acquire = actionOf(steps, 'acquire-volume');
  const to = start?.node ?? acquire?.to;
  const from = acquire?.from ?? stop?.node;
  if (to !== undefined && from !== undefined) return { kind: from === to ? 'replace' : 'move', from, to };
  if (to !== undefined) return { kind: 'start', to };
  if (from !== undefined) return { kind: 'stop', from };
  const [first] = steps;
  const at = first === undefined ? undefined : nodesOf(first.action)[0];
  const isNetwork = ({ action }: Step) => action.kind === 'replace-network' || action.kind === 'set-boot-rules';
  const kind = steps.every(isNetwork) ? 'network' : 'volume';
  return { kind, ...(at === undefined ? {} : { to: at }) };
}

/** The first action of this kind, of a group's steps. */
function actionOf<K extends ActionKind>(steps: readonly Step[], kind: K) {
  const found = steps.find(({ action }) => action.kind === kind)?.action;
  // The kind decides which action it is.
  return found as Extract<Step['action'], { readonly kind: K }> | undefined;
}

const telling: readonly ActionKind[] = ['start-container', 'stop-container', 'acquire-volume'];

function reasonOf(steps: readonly Step[]): string {
  const main = telling.flatMap((kind) => steps.find(({ action }) => action.kind === kind) ?? []);
  return (main[0] ?? steps[0])?.reason ?? '';
}
