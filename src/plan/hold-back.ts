import type { ClusterState, Container } from '../model/cluster.ts';
import { type Application, type AppName, type Config, type NodeName, nodeOf } from '../model/config.ts';
import type { Blocker, Plan, Step } from '../model/plan.ts';
import { stepKinds } from '../model/step-kinds.ts';
import { type Comeback, comebackOf, type Ends } from './comeback.ts';
import { keepGroups } from './part-of-plan.ts';
import { quote } from './world.ts';

/** An application whose container has ended where it is wanted, and that the plan would only start again. */
export interface Ended {
  readonly app: Application;
  readonly node: NodeName;
  readonly container: Container;
}

/** Those applications, by name. What is changed, moved or mounted in the same plan is not among them. */
export function findEnded(config: Config, plan: Plan, state: ClusterState): Ended[] {
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

/** The plan without what is not to be started now, and why not; `nextMs`: when there will be something to do. */
export function holdBack(
  plan: Plan,
  ended: readonly Ended[],
  endsOf: (app: AppName) => Ends,
  nowMs: number,
): { readonly plan: Plan; readonly nextMs?: number } {
  const held = ended.flatMap((one) => {
    const comeback = comebackOf(one.app, one.container, endsOf(one.app.name));
    const isDue = comeback.kind === 'now' || (comeback.kind === 'wait' && comeback.untilMs <= nowMs);
    return isDue ? [] : [{ ...one, comeback }];
  });
  if (held.length === 0) return { plan };
  const names = new Set(held.map(({ app }) => app.name));
  const rest = keepGroups(plan, (group) => !names.has(group));
  const waits = held.flatMap(({ comeback }) => (comeback.kind === 'wait' ? [comeback.untilMs] : []));
  const finished = held.filter(({ comeback }) => comeback.kind === 'finished');
  const blocked = held.flatMap((one) => describe(one, one.comeback, endsOf(one.app.name), nowMs));
  return {
    plan: {
      ...rest,
      blocked: [...rest.blocked, ...blocked],
      notes: [
        ...plan.notes,
        ...finished.map(({ app }) => `${quote(app.name)} has finished its work: it exited with code 0`),
      ],
    },
    ...(waits.length === 0 ? {} : { nextMs: Math.min(...waits) }),
  };
}

function describe({ app, node, container }: Ended, comeback: Comeback, ends: Ends, nowMs: number): Blocker[] {
  const { name } = app;
  const { exit } = container;
  const code = `it exited with code ${exit?.code ?? 'unknown'}${exit?.oomKilled === true ? ', out of memory' : ''}`;
  const blocker = (why: string, hint: string): Blocker[] => [
    { app: name, node, reason: `cannot keep ${quote(name)} up on ${quote(node)}: ${code}${why}`, hint },
  ];
  const log = `read its log: drover logs ${name}`;
  if (comeback.kind === 'wait') {
    const seconds = Math.max(1, Math.ceil((comeback.untilMs - nowMs) / 1000));
    return blocker(` ${times(ends.count)}; next try in ${seconds} s`, `${log}; drover start ${name} tries at once`);
  }
  if (comeback.kind !== 'stays') return [];
  const again = `${log}; drover start ${name} starts it again`;
  if (comeback.because === 'never') return blocker('; its restart policy says never', again);
  return blocker(`; Docker has started it again ${times(container.restarts ?? 0)}, and gave up`, again);
}

function times(count: number): string {
  return ['never', 'once', 'twice', 'three times', 'four times'][count] ?? `${count} times`;
}
