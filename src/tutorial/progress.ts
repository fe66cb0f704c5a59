import type { Tutorial, TutorialStep } from './types.ts';

/** The reader's progress in a tutorial, as it is stored in the state folder. */
export interface TutorialProgress {
  readonly version: 1;
  /** Ids of the steps that are done. */
  readonly done: readonly string[];
  /** Id of the current step. It may be done already, if the next one belongs to another part. */
  readonly at: string;
}

type Steps = Pick<Tutorial, 'steps'>;

export const startOf = ({ steps }: Steps): TutorialProgress => ({ version: 1, done: [], at: steps[0]?.id ?? '' });

/** The stored progress, if it fits the present page; else the start. */
export function fitted(kept: unknown, tutorial: Steps): TutorialProgress {
  const ids = tutorial.steps.map(({ id }) => id);
  const { done, at } = typeof kept === 'object' && kept !== null ? (kept as Partial<TutorialProgress>) : {};
  if (!Array.isArray(done) || typeof at !== 'string' || !ids.includes(at)) return startOf(tutorial);
  return { version: 1, done: ids.filter((id) => done.includes(id)), at };
}

export const stepAt = ({ steps }: Steps, { at }: TutorialProgress): TutorialStep | undefined =>
  steps.find(({ id }) => id === at);

const neighbour = ({ steps }: Steps, id: string, by: 1 | -1): TutorialStep | undefined => {
  const index = steps.findIndex((each) => each.id === id);
  return index < 0 ? undefined : steps[index + by];
};

export const nextOf = (tutorial: Steps, id: string): TutorialStep | undefined => neighbour(tutorial, id, 1);
export const previousOf = (tutorial: Steps, id: string): TutorialStep | undefined => neighbour(tutorial, id, -1);

/** Marks the current step as done and goes to the next one of the same part. */
export function tick(tutorial: Steps, progress: TutorialProgress): TutorialProgress {
  const { at, done } = progress;
  const next = nextOf(tutorial, at);
  const isSamePart = next !== undefined && next.part === stepAt(tutorial, progress)?.part;
  return {
    version: 1,
    done: done.includes(at) ? done : [...done, at],
    at: isSamePart ? next.id : at,
  };
}

/** Goes to a step; it and all later steps count as not done. */
export function goTo({ steps }: Steps, { done }: TutorialProgress, id: string): TutorialProgress {
  const index = steps.findIndex((each) => each.id === id);
  const before = new Set(steps.slice(0, Math.max(0, index)).map((each) => each.id));
  return { version: 1, done: done.filter((each) => before.has(each)), at: id };
}

export const isDone = ({ done, at }: TutorialProgress): boolean => done.includes(at);

/** True if the last step is done, even if others were skipped. */
export const isOver = ({ steps }: Steps, { done }: TutorialProgress): boolean => done.includes(steps.at(-1)?.id ?? '');
