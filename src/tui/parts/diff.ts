import type { Config } from '../../model/config.ts';
import type { Plan } from '../../model/plan.ts';
import type { Line } from '../../view/lines.ts';
import { planLines } from '../../view/run/plan-lines.ts';
import { wantedDiffs } from '../../view/wanted-diff.ts';
import { count } from '../../view/wording.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { DiffState } from '../state.ts';
import { fitOffset, keepLatest, movingActions, rowsMoved, said, tokenOf, wrapRows } from './drawing.ts';

/** What changes: as a comparison of what the files say with what is found, or as the steps `drover plan` prints. */
export const diffPart: OverlayPart<'diff'> = {
  actions: [
    'previous-tab',
    'next-tab',
    'apply',
    'next-pane',
    'previous-pane',
    'left',
    'right',
    'back',
    ...movingActions,
  ],
  inFooter: 3,
  labelOf: (_state, action) => (action === 'previous-tab' ? '' : action === 'next-tab' ? 'files, steps' : undefined),
  draw,
  update,
};

const forms = ['files', 'steps'] as const;

function draw(input: ScreenInput, state: DiffState, size: Size): Drawn {
  const rows = contentRows(input, state, size.columns);
  const offset = fitOffset(state.offset, size.rows, rows.length);
  return {
    title: [span('what changes', 'title')],
    aside: forms.flatMap((form, i) => [
      span(i === 0 ? '' : ' '),
      form === state.form ? span(`[${form}]`, 'strong') : span(` ${form} `, 'dim'),
    ]),
    rows: rows.slice(offset, offset + size.rows),
    scroll: { offset, shown: size.rows, total: rows.length },
  };
}

function contentRows(input: ScreenInput, { form }: DiffState, width: number): readonly Row[] {
  const { config, plan, forecasts } = input.view;
  if (config === undefined || plan === undefined) {
    return wrapRows('the nodes have not been looked at yet', width, 'dim');
  }
  return form === 'files'
    ? fileRowsOf(config, [input.view.nodes, width], () => fileRows(input, width))
    : stepRowsOf(plan, [config, forecasts, width], () =>
        planLines(config, plan, forecasts).flatMap((line) => wrapLine(line, width)),
      );
}

const fileRowsOf = keepLatest<Config, readonly Row[]>();
const stepRowsOf = keepLatest<Plan, readonly Row[]>();

function fileRows({ view }: ScreenInput, width: number): readonly Row[] {
  const diffs = wantedDiffs(view);
  const unknown = Object.values(view.nodes).filter(({ status }) => status === 'unreachable').length;
  const missing =
    unknown === 0 ? [] : wrapRows(`${count(unknown, 'node')} cannot be reached: not compared`, width, 'warn');
  if (diffs.length === 0) {
    return [...missing, ...wrapRows('every application is as the files say', width, unknown === 0 ? 'ok' : 'plain')];
  }
  const legend: Row = [span('- found', 'remove'), span('   '), span('+ wanted', 'add')];
  return [
    legend,
    ...missing,
    ...diffs.flatMap(({ app, lines }): readonly Row[] => [
      [],
      [said(app, 'strong')],
      ...lines.flatMap(({ text }) => wrapRows(`  ${text}`, width, text.startsWith('-') ? 'remove' : 'add', '    ')),
    ]),
  ];
}

/** The beginning of a line says where its rest belongs. */
function wrapLine({ text, tone }: Line, width: number): readonly Row[] {
  const indent = ' '.repeat(Math.min(12, text.length - text.trimStart().length));
  const rows = wrapRows(text.trimStart(), width - indent.length, tokenOf(tone), '  ');
  return rows.map((row) => (indent === '' ? row : [span(indent), ...row]));
}

function update(input: ScreenInput, state: DiffState, message: Message, size: Size): Step<DiffState> {
  if (message.type === 'wheel') return scrollBy(input, state, message.rows, size);
  if (message.type !== 'action') return {};
  const moved = rowsMoved(message.action, size.rows);
  if (moved !== undefined) return scrollBy(input, state, moved, size);
  switch (message.action) {
    case 'next-tab':
    case 'previous-tab':
    case 'next-pane':
    case 'previous-pane':
    case 'left':
    case 'right':
      return { state: { ...state, form: state.form === 'files' ? 'steps' : 'files', offset: 0 } };
    case 'back':
      return { closes: true };
    default:
      return {};
  }
}

function scrollBy(input: ScreenInput, state: DiffState, by: number, size: Size): Step<DiffState> {
  const total = contentRows(input, state, size.columns).length;
  const offset = fitOffset(fitOffset(state.offset, size.rows, total) + by, size.rows, total);
  return { state: { ...state, offset } };
}
