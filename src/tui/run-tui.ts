import { render } from 'ink';
import { createElement } from 'react';
import { defined } from '../model/defined.ts';
import type { EngineEvent, RunOutcome } from '../model/events.ts';
import { plainText } from '../model/plain-text.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { receiptLines } from '../view/run/receipt-lines.ts';
import { describeOutcome, namesOf, tellOutcome } from '../view/wording.ts';
import { App } from './app.tsx';
import { type Controller, createController } from './controller.ts';
import type { TuiDeps } from './deps.ts';
import { createEffects } from './effects.ts';
import { asciiGlyphs, type Glyphs, unicodeGlyphs } from './frame/glyphs.ts';
import { frameAnsi, frameSvg, frameText } from './frame/picture.ts';
import { type FrameInput, hitAt, paneAt } from './frame/regions.ts';
import type { Size } from './frame/rows.ts';
import { colourDepth, createTheme, type Theme } from './frame/theme.ts';
import { initialState } from './initial-state.ts';
import { createKeyOf, type KeyMap, keyMapOf, messageForKey } from './keymap.ts';
import { openStages } from './parts/stages.ts';
import { openWelcome } from './parts/welcome.ts';
import { registry } from './parts.ts';
import { isTyping } from './routing.ts';
import type { About, Message } from './screen.ts';
import { createSession, type Session } from './session.ts';
import type { ThemeName, UiState } from './state.ts';
import type { InputEvent } from './terminal/input-event.ts';
import { openTerminal, type Terminal } from './terminal/terminal.ts';

/** How the screen was left. */
export interface TuiResult {
  /** What was applied, for the normal screen. */
  readonly lines: readonly string[];
  /** `again`: there are files now, or the lab is up, so the screen has to be opened again. */
  readonly how: 'left' | 'again';
}

/** Opens the screen and returns when it is left. The terminal is restored however that happens. Throws bugs only. */
export async function runTui(deps: TuiDeps): Promise<TuiResult> {
  const { engine, settings, onSignal } = deps;
  const summary = createSummary();
  const forgetEvents = engine.onEvent(summary.onEvent);
  const session = createSession(deps);
  let onInput = (_event: InputEvent): void => undefined;
  const terminal = openTerminal({ ...deps, mouse: settings.mouse, onEvent: (event) => onInput(event) });
  // Registered after the terminal's own listener, which has restored the terminal by then.
  let signals = 0;
  const forgetSignals = onSignal(() => {
    signals += 1;
    session.leave(signals > 1 ? 'now' : 'after-safe-point');
  });
  try {
    const screen = createScreen(deps, terminal, session);
    onInput = screen.onInput;
    try {
      const how = await session.run();
      return { lines: summary.lines(engine.store.getSnapshot()), how: how === 'again' ? 'again' : 'left' };
    } finally {
      await screen.close();
    }
  } finally {
    terminal.close();
    forgetSignals();
    forgetEvents();
  }
}

/** Puts together everything that draws and answers. */
function createScreen(deps: TuiDeps, terminal: Terminal, session: Session) {
  const { engine, settings, now, stages, guide } = deps;
  const { presenter } = terminal;
  const about = aboutOf(deps);
  const looks = createLooks(deps);
  const controller = createController({
    store: engine.store,
    initial: openingState(deps, presenter.size()),
    about,
    now,
    looks: (ui) => ({ ...looks(ui), registry }),
    onEffect: (effect) => effects.run(effect),
    onVisible: (apps) => engine.send({ type: 'visible', apps }),
    onChanged: createOutsideFrame(deps, terminal),
    ...defined({ stages, guide }),
  });
  const effects = createEffects({
    deps,
    terminal,
    send: controller.send,
    picture: () => pictureOf(presenter.lastFrame(), looks(controller.input().ui).theme.isLight, about.folder),
    redraw: presenter.repaint,
    leave: session.leave,
  });
  const forgetSize = presenter.onResize((size) => controller.send({ type: 'resized', size }));
  const app = render(createElement(App, { source: controller }), {
    stdout: presenter.stream,
    // Ink reads no keys, our own router does; it only needs a stream.
    stdin: deps.stdin as unknown as NodeJS.ReadStream,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
  });
  return {
    onInput: createInput(controller, keyMapOf(settings.keys), createMouse(now)),
    close: async (): Promise<void> => {
      forgetSize();
      await effects.close();
      controller.close();
      app.unmount();
    },
  };
}

function createInput(controller: Controller, keys: KeyMap, mouse: ReturnType<typeof createMouse>) {
  return (event: InputEvent): void => {
    const message = messageOf(event);
    if (message !== undefined) controller.send(message);
  };
  function messageOf(event: InputEvent): Message | undefined {
    switch (event.type) {
      case 'focus':
        return { type: 'terminal-focus', has: event.has };
      case 'paste':
        // Outside of a field, a pasted text would be a series of commands.
        return isTyping(controller.input().ui, registry) ? { type: 'text', text: event.text } : undefined;
      case 'key':
        return messageForKey(keys, event, controller.input().ui, registry);
      default:
        return mouse(event, controller.getScreen());
    }
  }
}

/** What the terminal shows outside of the frame: title, bell and notification. */
function createOutsideFrame({ settings, label, folder }: TuiDeps, terminal: Terminal) {
  let title = '';
  let wasRunning = false;
  let wasAsking = false;
  return (ui: UiState, view: ClusterView): void => {
    terminal.presenter.setMouse(ui.mouse);
    const next = `drover ${label ?? folder}${view.running ? ` - ${sharePercent(view)} %` : ''}`;
    if (next !== title) terminal.setTitle(next);
    title = next;
    const ended = wasRunning && !view.running && view.outcome !== undefined;
    const asks = !wasAsking && view.approval !== undefined;
    wasRunning = view.running;
    wasAsking = view.approval !== undefined;
    if (!settings.notifies || !(ended || asks)) return;
    terminal.bell();
    const text = asks ? 'waits for approval' : describeOutcome(view.outcome ?? { result: 'cancelled' }, 0);
    // A user who looks at the screen sees it there.
    if (!ui.hasTerminalFocus) terminal.notify('drover', text);
  };
}

/** Steps that are over, of all of the plan. */
function sharePercent({ steps }: ClusterView): number {
  const all = Object.values(steps);
  const over = all.filter(({ state }) => state !== 'waiting' && state !== 'running').length;
  return all.length === 0 ? 0 : Math.floor((100 * over) / all.length);
}

function openingState({ settings, engine, files, stages, guide, notice, now }: TuiDeps, size: Size): UiState {
  const opening = notice === undefined ? {} : { notice: { text: notice, tone: 'plain', at: now() } as const };
  const guided = guide === undefined ? {} : { isGuided: true as const };
  const state = { ...initialState(size, settings, engine.store.getSnapshot()), ...opening, ...guided };
  if (stages !== undefined) return { ...state, overlays: [openStages()] };
  return files === undefined ? { ...state, overlays: [openWelcome()] } : state;
}

function aboutOf({ version, settings, label, files, folder, offer }: TuiDeps): About {
  return {
    version,
    isReadOnly: settings.isReadOnly,
    folder,
    keyOf: createKeyOf(settings.keys, settings.glyphs === 'ascii'),
    ...defined({ label, files, offer, settingsFile: settings.settingsFile }),
  };
}

/** Each theme is made once. */
function createLooks({ settings, env }: TuiDeps) {
  const isAscii = settings.glyphs === 'ascii';
  const glyphs = isAscii ? asciiGlyphs : unicodeGlyphs;
  const depth = colourDepth(env);
  const themes = new Map<ThemeName, Theme>();
  return ({ theme: name }: UiState): { readonly glyphs: Glyphs; readonly theme: Theme } => {
    const theme = themes.get(name) ?? createTheme(name, { noColour: settings.noColour, depth, isAscii });
    themes.set(name, theme);
    return { glyphs, theme };
  };
}

const pictureOf = (rows: readonly string[], isLight: boolean, folder: string) => ({
  text: frameText(rows),
  ansi: frameAnsi(rows),
  svg: frameSvg(rows, { title: `drover ${folder}`, isLight }),
});

/** What was done while the screen was open, in order, for the normal screen afterwards. */
export function createSummary() {
  const done: ((view: ClusterView) => readonly string[])[] = [];
  let startedAt = 0;
  return {
    onEvent: (event: EngineEvent): void => {
      if (event.type === 'run-started') startedAt = event.at;
      if (event.type === 'move-finished') {
        done.push(({ config }) => receiptLines(event.receipt, namesOf(config)).map(({ text }) => text));
      }
      if (event.type === 'run-finished' && isWorthPrinting(event.outcome)) {
        const text = plainText(tellOutcome(event.outcome, event.at - startedAt));
        done.push(() => [text]);
      }
    },
    lines: (view: ClusterView): readonly string[] => done.flatMap((each) => each(view)),
  };
}

const isWorthPrinting = (outcome: RunOutcome): boolean => !(outcome.result === 'converged' && outcome.steps === 0);

const doubleClickMs = 400;
const wheelRows = 3;

type Pointing = Extract<InputEvent, { readonly type: 'mouse' | 'wheel' }>;

/** What a click or a notch of the wheel means on this screen; undefined where it means nothing. */
function createMouse(now: () => number): (event: Pointing, screen: FrameInput) => Message | undefined {
  let last: { readonly at: number; readonly x: number; readonly y: number } | undefined;
  return (event, screen) => {
    if (event.type === 'wheel') return wheelMessage(event, screen);
    if (event.action !== 'press' || event.button !== 'left') return undefined;
    const { x, y } = event;
    const isTwice = last !== undefined && now() - last.at < doubleClickMs && last.x === x && last.y === y;
    // A third click is a first one again.
    last = isTwice ? undefined : { at: now(), x, y };
    const hit = hitAt(screen, x, y);
    return isTwice ? (hit?.twice ?? hit?.click) : hit?.click;
  };
}

/** An overlay covers everything, and takes the wheel whatever pane is named. */
const wheelMessage = ({ x, y, rows }: Extract<Pointing, { readonly type: 'wheel' }>, screen: FrameInput): Message => ({
  type: 'wheel',
  pane: paneAt(screen, x, y) ?? 'cluster',
  rows: rows * wheelRows,
});
