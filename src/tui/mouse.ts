import { type FrameInput, hitAt, paneAt } from './frame/regions.ts';
import type { Message } from './screen.ts';
import type { InputEvent } from './terminal/input-event.ts';

const doubleClickMs = 400;
const wheelRows = 3;

type Pointing = Extract<InputEvent, { readonly type: 'mouse' | 'wheel' }>;

/** What a click or a notch of the wheel means on this screen; undefined where it means nothing. */
export function createMouse(now: () => number): (event: Pointing, screen: FrameInput) => Message | undefined {
  let last: { readonly at: number; readonly x: number; readonly y: number } | undefined;
  return (event, screen) => {
    if (event.type === 'wheel') return wheel(event, screen);
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
const wheel = ({ x, y, rows }: Extract<Pointing, { readonly type: 'wheel' }>, screen: FrameInput): Message => ({
  type: 'wheel',
  pane: paneAt(screen, x, y) ?? 'cluster',
  rows: rows * wheelRows,
});
