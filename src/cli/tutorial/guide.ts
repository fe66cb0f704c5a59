import type { Engine } from '../../engine/types.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import { type GuideFeed, type GuideWish, isBeingDone } from '../../tutorial/guide-view.ts';
import { placementAt } from '../../tutorial/placement.ts';
import { goTo, isDone, nextOf, previousOf } from '../../tutorial/progress.ts';
import type { TutorialStep } from '../../tutorial/types.ts';
import { createDo } from './doing.ts';
import { createFollowing, type Following, type GuideParts } from './following.ts';
import { createLook } from './looking.ts';
import { asksOutside } from './questions.ts';

const lookEveryMs = 1000;

/**
 * The tutorial next to the screen: reads what the engine sees, asks what clients would ask, and completes a step when the
 * cluster shows its result, however that came about.
 */
export function createGuide(engine: Engine, parts: GuideParts): GuideFeed {
  const over = new AbortController();
  const signal = allowManyListeners(over.signal);
  const following = createFollowing(engine, parts);
  const look = createLook(following, signal);
  const doStep = createDo(following, signal);
  const { tutorial, world } = parts;
  const { notes, step, tell, getSnapshot, subscribe } = following;

  const underWay = new Set<Promise<unknown>>();
  const lookInBackground = (): void => {
    const kept: Promise<unknown> = look()
      .catch((error: unknown) => {
        if (!signal.aborted && !isAbort(error)) return world.logBug(error).catch(() => undefined);
        return undefined;
      })
      .finally(() => underWay.delete(kept));
    underWay.add(kept);
  };
  const timer = setInterval(lookInBackground, lookEveryMs);
  const forget = engine.store.subscribe(() => {
    if (asksOutside(step())) tell();
    else lookInBackground();
  });

  return {
    getSnapshot,
    subscribe,
    wish: async (wish: GuideWish) => {
      const { at } = notes.progress;
      switch (wish.kind) {
        case 'do':
          return await doStep();
        case 'next':
          return await goToStep(following, nextOf(tutorial, at));
        case 'back':
          return await goToStep(following, previousOf(tutorial, at) ?? step());
        case 'go':
          return await goToStep(
            following,
            tutorial.steps.find(({ id }) => id === wish.id),
          );
      }
    },
    close: async () => {
      over.abort();
      clearInterval(timer);
      forget();
      await Promise.allSettled(underWay);
    },
  };
}

/** Leaves the present step for another one, with the files as that one begins with them. */
async function goToStep(following: Following, target: TutorialStep | undefined): Promise<'again' | string> {
  const { engine, tutorial, place, world, notes, step, keep } = following;
  if (target === undefined) return 'unknown step';
  if (isBeingDone(notes.doing)) throw new AppError('usage', 'cannot leave the step: it is being done');
  const from = tutorial.parts[step().part]?.folder;
  const to = tutorial.parts[target.part]?.folder ?? '';
  const { running, config } = engine.store.getSnapshot();
  if (from !== to && running) throw new AppError('usage', 'cannot leave the part: a run is in progress');
  const isOnward = nextOf(tutorial, notes.progress.at) === target && isDone(notes.progress);
  // Also where it is the same step again.
  if (!isOnward) notes.doing = [];
  notes.since = world.now();
  // On the way forward the files are as the reader left them.
  if (!isOnward || from !== to) {
    notes.outdated = config?.revision;
    const isOther = await place.restore(to, placementAt(tutorial, target.id));
    if (!isOther) notes.outdated = undefined;
  }
  await keep(isOnward ? { ...notes.progress, at: target.id } : goTo(tutorial, notes.progress, target.id));
  return from === to ? `step ${target.id}: ${target.title}` : 'again';
}
