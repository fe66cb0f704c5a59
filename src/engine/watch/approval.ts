import type { ClusterState } from '../../model/cluster.ts';
import type { AppName } from '../../model/config.ts';
import type { ApplyPolicy, Approval, EngineEventBody } from '../../model/events.ts';
import type { Blocker, Plan, StepId } from '../../model/plan.ts';
import { largeRemoval, type Removal, removalBlocker, stoppedForGood } from '../../plan/large-removal.ts';
import { count } from '../../view/wording.ts';

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
  const question = createQuestion(emit);
  const removals = createRemovalConsent(allowsRemoval);
  let policy = first;
  let approved: Plan | undefined;
  let declined: string | undefined;

  const isOn = (): boolean => asks || policy === 'ask';
  const admitApproved = (plan: Plan): Admission | undefined => {
    const granted = approved;
    approved = undefined;
    if (granted?.revision !== plan.revision || !isWithin(plan, granted)) return undefined;
    return { refuses: onlyWhatWas(granted) };
  };
  const unasked = (): Admission => admitUnasked(removals.missing, () => policy, isOn);

  return {
    unasked,
    isOn,
    policy: () => policy,
    isPending: () => question.key() !== undefined,
    admit: (plan, state, occasion) => {
      const granted = admitApproved(plan);
      if (granted !== undefined) return granted;
      if (occasion !== 'drift') declined = undefined;
      if (plan.steps.length === 0) {
        question.settle();
        if (occasion === 'drift') return undefined;
      } else if (declined === keyOf(plan)) return undefined;
      const removal = removals.missing(plan, state);
      if (removal !== undefined) return question.ask(plan, 'removal', removal.reason);
      if (policy === 'ask') {
        if (plan.steps.length > 0) return question.ask(plan, 'policy', describeSteps(plan));
        return { refuses: onlyWhatWas(plan) };
      }
      question.settle();
      return unasked();
    },
    approve: (shown, seen) => {
      approved = shown;
      removals.accept(stoppedForGood(shown, seen));
      question.settle();
    },
    decline: () => {
      declined = question.key();
      question.settle();
    },
    setPolicy: (next) => {
      const waited = question.because() === 'policy' && next === 'on-save';
      policy = next;
      emit({ type: 'policy-changed', policy });
      if (waited) question.settle();
      return waited;
    },
    forget: () => {
      approved = undefined;
      declined = undefined;
      removals.forget();
      question.settle();
    },
  };
}

/** Admits a plan without an answer, and refuses it again where it needs one by the time it is run. */
function admitUnasked(
  missing: (plan: Plan, state: ClusterState) => Removal | undefined,
  policy: () => ApplyPolicy,
  isOn: () => boolean,
): Admission {
  let isFirst = true;
  return {
    refuses: (plan, state) => {
      const removal = missing(plan, state);
      // The policy may have changed just before the run began. A run that has begun is finished.
      const mustAsk = (isFirst && policy() === 'ask') || (removal !== undefined && isOn());
      isFirst = false;
      if (mustAsk) return hasChanged;
      return removal === undefined ? undefined : removalBlocker(removal);
    },
  };
}

/** The question that waits for an answer, if any. */
function createQuestion(emit: Options['emit']) {
  let pending: { readonly approval: Approval; readonly key: string } | undefined;
  return {
    key: () => pending?.key,
    because: () => pending?.approval.because,
    /** Asks, unless the same question waits already. */
    ask: (plan: Plan, because: Approval['because'], reason: string): undefined => {
      const key = keyOf(plan);
      if (pending?.key === key && pending.approval.because === because) return undefined;
      pending = { approval: { revision: plan.revision, because, reason }, key };
      emit({ type: 'approval-wanted', approval: pending.approval });
      return undefined;
    },
    settle: (): void => {
      if (pending === undefined) return;
      pending = undefined;
      emit({ type: 'approval-over' });
    },
  };
}

/** The applications that a person has agreed to stop, as long as the files stay the same. */
function createRemovalConsent(allowsRemoval: boolean) {
  let accepted: ReadonlySet<AppName> = new Set();
  return {
    accept: (apps: readonly AppName[]): void => {
      accepted = new Set([...accepted, ...apps]);
    },
    forget: (): void => {
      accepted = new Set();
    },
    /** The large removal of this plan that still needs consent. */
    missing: (plan: Plan, state: ClusterState): Removal | undefined => {
      const removal = allowsRemoval ? undefined : largeRemoval(plan, state);
      return removal?.apps.every((app) => accepted.has(app)) === true ? undefined : removal;
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

const describeSteps = (plan: Plan): string =>
  `${count(plan.steps.length, 'step')} to do; nothing is done before it is approved`;
