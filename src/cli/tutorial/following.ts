import type { Engine } from '../../engine/types.ts';
import {
  type Doing,
  type GuideFeed,
  type GuideView,
  guideViewOf,
  isShown,
  type StepBefore,
} from '../../tutorial/guide-view.ts';
import { type Progress, stepAt } from '../../tutorial/progress.ts';
import type { Tutorial, TutorialStep } from '../../tutorial/types.ts';
import type { World } from '../world.ts';
import type { TutorialPlace } from './place.ts';
import { type Answers, noAnswers } from './questions.ts';
import type { TutorialWorld } from './world.ts';

export interface GuideParts {
  readonly tutorial: Tutorial;
  readonly place: TutorialPlace;
  readonly tutorials: TutorialWorld;
  readonly world: Pick<World, 'now' | 'readText' | 'replaceText' | 'logBug'>;
  readonly progress: Progress;
}

/** What changes while a tutorial is followed; each change calls `tell`. */
interface Notes {
  /** Changed by `keep` alone. */
  progress: Progress;
  /** When the step came to be looked at. */
  since: number;
  answers: Answers;
  askedAt: number;
  doing: readonly Doing[];
  before: StepBefore | undefined;
  /** The configuration in force before files were put back: what the nodes show until it is another one is old. */
  outdated: string | undefined;
}

/** A tutorial with where its reader is, and what is seen of the present step: looking, doing and going share one. */
export interface Following extends Pick<GuideFeed, 'getSnapshot' | 'subscribe'>, Omit<GuideParts, 'progress'> {
  readonly engine: Engine;
  readonly notes: Notes;
  readonly step: () => TutorialStep;
  /** Listeners hear of it where there is anything new to see. */
  readonly tell: () => void;
  /** Remembers how far the reader is. */
  readonly keep: (next: Progress) => Promise<void>;
  /** Whether the nodes show what the step asks of them, whatever clients would be answered. */
  readonly nodesShow: () => boolean;
}

/** Nothing is seen of the step yet. */
export function createFollowing(engine: Engine, { progress: begun, ...parts }: GuideParts): Following {
  const { tutorial, place, world } = parts;
  const listeners = new Set<() => void>();
  const notes: Notes = {
    progress: begun,
    since: world.now(),
    answers: noAnswers,
    askedAt: 0,
    doing: [],
    before: undefined,
    outdated: undefined,
  };
  const makeView = (): GuideView => {
    const { progress, answers, doing, before, since } = notes;
    const findings = { view: engine.store.getSnapshot(), ...answers };
    return guideViewOf({ tutorial, place, progress, findings, sinceMs: world.now() - since, doing, before });
  };
  let view = makeView();
  const tell = (): void => {
    const next = makeView();
    if (JSON.stringify(next) === JSON.stringify(view)) return;
    view = next;
    for (const listener of [...listeners]) listener();
  };
  const step = (): TutorialStep => {
    const found = stepAt(tutorial, notes.progress);
    if (found === undefined) throw new Error(`no step ${notes.progress.at}`);
    return found;
  };
  return {
    ...parts,
    engine,
    notes,
    step,
    tell,
    keep: async (next) => {
      const left = step();
      notes.progress = next;
      if (step() !== left) {
        notes.before = next.done.includes(left.id) ? { title: left.title, doing: notes.doing } : undefined;
        Object.assign(notes, { since: world.now(), answers: noAnswers, askedAt: 0, doing: [] });
      }
      await place.writeProgress(next);
      tell();
    },
    nodesShow: () =>
      isShown(
        tutorial,
        { ...step(), checks: step().checks.filter(({ kind }) => kind !== 'prints' && kind !== 'answers') },
        { view: engine.store.getSnapshot(), ...notes.answers },
      ),
    getSnapshot: () => view,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
