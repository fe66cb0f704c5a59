import type { GuideStep, GuideView } from '../../../tutorial/guide-view.ts';
import { type Row, type Size, type Span, span } from '../../frame/rows.ts';
import type { Drawn, ScreenInput } from '../../screen.ts';
import { widthOfRow } from '../../text/fit.ts';
import { clamp } from '../drawing.ts';
import { beforeRows, commandRows, doingRows, hintRows, overRows, textRows, verdictRows } from './rows.ts';

/** The present step next to the panes: what to do, and whether the cluster shows it. The page has what does not fit. */
export function drawGuidePane(input: ScreenInput, size: Size): Drawn {
  const { guide } = input;
  if (guide === undefined) return { rows: [], title: [] };
  const aside = [...signs(input, guide.steps), span(` ${guide.step.number}/${guide.step.of}`, 'dim')];
  return {
    title: titleFor(guide, size.columns - widthOfRow(aside) - around),
    aside,
    rows: rowsFor(input, guide, size),
  };
}

/** Cells of the border around a title and an aside. */
const around = 7;

/** Where there is little room, the number of the part stays and its title goes. */
function titleFor({ part }: GuideView, room: number): Row {
  const number = `part ${part.number} of ${part.of}`;
  const whole = [span('tutorial', 'title'), span(` · ${number}: ${part.title}`)];
  const titles = [whole, [span('tutorial', 'title'), span(` · ${number}`)], [span(number, 'title')]];
  return titles.find((each) => widthOfRow(each) <= room) ?? [span(number, 'title')];
}

/** A sign for each step. */
const signs = (input: ScreenInput, steps: readonly GuideStep[]): readonly Span[] =>
  steps.map(({ state }) => signOf(input, state));

export function signOf({ glyphs }: ScreenInput, state: GuideStep['state']): Span {
  if (state === 'done') return span(glyphs.done, 'ok');
  if (state === 'now') return span(glyphs.changing, 'accent');
  return state === 'left out' ? span(glyphs.skipped, 'dim') : span(glyphs.waiting, 'dim');
}

function rowsFor(input: ScreenInput, guide: GuideView, { columns, rows }: Size): readonly Row[] {
  const head: Row = [
    signOf(input, guide.over === undefined ? 'now' : 'done'),
    span(' '),
    span(guide.step.title, 'strong'),
  ];
  if (guide.over !== undefined) {
    const closing = overRows(input, guide, columns);
    const ran = inRoom(doingRows(input, guide, columns, linesShown), rows - 1 - closing.length);
    return fitted([head], closing, ran, rows, input);
  }
  // Whether it is done comes first, then how to do it; the explanation gets the rows that are left.
  const verdicts = verdictRows(input, guide, columns);
  const hints = hintRows(guide, columns);
  const left = rows - 1 - hints.length - verdicts.length;
  const doing = doingRows(input, guide, columns, linesShown).slice(-clamp(left, linesShown, doingShown));
  const ways = doing.length > 0 ? [] : commandRows(input, guide, columns);
  const needed = [...hints, ...doing, ...verdicts];
  const room = left - doing.length;
  const text = textRows(guide, columns);
  const shownWays = ways.slice(0, Math.max(0, room));
  const before = inRoom(beforeRows(input, guide, columns, linesShown), room - text.length - ways.length);
  const rest = [...shownWays, ...needed, ...before];
  return fitted([head], text.slice(0, Math.max(0, room - shownWays.length)), rest, rows, input, {
    hasMore: text.length + ways.length > room,
  });
}

/** Of what one command printed. */
const linesShown = 3;
/** Of all commands while a step is being done: the explanation stays in sight. */
const doingShown = 6;

/** As many rows as there is room for, behind an empty one. */
const inRoom = (rows: readonly Row[], room: number): readonly Row[] =>
  rows.length === 0 || room < 2 ? [] : [[], ...rows].slice(0, room);

/** A page that has more says which key shows it. */
function fitted(
  head: readonly Row[],
  text: readonly Row[],
  rest: readonly Row[],
  rows: number,
  { about, glyphs }: ScreenInput,
  { hasMore = false }: { readonly hasMore?: boolean } = {},
): readonly Row[] {
  const all = [...head, ...text, ...rest];
  const key = about.keyOf('guide');
  if (all.length <= rows && !hasMore) return all;
  const [first = [], ...others] = all;
  const more: Row =
    key === undefined ? [] : [span(`  ${glyphs.ellipsis} `, 'dim'), span(key, 'key'), span(' all of it', 'dim')];
  return [[...first, ...more], ...others].slice(0, rows);
}
