import type { Store } from '../engine/types.ts';
import type { AppName } from '../model/config.ts';
import type { GuideFeed } from '../tutorial/guide-view.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { type FrameSource, type Screen, screenAfter } from './app.tsx';
import type { StageFeed } from './deps.ts';
import { type Frame, type FrameInput, frameOf } from './frame/frame-of.ts';
import { averageCost, clockMs, distanceMs, isNews } from './frame-rate.ts';
import type { Message, ScreenInput } from './screen.ts';
import type { Effect, UiState } from './state.ts';
import { update } from './update.ts';

export interface ControllerInput {
  readonly store: Store<ClusterView>;
  readonly initial: UiState;
  readonly about: ScreenInput['about'];
  readonly now: () => number;
  /** What a frame needs beside its input: glyphs, theme, parts. */
  readonly looks: (ui: UiState) => Pick<FrameInput, 'glyphs' | 'theme' | 'registry'>;
  readonly onEffect: (effect: Effect) => void;
  readonly stages?: StageFeed;
  readonly guide?: Pick<GuideFeed, 'getSnapshot' | 'subscribe'>;
  /** Applications that are on the screen now; called when they change. */
  readonly onVisible: (apps: readonly AppName[]) => void;
  readonly onChanged: (ui: UiState, view: ClusterView) => void;
}

export interface Controller extends FrameSource {
  readonly getFrame: () => Frame;
  readonly send: (message: Message) => void;
  readonly input: () => ScreenInput;
  readonly close: () => void;
}

const keyPressMs = 16;
const logsMs = 200;
const unfocusedMs = 5000;

/**
 * Holds the screen's state; draws after a key at once, after news of the cluster a few times a second at most, and what
 * is no news with the clock.
 */
export function createController(input: ControllerInput): Controller {
  const { store, now } = input;
  const listeners = new Set<() => void>();
  let ui = input.initial;
  let seen = store.getSnapshot();
  /** The newest view that news were looked for in. */
  let heard = seen;
  let drawnAt = 0;
  let costMs: number | undefined;
  let due: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;
  let visible = '';

  const inputNow = (): ScreenInput => ({
    view: seen,
    ui,
    now: now(),
    glyphs: input.looks(ui).glyphs,
    about: input.about,
    ...(input.stages === undefined ? {} : { stages: input.stages.getSnapshot() }),
    ...(input.guide === undefined ? {} : { guide: input.guide.getSnapshot() }),
  });
  const draw = (): Frame => frameOf({ ...inputNow(), ...input.looks(ui) });
  let frame = draw();
  let screen: Screen = frame;

  const apply = (message: Message): void => {
    const step = update(inputNow(), message, input.looks(ui).registry, frame.sizes);
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
    frame = draw();
    tellVisible();
    screen = screenAfter(screen, frame);
    for (const listener of [...listeners]) listener();
    // After React, whose work waits for the end of this one.
    queueMicrotask(() => {
      costMs = averageCost(costMs, performance.now() - drawnAt);
    });
  };

  const tellVisible = (): void => {
    const apps = frame.apps.toSorted();
    if (apps.join('\n') === visible) return;
    visible = apps.join('\n');
    input.onVisible(apps);
  };

  /** An earlier appointment stays. */
  const drawWithin = (ms: number): void => {
    const at = Math.max(performance.now(), Math.min(performance.now() + ms, drawnAt + ms));
    if (due !== undefined && due.at <= at) return;
    if (due !== undefined) clearTimeout(due.timer);
    due = { at, timer: setTimeout(redraw, at - performance.now()) };
  };

  const forget = store.subscribe(() => {
    const before = heard;
    heard = store.getSnapshot();
    if (!isNews(before, heard)) return;
    drawWithin(ui.hasTerminalFocus ? distanceMs(heard.running, costMs ?? 0) : clockMs);
  });
  const forgetStages = input.stages?.subscribe(() => drawWithin(distanceMs(true, costMs ?? 0)));
  const forgetGuide = input.guide?.subscribe(() => drawWithin(distanceMs(true, costMs ?? 0)));
  let clock = setTimeout(tick, clockMs);
  function tick(): void {
    apply({ type: 'tick' });
    // Not on top of a frame that there was since the last tick.
    drawWithin(ui.hasTerminalFocus ? clockMs : keyPressMs);
    clock = setTimeout(tick, ui.hasTerminalFocus ? clockMs : unfocusedMs);
  }

  return {
    getFrame: () => frame,
    getScreen: () => screen,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send: (message) => {
      // A key acts on what is on the screen; what the cluster did since then comes with the next frame.
      apply(message);
      drawWithin(message.type === 'log-lines' ? logsMs : keyPressMs);
    },
    input: inputNow,
    close: () => {
      forget();
      forgetStages?.();
      forgetGuide?.();
      clearTimeout(clock);
      if (due !== undefined) clearTimeout(due.timer);
    },
  };
}
