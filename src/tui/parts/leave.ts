import { type Row, type Size, span } from '../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { LeaveState } from '../state.ts';
import { clamp, rowsMoved, select, wrapRows } from './drawing.ts';

interface Choice {
  readonly label: string;
  readonly lines: readonly string[];
  readonly step: Step<LeaveState>;
}

const choices: readonly Choice[] = [
  { label: 'stay here', lines: ['the run goes on, and is shown'], step: { closes: true } },
  {
    label: 'leave after the safe point',
    lines: ['what is under way is finished, nothing else is begun; then drover ends'],
    step: {
      closes: true,
      effects: [{ type: 'leave', how: 'after-safe-point' }],
      notice: { text: 'leaving at the next safe point', tone: 'plain' },
    },
  },
  {
    label: 'leave now',
    lines: [
      'what is under way is cut off, and may leave an application stopped',
      'no data is lost: the next apply goes on from there',
    ],
    step: { closes: true, effects: [{ type: 'leave', how: 'now' }] },
  },
];

/** What becomes of a run when somebody leaves. */
export const leavePart: OverlayPart<'leave'> = {
  actions: ['open', 'back', 'up', 'down', 'first', 'last', 'next-pane', 'previous-pane'],
  inFooter: 2,
  labelOf: (_state, action) => (action === 'open' ? 'choose' : action === 'back' ? 'stay' : undefined),
  draw,
  update,
};

function draw({ glyphs }: ScreenInput, { cursor }: LeaveState, size: Size): Drawn {
  const drawn = choices.map((choice, index) => {
    const isHere = index === cursor;
    const head: Row = [span(isHere ? `${glyphs.cursor} ` : '  '), span(choice.label, 'strong')];
    const told = choice.lines.flatMap((text) => wrapRows(text, Math.max(8, size.columns - 6), 'dim'));
    const rows: readonly Row[] = [isHere ? select(head) : head, ...told.map((row): Row => [span('    '), ...row]), []];
    return { rows, index };
  });
  const question: Row = [span('something is being applied. What shall become of it?')];
  const rows: Row[] = size.rows < 14 ? [question] : [question, []];
  const hits = drawn.map(({ rows: mine, index }) => {
    const y = rows.length;
    rows.push(...mine);
    return { x: 0, y, columns: size.columns, rows: mine.length - 1, click: { type: 'pick', index } } as const;
  });
  return { title: [span('leave drover', 'title')], rows, hits };
}

function update(_input: ScreenInput, state: LeaveState, message: Message): Step<LeaveState> {
  if (message.type === 'pick') return choices[message.index]?.step ?? {};
  if (message.type !== 'action') return {};
  if (message.action === 'open') return choices[state.cursor]?.step ?? {};
  if (message.action === 'back') return { closes: true };
  const moved =
    message.action === 'next-pane' ? 1 : message.action === 'previous-pane' ? -1 : rowsMoved(message.action, 3);
  return moved === undefined ? {} : { state: { ...state, cursor: clamp(state.cursor + moved, 0, choices.length - 1) } };
}
