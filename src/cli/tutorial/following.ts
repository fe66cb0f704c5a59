import type { Engine } from '../../engine/types.ts';
import {
  type Doing,
  type GuideFeed,
  type GuideView,
  guideViewOf,
  isShown,
  type StepBefore,
} from '../../tutorial/guide-view.ts';
import { stepAt, type TutorialProgress } from '../../tutorial/progress.ts';
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
  readonly progress: TutorialProgress;
}

/** The state of a tutorial in progress; call `publish` after each change. */
interface Notes {
  /** Only `saveProgress` changes it. */
  progress: TutorialProgress;
  /** When the step was first shown. */
  since: number;
  answers: Answers;
  askedAt: number;
  doing: readonly Doing[];
  before: StepBefore | undefined;
  /** The configuration before drover restored the files: while it is in force, the observed state is outdated. */
  outdated: string | undefined;
}

/** A tutorial in progress, shared by the functions that check a step, do it, and go to another one. */
export interface Following extends Pick<GuideFeed, 'getSnapshot' | 'subscribe'>, Omit<GuideParts, 'progress'> {
  readonly engine: Engine;
  readonly notes: Notes;
  readonly step: () => TutorialStep;
  /** Makes the view again; calls the listeners if it changed. */
  readonly publish: () => void;
  /** Changes the progress and writes it to the state folder. */
  readonly saveProgress: (next: TutorialProgress) => Promise<void>;
  /** True if all checks hold that need only the observed nodes. */
  readonly nodesShow: () => boolean;
}

export function createFollowing(engine: Engine, { progress: initial, ...parts }: GuideParts): Following {
  const { tutorial, place, world } = parts;
  const listeners = new Set<() => void>();
  const notes: Notes = {
    progress: initial,
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
  const publish = (): void => {
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
    publish,
    saveProgress: async (next) => {
      const left = step();
      notes.progress = next;
      if (step() !== left) {
        notes.before = next.done.includes(left.id) ? { title: left.title, doing: notes.doing } : undefined;
        Object.assign(notes, { since: world.now(), answers: noAnswers, askedAt: 0, doing: [] });
      }
      await place.writeProgress(next);
      publish();
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
