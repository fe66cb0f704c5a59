import type { ClusterState, Container } from '../model/cluster.ts';
import { type Application, type AppName, type Config, type NodeName, nodeOf } from '../model/config.ts';
import { judgeContainer } from '../model/container/verdict.ts';
import type { Blocker, Plan, Step } from '../model/plan.ts';
import { stepKinds } from '../model/step-kinds.ts';
import { keepGroups } from './keep-groups.ts';
import { quote } from './wording.ts';

/** Exits of an application's container in a row: it never ran for `steadyMs` between two of them. */
export interface RecentExits {
  readonly count: number;
  /** When the last exit was seen: milliseconds since 1970, this machine's clock. */
  readonly lastAt: number;
  /** The container was seen running before the last exit. */
  readonly wasUp: boolean;
}

/** What happens to an exited container while drover watches. */
export type RestartDecision =
  | { readonly kind: 'now' }
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** It has done its work. */
  | { readonly kind: 'done' }
  /** `never`: the file says so. `given-up`: Docker has started it again as often as the file says. */
  | { readonly kind: 'stays'; readonly because: 'never' | 'given-up' };

const firstWaitMs = 10_000;
const longestWaitMs = 300_000;
/** After a container has run for this long, its exits are counted from 1 again. */
export const steadyMs = 120_000;

/**
 * An exited container is started again, because the file places the application: at once the first time, if it was
 * running before, then after 20 s, 40 s and so on up to five minutes. It stays down if the file says `never`, and if
 * the policy is `on-failure` and it succeeded, or Docker has tried as often as the file says.
 */
export function restartDecision(app: Application, container: Container, exits: RecentExits): RestartDecision {
  const { restartPolicy: policy } = app;
  if (judgeContainer(container, app) === 'done') return { kind: 'done' };
  if (app.staysDown === true) return { kind: 'stays', because: 'never' };
  if (policy.name === 'on-failure') {
    const { maximumRetryCount: most } = policy;
    if (most !== undefined && (container.restarts ?? 0) >= most) return { kind: 'stays', because: 'given-up' };
  }
  if (exits.count <= 1 && exits.wasUp) return { kind: 'now' };
  const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (Math.max(1, exits.count) - 1));
  return { kind: 'wait', untilMs: exits.lastAt + waitMs };
}

/** An application whose container exited on the right node, and that the plan only starts again. */
export interface ExitedApp {
  readonly app: Application;
  readonly node: NodeName;
  readonly container: Container;
}

/** The exited applications by name, without those that the plan also changes, moves or mounts. */
export function findExited(config: Config, plan: Plan, state: ClusterState): ExitedApp[] {
  const groups = new Map<string, Step[]>();
  for (const step of plan.steps) groups.set(step.group, [...(groups.get(step.group) ?? []), step]);
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, steps]) => {
      const app = config.applications[name];
      const node = nodeOf(config, name);
      const seen = node === undefined ? undefined : state.nodes[node];
      if (app === undefined || node === undefined || seen?.status !== 'reachable' || !onlyStarts(steps)) return [];
      const container = seen.facts.containers.find((one) => one.managed && one.application === name);
      return container?.state === 'exited' ? [{ app, node, container }] : [];
    });
}

function onlyStarts(steps: readonly Step[]): boolean {
  return (
    steps.some(({ action }) => action.kind === 'start-container') &&
    steps.every(({ action }) => stepKinds[action.kind].isPlainStart)
  );
}

/**
 * The plan without the applications that must not be started at `nowMs`, and with the reasons as blockers or notes.
 * `nextMs` is when the first of them is due.
 */
export function delayRestarts(
  plan: Plan,
  ended: readonly ExitedApp[],
  exitsOf: (app: AppName) => RecentExits,
  nowMs: number,
): { readonly plan: Plan; readonly nextMs?: number } {
  const held = ended.flatMap((one) => {
    const decision = restartDecision(one.app, one.container, exitsOf(one.app.name));
    const isDue = decision.kind === 'now' || (decision.kind === 'wait' && decision.untilMs <= nowMs);
    return isDue ? [] : [{ ...one, decision }];
  });
  if (held.length === 0) return { plan };
  const names = new Set(held.map(({ app }) => app.name));
  const rest = keepGroups(plan, (group) => !names.has(group));
  const waits = held.flatMap(({ decision }) => (decision.kind === 'wait' ? [decision.untilMs] : []));
  const done = held.filter(({ decision }) => decision.kind === 'done');
  const blocked = held.flatMap((one) => describe(one, one.decision, exitsOf(one.app.name), nowMs));
  return {
    plan: {
      ...rest,
      blocked: [...rest.blocked, ...blocked],
      notes: [...plan.notes, ...done.map(({ app }) => `${quote(app.name)} is done: it exited with code 0`)],
    },
    ...(waits.length === 0 ? {} : { nextMs: Math.min(...waits) }),
  };
}

function describe(
  { app, node, container }: ExitedApp,
  decision: RestartDecision,
  exits: RecentExits,
  nowMs: number,
): Blocker[] {
  const { name } = app;
  const { exit } = container;
  const code = `it exited with code ${exit?.code ?? 'unknown'}${exit?.oomKilled === true ? ', out of memory' : ''}`;
  const blocker = (why: string, hint: string): Blocker[] => [
    { app: name, node, reason: `cannot keep ${quote(name)} up on ${quote(node)}: ${code}${why}`, hint },
  ];
  const log = `read its log: drover logs ${name}`;
  if (decision.kind === 'wait') {
    const seconds = Math.max(1, Math.ceil((decision.untilMs - nowMs) / 1000));
    return blocker(` ${times(exits.count)}; next try in ${seconds} s`, `${log}; drover start ${name} tries at once`);
  }
  if (decision.kind !== 'stays') return [];
  const again = `${log}; drover start ${name} starts it again`;
  if (decision.because === 'never') return blocker('; its restart policy says never', again);
  return blocker(`; Docker has started it again ${times(container.restarts ?? 0)}, and gave up`, again);
}

function times(count: number): string {
  return ['never', 'once', 'twice', 'three times', 'four times'][count] ?? `${count} times`;
}
