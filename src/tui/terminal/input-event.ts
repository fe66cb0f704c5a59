import type { KeyPress } from './keys.ts';

/** What came from the terminal; cells count from 0, from the upper left corner. */
export type InputEvent =
  | ({ readonly type: 'key' } & KeyPress)
  | MouseEvent
  /** One notch of the wheel: -1 up, 1 down. */
  | { readonly type: 'wheel'; readonly x: number; readonly y: number; readonly rows: -1 | 1 }
  /** Line ends are newlines; other control characters are gone. */
  | { readonly type: 'paste'; readonly text: string }
  | { readonly type: 'focus'; readonly has: boolean };

export interface MouseEvent {
  readonly type: 'mouse';
  readonly action: 'press' | 'release' | 'drag' | 'move';
  readonly button: 'left' | 'middle' | 'right' | 'none';
  readonly x: number;
  readonly y: number;
  readonly shift: boolean;
  readonly alt: boolean;
  readonly ctrl: boolean;
}

/** `CSI < button ; column ; row M`; undefined for what nothing is made of, such as a wheel to the side. */
export function mouseEventOf(button: number, column: number, row: number, isDown: boolean): InputEvent | undefined {
  const x = Math.max(0, column - 1);
  const y = Math.max(0, row - 1);
  if ((button & 64) > 0) {
    if ((button & 3) > 1) return undefined;
    return { type: 'wheel', x, y, rows: (button & 3) === 0 ? -1 : 1 };
  }
  const held = (['left', 'middle', 'right', 'none'] as const)[button & 3] ?? 'none';
  const moving = held === 'none' ? 'move' : 'drag';
  return {
    type: 'mouse',
    action: (button & 32) > 0 ? moving : isDown ? 'press' : 'release',
    button: held,
    x,
    y,
    shift: (button & 4) > 0,
    alt: (button & 8) > 0,
    ctrl: (button & 16) > 0,
  };
}
