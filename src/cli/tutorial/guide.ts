import type { Engine } from '../../engine/types.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import { type GuideFeed, type GuideWish, isBeingDone, isShown } from '../../tutorial/guide-view.ts';
import { placementAt } from '../../tutorial/placement.ts';
import { goTo, isDone, nextOf, previousOf, tick } from '../../tutorial/progress.ts';
import type { TutorialStep } from '../../tutorial/types.ts';
import { createDo } from './doing.ts';
import { createFollowing, type Following, type GuideParts } from './following.ts';
import { askOutside, asksOutside } from './questions.ts';

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

/** Between two times that clients ask: each starts a program. */
const askEveryMs = 4000;
/** A save is noticed, read and planned for within this time. */
const settlesMs = 10_000;

/** Looks once at what the cluster shows, and ticks the present step off where that is all it asks for. */
function createLook(following: Following, signal: AbortSignal): () => Promise<void> {
  const { engine, tutorial, tutorials, place, world, notes, step, tell, keep, nodesShow } = following;
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
    if (isDone(notes.progress)) return tell();
    const revision = engine.store.getSnapshot().config?.revision;
    // Files that differ in their comments alone give the same configuration, which is then as new as it gets.
    const isOld = notes.outdated !== undefined && notes.outdated === revision;
    if (isOld && world.now() - notes.since < settlesMs) return tell();
    notes.outdated = undefined;
    const looked = step();
    // Clients are asked once the nodes show what they can: before, every answer would be an old one.
    if (nodesShow()) await ask();
    // While it is being done for the reader, the rest of its commands are still to come.
    const isBusy = isBeingDone(notes.doing);
    const findings = { view: engine.store.getSnapshot(), ...notes.answers };
    if (step() === looked && !isBusy && isShown(tutorial, looked, findings)) await keep(tick(tutorial, notes.progress));
    else tell();
  };
}
