import type { Store } from '../engine/types.ts';
import type { AppName } from '../model/config.ts';
import type { GuideFeed } from '../tutorial/guide-view.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { ScreenSource } from './app.tsx';
import type { StageFeed } from './deps.ts';
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
  const { store, now } = input;
  const listeners = new Set<() => void>();
  let ui = input.initial;
  let seen = store.getSnapshot();
  /** The newest view that was compared for news. */
  let compared = seen;
  let drawnAt = 0;
  let costMs: number | undefined;
  let due: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;
  let reporting: NodeJS.Timeout | undefined;
  let reported = '';
  const shown = new Map<PaneId, readonly AppName[]>();

  const inputNow = (): ScreenInput => ({
    view: seen,
    ui,
    now: now(),
    glyphs: input.looks(ui).glyphs,
    about: input.about,
    ...(input.stages === undefined ? {} : { stages: input.stages.getSnapshot() }),
    ...(input.guide === undefined ? {} : { guide: input.guide.getSnapshot() }),
  });
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

  const redraw = (): void => {
    if (due !== undefined) clearTimeout(due.timer);
    due = undefined;
    takeView();
    drawnAt = performance.now();
    screen = snapshot();
    for (const listener of [...listeners]) listener();
    // After React, whose work waits for the end of this one.
    queueMicrotask(() => {
      costMs = averageCost(costMs, performance.now() - drawnAt);
    });
  };

  const onShown = (pane: PaneId, apps: readonly AppName[]): void => {
    shown.set(pane, apps);
    // Panes report one after the other, and a pane that goes reports that it shows nothing.
    reporting ??= setTimeout(reportShown, 0);
  };
  const reportShown = (): void => {
    reporting = undefined;
    const apps = [...new Set([...shown.values()].flat())].toSorted();
    if (apps.join('\n') === reported) return;
    reported = apps.join('\n');
    input.onVisible(apps);
  };

  /** A frame that is due earlier stays. */
  const drawWithin = (ms: number): void => {
    const at = Math.max(performance.now(), Math.min(performance.now() + ms, drawnAt + ms));
    if (due !== undefined && due.at <= at) return;
    if (due !== undefined) clearTimeout(due.timer);
    due = { at, timer: setTimeout(redraw, at - performance.now()) };
  };

  const forget = store.subscribe(() => {
    const before = compared;
    compared = store.getSnapshot();
    if (!isNews(before, compared)) return;
    drawWithin(ui.hasTerminalFocus ? distanceMs(compared.running, costMs ?? 0) : clockMs);
  });
  const forgetStages = input.stages?.subscribe(() => drawWithin(distanceMs(true, costMs ?? 0)));
  const forgetGuide = input.guide?.subscribe(() => drawWithin(distanceMs(true, costMs ?? 0)));
  let clock = setTimeout(tick, clockMs);
  function tick(): void {
    apply({ type: 'tick' });
    // Not on top of a frame that was drawn since the last tick.
    drawWithin(ui.hasTerminalFocus ? clockMs : keyPressMs);
    clock = setTimeout(tick, ui.hasTerminalFocus ? clockMs : unfocusedMs);
  }

  return {
    getScreen: () => screen,
    onShown,
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
      clearTimeout(reporting);
      if (due !== undefined) clearTimeout(due.timer);
    },
  };
}
