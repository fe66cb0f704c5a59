import { isBeingDone, isShown } from '../../tutorial/guide-view.ts';
import { isDone, tick } from '../../tutorial/progress.ts';
import type { Following } from './following.ts';
import { askOutside, asksOutside } from './questions.ts';

/** Between two times that clients ask: each starts a program. */
const askEveryMs = 4000;
/** A save is noticed, read and planned for within this time. */
const settlesMs = 10_000;

/** Looks once at what the cluster shows, and ticks the present step off where that is all it asks for. */
export function createLook(following: Following, signal: AbortSignal): () => Promise<void> {
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
