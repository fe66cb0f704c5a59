import type { GuideView } from '../../../tutorial/guide-view.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { Drawn, HitArea, Message, OverlayPart, ScreenInput, Step } from '../../screen.ts';
import type { GuideState } from '../../state.ts';
import { clamp, fitOffset, rowsMoved, said, select } from '../drawing.ts';
import { signOf } from './pane.ts';
import { beforeRows, commandRows, doingRows, expectedRows, hintRows, overRows, textRows, verdictRows } from './rows.ts';

/** All steps of the tutorial, with a way to each of them, and the present one whole. */
export const guidePart: OverlayPart<'guide'> = {
  actions: ['open', 'back', 'up', 'down', 'page-up', 'page-down', 'guide', 'guide-do', 'guide-next', 'guide-back'],
  inFooter: 7,
  labelOf: (_state, action) =>
    action === 'open'
      ? 'go to the step'
      : action === 'up' || action === 'page-up'
        ? ''
        : action === 'down'
          ? 'choose'
          : action === 'page-down'
            ? 'scroll'
            : undefined,
  offBecause: ({ guide, about }, state, action) => {
    if (action !== 'open') return undefined;
    if (about.isReadOnly) return 'read-only';
    return cursorOf(guide, state) === indexOf(guide) ? 'you are at this step' : undefined;
  },
  draw,
  update,
};

const indexOf = (guide: GuideView | undefined): number => (guide?.step.number ?? 1) - 1;
const cursorOf = (guide: GuideView | undefined, { cursor }: GuideState): number =>
  clamp(cursor ?? indexOf(guide), 0, Math.max(0, (guide?.steps.length ?? 1) - 1));

function draw(input: ScreenInput, state: GuideState, size: Size): Drawn {
  const { guide } = input;
  if (guide === undefined)
    return { rows: [[span('no tutorial is followed', 'dim')]], title: [span('tutorial', 'title')] };
  const list = listRows(input, guide, cursorOf(guide, state));
  const text = stepRows(input, guide, size.columns);
  const listed = Math.min(list.length, Math.max(3, Math.floor(size.rows / 2)));
  const first = fitOffset(cursorOf(guide, state) - Math.floor(listed / 2), listed, list.length);
  const shown = Math.max(1, size.rows - listed - 1);
  const offset = fitOffset(state.offset, shown, text.length);
  const hits: readonly HitArea[] = list.slice(first, first + listed).map((_row, i) => ({
    x: 0,
    y: i,
    columns: size.columns,
    rows: 1,
    click: { type: 'pick', index: first + i },
  }));
  return {
    title: [span(guide.title, 'title'), said(` · part ${guide.part.number} of ${guide.part.of}: ${guide.part.title}`)],
    aside: [span(`${guide.step.number}/${guide.step.of}`, 'dim')],
    rows: [...list.slice(first, first + listed), [], ...text.slice(offset, offset + shown)],
    hits,
    ...(text.length > shown ? { scroll: { offset, shown, total: text.length } } : {}),
  };
}

function listRows(input: ScreenInput, guide: GuideView, cursor: number): readonly Row[] {
  return guide.steps.map(({ id, title, state }, index) => {
    const sign = signOf(input, state);
    const isAt = index === cursor;
    const row: Row = [
      span(isAt ? `${input.glyphs.cursor} ` : '  '),
      sign,
      said(` ${id}  ${title}`, state === 'now' ? 'strong' : 'plain'),
    ];
    return isAt ? select(row) : row;
  });
}

function stepRows(input: ScreenInput, guide: GuideView, width: number): readonly Row[] {
  const parts = [
    overRows(input, guide, width),
    textRows(guide, width),
    guide.over === undefined ? commandRows(input, guide, width) : [],
    verdictRows(input, guide, width),
    hintRows(guide, width),
    doingRows(input, guide, width, 40),
    expectedRows(guide, width),
    beforeRows(input, guide, width, 40),
  ];
  return parts.filter((rows) => rows.length > 0).flatMap((rows, i) => (i === 0 ? rows : [[], ...rows]));
}

function update({ guide }: ScreenInput, state: GuideState, message: Message, size: Size): Step<GuideState> {
  const cursor = cursorOf(guide, state);
  if (message.type === 'pick') return { state: { ...state, cursor: message.index } };
  if (message.type === 'wheel') return { state: { ...state, offset: Math.max(0, state.offset + message.rows) } };
  if (message.type !== 'action') return {};
  switch (message.action) {
    case 'guide':
    case 'back':
      return { closes: true };
    case 'up':
    case 'down':
      return { state: { ...state, cursor: cursor + (message.action === 'up' ? -1 : 1) } };
    case 'page-up':
    case 'page-down':
      return {
        state: { ...state, offset: Math.max(0, state.offset + (rowsMoved(message.action, size.rows / 2) ?? 0)) },
      };
    case 'open': {
      const step = guide?.steps[cursor];
      return step === undefined
        ? {}
        : { closes: true, effects: [{ type: 'guide', wish: { kind: 'go', id: step.id } }] };
    }
    default:
      return {};
  }
}
