import type { Store } from '../engine/types.ts';
import type { AppName } from '../model/config.ts';
import type { GuideFeed } from '../tutorial/guide-view.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { StageFeed } from '../view/stages.ts';
import type { ScreenSource } from './app.tsx';
import { type FrameInput, layoutFor, sizesOf } from './frame/regions.ts';
import { averageCost, clockMs, distanceMs, isNews } from './frame-rate.ts';
import type { Message, ScreenInput } from './screen.ts';
import type { Effect, PaneId, UiState } from './state.ts';
import { update } from './update.ts';

export interface ControllerInput {
  readonly store: Store<ClusterView>;
  readonly initial: UiState;
  readonly about: ScreenInput['about'];
  readonly now: () => number;
  /** What a frame needs in addition: glyphs, theme, parts. */
  readonly looks: (ui: UiState) => Pick<FrameInput, 'glyphs' | 'theme' | 'registry'>;
  readonly onEffect: (effect: Effect) => void;
  readonly stages?: StageFeed;
  readonly guide?: Pick<GuideFeed, 'getSnapshot' | 'subscribe'>;
  /** Called with the applications on the screen when they change. */
  readonly onVisible: (apps: readonly AppName[]) => void;
  readonly onChanged: (ui: UiState, view: ClusterView) => void;
}

export interface Controller extends ScreenSource {
  readonly send: (message: Message) => void;
  readonly input: () => ScreenInput;
  readonly close: () => void;
}

const keyPressMs = 16;
const logsMs = 200;
const unfocusedMs = 5000;

/**
 * Holds the screen's state. Shows what a key does at once, news of the cluster a few times a second at most, and
 * everything else with the clock.
 */
export function createController(input: ControllerInput): Controller {
  const { store } = input;
  const listeners = new Set<() => void>();
  let ui = input.initial;
  let seen = store.getSnapshot();
  const visible = createVisibleApps(input.onVisible);

  const inputNow = (): ScreenInput => screenInputOf(input, seen, ui);
  const snapshot = (): FrameInput => ({ ...inputNow(), ...input.looks(ui) });
  let screen = snapshot();

  const apply = (message: Message): void => {
    const step = update(inputNow(), message, screen.registry, sizesOf(layoutFor(screen), screen.ui));
    const changed = step.ui !== ui;
    ui = step.ui;
    if (changed) input.onChanged(ui, seen);
    for (const effect of step.effects) input.onEffect(effect);
  };

  const takeView = (): void => {
    const next = store.getSnapshot();
    if (next === seen) return;
    const before = seen;
    seen = next;
    apply({ type: 'view-changed', before });
    input.onChanged(ui, seen);
  };

  const { drawWithin, newsDistanceMs, stop } = createFrameTimer(takeView, () => {
    screen = snapshot();
    for (const listener of [...listeners]) listener();
  });

  const forget = onNews(store, ({ running }) => drawWithin(ui.hasTerminalFocus ? newsDistanceMs(running) : clockMs));
  const forgetStages = input.stages?.subscribe(() => drawWithin(newsDistanceMs(true)));
  const forgetGuide = input.guide?.subscribe(() => drawWithin(newsDistanceMs(true)));
  let clock = setTimeout(tick, clockMs);
  function tick(): void {
    apply({ type: 'tick' });
    // Not on top of a frame that was drawn since the last tick.
    drawWithin(ui.hasTerminalFocus ? clockMs : keyPressMs);
    clock = setTimeout(tick, ui.hasTerminalFocus ? clockMs : unfocusedMs);
  }

  return {
    getScreen: () => screen,
    onShown: visible.onShown,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send: (message) => {
      // A key acts on what is on the screen; changes of the cluster since then come with the next frame.
      apply(message);
      drawWithin(message.type === 'log-lines' ? logsMs : keyPressMs);
    },
    input: inputNow,
    close: () => {
      forget();
      forgetStages?.();
      forgetGuide?.();
      clearTimeout(clock);
      visible.stop();
      stop();
    },
  };
}

function screenInputOf(input: ControllerInput, view: ClusterView, ui: UiState): ScreenInput {
  return {
    view,
    ui,
    now: input.now(),
    glyphs: input.looks(ui).glyphs,
    about: input.about,
    ...(input.stages === undefined ? {} : { stages: input.stages.getSnapshot() }),
    ...(input.guide === undefined ? {} : { guide: input.guide.getSnapshot() }),
  };
}

/** Calls `act` with each view that has news compared with the view before it, until the returned function is called. */
function onNews(store: Store<ClusterView>, act: (view: ClusterView) => void): () => void {
  let compared = store.getSnapshot();
  return store.subscribe(() => {
    const before = compared;
    compared = store.getSnapshot();
    if (isNews(before, compared)) act(compared);
  });
}

/** Sets the time of the next frame: `prepare` runs before it, and only `draw` counts as its cost. */
function createFrameTimer(prepare: () => void, draw: () => void) {
  let drawnAt = 0;
  let costMs: number | undefined;
  let due: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;

  const stop = (): void => {
    if (due !== undefined) clearTimeout(due.timer);
    due = undefined;
  };
  const redraw = (): void => {
    stop();
    prepare();
    drawnAt = performance.now();
    draw();
    // After React, whose work waits for the end of this one.
    queueMicrotask(() => {
      costMs = averageCost(costMs, performance.now() - drawnAt);
    });
  };
  return {
    /** A frame that is due earlier stays. */
    drawWithin: (ms: number): void => {
      const at = Math.max(performance.now(), Math.min(performance.now() + ms, drawnAt + ms));
      if (due !== undefined && due.at <= at) return;
      stop();
      due = { at, timer: setTimeout(redraw, at - performance.now()) };
    },
    newsDistanceMs: (isRunning: boolean): number => distanceMs(isRunning, costMs ?? 0),
    stop,
  };
}

/** Reports the applications that all panes together show, when they change. */
function createVisibleApps(report: (apps: readonly AppName[]) => void) {
  const shown = new Map<PaneId, readonly AppName[]>();
  let reported = '';
  let timer: NodeJS.Timeout | undefined;
  const reportShown = (): void => {
    timer = undefined;
    const apps = [...new Set([...shown.values()].flat())].toSorted();
    if (apps.join('\n') === reported) return;
    reported = apps.join('\n');
    report(apps);
  };
  return {
    onShown: (pane: PaneId, apps: readonly AppName[]): void => {
      shown.set(pane, apps);
      // Panes report one after the other, and a pane that goes reports that it shows nothing.
      timer ??= setTimeout(reportShown, 0);
    },
    stop: () => clearTimeout(timer),
  };
}
