import { allHold, type Findings, judge, type Verdict } from './judge.ts';
import { isDone, isOver, stepAt, type TutorialProgress } from './progress.ts';
import { type ReaderPlace, shownCommand } from './reader-place.ts';
import type { Act, Tutorial, TutorialStep } from './types.ts';

/** What the reader sees of a tutorial, as data for the screen and for lines. */
export interface GuideView {
  readonly title: string;
  /** Numbers count from 1. */
  readonly part: { readonly number: number; readonly of: number; readonly title: string };
  readonly step: { readonly number: number; readonly of: number; readonly id: string; readonly title: string };
  readonly steps: readonly GuideStep[];
  readonly text: readonly string[];
  /** The commands of the step. Keys of the screen or an edit of a file can do the same. */
  readonly commands: readonly GuideCommand[];
  readonly verdicts: readonly Verdict[];
  /** Only after some time, or after a failure. */
  readonly hint?: string;
  /** The commands that drover has run for the reader in this step. */
  readonly doing: readonly Doing[];
  /** The step that was just done, so that its output stays visible. */
  readonly before?: StepBefore;
  /** `part`: the next step uses another folder, and begins when the reader asks for it. */
  readonly over?: 'part' | 'all';
  /** Text to show when the step is done. */
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
  /** As the reader types it in the current folder. */
  readonly text: string;
  readonly expected: readonly string[];
  readonly act: Act;
  /** The file that the reader can edit instead. */
  readonly file?: string;
}

/** A command that drover runs for the reader. */
export interface Doing {
  readonly command: string;
  /** The last lines of its output, oldest first. */
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
  readonly progress: TutorialProgress;
  readonly findings: Findings;
  /** How long the step has been shown. */
  readonly sinceMs: number;
  readonly doing: readonly Doing[];
  readonly before: StepBefore | undefined;
}

/** A step that takes longer than this shows its hint. */
export const hintAfterMs = 60_000;

/** What the reader sees, from the page, the progress and the cluster. Pure. */
export function guideViewOf(facts: GuideFacts): GuideView {
  const { tutorial, place, progress, findings, sinceMs, doing, before } = facts;
  const step = stepAt(tutorial, progress) ?? tutorial.steps[0];
  if (step === undefined) throw new Error('the tutorial has no step');
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

function stepsOf(tutorial: Tutorial, { done, at }: TutorialProgress): readonly GuideStep[] {
  const now = tutorial.steps.findIndex(({ id }) => id === at);
  return tutorial.steps.map(({ id, title, part }, index) => ({
    id,
    title,
    part: tutorial.parts[part]?.title ?? '',
    state: done.includes(id) ? 'done' : index === now ? 'now' : index < now ? 'left out' : 'ahead',
  }));
}

/** The verdict of each check of the step, with commands as the reader types them. */
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

/** True if all checks of the step hold. */
export const isShown = (tutorial: Tutorial, { checks }: TutorialStep, findings: Findings): boolean =>
  allHold(checks.map((check) => judge(check, findings, tutorial)));

/** A request of the reader to the guide. */
export type GuideRequest =
  | { readonly kind: 'do' }
  /** Go to the next step, even if this one is not done. */
  | { readonly kind: 'next' }
  | { readonly kind: 'back' }
  | { readonly kind: 'go'; readonly id: string };

/** The tutorial in progress, for the screen. */
export interface GuideFeed {
  readonly getSnapshot: () => GuideView;
  readonly subscribe: (listener: () => void) => () => void;
  /** `again`: the files have changed, and the screen must be opened again. Any other text is a notice. Throws AppError. */
  readonly request: (request: GuideRequest) => Promise<'again' | string | undefined>;
  readonly close: () => Promise<void>;
}
