import { printImage } from '../../model/names.ts';
import type { Action, Step, StepId } from '../../model/plan.ts';
import { assertNever } from '../../model/plan.ts';
import { stepKinds } from '../../model/step-kinds.ts';
import { compareText, sorted } from '../lists.ts';

/** A step before it has an id and a position. */
export interface StepDraft {
  readonly action: Action;
  readonly after?: readonly StepId[];
  /** It waits for these too, and also runs if they fail. */
  readonly optional?: readonly StepId[];
  readonly reason: string;
  readonly group: string;
  /** Its printed order among steps that could run at the same time; default: the rank of its kind. */
  readonly rank?: number;
}

export interface StepBuilder {
  /** Adds a step and returns its id. A step that is added twice is one step with the edges of both. */
  add(draft: StepDraft): StepId;
  /** The first step waits for the second one, if the plan has both; `isOptional`: also if that one fails. */
  order(id: StepId, after: StepId, isOptional?: boolean): void;
  /** The steps that hold the ports of this group. */
  holdsOf(group: string): readonly StepId[];
  /** Every step with such an action waits for this one, also one that is added later. */
  precede(id: StepId, isAfter: (action: Action) => boolean): void;
  /** The actions of the steps that were added so far. */
  actions(): readonly Action[];
  /** Topological order. Throws an ordinary Error (a bug) for a cycle or an edge to nowhere. */
  build(): Step[];
}

/** Ranks that differ from the kind's own: an early resize or settle, and the stop that belongs to a restart. */
export const rank = { early: 2, restart: 12 } as const;

export function createStepBuilder(): StepBuilder {
  const drafts = new Map<StepId, StepDraft>();
  const firsts: { readonly id: StepId; readonly isAfter: (action: Action) => boolean }[] = [];
  return {
    add(draft) {
      const id = stepId(draft.action, draft.group);
      const earlier = drafts.get(id);
      const after = [...(earlier?.after ?? []), ...(draft.after ?? [])];
      const optional = [...(earlier?.optional ?? []), ...(draft.optional ?? [])];
      drafts.set(id, { ...(earlier ?? draft), after, optional });
      return id;
    },
    order: (id, after, isOptional = false) => {
      const draft = drafts.get(id);
      if (draft === undefined || !drafts.has(after)) return;
      const key = isOptional ? 'optional' : 'after';
      drafts.set(id, { ...draft, [key]: [...(draft[key] ?? []), after] });
    },
    holdsOf: (group) =>
      [...drafts].flatMap(([id, draft]) => (draft.action.kind === 'hold-ports' && draft.group === group ? [id] : [])),
    precede: (id, isAfter) => void firsts.push({ id, isAfter }),
    actions: () => [...drafts.values()].map(({ action }) => action),
    build: () => {
      for (const [own, draft] of firsts.length === 0 ? [] : drafts) {
        const before = firsts.flatMap(({ id, isAfter }) => (isAfter(draft.action) ? [id] : []));
        drafts.set(own, { ...draft, after: [...(draft.after ?? []), ...before] });
      }
      return inOrder(drafts);
    },
  };
}

/** `kind:thing:place`, the same for the same step in every plan. */
export function stepId(action: Action, group: string): StepId {
  switch (action.kind) {
    case 'pull-image':
      return `${action.kind}:${printImage(action.image)}:${action.node}`;
    case 'start-container':
      return `${action.kind}:${action.spec.application}:${action.node}`;
    case 'stop-container':
    case 'check-container':
      return `${action.kind}:${action.app}:${action.node}`;
    case 'hold-ports':
    case 'replace-network':
    case 'set-boot-rules':
    case 'set-standbys':
    case 'set-deployment':
      return `${action.kind}:${group}:${action.node}`;
    case 'sync-volume':
    case 'send-final':
    case 'release-volume':
    case 'acquire-volume':
    case 'settle-volume':
      return `${action.kind}:${action.volume}:${action.from}>${action.to}`;
    case 'create-volume':
    case 'resize-volume':
    case 'freeze-volume':
    case 'reclaim-volume':
    case 'mount-volume':
    case 'retire-volume':
      return `${action.kind}:${action.volume}:${action.node}`;
    default:
      return assertNever(action);
  }
}

function inOrder(drafts: ReadonlyMap<StepId, StepDraft>): Step[] {
  const waiting = [...drafts].map(([id, { action, after = [], optional = [], reason, group, rank }]) => {
    const mayFail = optional.length === 0 ? optional : sorted(optional.filter((one) => !after.includes(one)));
    const all = sorted(mayFail.length === 0 ? after : [...after, ...mayFail]);
    const step: Step = {
      id,
      action,
      after: all,
      ...(mayFail.length === 0 ? {} : { optional: mayFail }),
      reason,
      group,
    };
    return { rank: rank ?? stepKinds[action.kind].rank, step };
  });
  waiting.sort(
    (a, b) => a.rank - b.rank || compareText(a.step.group, b.step.group) || compareText(a.step.id, b.step.id),
  );
  return takeInOrder(waiting.map(({ step }) => step));
}

/** Takes the first step whose predecessors have all been taken, until none is left. */
function takeInOrder(waiting: readonly Step[]): Step[] {
  const place = new Map(waiting.map(({ id }, at) => [id, at]));
  const followers = waiting.map((): number[] => []);
  const missing = waiting.map(({ after }) => after.length);
  for (const [at, { after }] of waiting.entries()) for (const id of after) followers[place.get(id) ?? -1]?.push(at);
  // In reverse order, because `pop` takes the last element.
  const ready = missing.flatMap((count, at) => (count === 0 ? [at] : [])).reverse();
  const steps: Step[] = [];
  for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
    const step = waiting[at];
    if (step !== undefined) steps.push(step);
    for (const next of followers[at] ?? []) {
      const left = (missing[next] ?? 0) - 1;
      missing[next] = left;
      if (left === 0) insertDescending(ready, next);
    }
  }
  if (steps.length === waiting.length) return steps;
  const left = waiting.filter((_, at) => (missing[at] ?? 0) > 0).map(({ id }) => id);
  throw new Error(`plan has a cycle or a missing step: ${left}`);
}

function insertDescending(list: number[], value: number): void {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) > value) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, value);
}
