import { interruptMs } from './actions/screen-actions.ts';
import { behindTop } from './routing.ts';
import type { Message } from './screen.ts';
import type { Notice, Overlay, UiState } from './state.ts';

/** Messages that only change what the screen remembers. */
export function remember(ui: UiState, message: Message, now: number): UiState {
  switch (message.type) {
    case 'open':
      return push(ui, message.overlay);
    case 'close':
      return behindTop(ui);
    case 'set':
      return { ...ui, ...message.ui };
    case 'resized':
      return { ...ui, size: message.size };
    case 'terminal-focus':
      return { ...ui, hasTerminalFocus: message.has };
    case 'notice':
      return withNotice(ui, message, now);
    case 'busy':
      return { ...ui, busy: message.is ? [...ui.busy, message.what] : withoutOne(ui.busy, message.what) };
    case 'tick':
      return forgetInterrupt(ui, now);
    default:
      return ui;
  }
}

/** The screen with something told. */
export const withNotice = (ui: UiState, { text, tone }: Omit<Notice, 'at'>, now: number): UiState => ({
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

/** Each kind is open once: the newest one lies on top. */
export const push = (ui: UiState, overlay: Overlay): UiState => ({
  ...ui,
  overlays: [...ui.overlays.filter(({ kind }) => kind !== overlay.kind), overlay],
});
