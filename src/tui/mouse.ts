import type { Frame } from './frame/frame-of.ts';
import type { Rect } from './frame/rows.ts';
import type { Message } from './screen.ts';
import type { PaneId } from './state.ts';
import type { InputEvent } from './terminal/input-event.ts';

const doubleClickMs = 400;
const wheelRows = 3;

type Pointing = Extract<InputEvent, { readonly type: 'mouse' | 'wheel' }>;

/** What a click or a notch of the wheel means on the frame that is shown; undefined where it means nothing. */
export function createMouse(now: () => number): (event: Pointing, frame: Frame) => Message | undefined {
  let last: { readonly at: number; readonly x: number; readonly y: number } | undefined;
  return (event, frame) => {
    if (event.type === 'wheel') return wheel(event, frame);
    if (event.action !== 'press' || event.button !== 'left') return undefined;
    const { x, y } = event;
    const isTwice = last !== undefined && now() - last.at < doubleClickMs && last.x === x && last.y === y;
    // A third click is a first one again.
    last = isTwice ? undefined : { at: now(), x, y };
    const hit = frame.hits.findLast((area) => contains(area, x, y));
    return isTwice ? (hit?.twice ?? hit?.click) : hit?.click;
  };
}

function wheel({ x, y, rows }: Extract<Pointing, { readonly type: 'wheel' }>, frame: Frame): Message {
  const under = Object.entries(frame.panes).find(([, rect]) => rect !== undefined && contains(rect, x, y));
  // The keys are those of PaneId; an overlay covers everything, and takes the wheel whatever pane is named.
  const pane = (under?.[0] ?? 'cluster') as PaneId;
  return { type: 'wheel', pane, rows: rows * wheelRows };
}

const contains = (area: Rect, x: number, y: number): boolean =>
  x >= area.x && x < area.x + area.columns && y >= area.y && y < area.y + area.rows;
