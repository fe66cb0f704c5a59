import { allHold, type Findings, judge, type Verdict } from './judge.ts';
import { isDone, isOver, type Progress, stepAt } from './progress.ts';
import { type ReaderPlace, shownCommand } from './reader-place.ts';
import type { Act, Tutorial, TutorialStep } from './types.ts';

/** What the reader sees of a tutorial: data for both faces. */
export interface GuideView {
  readonly title: string;
  /** Numbers count from 1. */
  readonly part: { readonly number: number; readonly of: number; readonly title: string };
  readonly step: { readonly number: number; readonly of: number; readonly id: string; readonly title: string };
  readonly steps: readonly GuideStep[];
  readonly text: readonly string[];
  /** What brings the cluster there: each by keys of the screen, by an editor, or typed. */
  readonly commands: readonly GuideCommand[];
  readonly verdicts: readonly Verdict[];
  /** Only once the reader may want it. */
  readonly hint?: string;
  /** The step is being done for the reader, or was: its commands so far. */
  readonly doing: readonly Doing[];
  /** The step that was ticked off on the way to this one: the tick alone would take away what it showed. */
  readonly before?: StepBefore;
  /** `part`: the next step is in another folder, and waits for a word. */
  readonly over?: 'part' | 'all';
  /** Read when the step is done. */
  readonly after: readonly string[];
  readonly learnt: readonly string[];
  readonly next?: string;
}

export interface GuideStep {
  readonly id: string;
  readonly title: string;
  readonly part: string;
  readonly state: 'done' | 'now' | 'ahead' | 'left out';
}

export interface GuideCommand {
  /** As it is typed where the reader is. */
  readonly text: string;
  readonly expected: readonly string[];
  readonly act: Act;
  /** The file to change in place of typing it. */
  readonly file?: string;
}

/** A command that is run for the reader. */
export interface Doing {
  readonly command: string;
  /** What it printed, newest last; bounded. */
  readonly lines: readonly string[];
  readonly state: 'running' | 'done' | 'failed';
}

export interface StepBefore {
  readonly title: string;
  readonly doing: readonly Doing[];
}

export interface GuideFacts {
  readonly tutorial: Tutorial;
  readonly place: ReaderPlace;
  readonly progress: Progress;
  readonly findings: Findings;
  /** For how long the step has been looked at. */
  readonly sinceMs: number;
  readonly doing: readonly Doing[];
  readonly before: StepBefore | undefined;
}

/** A reader who is still at it after this long may want a hint. */
export const hintAfterMs = 60_000;

/** Pure: what is shown follows from the page, the progress and the cluster. */
export function guideViewOf(facts: GuideFacts): GuideView {
  const { tutorial, place, progress, findings, sinceMs, doing, before } = facts;
  const step = stepAt(tutorial, progress) ?? tutorial.steps[0];
  if (step === undefined) throw new Error('a tutorial without a step');
  const part = tutorial.parts[step.part];
  const done = isDone(progress);
  const isLast = step === tutorial.steps.at(-1);
  const isLate = sinceMs >= hintAfterMs || doing.at(-1)?.state === 'failed';
  return {
    title: tutorial.title,
    part: { number: step.part + 1, of: tutorial.parts.length, title: part?.title ?? '' },
    step: { number: tutorial.steps.indexOf(step) + 1, of: tutorial.steps.length, id: step.id, title: step.title },
    steps: stepsOf(tutorial, progress),
    text: step.text,
    commands: step.commands.map(({ text, expected, act }) => ({
      text: shownCommand(text, tutorial, place),
      expected,
      act,
      ...(act.kind === 'other' ? {} : { file: `${place.folderOf(act.folder)}/deployment.yml` }),
    })),
    verdicts: verdictsOf(tutorial, step, findings, place),
    ...(step.hint === undefined || done || !isLate ? {} : { hint: step.hint }),
    doing,
    ...(before === undefined ? {} : { before }),
    ...(done ? { over: isLast || isOver(tutorial, progress) ? 'all' : 'part' } : {}),
    after: step.after,
    learnt: tutorial.learnt,
    ...(tutorial.next === undefined ? {} : { next: tutorial.next }),
  };
}

function stepsOf(tutorial: Tutorial, { done, at }: Progress): readonly GuideStep[] {
  const now = tutorial.steps.findIndex(({ id }) => id === at);
  return tutorial.steps.map(({ id, title, part }, index) => ({
    id,
    title,
    part: tutorial.parts[part]?.title ?? '',
    state: done.includes(id) ? 'done' : index === now ? 'now' : index < now ? 'left out' : 'ahead',
  }));
}

/** What the step's checks say now, with the commands as they are where the reader is. */
export function verdictsOf(
  tutorial: Tutorial,
  { checks }: TutorialStep,
  findings: Findings,
  place: ReaderPlace,
): readonly Verdict[] {
  return checks.map((check) => {
    const verdict = judge(check, findings, tutorial);
    if (check.kind !== 'prints') return verdict;
    return {
      ...verdict,
      text: verdict.text.replace(check.command, () => shownCommand(check.command, tutorial, place)),
    };
  });
}

export const isBeingDone = (doing: readonly Doing[]): boolean => doing.at(-1)?.state === 'running';

/** Whether the cluster shows all that the step asks for. */
export const isShown = (tutorial: Tutorial, { checks }: TutorialStep, findings: Findings): boolean =>
  allHold(checks.map((check) => judge(check, findings, tutorial)));

/** What a face asks of the guide. */
export type GuideWish =
  | { readonly kind: 'do' }
  /** The next step, also where this one is not done. */
  | { readonly kind: 'next' }
  | { readonly kind: 'back' }
  | { readonly kind: 'go'; readonly id: string };

/** The tutorial as it goes on, for the screen. */
export interface GuideFeed {
  readonly getSnapshot: () => GuideView;
  readonly subscribe: (listener: () => void) => () => void;
  /** `again`: the files have changed, so the screen has to be opened again; a text is a notice. Throws AppError. */
  readonly wish: (wish: GuideWish) => Promise<'again' | string | undefined>;
  readonly close: () => Promise<void>;
}
