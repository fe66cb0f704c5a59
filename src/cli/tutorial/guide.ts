import type { Engine } from '../../engine/types.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import { type GuideFeed, type GuideRequest, isBeingDone, isShown } from '../../tutorial/guide-view.ts';
import { placementAt } from '../../tutorial/placement.ts';
import { goTo, isDone, nextOf, previousOf, tick } from '../../tutorial/progress.ts';
import type { TutorialStep } from '../../tutorial/types.ts';
import { createDo } from './doing.ts';
import { createFollowing, type Following, type GuideParts } from './following.ts';
import { askOutside, asksOutside } from './questions.ts';

const lookEveryMs = 1000;

/**
 * The tutorial of the screen: looks at the observed nodes, connects as a client where a check needs it, and completes a
 * step as soon as its checks hold, by whatever means.
 */
export function createGuide(engine: Engine, parts: GuideParts): GuideFeed {
  const over = new AbortController();
  const signal = allowManyListeners(over.signal);
  const following = createFollowing(engine, parts);
  const look = createLook(following, signal);
  const doStep = createDo(following, signal);
  const { tutorial, world } = parts;
  const { notes, step, publish, getSnapshot, subscribe } = following;

  const running = new Set<Promise<unknown>>();
  const lookInBackground = (): void => {
    const current: Promise<unknown> = look()
      .catch((error: unknown) => {
        if (!signal.aborted && !isAbort(error)) return world.logBug(error).catch(() => undefined);
        return undefined;
      })
      .finally(() => running.delete(current));
    running.add(current);
  };
  const timer = setInterval(lookInBackground, lookEveryMs);
  const forget = engine.store.subscribe(() => {
    if (asksOutside(step())) publish();
    else lookInBackground();
  });

  return {
    getSnapshot,
    subscribe,
    request: async (request: GuideRequest) => {
      const { at } = notes.progress;
      switch (request.kind) {
        case 'do':
          return await doStep();
        case 'next':
          return await goToStep(following, nextOf(tutorial, at));
        case 'back':
          return await goToStep(following, previousOf(tutorial, at) ?? step());
        case 'go':
          return await goToStep(
            following,
            tutorial.steps.find(({ id }) => id === request.id),
          );
      }
    },
    close: async () => {
      over.abort();
      clearInterval(timer);
      forget();
      await Promise.allSettled(running);
    },
  };
}

/** Goes to another step, and restores the files to what they are when that step begins. */
async function goToStep(following: Following, target: TutorialStep | undefined): Promise<'again' | string> {
  const { engine, tutorial, place, world, notes, step, saveProgress } = following;
  if (target === undefined) return 'unknown step';
  if (isBeingDone(notes.doing)) throw new AppError('usage', 'cannot leave the step: drover is doing it');
  const from = tutorial.parts[step().part]?.folder;
  const to = tutorial.parts[target.part]?.folder ?? '';
  const { running: isRunning, config } = engine.store.getSnapshot();
  if (from !== to && isRunning) throw new AppError('usage', 'cannot leave the part: a run is in progress');
  const isOnward = nextOf(tutorial, notes.progress.at) === target && isDone(notes.progress);
  // The target may be the same step.
  if (!isOnward) notes.doing = [];
  notes.since = world.now();
  // The next step of the same part goes on with the reader's files.
  if (!isOnward || from !== to) {
    notes.outdated = config?.revision;
    const isOther = await place.restore(to, placementAt(tutorial, target.id));
    if (!isOther) notes.outdated = undefined;
  }
  await saveProgress(isOnward ? { ...notes.progress, at: target.id } : goTo(tutorial, notes.progress, target.id));
  return from === to ? `step ${target.id}: ${target.title}` : 'again';
}

/** Clients start a program, so they do not run more often than this. */
const askEveryMs = 4000;
/** After a save, drover has read the files and made a plan within this time. */
const settlesMs = 10_000;

/** Judges the current step once, and completes it if all its checks hold. */
function createLook(following: Following, signal: AbortSignal): () => Promise<void> {
  const { engine, tutorial, tutorials, place, world, notes, step, publish, saveProgress, nodesShow } = following;
  let asking = false;

  const ask = async (): Promise<void> => {
    const asked = step();
    if (asking || !asksOutside(asked) || world.now() - notes.askedAt < askEveryMs) return;
    asking = true;
    try {
      const found = await askOutside(asked, tutorial, { world: tutorials, place, signal });
      if (step() === asked) notes.answers = found;
    } finally {
      asking = false;
      notes.askedAt = world.now();
    }
  };
  return async () => {
    if (isDone(notes.progress)) return publish();
    const revision = engine.store.getSnapshot().config?.revision;
    // Files that differ only in comments give the same configuration, so the revision never changes: stop waiting.
    const isOld = notes.outdated !== undefined && notes.outdated === revision;
    if (isOld && world.now() - notes.since < settlesMs) return publish();
    notes.outdated = undefined;
    const looked = step();
    // Clients connect only when the checks on nodes hold: an earlier answer would be outdated.
    if (nodesShow()) await ask();
    // While drover runs the commands of the step, some of them are still to come.
    const isBusy = isBeingDone(notes.doing);
    const findings = { view: engine.store.getSnapshot(), ...notes.answers };
    if (step() === looked && !isBusy && isShown(tutorial, looked, findings))
      await saveProgress(tick(tutorial, notes.progress));
    else publish();
  };
}
