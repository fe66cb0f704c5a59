import { type ActionId, infoOf, nameOf } from './actions/actions.ts';
import { disabledReason } from './actions/disabled-reason.ts';
import { doOnScreen, focusOn, interruptMs } from './actions/screen-actions.ts';
import {
  behindTop,
  isDialog,
  type PartSizes,
  paneIds,
  partOf,
  partTakes,
  type Registry,
  screenTakes,
  topOf,
} from './routing.ts';
import type { Message, Reading, ScreenInput, Update } from './screen.ts';
import type { Effect, Notice, Overlay, PaneId, UiState } from './state.ts';
import { type EditKey, editField, fieldOf, insertText } from './text/field.ts';
import { followView } from './view-changes.ts';

/** The state of the screen after a message, and the effects that it asks for. */
export interface Updated {
  readonly ui: UiState;
  readonly effects: readonly Effect[];
}

/** What `update` and everything below it needs. */
interface Context {
  readonly input: ScreenInput;
  readonly registry: Registry;
  readonly sizes: PartSizes;
}

/**
 * What a message does. The overlay on top gets it first, or the pane with the focus; the screen does what they leave.
 * `ui` is the same object where nothing changed.
 */
export function update(input: ScreenInput, message: Message, registry: Registry, sizes: PartSizes): Updated {
  const context: Context = { input: message.type === 'action' ? withoutReadNotice(input) : input, registry, sizes };
  const { ui, effects } = settle(context, message, route(context, message));
  const refused = input.about.isReadOnly ? effects.filter(changesTheWorld) : [];
  const allowed = refused.length === 0 ? effects : effects.filter((effect) => !refused.includes(effect));
  const next =
    refused.length === 0 ? ui : withNotice(ui, { text: 'nothing is changed: read-only', tone: 'warn' }, input.now);
  return { ui: next, effects: [...readingEffects(registry, input.ui, next, allowed), ...allowed] };
}

/** A notice that was shown long enough to be read makes room for the keys when the next key is pressed. */
function withoutReadNotice(input: ScreenInput): ScreenInput {
  const { notice, ...ui } = input.ui;
  return notice === undefined || input.now - notice.at < readMs ? input : { ...input, ui };
}

const readMs = 1500;

const settling = ['cursor', 'filter', 'faultsOnly', 'sort', 'arrangement', 'zoomed', 'size'] as const;

/** The cluster pane puts its cursor on a row that exists, after changes that may have hidden the row and on each tick. */
function settle(context: Context, message: Message, done: Updated): Updated {
  const { input } = context;
  const isTouched = settling.some((key) => done.ui[key] !== input.ui[key]);
  if (!isTouched && message.type !== 'tick') return done;
  const next = updatePane({ ...context, input: { ...input, ui: done.ui } }, 'cluster', { type: 'tick' });
  return next === undefined ? done : { ui: next.ui, effects: [...done.effects, ...next.effects] };
}

const harmless: readonly Effect['type'][] = [
  'refresh',
  'read-logs',
  'end-logs',
  'read-zfs',
  'read-history',
  'copy',
  'screenshot',
  'look-at-simulation',
  'redraw',
  'suspend',
  'leave',
];
const changesTheWorld = ({ type }: Effect): boolean => !harmless.includes(type);

/** Begins to read what an overlay shows when it opens, and ends that when it closes, however it was opened or closed. */
function readingEffects(
  registry: Registry,
  before: UiState,
  after: UiState,
  asked: readonly Effect[],
): readonly Effect[] {
  if (before.overlays === after.overlays) return [];
  const readings = ({ overlays }: UiState): readonly Reading[] =>
    overlays.flatMap((overlay) => partOf(registry, overlay).reads?.(overlay) ?? []);
  const [old, present] = [readings(before), readings(after)];
  const without = (others: readonly Reading[], { key }: Reading): boolean => others.every((each) => each.key !== key);
  const effects = [
    ...old.filter((each) => without(present, each)).flatMap(({ end }) => end ?? []),
    ...present.filter((each) => without(old, each)).map(({ begin }) => begin),
  ];
  return effects.filter((effect) => !asked.some((each) => each.type === effect.type));
}

function route(context: Context, message: Message): Updated {
  const { ui, now } = context.input;
  switch (message.type) {
    case 'action':
      return act(context, message.action);
    case 'text':
    case 'edit-key':
      return type(context, message);
    case 'select':
    case 'wheel':
    case 'pick':
      return point(context, message);
    case 'effect':
      return { ui, effects: [message.effect] };
    case 'log-lines':
    case 'logs-failed':
    case 'zfs-read':
    case 'history-read':
      return answer(context, message);
    case 'view-changed':
      return followCluster(context, message);
    case 'open':
      return { ui: push(ui, message.overlay), effects: [] };
    case 'close':
      return { ui: behindTop(ui), effects: [] };
    case 'set':
      return { ui: { ...ui, ...message.ui }, effects: [] };
    case 'resized':
      return { ui: { ...ui, size: message.size }, effects: [] };
    case 'terminal-focus':
      return { ui: { ...ui, hasTerminalFocus: message.has }, effects: [] };
    case 'notice':
      return { ui: withNotice(ui, message, now), effects: [] };
    case 'busy':
      return {
        ui: { ...ui, busy: message.is ? [...ui.busy, message.what] : withoutOne(ui.busy, message.what) },
        effects: [],
      };
    case 'tick':
      return { ui: forgetInterrupt(ui, now), effects: [] };
  }
}

const withNotice = (ui: UiState, { text, tone }: Omit<Notice, 'at'>, now: number): UiState => ({
  ...ui,
  notice: { text, tone, at: now },
});

function withoutOne(all: readonly string[], one: string): readonly string[] {
  const at = all.indexOf(one);
  return at < 0 ? all : all.toSpliced(at, 1);
}

function forgetInterrupt(ui: UiState, now: number): UiState {
  if (ui.interruptedAt === undefined || now - ui.interruptedAt <= interruptMs) return ui;
  const { interruptedAt: _over, ...rest } = ui;
  return rest;
}

/** At most one overlay of each kind is open; the newest one is on top. */
const push = (ui: UiState, overlay: Overlay): UiState => ({
  ...ui,
  overlays: [...ui.overlays.filter(({ kind }) => kind !== overlay.kind), overlay],
});

function act(given: Context, action: ActionId): Updated {
  const context = withShownFocus(given);
  const { input, registry } = context;
  const { ui } = input;
  const mine = partTakes(ui, registry).includes(action);
  const screens = screenTakes(ui, registry).includes(action);
  if (!mine && !screens) return { ui, effects: [] };
  const reason = disabledReason(input, registry, action);
  if (reason !== undefined) return refuse(input, action, reason);
  const step = mine ? updateTop(context, { type: 'action', action }) : undefined;
  if (step !== undefined || !screens) return step ?? { ui, effects: [] };
  return finish(context, ui, doOnScreen(context, action), (_, state) => state);
}

/** A key of a disabled action shows why, and does nothing. */
function refuse({ ui, now }: ScreenInput, action: ActionId, reason: string): Updated {
  const text = infoOf(action)?.section === 'navigate' ? reason : `${nameOf(action)}: ${reason}`;
  return { ui: withNotice(ui, { text, tone: 'warn' }, now), effects: [] };
}

/** After the terminal has shrunk, the pane with the focus may no longer be on the screen. */
function withShownFocus(context: Context): Context {
  const { input, sizes } = context;
  const { ui } = input;
  const isLost = !ui.zoomed && sizes.panes[ui.focus] === undefined && sizes.panes.cluster !== undefined;
  return isLost ? { ...context, input: { ...input, ui: { ...ui, focus: 'cluster' } } } : context;
}

/** Gives the message to the part with the keys; undefined where that does nothing. */
function updateTop(context: Context, message: Message): Updated | undefined {
  const { ui } = context.input;
  const top = topOf(ui);
  return top === undefined ? updatePane(context, ui.focus, message) : updateOverlay(context, top, message);
}

function updatePane(context: Context, pane: PaneId, message: Message): Updated | undefined {
  const { input, registry, sizes } = context;
  const size = sizes.panes[pane] ?? { columns: 0, rows: 0 };
  const step = registry.panes[pane].update(input, input.ui, message, size);
  return isNothing(step) ? undefined : finish(context, input.ui, step, (_, state) => state);
}

function updateOverlay(context: Context, overlay: Overlay, message: Message): Updated | undefined {
  const { input, registry, sizes } = context;
  const step = partOf(registry, overlay).update(input, overlay, message, sizes.overlay);
  if (isNothing(step)) return undefined;
  const replace = (ui: UiState, state: Overlay | undefined): UiState => ({
    ...ui,
    overlays: ui.overlays.flatMap((each) => (each !== overlay ? [each] : state === undefined ? [] : [state])),
  });
  return finish(context, input.ui, step, replace, step.closes && ((ui) => replace(ui, undefined)));
}

const isNothing = <S>(step: Update<S>): boolean => Object.values(step).every((each) => each === undefined);

/** Carries out a step: its new state or its closing, what it opens, its notice, its effects, and what it sends on. */
function finish<S>(
  context: Context,
  before: UiState,
  step: Update<S>,
  put: (ui: UiState, state: S) => UiState,
  close?: (ui: UiState) => UiState,
): Updated {
  const { input } = context;
  let ui = before;
  if (close !== undefined) ui = close(ui);
  else if (step.state !== undefined) ui = put(ui, step.state);
  if (step.opens !== undefined) ui = push(ui, step.opens);
  if (step.notice !== undefined) ui = withNotice(ui, step.notice, input.now);
  let effects = step.effects ?? [];
  for (const message of step.sends ?? []) {
    const next = route({ ...context, input: { ...input, ui } }, message);
    ui = next.ui;
    effects = [...effects, ...next.effects];
  }
  return { ui, effects };
}

/** Gives an answer to the overlay that asked for it, also where another one lies above it by now. */
function answer(context: Context, message: Message): Updated {
  const { ui } = context.input;
  const found = ui.overlays.find((each) => partOf(context.registry, each).answers?.includes(message.type));
  return (found === undefined ? undefined : updateOverlay(context, found, message)) ?? { ui, effects: [] };
}

function type(context: Context, message: Extract<Message, { type: 'text' | 'edit-key' }>): Updated {
  const { ui } = context.input;
  const done = updateTop(context, message);
  if (done !== undefined) return done;
  if (topOf(ui) !== undefined || !ui.filtering) return { ui, effects: [] };
  if (message.type === 'text') {
    return { ui: { ...ui, filter: insertText(fieldOf(ui.filter), message.text).text }, effects: [] };
  }
  return editFilter(context, message.key);
}

function editFilter(context: Context, key: EditKey): Updated {
  const { ui } = context.input;
  if (key === 'up' || key === 'down') return act(context, key);
  if (key === 'enter' || key === 'tab') return { ui: { ...ui, filtering: false }, effects: [] };
  if (key === 'escape') return { ui: { ...ui, filtering: false, filter: '' }, effects: [] };
  return { ui: { ...ui, filter: editField(fieldOf(ui.filter), key).text }, effects: [] };
}

/** Clicks and the wheel go to what is under the pointer. */
function point(context: Context, message: Extract<Message, { type: 'select' | 'wheel' | 'pick' }>): Updated {
  const { input, registry, sizes } = context;
  const { ui } = input;
  if (message.type === 'pick') return updateTop(context, message) ?? { ui, effects: [] };
  if (message.type === 'wheel') {
    const top = topOf(ui);
    const done = top === undefined ? updatePane(context, message.pane, message) : updateOverlay(context, top, message);
    return done ?? { ui, effects: [] };
  }
  if (ui.overlays.some((each) => isDialog(registry, each))) return { ui, effects: [] };
  const focused = focusOn(ui, message.pane, sizes).state ?? ui;
  const there: Context = { ...context, input: { ...input, ui: focused } };
  const done = updatePane(there, message.pane, message);
  if (done !== undefined) return done;
  const { item, index, pane } = message;
  if (item !== undefined) return { ui: { ...focused, cursor: item }, effects: [] };
  return { ui: pane === 'plan' && index !== undefined ? { ...focused, planCursor: index } : focused, effects: [] };
}

/** The screen first, then every part that is open: a cursor may be on something that has gone. */
function followCluster(context: Context, message: Extract<Message, { type: 'view-changed' }>): Updated {
  const { input, registry } = context;
  let done = finish(context, input.ui, followView(input, message.before, registry), (_, state) => state);
  const follow = (one: (context: Context) => Updated | undefined): void => {
    const next = one({ ...context, input: { ...input, ui: done.ui } });
    if (next !== undefined) done = { ui: next.ui, effects: [...done.effects, ...next.effects] };
  };
  for (const pane of paneIds) follow((now) => updatePane(now, pane, message));
  for (const overlay of done.ui.overlays) follow((now) => updateOverlay(now, overlay, message));
  return done;
}
