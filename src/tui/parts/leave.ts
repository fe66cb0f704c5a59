import { type Row, type Size, span } from '../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import { wrapRows } from './drawing.ts';
import { cursorAfter, drawList, inList } from './list.ts';

export interface LeaveState {
  readonly kind: 'leave';
  readonly cursor: number;
}

/** The question that is asked when drover is left during a run. */
export const openLeave = (): LeaveState => ({ kind: 'leave', cursor: 0 });

interface Choice {
  readonly label: string;
  readonly lines: readonly string[];
  readonly step: Update<LeaveState>;
}

const choices: readonly Choice[] = [
  { label: 'stay here', lines: ['the run continues, and the screen shows it'], step: { closes: true } },
  {
    label: 'leave after the safe point',
    lines: ['drover finishes the running steps, starts no others, and exits'],
    step: {
      closes: true,
      effects: [{ type: 'leave', how: 'after-safe-point' }],
      notice: { text: 'leaving at the next safe point', tone: 'plain' },
    },
  },
  {
    label: 'leave now',
    lines: [
      'running steps are cut off, which may leave an application stopped',
      'no data is lost: the next apply continues from there',
    ],
    step: { closes: true, effects: [{ type: 'leave', how: 'now' }] },
  },
];

/** What is to become of a run when drover is left. */
export const leavePart: OverlayPart<LeaveState> = {
  kind: 'leave',
  isDialog: true,
  actions: ['open', 'back', 'up', 'down', 'first', 'last', 'next-pane', 'previous-pane'],
  inFooter: 2,
  labelOf: (_state, action) => (action === 'open' ? 'choose' : action === 'back' ? 'stay' : undefined),
  draw,
  slice: (_input, state) => [state],
  update,
};

function draw({ glyphs }: ScreenInput, { cursor }: LeaveState, size: Size): Drawn {
  const lines = choices.flatMap((choice, index): readonly { readonly row: Row; readonly entry?: number }[] => {
    const label: Row = [span(index === cursor ? `${glyphs.cursor} ` : '  '), span(choice.label, 'strong')];
    const meaning = choice.lines.flatMap((text) => wrapRows(text, Math.max(8, size.columns - 6), 'dim'));
    return [
      { row: label, entry: index },
      ...meaning.map((row) => ({ row: [span('    '), ...row], entry: index })),
      ...(index === choices.length - 1 ? [] : [{ row: [] }]),
    ];
  });
  const question: Row = [span('A run is in progress. What should happen to it?')];
  return {
    title: [span('leave drover', 'title')],
    ...drawList({
      size,
      cursor,
      head: size.rows < 14 ? [question] : [question, []],
      lines: lines.map(({ entry }) => entry),
      draw: ({ offset, shown }) => lines.slice(offset, offset + shown).map(({ row }) => row),
    }),
  };
}

function update(_input: ScreenInput, state: LeaveState, message: Message): Update<LeaveState> {
  if (message.type === 'pick') return choices[message.index]?.step ?? {};
  if (message.type === 'action') {
    if (message.action === 'open') return choices[state.cursor]?.step ?? {};
    if (message.action === 'back') return { closes: true };
    if (message.action === 'next-pane') return moveTo(state, state.cursor + 1);
    if (message.action === 'previous-pane') return moveTo(state, state.cursor - 1);
  }
  const cursor = cursorAfter(message, state.cursor, choices.length, choices.length);
  return cursor === undefined ? {} : moveTo(state, cursor);
}

const moveTo = (state: LeaveState, cursor: number): Update<LeaveState> => ({
  state: { ...state, cursor: inList(cursor, choices.length) },
});
