import type { Store } from '../engine/types.ts';
import type { AppName } from '../model/config.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { FrameSource } from './app.tsx';
import type { StageFeed } from './deps.ts';
import { type Frame, type FrameInput, frameOf } from './frame-of.ts';
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
  /** Applications that are on the screen now; called when they change. */
  readonly onVisible: (apps: readonly AppName[]) => void;
  readonly onChanged: (ui: UiState, view: ClusterView) => void;
}

export interface Controller extends FrameSource {
  readonly send: (message: Message) => void;
  readonly input: () => ScreenInput;
  readonly close: () => void;
}

// Each frame costs about 10 ms however little it changes, so frames per second are the dial of the processor's load.
const keyPressMs = 16;
const workingMs = 200;
const idleMs = 400;
const clockMs = 1000;
const unfocusedMs = 5000;

/** Holds the screen's state; draws after a key at once, after a change of the cluster a few times a second at most. */
export function createController(input: ControllerInput): Controller {
  const { store, now } = input;
  const listeners = new Set<() => void>();
  let ui = input.initial;
  let seen = store.getSnapshot();
  let drawnAt = 0;
  let due: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;
  let visible = '';

  const inputNow = (): ScreenInput => ({
    view: seen,
    ui,
    now: now(),
    glyphs: input.looks(ui).glyphs,
    about: input.about,
    ...(input.stages === undefined ? {} : { stages: input.stages.getSnapshot() }),
  });
  const draw = (): Frame => frameOf({ ...inputNow(), ...input.looks(ui) });
  let frame = draw();

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
    for (const listener of [...listeners]) listener();
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
    const pace = store.getSnapshot().running ? workingMs : idleMs;
    drawWithin(ui.hasTerminalFocus ? pace : clockMs);
  });
  const forgetStages = input.stages?.subscribe(() => drawWithin(workingMs));
  let clock = setTimeout(tick, clockMs);
  function tick(): void {
    apply({ type: 'tick' });
    drawWithin(keyPressMs);
    clock = setTimeout(tick, ui.hasTerminalFocus ? clockMs : unfocusedMs);
  }

  return {
    getFrame: () => frame,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send: (message) => {
      // A key acts on what is on the screen; what the cluster did since then comes with the next frame.
      apply(message);
      drawWithin(message.type === 'log-lines' ? workingMs : keyPressMs);
    },
    input: inputNow,
    close: () => {
      forget();
      forgetStages?.();
      clearTimeout(clock);
      if (due !== undefined) clearTimeout(due.timer);
    },
  };
}
