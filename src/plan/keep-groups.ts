import type { AppName } from '../model/config.ts';
import type { Blocker, Plan, Step, StepId } from '../model/plan.ts';
import { quote } from './wording.ts';

/**
 * The plan with only the steps of these groups. A group that waits for the stop of another group's container is
 * blocked: until then that container has its port or its volume. So is one that shares a volume with another group, and
 * waits for what that one's steps do to it. A group that depends on another one is blocked with it, except with
 * `returns`: the applications ran before, and only start again. They have the steps of all their volumes, so they wait
 * for no step of a volume that only other applications have.
 */
export function keepGroups(
  plan: Plan,
  keeps: (group: string) => boolean,
  { returns = false }: { readonly returns?: boolean } = {},
): Plan {
  const kinds = returns ? ['stop-container'] : ['stop-container', 'start-container', 'check-container'];
  const ends = new Map(
    plan.steps
      .filter(({ action, group }) => kinds.includes(action.kind) || ('volume' in action && (!returns || keeps(group))))
      .map((step) => [step.id, step] as const),
  );
  let steps = plan.steps.filter(({ group }) => keeps(group));
  const waiting = new Map<string, string>();
  for (;;) {
    const kept = new Set(steps.map(({ id }) => id));
    const cause = ({ after, optional = [], group }: Step): Step | undefined => {
      const missing = after.find((id) => ends.has(id) && !kept.has(id) && !optional.includes(id));
      const step = missing === undefined ? undefined : ends.get(missing);
      return step?.group === group ? undefined : step;
    };
    const more = steps.flatMap((step) => {
      const found = cause(step);
      return found === undefined ? [] : [[step.group, reasonFor(step.group, found)] as const];
    });
    if (more.length === 0) return { ...withEdgesInside(plan, steps), blocked: [...plan.blocked, ...blockers(waiting)] };
    for (const [group, reason] of more) waiting.set(group, waiting.get(group) ?? reason);
    steps = steps.filter(({ group }) => !waiting.has(group));
  }
}

function withEdgesInside(plan: Plan, steps: readonly Step[]): Plan {
  const kept = new Set(steps.map(({ id }) => id));
  const inside = (ids: readonly StepId[]): readonly StepId[] => ids.filter((id) => kept.has(id));
  return {
    ...plan,
    steps: steps.map(({ optional, ...step }) => {
      const mayFail = inside(optional ?? []);
      return { ...step, after: inside(step.after), ...(mayFail.length === 0 ? {} : { optional: mayFail }) };
    }),
  };
}

function reasonFor(app: AppName, { action, group }: Step): string {
  const cannot = `cannot change ${quote(app)} now`;
  if ('volume' in action) return `${cannot}: it shares a volume with ${quote(group)}, which is left as it is`;
  if (action.kind === 'stop-container')
    return `${cannot}: another application, which is left as it is, has its port or its volume`;
  return `${cannot}: it depends on ${quote(group)}, which is left as it is`;
}

const blockers = (waiting: ReadonlyMap<AppName, string>): Blocker[] =>
  [...waiting].map(([app, reason]) => ({ app, reason }));
