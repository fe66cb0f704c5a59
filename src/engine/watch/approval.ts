import type { ClusterState } from '../../model/cluster.ts';
import type { AppName } from '../../model/config.ts';
import type { ApplyPolicy, Approval, EngineEventBody } from '../../model/events.ts';
import type { Blocker, Plan, StepId } from '../../model/plan.ts';
import { largeRemoval, type Removal, removalBlocker, stoppedForGood } from '../../plan/removal.ts';

/** Why a run is wanted: the files were saved, a person asks for it, or the nodes differ from the files. */
export type Occasion = 'save' | 'person' | 'drift';

/** The plan may run. `refuses` is called again under the locks, where the plan may be another one. */
export interface Admission {
  readonly refuses: (plan: Plan, state: ClusterState) => Blocker | undefined;
}

export interface ApprovalGate {
  /** False where no person can be asked: what would need an answer is refused. */
  isOn(): boolean;
  /** For a plan that needs no approval. */
  unasked(): Admission;
  policy(): ApplyPolicy;
  isPending(): boolean;
  /** Undefined where the plan waits for an answer now, or was declined. An approval counts for one run. */
  admit(plan: Plan, state: ClusterState, occasion: Occasion): Admission | undefined;
  /** Approves the plan that is shown; `seen` is the state that is shown with it. */
  approve(shown: Plan, seen: Pick<ClusterState, 'nodes'>): void;
  decline(): void;
  /** True where a plan was waiting only because of the earlier policy. */
  setPolicy(policy: ApplyPolicy): boolean;
  /** The files changed, or the watching ended: earlier answers no longer count. */
  forget(): void;
}

interface Options {
  readonly policy: ApplyPolicy;
  readonly asks: boolean;
  /** Large removals need no answer. */
  readonly allowsRemoval: boolean;
  readonly emit: (event: EngineEventBody) => void;
}

const keyOf = (plan: Plan): string => [plan.revision, ...plan.steps.map(({ id }) => id)].join('\n');

/** Decides which plans run at once and which wait for a person. */
export function createApprovalGate({ policy: first, asks, allowsRemoval, emit }: Options): ApprovalGate {
  let policy = first;
  let pending: { readonly approval: Approval; readonly key: string } | undefined;
  let approved: Plan | undefined;
  /** Applications that a person has agreed to stop, as long as the files stay as they are. */
  let accepted: ReadonlySet<AppName> = new Set();
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
  const isOn = (): boolean => asks || policy === 'ask';
  const removalOf = (plan: Plan, state: ClusterState): Removal | undefined => {
    const removal = allowsRemoval ? undefined : largeRemoval(plan, state);
    return removal?.apps.every((app) => accepted.has(app)) === true ? undefined : removal;
  };

  const unasked = (): Admission => {
    let isFirst = true;
    return {
      refuses: (plan, state) => {
        const removal = removalOf(plan, state);
        // The policy may have changed just before the run began. A run that has begun is finished.
        const mustAsk = (isFirst && policy === 'ask') || (removal !== undefined && isOn());
        isFirst = false;
        if (mustAsk) return hasChanged;
        return removal === undefined ? undefined : removalBlocker(removal);
      },
    };
  };

  return {
    unasked,
    isOn,
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
      if (removal !== undefined) return ask(plan, 'removal', removal.reason);
      if (policy === 'ask') {
        if (plan.steps.length > 0) return ask(plan, 'policy', describeSteps(plan));
        return { refuses: onlyWhatWas(plan) };
      }
      settle();
      return unasked();
    },
    approve: (shown, seen) => {
      approved = shown;
      accepted = new Set([...accepted, ...stoppedForGood(shown, seen)]);
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
      accepted = new Set();
      settle();
    },
  };
}

const hasChanged: Blocker = {
  reason: 'cannot go on as approved: the plan has changed since',
  hint: 'look at the new plan and approve it',
};

/** For an approved plan without steps. */
const notSeen: Blocker = {
  reason: 'cannot go on: there is something to do now, and it has not been approved',
  hint: 'look at the plan and approve it',
};

const isWithin = (plan: Plan, granted: Plan): boolean => {
  const ids = new Set<StepId>(granted.steps.map(({ id }) => id));
  return plan.steps.every(({ id }) => ids.has(id));
};

/**
 * The first plan must be the approved one, or what is left of it. Later passes finish what was begun (after a failure
 * with other steps), for the same applications and for the forwards that follow them.
 */
function onlyWhatWas(granted: Plan): Admission['refuses'] {
  const groups = new Set([...granted.steps.map(({ group }) => group), 'network', 'deployment']);
  let isFirst = true;
  return (plan) => {
    const isFine = isFirst ? isWithin(plan, granted) : plan.steps.every(({ group }) => groups.has(group));
    isFirst = false;
    if (plan.revision === granted.revision && isFine) return undefined;
    return granted.steps.length === 0 ? notSeen : hasChanged;
  };
}

const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

const describeSteps = (plan: Plan): string =>
  `${plural(plan.steps.length, 'step')} to do; nothing is done before it is approved`;
