import type { Line } from '../../view/lines.ts';
import { planLines } from '../../view/run/plan-lines.ts';
import { wantedDiffs } from '../../view/wanted-diff.ts';
import { count } from '../../view/wording.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import { tokenOf, wrapRows } from './drawing.ts';
import { movingActions, pageAt, rowsOn, scrolled } from './page.ts';

export interface DiffState {
  readonly kind: 'diff';
  readonly form: 'files' | 'steps';
  readonly offset: number;
}

/** What would change, in this form. */
export const openDiff = (form: DiffState['form'] = 'files'): DiffState => ({ kind: 'diff', form, offset: 0 });

/** What changes: the files compared with what the nodes run, or the steps that `drover plan` prints. */
export const diffPart: OverlayPart<DiffState> = {
  kind: 'diff',
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
  slice: ({ view }, state) => [view.config, view.plan, view.forecasts, view.nodes, state],
  update,
};

const forms = ['files', 'steps'] as const;

function draw(input: ScreenInput, state: DiffState, size: Size): Drawn {
  const rows = contentRows(input, state, size.columns);
  const scroll = pageAt(state.offset, size.rows, rows.length);
  return {
    title: [span('what changes', 'title')],
    aside: forms.flatMap((form, i) => [
      span(i === 0 ? '' : ' '),
      form === state.form ? span(`[${form}]`, 'strong') : span(` ${form} `, 'dim'),
    ]),
    rows: rowsOn(scroll, rows),
    scroll,
  };
}

function contentRows(input: ScreenInput, { form }: DiffState, width: number): readonly Row[] {
  const { config, plan, forecasts } = input.view;
  if (config === undefined || plan === undefined) {
    return wrapRows('the nodes have not been read yet', width, 'dim');
  }
  return form === 'files'
    ? fileRows(input, width)
    : planLines(config, plan, forecasts).flatMap((line) => wrapLine(line, width));
}

function fileRows({ view }: ScreenInput, width: number): readonly Row[] {
  const diffs = wantedDiffs(view);
  const unknown = Object.values(view.nodes).filter(({ status }) => status === 'unreachable').length;
  const missing =
    unknown === 0 ? [] : wrapRows(`not compared: ${count(unknown, 'node')} cannot be reached`, width, 'warn');
  if (diffs.length === 0) {
    return [...missing, ...wrapRows('every application matches the files', width, unknown === 0 ? 'ok' : 'plain')];
  }
  const legend: Row = [span('- found', 'remove'), span('   '), span('+ wanted', 'add')];
  return [
    legend,
    ...missing,
    ...diffs.flatMap(({ app, lines }): readonly Row[] => [
      [],
      [span(app, 'strong')],
      ...lines.flatMap(({ text }) => wrapRows(`  ${text}`, width, text.startsWith('-') ? 'remove' : 'add', '    ')),
    ]),
  ];
}

/** Wraps a line below its own indentation. */
function wrapLine({ text, tone }: Line, width: number): readonly Row[] {
  const indent = ' '.repeat(Math.min(12, text.length - text.trimStart().length));
  const rows = wrapRows(text.trimStart(), width - indent.length, tokenOf(tone), '  ');
  return rows.map((row) => (indent === '' ? row : [span(indent), ...row]));
}

function update(input: ScreenInput, state: DiffState, message: Message, size: Size): Update<DiffState> {
  const offset = scrolled(message, state.offset, size.rows, () => contentRows(input, state, size.columns).length);
  if (offset !== undefined) return { state: { ...state, offset } };
  if (message.type !== 'action') return {};
  switch (message.action) {
    case 'next-tab':
    case 'previous-tab':
    case 'next-pane':
    case 'previous-pane':
    case 'left':
    case 'right':
      return { state: openDiff(state.form === 'files' ? 'steps' : 'files') };
    case 'back':
      return { closes: true };
    default:
      return {};
  }
}
