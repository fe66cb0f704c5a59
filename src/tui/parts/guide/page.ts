import type { GuideView } from '../../../tutorial/guide-view.ts';
import type { ActionId } from '../../actions/actions.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../../screen.ts';
import { cursorAfter, drawList, inList } from '../list.ts';
import { pageAt, rowsOn, scrolled } from '../page.ts';
import { signOf } from './pane.ts';
import { beforeRows, commandRows, doingRows, expectedRows, hintRows, overRows, textRows, verdictRows } from './rows.ts';

/** A tutorial: its steps, and the present one in full. */
export interface GuideState {
  readonly kind: 'guide';
  /** The step under the cursor; absent: the present one. */
  readonly cursor?: number;
  /** First row of the step's text that is shown. */
  readonly offset: number;
}

/** The page of the tutorial, on the present step. */
export const openGuide = (): GuideState => ({ kind: 'guide', offset: 0 });

const labels: Readonly<Partial<Record<ActionId, string>>> = {
  open: 'go to the step',
  up: '',
  down: 'choose',
  'page-up': '',
  'page-down': 'scroll',
};

/** All steps of the tutorial, from which one can be chosen, and the present one in full. */
export const guidePart: OverlayPart<GuideState> = {
  kind: 'guide',
  actions: ['open', 'back', 'up', 'down', 'page-up', 'page-down', 'guide', 'guide-do', 'guide-next', 'guide-back'],
  inFooter: 7,
  labelOf: (_state, action) => labels[action],
  disabledReason: ({ guide, about }, state, action) => {
    if (action !== 'open') return undefined;
    if (about.isReadOnly) return 'read-only';
    return cursorOf(guide, state) === indexOf(guide) ? 'you are at this step' : undefined;
  },
  draw,
  update,
};

const indexOf = (guide: GuideView | undefined): number => (guide?.step.number ?? 1) - 1;
const cursorOf = (guide: GuideView | undefined, { cursor }: GuideState): number =>
  inList(cursor ?? indexOf(guide), guide?.steps.length ?? 1);

/** Rows for the list of steps; the text of the present one has the others. */
const listedRows = (guide: GuideView, { rows }: Size): number =>
  Math.min(guide.steps.length, Math.max(3, Math.floor(rows / 2)));

const textRoom = (guide: GuideView, size: Size): number => Math.max(1, size.rows - listedRows(guide, size) - 1);

function draw(input: ScreenInput, state: GuideState, size: Size): Drawn {
  const { guide } = input;
  if (guide === undefined)
    return { rows: [[span('no tutorial is followed', 'dim')]], title: [span('tutorial', 'title')] };
  const text = stepRows(input, guide, size.columns);
  const scroll = pageAt(state.offset, textRoom(guide, size), text.length);
  const cursor = cursorOf(guide, state);
  const list = drawList({
    size: { ...size, rows: listedRows(guide, size) },
    cursor,
    lines: guide.steps.length,
    from: 'middle',
    draw: (shown) => rowsOn(shown, listRows(input, guide, cursor)),
  });
  return {
    title: [span(guide.title, 'title'), span(` · part ${guide.part.number} of ${guide.part.of}: ${guide.part.title}`)],
    aside: [span(`${guide.step.number}/${guide.step.of}`, 'dim')],
    ...list,
    rows: [...list.rows, [], ...rowsOn(scroll, text)],
    scroll,
  };
}

function listRows(input: ScreenInput, guide: GuideView, cursor: number): readonly Row[] {
  return guide.steps.map(({ id, title, state }, index) => {
    const sign = signOf(input, state);
    return [
      span(index === cursor ? `${input.glyphs.cursor} ` : '  '),
      sign,
      span(` ${id}  ${title}`, state === 'now' ? 'strong' : 'plain'),
    ];
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

function update(input: ScreenInput, state: GuideState, message: Message, size: Size): Update<GuideState> {
  const { guide } = input;
  if (guide === undefined) return message.type === 'action' ? closeAt(message.action) : {};
  const at = cursorOf(guide, state);
  const isChoosing =
    message.type === 'pick' || (message.type === 'action' && (message.action === 'up' || message.action === 'down'));
  const cursor = isChoosing ? cursorAfter(message, at, guide.steps.length, 1) : undefined;
  if (cursor !== undefined) return { state: { ...state, cursor } };
  const countRows = (): number => stepRows(input, guide, size.columns).length;
  const offset = scrolled(message, state.offset, textRoom(guide, size), countRows);
  if (offset !== undefined) return { state: { ...state, offset } };
  if (message.type !== 'action') return {};
  const step = guide.steps[at];
  if (message.action !== 'open') return closeAt(message.action);
  return step === undefined ? {} : { closes: true, effects: [{ type: 'guide', request: { kind: 'go', id: step.id } }] };
}

/** The key that opened the page closes it as well. */
const closeAt = (action: ActionId): Update<GuideState> =>
  action === 'guide' || action === 'back' ? { closes: true } : {};
