import type { Engine } from '../engine/types.ts';
import { AppError, isAbort, toReport } from '../model/errors.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import {
  type Doing,
  type GuideFeed,
  type GuideView,
  type GuideWish,
  guideViewOf,
  isShown,
} from '../tutorial/guide-view.ts';
import { keyOf } from '../tutorial/judge.ts';
import { placementAt } from '../tutorial/placement.ts';
import { goTo, isDone, nextOf, type Progress, previousOf, stepAt, tick } from '../tutorial/progress.ts';
import { shownCommand, wordsOf } from '../tutorial/reader-place.ts';
import type { Tutorial, TutorialCommand, TutorialStep } from '../tutorial/types.ts';
import { plainText } from '../view/lines.ts';
import type { TutorialPlace } from './tutorial-place.ts';
import { type Answers, askOutside, asksOutside, noAnswers } from './tutorial-questions.ts';
import type { TutorialWorld } from './tutorial-world.ts';
import type { World } from './world.ts';

export interface GuideParts {
  readonly tutorial: Tutorial;
  readonly place: TutorialPlace;
  readonly tutorials: TutorialWorld;
  readonly world: Pick<World, 'now' | 'moveApplication' | 'readText' | 'replaceText' | 'logBug'>;
  readonly progress: Progress;
}

/** Between two times that clients ask: each starts a program. */
const askEveryMs = 4000;
const lookEveryMs = 1000;
const linesKept = 200;
/** A save is noticed, read and planned for within this time. */
const settlesMs = 10_000;
/** A step that is done for the reader may move data. */
const longestMs = 15 * 60_000;

/**
 * The tutorial beside the screen: looks at what the engine sees, asks what clients would, and ticks a step off when the
 * cluster shows it, whoever brought it there.
 */
export function createGuide(engine: Engine, { tutorial, place, tutorials, world, ...given }: GuideParts): GuideFeed {
  const over = new AbortController();
  allowManyListeners(over.signal);
  const { signal } = over;
  const listeners = new Set<() => void>();
  const underWay = new Set<Promise<unknown>>();
  let { progress } = given;
  let since = world.now();
  let answers: Answers = noAnswers;
  let doing: Doing | undefined;
  let asking = false;
  let askedAt = 0;
  /** The configuration in force before files were put back: what the nodes show until it is another one is old. */
  let outdated: string | undefined;
  let view = makeView();

  function makeView(): GuideView {
    const findings = { view: engine.store.getSnapshot(), ...answers };
    const sinceMs = world.now() - since;
    return guideViewOf({ tutorial, place, progress, findings, sinceMs, ...(doing === undefined ? {} : { doing }) });
  }
  const tell = (): void => {
    const next = makeView();
    if (JSON.stringify(next) === JSON.stringify(view)) return;
    view = next;
    for (const listener of [...listeners]) listener();
  };
  const step = (): TutorialStep => {
    const found = stepAt(tutorial, progress);
    if (found === undefined) throw new Error(`no step ${progress.at}`);
    return found;
  };
  const keep = async (next: Progress): Promise<void> => {
    const isOther = next.at !== progress.at;
    progress = next;
    if (isOther) {
      since = world.now();
      answers = noAnswers;
      askedAt = 0;
    }
    await place.writeProgress(next);
    tell();
  };
  const inBackground = (work: Promise<unknown>): void => {
    const kept: Promise<unknown> = work
      .catch((error: unknown) => {
        if (!signal.aborted && !isAbort(error)) return world.logBug(error).catch(() => undefined);
        return undefined;
      })
      .finally(() => underWay.delete(kept));
    underWay.add(kept);
  };

  /** Clients are asked once the nodes show what they can: before, every answer would be an old one. */
  const nodesShow = (): boolean =>
    isShown(
      tutorial,
      { ...step(), checks: step().checks.filter(({ kind }) => kind !== 'prints' && kind !== 'answers') },
      { view: engine.store.getSnapshot(), ...answers },
    );
  const ask = async (): Promise<void> => {
    const asked = step();
    if (asking || !asksOutside(asked) || world.now() - askedAt < askEveryMs) return;
    asking = true;
    try {
      const found = await askOutside(asked, tutorial, { world: tutorials, place, signal });
      if (step() === asked) answers = found;
    } finally {
      asking = false;
      askedAt = world.now();
    }
  };
  const look = async (): Promise<void> => {
    if (isDone(progress)) return tell();
    const revision = engine.store.getSnapshot().config?.revision;
    // Files that differ in their comments alone give the same configuration, which is then as new as it gets.
    if (outdated !== undefined && outdated === revision && world.now() - since < settlesMs) return tell();
    outdated = undefined;
    const looked = step();
    if (nodesShow()) await ask();
    // While it is being done for the reader, the rest of its commands are still to come.
    const isBusy = doing?.state === 'running';
    const isNow =
      step() === looked && !isBusy && isShown(tutorial, looked, { view: engine.store.getSnapshot(), ...answers });
    if (isNow) await keep(tick(tutorial, progress));
    else tell();
  };
  const timer = setInterval(() => inBackground(look()), lookEveryMs);
  const forget = engine.store.subscribe(() => {
    if (asksOutside(step())) tell();
    else inBackground(look());
  });

  const output = (command: string, state: Doing['state'], line?: string): void => {
    const before = doing?.command === command ? doing.lines : [];
    const lines = line === undefined ? before : [...before, plainText(line)].slice(-linesKept);
    doing = { command, lines, state };
    tell();
  };
  const until = async (holds: () => boolean): Promise<void> => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(longestMs)]);
    while (!holds()) {
      within.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  /** By the engine that watches the files already: a second drover would stand in front of its lock. */
  const doHere = async ({ act }: TutorialCommand): Promise<void> => {
    if (act.kind === 'move') {
      const file = `${place.folderOf(act.folder)}/deployment.yml`;
      const text = await world.readText(file);
      const node = keyOf(engine.store.getSnapshot(), tutorial.nodes, act.to) ?? act.to;
      const edited = await world.moveApplication(text, act.app, node);
      if ('problem' in edited) throw new AppError('usage', `cannot move "${act.app}" in "${file}": ${edited.problem}`);
      if (edited.text !== text) await world.replaceText(file, edited.text);
    }
    const { approval, plan, running } = engine.store.getSnapshot();
    if (approval !== undefined) engine.send({ type: 'approve', revision: approval.revision });
    else if (act.kind === 'apply' && !running && (plan?.steps.length ?? 0) > 0) engine.send({ type: 'retry' });
    await until(nodesShow);
  };
  const runCommand = async (command: TutorialCommand): Promise<void> => {
    const text = shownCommand(command.text, tutorial, place);
    output(text, 'running');
    if (command.act.kind !== 'other') {
      await doHere(command);
      return output(text, 'done', command.act.kind === 'move' ? 'deployment.yml is saved, and applied' : 'applied');
    }
    const words = wordsOf(command.text, tutorial, place) ?? [];
    const { code } = await tutorials.run(words, (line) => output(text, 'running', line), signal);
    if (code === 0) return output(text, 'done');
    output(text, 'failed', `it ended with ${code}`);
    throw new AppError('command-failed', `cannot do this step: "${text}" ended with ${code}`);
  };
  const doStep = async (): Promise<string | undefined> => {
    if (doing?.state === 'running') throw new AppError('usage', `it is being done: ${doing.command}`);
    if (isDone(progress)) return 'this step is done';
    const mine = step();
    try {
      for (const command of mine.commands) await runCommand(command);
    } catch (error) {
      if (doing !== undefined) output(doing.command, 'failed', toReport(error).message);
      throw error;
    } finally {
      askedAt = 0;
    }
    return undefined;
  };
  const goToStep = async (target: TutorialStep | undefined): Promise<'again' | string> => {
    if (target === undefined) return 'there is no such step';
    if (doing?.state === 'running') throw new AppError('usage', 'cannot leave the step: it is being done');
    const from = tutorial.parts[step().part]?.folder;
    const to = tutorial.parts[target.part]?.folder ?? '';
    if (from !== to && engine.store.getSnapshot().running)
      throw new AppError('usage', 'cannot leave the part: a run is under way');
    const isOnward = nextOf(tutorial, progress.at) === target && isDone(progress);
    doing = undefined;
    since = world.now();
    // On the way forward the files are as the reader left them.
    if (!isOnward || from !== to) {
      const before = engine.store.getSnapshot().config?.revision;
      outdated = before;
      const isOther = await place.restore(to, placementAt(tutorial, target.id));
      if (!isOther) outdated = undefined;
    }
    await keep(isOnward ? { ...progress, at: target.id } : goTo(tutorial, progress, target.id));
    return from === to ? `step ${target.id}: ${target.title}` : 'again';
  };

  return {
    getSnapshot: () => view,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    wish: async (wish: GuideWish) => {
      switch (wish.kind) {
        case 'do':
          return await doStep();
        case 'next':
          return await goToStep(nextOf(tutorial, progress.at));
        case 'back':
          return await goToStep(previousOf(tutorial, progress.at) ?? step());
        case 'go':
          return await goToStep(tutorial.steps.find(({ id }) => id === wish.id));
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
