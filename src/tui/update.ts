import { type ActionId, infoOf, nameOf } from './actions/actions.ts';
import { offBecause } from './actions/disabled-reason.ts';
import { doOnScreen, focusOn } from './actions/screen-actions.ts';
import { readingOf } from './readings.ts';
import { push, remember, withNotice } from './remember.ts';
import { isDialog, type PartSizes, paneIds, partOf, partTakes, type Registry, screenTakes, topOf } from './routing.ts';
import type { EditKey, Message, Part, ScreenInput, Step } from './screen.ts';
import type { Effect, Overlay, PaneId, UiState } from './state.ts';
import { editField, fieldOf, insertText } from './text/field.ts';
import { followView } from './view-changes.ts';

/** The screen after a message, and what the world is asked for. */
export interface Updated {
  readonly ui: UiState;
  readonly effects: readonly Effect[];
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
  const told =
    refused.length === 0 ? ui : withNotice(ui, { text: 'nothing is changed: read-only', tone: 'warn' }, input.now);
  return { ui: told, effects: [...readingOf(input.ui, told, allowed), ...allowed] };
}

/** What was there long enough to be read gives its place to the keys again with the next one that is pressed. */
function withoutReadNotice(input: ScreenInput): ScreenInput {
  const { notice, ...ui } = input.ui;
  return notice === undefined || input.now - notice.at < readMs ? input : { ...input, ui };
}

const readMs = 1500;

const settling = ['cursor', 'filter', 'faultsOnly', 'sort', 'arrangement', 'zoomed', 'size'] as const;

/** The cursor's pane looks again after what may have taken the row under the cursor away, and now and then. */
function settle(context: Context, message: Message, done: Updated): Updated {
  const { input } = context;
  const isTouched = settling.some((key) => done.ui[key] !== input.ui[key]);
  if (!isTouched && message.type !== 'tick') return done;
  const next = tellPane({ ...context, input: { ...input, ui: done.ui } }, 'cluster', { type: 'tick' });
  return next === undefined ? done : { ui: next.ui, effects: [...done.effects, ...next.effects] };
}

interface Context {
  readonly input: ScreenInput;
  readonly registry: Registry;
  readonly sizes: PartSizes;
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

function route(context: Context, message: Message): Updated {
  const { ui } = context.input;
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
      return tellOverlays(context, message, 'logs');
    case 'zfs-read':
      return tellOverlays(context, message, 'zfs');
    case 'history-read':
      return tellOverlays(context, message, 'history');
    case 'view-changed':
      return followCluster(context, message);
    default:
      return { ui: remember(ui, message, context.input.now), effects: [] };
  }
}

function act(given: Context, action: ActionId): Updated {
  const context = withShownFocus(given);
  const { input, registry, sizes } = context;
  const { ui } = input;
  const mine = partTakes(ui, registry).includes(action);
  const screens = screenTakes(ui).includes(action);
  if (!mine && !screens) return { ui, effects: [] };
  const reason = offBecause(input, registry, action);
  if (reason !== undefined) return refuse(input, action, reason);
  const step = mine ? tellTop(context, { type: 'action', action }) : undefined;
  if (step !== undefined || !screens) return step ?? { ui, effects: [] };
  return finish(context, ui, doOnScreen(input, action, sizes), (_, state) => state);
}

/** A key that is off says why, and does nothing. */
function refuse({ ui, now }: ScreenInput, action: ActionId, reason: string): Updated {
  const text = infoOf(action)?.section === 'navigate' ? reason : `${nameOf(action)}: ${reason}`;
  return { ui: withNotice(ui, { text, tone: 'warn' }, now), effects: [] };
}

/** After the terminal has shrunk, the pane with the focus may not be there any more. */
function withShownFocus(context: Context): Context {
  const { input, sizes } = context;
  const { ui } = input;
  const isLost = !ui.zoomed && sizes.panes[ui.focus] === undefined && sizes.panes.cluster !== undefined;
  return isLost ? { ...context, input: { ...input, ui: { ...ui, focus: 'cluster' } } } : context;
}

/** The part with the keys does it; undefined where it does nothing. */
function tellTop(context: Context, message: Message): Updated | undefined {
  const { ui } = context.input;
  const top = topOf(ui);
  return top === undefined ? tellPane(context, ui.focus, message) : tellOverlay(context, top, message);
}

function tellPane(context: Context, pane: PaneId, message: Message): Updated | undefined {
  const { input, registry, sizes } = context;
  const size = sizes.panes[pane] ?? { columns: 0, rows: 0 };
  const step = registry.panes[pane].update(input, input.ui, message, size);
  return isNothing(step) ? undefined : finish(context, input.ui, step, (_, state) => state);
}

function tellOverlay(context: Context, overlay: Overlay, message: Message): Updated | undefined {
  const { input, registry, sizes } = context;
  const step = partOf(registry, overlay).update(input, overlay, message, sizes.overlay);
  if (isNothing(step)) return undefined;
  const replace = (ui: UiState, state: Overlay | undefined): UiState => ({
    ...ui,
    overlays: ui.overlays.flatMap((each) => (each !== overlay ? [each] : state === undefined ? [] : [state])),
  });
  return finish(
    context,
    input.ui,
    step,
    (ui, state) => replace(ui, state),
    step.closes && ((ui) => replace(ui, undefined)),
  );
}

const isNothing = <S>(step: Step<S>): boolean => Object.values(step).every((each) => each === undefined);

/** Carries out a step: its state or its closing, what it opens, its notice, its effects, and what it sends on. */
function finish<S>(
  context: Context,
  before: UiState,
  step: Step<S>,
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

/** Answers go to the overlay that asked, also where another one lies above it by now. */
function tellOverlays(context: Context, message: Message, ...kinds: readonly Overlay['kind'][]): Updated {
  const { ui } = context.input;
  const found = ui.overlays.find(({ kind }) => kinds.includes(kind));
  return (found === undefined ? undefined : tellOverlay(context, found, message)) ?? { ui, effects: [] };
}

function type(context: Context, message: Extract<Message, { type: 'text' | 'edit-key' }>): Updated {
  const { ui } = context.input;
  const done = tellTop(context, message);
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
  const { input, sizes } = context;
  const { ui } = input;
  if (message.type === 'pick') return tellTop(context, message) ?? { ui, effects: [] };
  if (message.type === 'wheel') return wheel(context, message);
  if (ui.overlays.some(isDialog)) return { ui, effects: [] };
  const focused = focusOn(ui, message.pane, sizes).state ?? ui;
  const there: Context = { ...context, input: { ...input, ui: focused } };
  const done = tellPane(there, message.pane, message);
  if (done !== undefined) return done;
  const { item, index, pane } = message;
  if (item !== undefined) return { ui: { ...focused, cursor: item }, effects: [] };
  return { ui: pane === 'plan' && index !== undefined ? { ...focused, planCursor: index } : focused, effects: [] };
}

/** A part that knows nothing of the wheel goes up and down instead. */
function wheel(context: Context, message: Extract<Message, { type: 'wheel' }>): Updated {
  const { ui } = context.input;
  const top = topOf(ui);
  const done = top === undefined ? tellPane(context, message.pane, message) : tellOverlay(context, top, message);
  if (done !== undefined) return done;
  const action = message.rows < 0 ? 'up' : 'down';
  const part: Part<UiState> | Part<Overlay> =
    top === undefined ? context.registry.panes[message.pane] : partOf(context.registry, top);
  if (!part.actions.includes(action)) return { ui, effects: [] };
  let now = context;
  for (let row = 0; row < Math.abs(message.rows); row += 1) {
    const at = topOf(now.input.ui);
    const key: Message = { type: 'action', action };
    const next = at === undefined ? tellPane(now, message.pane, key) : tellOverlay(now, at, key);
    if (next === undefined) break;
    now = { ...now, input: { ...now.input, ui: next.ui } };
  }
  return { ui: now.input.ui, effects: [] };
}

/** The screen first, then every part that is there: a cursor may stand on something that is gone. */
function followCluster(context: Context, message: Extract<Message, { type: 'view-changed' }>): Updated {
  const { input } = context;
  let done = finish(context, input.ui, followView(input, message.before), (_, state) => state);
  const tell = (one: (context: Context) => Updated | undefined): void => {
    const next = one({ ...context, input: { ...input, ui: done.ui } });
    if (next !== undefined) done = { ui: next.ui, effects: [...done.effects, ...next.effects] };
  };
  for (const pane of paneIds) tell((now) => tellPane(now, pane, message));
  for (const overlay of done.ui.overlays) tell((now) => tellOverlay(now, overlay, message));
  return done;
}
