import type { ClusterState } from '../model/cluster.ts';
import type { AppName } from '../model/config.ts';
import type { ApplyPolicy, Approval, EngineEventBody } from '../model/events.ts';
import type { Blocker, Plan, StepId } from '../model/plan.ts';

/** Why a plan is about to be run: the files changed, a person wants it, or the nodes are not as they should be. */
export type Occasion = 'save' | 'person' | 'drift';

/** The plan may run; `refuses` is asked again under the locks, where the plan may have become another one. */
export interface Admission {
  readonly refuses?: (plan: Plan, state: ClusterState) => Blocker | undefined;
}

export interface ApprovalGate {
  /** False: everything may run, nobody is asked. */
  isOn(): boolean;
  /** For a plan that nobody has to look at. */
  unasked(): Admission;
  policy(): ApplyPolicy;
  isPending(): boolean;
  /** Undefined: it waits for an answer now, or was declined. An approval serves for one run. */
  admit(plan: Plan, state: ClusterState, occasion: Occasion): Admission | undefined;
  /** What is shown is approved. */
  approve(shown: Plan): void;
  decline(): void;
  /** True where a plan waited only for the sake of the policy before. */
  setPolicy(policy: ApplyPolicy): boolean;
  /** The files changed, or nobody watches any more: earlier answers count no longer. */
  forget(): void;
}

interface Options {
  readonly policy: ApplyPolicy;
  readonly asks: boolean;
  readonly emit: (event: EngineEventBody) => void;
}

const keyOf = (plan: Plan): string => [plan.revision, ...plan.steps.map(({ id }) => id)].join('\n');

/** Decides what runs at once and what waits for a person. */
export function createApprovalGate({ policy: first, asks, emit }: Options): ApprovalGate {
  let policy = first;
  let pending: { readonly approval: Approval; readonly key: string } | undefined;
  let approved: Plan | undefined;
  /** Of these files somebody has accepted that much is stopped. */
  let accepted: string | undefined;
  let declined: string | undefined;

  const settle = (): void => {
    if (pending === undefined) return;
    pending = undefined;
    emit({ type: 'approval-over' });
  };
  const ask = (plan: Plan, because: Approval['because'], reason: string): undefined => {
    const key = keyOf(plan);
    if (pending?.key === key && pending.approval.because === because) return undefined;
    pending = { approval: { revision: plan.revision, because, reason }, key };
    emit({ type: 'approval-wanted', approval: pending.approval });
    return undefined;
  };
  const admitApproved = (plan: Plan): Admission | undefined => {
    const granted = approved;
    approved = undefined;
    if (granted?.revision !== plan.revision || !isWithin(plan, granted)) return undefined;
    return { refuses: onlyWhatWas(granted) };
  };
  const removalOf = (plan: Plan, state: ClusterState): string | undefined =>
    asks && accepted !== plan.revision ? describeRemoval(plan, state) : undefined;

  const unasked = (): Admission => {
    let isFirst = true;
    return {
      refuses: (plan, state) => {
        // Told to ask just before it began; what has begun is brought to its end.
        const mustAsk = (isFirst && policy === 'ask') || removalOf(plan, state) !== undefined;
        isFirst = false;
        return mustAsk ? hasChanged : undefined;
      },
    };
  };

  return {
    unasked,
    isOn: () => asks || policy === 'ask',
    policy: () => policy,
    isPending: () => pending !== undefined,
    admit: (plan, state, occasion) => {
      const granted = admitApproved(plan);
      if (granted !== undefined) return granted;
      if (occasion !== 'drift') declined = undefined;
      if (plan.steps.length === 0) {
        settle();
        if (occasion === 'drift') return undefined;
      } else if (declined === keyOf(plan)) return undefined;
      const removal = removalOf(plan, state);
      if (removal !== undefined) return ask(plan, 'removal', removal);
      if (policy === 'ask') {
        if (plan.steps.length > 0) return ask(plan, 'policy', describeSteps(plan));
        return { refuses: onlyWhatWas(plan) };
      }
      settle();
      return unasked();
    },
    approve: (shown) => {
      approved = shown;
      accepted = shown.revision;
      settle();
    },
    decline: () => {
      declined = pending?.key;
      settle();
    },
    setPolicy: (next) => {
      const waited = pending?.approval.because === 'policy' && next === 'on-save';
      policy = next;
      emit({ type: 'policy-changed', policy });
      if (waited) settle();
      return waited;
    },
    forget: () => {
      approved = undefined;
      declined = undefined;
      settle();
    },
  };
}

const hasChanged: Blocker = {
  reason: 'cannot go on as approved: what has to be done has changed meanwhile',
  hint: 'look at the new plan and approve it',
};

const isWithin = (plan: Plan, granted: Plan): boolean => {
  const ids = new Set<StepId>(granted.steps.map(({ id }) => id));
  return plan.steps.every(({ id }) => ids.has(id));
};

/**
 * The first plan must be the approved one, or what is left of it. Later passes finish what was begun (after a failure
 * with other steps), for the same applications and for the forwards that follow them.
 */
function onlyWhatWas(granted: Plan): NonNullable<Admission['refuses']> {
  const groups = new Set([...granted.steps.map(({ group }) => group), 'network']);
  let isFirst = true;
  return (plan) => {
    const isFine = isFirst ? isWithin(plan, granted) : plan.steps.every(({ group }) => groups.has(group));
    isFirst = false;
    return plan.revision === granted.revision && isFine ? undefined : hasChanged;
  };
}

const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

const describeSteps = (plan: Plan): string =>
  `${plural(plan.steps.length, 'step')} to do; nothing is done before it is approved`;

/** More than half of what runs, and at least two, would be stopped and not started again: a person should look. */
function describeRemoval(plan: Plan, state: ClusterState): string | undefined {
  const running = runningApps(state);
  const started = new Set<AppName>();
  const stopped = new Set<AppName>();
  for (const { action } of plan.steps) {
    if (action.kind === 'start-container') started.add(action.spec.application);
    if (action.kind === 'stop-container' && running.has(action.app)) stopped.add(action.app);
  }
  const gone = [...stopped].filter((app) => !started.has(app)).toSorted();
  if (gone.length < 2 || gone.length * 2 <= running.size) return undefined;
  return `this would stop ${gone.length} of the ${plural(running.size, 'application')} that run: ${listSome(gone)}`;
}

function runningApps(state: ClusterState): ReadonlySet<AppName> {
  const apps = Object.values(state.nodes).flatMap((seen) =>
    seen.status !== 'reachable'
      ? []
      : seen.facts.containers.flatMap((one) =>
          one.managed && one.application !== undefined && one.state === 'running' ? [one.application] : [],
        ),
  );
  return new Set(apps);
}

const named = 5;

function listSome(apps: readonly AppName[]): string {
  const rest = apps.length - named;
  const names = apps.slice(0, rest > 0 ? named : apps.length).map((app) => `"${app}"`);
  return `${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
